// Package fetch gets documents from a calendar's server without trusting it: bounded in bytes and time, no redirect to
// another host, no proxy, credentials only over https or to loopback, and nothing twice that has not changed (ETag,
// RFC 9110 section 8.8.3).
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// MaxBytes is the largest document that is read.
const MaxBytes = 8 << 20

const patience = 20 * time.Second // for one document

// ErrForeign is returned for an address or a redirect that leaves the configured host.
var ErrForeign = errors.New("leads to another host")

// Client asks one host.
type Client struct {
	base     *url.URL
	user     string
	password string
	http     *http.Client
	seen     map[string]document // by address
}

type document struct {
	tag  string
	body []byte
}

// New checks an address. user and password may be empty.
func New(address, user, password string) (*Client, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("address: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("address %.80q: want https://host/…", address)
	case u.User != nil:
		return nil, errors.New("a password does not belong into an address: name a file with it")
	case password != "" && u.Scheme != "https" && !loopback(u.Hostname()):
		return nil, errors.New("a password over plain http could be read by everybody: want https")
	}
	c := &Client{base: u, user: user, password: password, seen: map[string]document{}}
	c.http = &http.Client{Timeout: patience, Transport: &http.Transport{MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 5 {
				return errors.New("too many redirects")
			}
			return c.own(r.URL)
		}}
	return c, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// own refuses addresses of other hosts: a server that is trusted with a calendar is not trusted to send us elsewhere.
func (c *Client) own(u *url.URL) error {
	if u.Scheme != c.base.Scheme || !strings.EqualFold(u.Host, c.base.Host) {
		return fmt.Errorf("%.80q %w than %s", u.Redacted(), ErrForeign, c.base.Host)
	}
	return nil
}

// Do makes Client an HTTP client of a library: with credentials, and bounded answers.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	if err := c.own(r.URL); err != nil {
		return nil, err
	}
	if c.password != "" {
		r.SetBasicAuth(c.user, c.password)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &bounded{resp.Body, MaxBytes}
	return resp, nil
}

type bounded struct {
	io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("more than %d bytes", MaxBytes)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// Get returns a document; changed is false if it is the one of the last time.
func (c *Client) Get(ctx context.Context, address, accept string) (body []byte, changed bool, err error) {
	u, err := c.base.Parse(address)
	if err != nil {
		return nil, false, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, false, err
	}
	r.Header.Set("Accept", accept)
	last, known := c.seen[u.String()]
	if known && last.tag != "" {
		r.Header.Set("If-None-Match", last.tag)
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && known:
		return last.body, false, nil
	case resp.StatusCode != http.StatusOK:
		return nil, false, fmt.Errorf("%s: %s", u.Redacted(), resp.Status)
	}
	if body, err = io.ReadAll(resp.Body); err != nil {
		return nil, false, fmt.Errorf("%s: %w", u.Redacted(), err)
	}
	changed = !known || string(last.body) != string(body)
	c.seen[u.String()] = document{resp.Header.Get("ETag"), body}
	return body, changed, nil
}

// Keep forgets the documents that are not among addresses.
func (c *Client) Keep(addresses map[string]bool) {
	for a := range c.seen {
		if !addresses[a] {
			delete(c.seen, a)
		}
	}
}

// Absolute returns an address relative to the configured one, in the form under which it is kept.
func (c *Client) Absolute(address string) (string, error) {
	u, err := c.base.Parse(address)
	if err != nil {
		return "", err
	}
	return u.String(), c.own(u)
}
