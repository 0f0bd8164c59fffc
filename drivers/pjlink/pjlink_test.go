package pjlink

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// projector is a device as section 5 of the standard describes it. Lines that it does not expect end the connection.
type projector struct {
	password, power, mute string
	hang                  bool
}

func (p projector) serve(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.talk(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func (p projector) talk(c net.Conn) {
	prefix := ""
	if p.hang {
		_, _ = io.Copy(io.Discard, c)
		return
	}
	if p.password == "" {
		fmt.Fprint(c, "PJLINK 0\r")
	} else {
		fmt.Fprint(c, "PJLINK 1 498e4a67\r")
		prefix = fmt.Sprintf("%x", md5.Sum([]byte("498e4a67"+p.password)))
	}
	r := bufio.NewReader(c)
	for _, want := range []struct{ ask, answer string }{{prefix + "%1POWR ?\r", "%1POWR=" + p.power}, {"%1AVMT ?\r", "%1AVMT=" + p.mute}} {
		l, err := r.ReadString('\r')
		if err != nil {
			return
		}
		if l != want.ask {
			fmt.Fprint(c, "PJLINK ERRA\r")
			return
		}
		fmt.Fprint(c, want.answer+"\r")
	}
}

// TestDigest holds our digest against the example in section 5.1 of the standard.
func TestDigest(t *testing.T) {
	got, err := greet("PJLINK 1 498e4a67", "JBMIAProjectorLink")
	if err != nil || got != "5d8409bc1c3fa39749434aa3a5c38682" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestAsk(t *testing.T) {
	tests := []struct {
		name     string
		device   projector
		password string
		want     Status
		err      error
	}{
		{"standby, no mute then", projector{power: "0", mute: "ERR3"}, "", Status{Power: Standby}, nil},
		{"lit", projector{power: "1", mute: "30"}, "", Status{Power: Lit, Muted: true}, nil},
		{"sound muted", projector{power: "1", mute: "21"}, "", Status{Power: Lit, Muted: true, Mute: Mute{Sound: true}}, nil},
		{"password", projector{power: "2", mute: "31", password: "geheim"}, "geheim", Status{Power: Cooling, Muted: true, Mute: Mute{true, true}}, nil},
		{"wrong password", projector{power: "2", mute: "31", password: "geheim"}, "x", Status{}, ErrPassword},
		{"no password", projector{power: "2", mute: "31", password: "geheim"}, "", Status{}, ErrPassword},
		{"broken", projector{power: "ERR4"}, "", Status{}, ErrDevice},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			got, err := Ask(ctx, tt.device.serve(t), tt.password)
			if !errors.Is(err, tt.err) || (tt.err == nil && err != nil) || tt.err == nil && got != tt.want {
				t.Errorf("got %+v, %v, want %+v, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

// TestBounded: a device that says nothing is given up when the context ends.
func TestBounded(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Ask(ctx, projector{hang: true}.serve(t), ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// pipe plays bytes and takes what is written.
type pipe struct {
	io.Reader
	bytes.Buffer
}

func (p *pipe) Read(b []byte) (int, error) { return p.Reader.Read(b) }

func FuzzTalk(f *testing.F) {
	f.Add([]byte("PJLINK 0\r%1POWR=1\r%1AVMT=31\r"), "")
	f.Add([]byte("PJLINK 1 498e4a67\r%1POWR=0\r%1AVMT=ERR3\r"), "JBMIAProjectorLink")
	f.Add([]byte("PJLINK ERRA\r"), "x")
	f.Add([]byte(strings.Repeat("P", 300)+"\r"), "")
	f.Fuzz(func(t *testing.T, b []byte, password string) {
		p := &pipe{Reader: bytes.NewReader(b)}
		s, err := talk(p, password)
		if err == nil && (s.Power < '0' || s.Power > '3') {
			t.Errorf("power %q without an error", s.Power)
		}
		for l := range strings.SplitSeq(strings.TrimSuffix(p.Buffer.String(), "\r"), "\r") {
			if l != "" && !strings.HasSuffix(l, " ?") {
				t.Errorf("sent %q, which is no question", l)
			}
		}
	})
}
