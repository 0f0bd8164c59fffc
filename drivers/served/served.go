// Package served looks whether a stream of the room is still served on the unit's own network, at addresses that are
// configured. It knocks as a player would, and goes no further than is needed to tell: no media is ever fetched.
//
//	rtsp://host:port/path   OPTIONS, DESCRIBE (RFC 2326, sections 10.1, 10.2)      200 with a description: on
//	rtmp://host:port        handshake, and no more (Adobe RTMP 1.0, section 5.2)   answered: unknown, a server is there
//	http(s)://…/x.m3u8      playlist, twice or more (RFC 8216)                     it moves: on; it stands still, or ended: off
//	sip:host:port           OPTIONS over UDP (RFC 3261, section 11)                486, 600: on; 200: unknown, it would take a call
//
// Nobody listening at the address is off. Silence is unknown: it may be a filter in between. What only says that a server
// is there never counts as off, nor as on.
package served

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// State of a stream.
type State string

const (
	On      State = "on"
	Off     State = "off"
	Unknown State = "unknown"
)

// Answer is what a look told. Why is a slug, such as rtsp-described, refused, no-answer.
type Answer struct {
	State State
	Why   string
}

// Look looks at one address. It is not safe for concurrent use.
type Look struct {
	url    *url.URL
	client *http.Client
	list   movement
}

// New checks the address.
func New(address string) (*Look, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("served: %w", err)
	}
	if u.Scheme == "sip" && u.Opaque != "" { // sip:host:port
		u = &url.URL{Scheme: "sip", Host: u.Opaque}
	}
	port, known := map[string]string{"rtsp": "554", "rtmp": "1935", "sip": "5060", "http": "80", "https": "443"}[u.Scheme]
	switch {
	case !known:
		return nil, fmt.Errorf("served: %.80q: want one of rtsp, rtmp, sip, http, https", address)
	case u.Hostname() == "" || strings.ContainsAny(u.Host, "\r\n "):
		return nil, fmt.Errorf("served: %.80q names no host", address)
	case u.User != nil:
		return nil, fmt.Errorf("served: %s: a password does not belong into an address", u.Redacted())
	case u.Fragment != "":
		return nil, fmt.Errorf("served: %.80q: what is after # is sent to nobody", address)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	return &Look{url: u, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// String is the address without what could be a secret in its query.
func (l *Look) String() string {
	u := *l.url
	u.RawQuery = ""
	return u.String()
}

// Ask looks once. ctx bounds the whole; now is when it is.
func (l *Look) Ask(ctx context.Context, now time.Time) Answer {
	switch l.url.Scheme {
	case "rtsp":
		return l.rtsp(ctx)
	case "rtmp":
		return l.rtmp(ctx)
	case "sip":
		return l.sip(ctx)
	}
	return l.hls(ctx, now)
}

// dial connects, with ctx as the deadline of everything after.
func (l *Look) dial(ctx context.Context, network string) (net.Conn, func(), error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, l.url.Host)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	return c, func() { stop(); c.Close() }, nil
}

// failed tells what it means that nothing could be read.
func failed(err error) Answer {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return Answer{Off, "refused"}
	}
	return Answer{Unknown, "no-answer"}
}
