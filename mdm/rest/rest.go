// Package rest is what the managements with a JSON API over HTTPS have in common: one call, and one fault for each way in which it
// can fail.
package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"subrosa/mdm"
)

// ErrNotFound is wrapped by the fault of a 404.
var ErrNotFound = errors.New("not found")

// Client speaks with one API.
type Client struct {
	Name      string // of the package, for errors
	Base      string // https://host/path, or http:// on loopback
	HTTP      *http.Client
	Authorize func(context.Context, *http.Request) error // nil: nothing
}

// CheckBase returns an error unless base is https, or http on loopback.
func CheckBase(base string) error {
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.User != nil:
		return fmt.Errorf("url %.80q: want https://host", base)
	case u.Scheme == "http" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" && u.Hostname() != "localhost":
		return fmt.Errorf("url %.80q: http is for this machine only", base)
	}
	return nil
}

// maxAnswer in bytes.
const maxAnswer = 8 << 20

// Default is the client for an Options without one: 20 s a request, and no redirects to elsewhere.
func Default() *http.Client {
	return &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != via[0].URL.Host || len(via) > 3 {
			return errors.New("redirected to another place")
		}
		return nil
	}}
}

// Do sends in as JSON, if it is not nil, and reads the answer into out, if that is not nil. The error is a *mdm.Fault.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return c.fault(mdm.FaultAnswer, true, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Base, "/")+path, body)
	if err != nil {
		return c.fault(mdm.FaultAnswer, true, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	if c.Authorize != nil {
		if err := c.Authorize(ctx, req); err != nil {
			return c.refused(err)
		}
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return c.Transport(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.Transport(err)
	}
	switch s := resp.StatusCode; {
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		return c.fault(mdm.FaultCredentials, true, fmt.Errorf("%s: has this account the rights?", resp.Status))
	case s == http.StatusNotFound:
		return c.fault(mdm.FaultAnswer, true, fmt.Errorf("%s %w", path, ErrNotFound))
	case s >= 500 || s == http.StatusTooManyRequests:
		return c.fault(mdm.FaultUnreachable, false, errors.New(resp.Status))
	case s < 200 || s > 299:
		return c.fault(mdm.FaultAnswer, true, fmt.Errorf("%s: %.200s", resp.Status, raw))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return c.fault(mdm.FaultAnswer, false, fmt.Errorf("no JSON as documented: %w", err))
	}
	return nil
}

func (c *Client) fault(slug string, unsent bool, err error) *mdm.Fault {
	return &mdm.Fault{Slug: slug, Unsent: unsent, Err: fmt.Errorf("%s: %w", c.Name, err)}
}

// refused is the fault of an Authorize that failed: a Fault it gave, or else what its connection said.
func (c *Client) refused(err error) error {
	var f *mdm.Fault
	if errors.As(err, &f) {
		return &mdm.Fault{Slug: f.Slug, Unsent: true, Err: f.Err}
	}
	t := c.Transport(err)
	t.Unsent = true
	return t
}

// Transport names what kept a request from being answered.
func (c *Client) Transport(err error) *mdm.Fault {
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.As(err, &cert) || errors.As(err, &unknown) || errors.As(err, &host):
		return c.fault(mdm.FaultCert, true, err)
	case strings.Contains(err.Error(), "connection refused"):
		return c.fault(mdm.FaultUnreachable, true, err)
	}
	return c.fault(mdm.FaultUnreachable, false, err)
}
