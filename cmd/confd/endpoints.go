package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"subrosa/firmware/conference/access"
)

// askStage is the name by which the program is called to ask the city's sign-in where its endpoints are. That is done by a
// process of its own, for the answer comes from outside, and the conference reads nothing from outside before it is sealed:
// of the answer it is told numbers of ports.
const askStage = "subrosa-ask-issuer"

// askTime is how long the issuer has for it: a conference must start though the city's sign-in is down.
const askTime = 5 * time.Second

// maxAsked bounds what is read of the answer, in bytes.
const maxAsked = 256

// askIssuer is what main does first. It does nothing unless issuerPorts has started the program.
func askIssuer() (code int, staged bool) {
	if len(os.Args) != 2 || os.Args[0] != askStage {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	ports, err := endpointPorts(ctx, os.Args[1], http.ProxyFromEnvironment)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(ports)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

// endpointPorts asks an issuer, until ctx ends, and returns the ports of its endpoints or of the proxy before them.
func endpointPorts(ctx context.Context, issuer string, proxy func(*http.Request) (*url.URL, error)) ([]uint16, error) {
	for {
		addresses, err := (&access.SSO{Issuer: issuer}).Endpoints(ctx)
		if err == nil {
			return portsOf(addresses, proxy)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(askTime / 10): // after a power failure, the network may come later than the conference
		}
	}
}

func portsOf(addresses []string, proxy func(*http.Request) (*url.URL, error)) (ports []uint16, err error) {
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err != nil {
			return nil, fmt.Errorf("endpoint of the sign-in: %w", err)
		}
		p, err := outPort(u, proxy)
		if err != nil {
			return nil, fmt.Errorf("endpoint of the sign-in: %w", err)
		}
		if !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	return ports, nil
}

// outPort returns the port that a request to u connects to: its own or that of the proxy before it.
func outPort(u *url.URL, proxy func(*http.Request) (*url.URL, error)) (uint16, error) {
	through, err := proxy(&http.Request{URL: u})
	if err != nil {
		return 0, fmt.Errorf("proxy before %s: %w", u.Redacted(), err)
	}
	if through != nil {
		u = through
	}
	return portOf(u)
}

// portOf returns the port of an address, the usual one of its scheme if it names none.
func portOf(u *url.URL) (uint16, error) {
	text := u.Port()
	if text == "" {
		text = map[string]string{"https": "443", "http": "80", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s names no port", u.Redacted())
	}
	return uint16(n), nil
}

// issuerPorts has the city's sign-in asked where its endpoints are. If it does not answer, those at the issuer's port and at
// access.sso.ports are what is reached, and that is said.
func (s *server) issuerPorts() []uint16 {
	sso := s.c.Access.SSO
	if sso == nil {
		return nil
	}
	ports, err := askedPorts(sso.Issuer)
	if err != nil {
		s.log.Warn("confd: the city's sign-in does not say where its endpoints are; of other ports than the issuer's only those of access.sso.ports can be reached now: restart confd once it answers", "issuer", sso.Issuer, "err", err)
		return nil
	}
	s.log.Info("confd: the city's sign-in is reached", "issuer", sso.Issuer, "ports", ports)
	return ports
}

// askedPorts starts the process that asks, and waits for it.
func askedPorts(issuer string) (ports []uint16, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*askTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, issuer)
	cmd.Args[0] = askStage
	var said bytes.Buffer
	cmd.Stderr = &said
	b, err := cmd.Output()
	switch {
	case err != nil:
		return nil, errors.Join(err, errors.New(string(bytes.TrimSpace(said.Bytes()[:min(said.Len(), 2*maxAsked)]))))
	case len(b) > maxAsked:
		return nil, errors.New("too long an answer")
	}
	if err := json.Unmarshal(b, &ports); err != nil {
		return nil, err
	}
	return ports, nil
}
