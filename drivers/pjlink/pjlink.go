// Package pjlink asks a projector or a display for its state by PJLink class 1, the protocol of JBMIA that most of them
// speak (PJLink Specifications, Version 1.04, 2013-12-10, https://pjlink.jbmia.or.jp). It asks, and switches nothing.
//
//	← PJLINK 0␍                 or  PJLINK 1 498e4a67␍  with a password: then MD5(random + password) goes before the command
//	→ %1POWR ?␍                 →   5d8409bc…%1POWR ?␍
//	← %1POWR=0␍                 ←   PJLINK ERRA␍        wrong password
//	→ %1AVMT ?␍  ← %1AVMT=31␍   sound and picture muted
//
// MD5 is what the standard prescribes; it protects the password from nobody who listens to the network for long.
package pjlink

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Port of PJLink over TCP.
const Port = "4352"

// Power of a device (POWR, section 4.2).
type Power byte

const (
	Standby Power = '0'
	Lit     Power = '1'
	Cooling Power = '2'
	Warming Power = '3'
)

// Mute of a device (AVMT, section 4.6).
type Mute struct{ Picture, Sound bool }

// Status is what a device says of itself.
type Status struct {
	Power Power
	Mute  Mute
	Muted bool // Mute was answered: in standby most devices do not
}

var (
	// ErrPassword says that the device wants a password, or another one.
	ErrPassword = errors.New("pjlink: password is missing or wrong")
	// ErrUnavailable says that the device cannot answer in its present state (ERR3).
	ErrUnavailable = errors.New("pjlink: not available in the present state")
	// ErrDevice says that the device is broken (ERR4), or does not know the command (ERR1, ERR2).
	ErrDevice = errors.New("pjlink: the device refuses")
)

// maxLine is more than the longest line of the standard, 136 bytes.
const maxLine = 256

// Ask asks the device at address, host:port, for its state. password "" is for devices without one. ctx bounds the whole.
func Ask(ctx context.Context, address, password string) (Status, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return Status{}, fmt.Errorf("pjlink: %w", err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	s, err := talk(c, password)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("pjlink: %s: %w", address, ctx.Err())
	}
	return s, err
}

// talk is a whole conversation.
func talk(c io.ReadWriter, password string) (s Status, err error) {
	r := bufio.NewReaderSize(c, maxLine)
	hello, err := line(r)
	if err != nil {
		return s, err
	}
	prefix, err := greet(hello, password)
	if err != nil {
		return s, err
	}
	v, err := ask(c, r, prefix, "POWR")
	if err != nil {
		return s, err
	}
	if len(v) != 1 || v[0] < '0' || v[0] > '3' {
		return s, fmt.Errorf("pjlink: power %.16q, want 0 to 3", v)
	}
	s.Power = Power(v[0])
	v, err = ask(c, r, "", "AVMT") // the password goes before the first command alone
	switch {
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrDevice):
		return s, nil
	case err != nil:
		return s, err
	}
	s.Mute, err = mute(v)
	s.Muted = err == nil
	return s, err
}

func mute(v string) (Mute, error) {
	switch v {
	case "11":
		return Mute{Picture: true}, nil
	case "21":
		return Mute{Sound: true}, nil
	case "31":
		return Mute{Picture: true, Sound: true}, nil
	case "10", "20", "30":
		return Mute{}, nil
	}
	return Mute{}, fmt.Errorf("pjlink: mute %.16q, want 11, 21, 31 or 30", v)
}

// ask sends a query and returns the value of its answer.
func ask(w io.Writer, r *bufio.Reader, prefix, command string) (string, error) {
	if _, err := io.WriteString(w, prefix+"%1"+command+" ?\r"); err != nil {
		return "", fmt.Errorf("pjlink: %s: %w", command, err)
	}
	l, err := line(r)
	if err != nil {
		return "", err
	}
	return value(l, command)
}

// value takes the value out of the answer to a command.
func value(l, command string) (string, error) {
	if l == "PJLINK ERRA" {
		return "", ErrPassword
	}
	v, ok := cutFold(l, "%1"+command+"=")
	if !ok {
		return "", fmt.Errorf("pjlink: answer %.40q to %s", l, command)
	}
	switch strings.ToUpper(v) {
	case "ERR3":
		return "", fmt.Errorf("%w (%s)", ErrUnavailable, command)
	case "ERR1", "ERR2", "ERR4":
		return "", fmt.Errorf("%w (%s: %s)", ErrDevice, command, v)
	}
	return v, nil
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// greet returns what goes before the first command.
func greet(hello, password string) (string, error) {
	switch f := strings.Fields(hello); {
	case len(f) == 2 && f[0] == "PJLINK" && f[1] == "0":
		return "", nil
	case len(f) == 2 && f[0] == "PJLINK" && f[1] == "ERRA":
		return "", ErrPassword
	case len(f) == 3 && f[0] == "PJLINK" && f[1] == "1" && len(f[2]) <= 32:
		if password == "" {
			return "", ErrPassword
		}
		sum := md5.Sum([]byte(f[2] + password))
		return hex.EncodeToString(sum[:]), nil
	}
	return "", fmt.Errorf("pjlink: greeting %.40q", hello)
}

// line reads up to a carriage return.
func line(r *bufio.Reader) (string, error) {
	b, err := r.ReadSlice('\r')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("pjlink: a line of more than %d bytes", maxLine)
	}
	if err != nil {
		return "", fmt.Errorf("pjlink: %w", err)
	}
	return strings.Trim(string(b), "\r\n"), nil
}
