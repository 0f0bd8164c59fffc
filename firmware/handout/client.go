package handout

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Errors of Fetch that a person can do something about.
var (
	ErrEmpty = errors.New("no entry in this time")
	ErrBusy  = errors.New("the unit is making another bundle")
	ErrReach = errors.New("the unit does not answer")
	ErrDeny  = errors.New("the unit refuses this certificate")
	ErrLarge = errors.New("the bundle is too large; take a shorter time")
)

// Client asks units.
type Client struct {
	http *http.Client
	max  int64
}

// NewClient returns a client with the console's certificate. max is the largest bundle that is taken, in bytes.
func NewClient(console tls.Certificate, site *x509.CertPool, max int64) *Client {
	t := &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{console}, RootCAs: site, MinVersion: tls.VersionTLS13},
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 5 * time.Minute, DisableCompression: true, DisableKeepAlives: true}
	return &Client{max: max, http: &http.Client{Transport: t, Timeout: writeFor + 5*time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Fetch returns the bundle of a time from the unit at address (host:port); zero times are no limits. progress, which may
// be nil, hears of the bytes that have come, and of how many there will be. What comes is not verified here.
func (c *Client) Fetch(ctx context.Context, address string, from, to time.Time, progress func(have, all int64)) ([]byte, error) {
	q := url.Values{}
	for name, t := range map[string]time.Time{"from": from, "to": to} {
		if !t.IsZero() {
			q.Set(name, t.UTC().Format(time.RFC3339))
		}
	}
	u := url.URL{Scheme: "https", Host: address, Path: Path, RawQuery: q.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("handout: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if strings.Contains(err.Error(), "remote error: tls") { // the unit's answer to a certificate
			return nil, fmt.Errorf("handout: %w: %w", ErrDeny, err)
		}
		return nil, fmt.Errorf("handout: %w: %w", ErrReach, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("handout: %w", ErrEmpty)
	case http.StatusServiceUnavailable:
		return nil, fmt.Errorf("handout: %w", ErrBusy)
	case http.StatusForbidden:
		return nil, fmt.Errorf("handout: %w", ErrDeny)
	default:
		return nil, fmt.Errorf("handout: %s answers %s", address, resp.Status)
	}
	return c.read(resp, progress)
}

func (c *Client) read(resp *http.Response, progress func(have, all int64)) ([]byte, error) {
	all := resp.ContentLength
	if all > c.max {
		return nil, fmt.Errorf("handout: %d bytes: %w", all, ErrLarge)
	}
	var b bytes.Buffer
	for {
		n, err := io.CopyN(&b, resp.Body, 256<<10)
		if progress != nil && n > 0 {
			progress(int64(b.Len()), all)
		}
		switch {
		case int64(b.Len()) > c.max:
			return nil, fmt.Errorf("handout: %w", ErrLarge)
		case err == io.EOF && all >= 0 && int64(b.Len()) != all:
			return nil, fmt.Errorf("handout: %w: %d of %d bytes came", ErrReach, b.Len(), all)
		case err == io.EOF:
			return b.Bytes(), nil
		case err != nil:
			return nil, fmt.Errorf("handout: %w: %w", ErrReach, err)
		}
	}
}
