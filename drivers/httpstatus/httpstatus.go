// Package httpstatus asks a device of the hall for its state over HTTP: one GET, and one value of the JSON document that
// comes back (JSON Pointer, RFC 6901), or a piece of its text. It asks, and switches nothing: GET is the only method.
// Redirects are not followed and proxies not used, so that what answers is what was configured.
package httpstatus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// State of the device.
type State string

const (
	On      State = "on"
	Off     State = "off"
	Unknown State = "unknown"
)

// Config says what is asked, and what the answer means. Exactly one of Pointer and the two texts is given.
type Config struct {
	URL     string   `json:"url"`      // http or https
	Pointer string   `json:"pointer"`  // to a value of the JSON document, such as /output/active
	On      []string `json:"on"`       // values that say on: true, 1, RECORDING; of another value nothing is concluded
	Off     []string `json:"off"`      // values that say off
	OnText  string   `json:"on_text"`  // without a pointer: text that says on
	OffText string   `json:"off_text"` // text that says off
	Token   string   `json:"-"`        // sent as bearer token, over https or to loopback only
}

const maxBody = 64 << 10

// Probe asks one device.
type Probe struct {
	conf   Config
	client *http.Client
}

// New checks the configuration.
func New(c Config) (*Probe, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("httpstatus: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("httpstatus: url %.80q, want http://host/… or https://host/…", c.URL)
	case u.User != nil:
		return nil, errors.New("httpstatus: a password does not belong into a url: give a token")
	case c.Pointer != "" && (c.OnText != "" || c.OffText != ""):
		return nil, errors.New("httpstatus: pointer and text: want one of them")
	case c.Pointer != "" && !strings.HasPrefix(c.Pointer, "/"):
		return nil, fmt.Errorf("httpstatus: pointer %.80q begins with no /", c.Pointer)
	case c.Pointer != "" && (len(c.On) == 0 || len(c.Off) == 0):
		return nil, errors.New("httpstatus: a pointer needs values for on and for off")
	case c.Pointer == "" && (c.OnText == "" || c.OffText == ""):
		return nil, errors.New("httpstatus: without a pointer both on_text and off_text are needed")
	case c.Pointer == "" && (len(c.On) > 0 || len(c.Off) > 0):
		return nil, errors.New("httpstatus: on and off are values of a pointer, and there is none")
	case slices.ContainsFunc(c.On, func(v string) bool { return slices.Contains(c.Off, v) }), c.OnText != "" && c.OnText == c.OffText:
		return nil, errors.New("httpstatus: on and off are the same")
	case c.Token != "" && u.Scheme != "https" && !loopback(u.Hostname()):
		return nil, errors.New("httpstatus: a token over plain http could be read by everybody: want https")
	}
	t := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10}
	return &Probe{conf: c, client: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Look asks once. why is a slug. That nothing listens at the address proves nothing: a device that is off may have another
// state in truth, so it is unknown. ctx bounds the whole.
func (p *Probe) Look(ctx context.Context) (s State, why string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.conf.URL, nil)
	if err != nil {
		return Unknown, "unreadable" // New has checked it
	}
	req.Header.Set("Accept", "application/json, text/*")
	if p.conf.Token != "" {
		req.Header.Set("Authorization", "Bearer "+p.conf.Token)
	}
	resp, err := p.client.Do(req)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Unknown, "refused"
	case err != nil:
		return Unknown, "no-answer"
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return Unknown, "not-allowed"
	case resp.StatusCode != http.StatusOK:
		return Unknown, "http-" + strconv.Itoa(resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil || len(b) > maxBody {
		return Unknown, "unreadable"
	}
	return p.conf.Decode(b)
}

// Decode tells the state out of a document.
func (c Config) Decode(b []byte) (s State, why string) {
	if c.Pointer == "" {
		on, off := bytes.Contains(b, []byte(c.OnText)), bytes.Contains(b, []byte(c.OffText))
		switch {
		case on && !off:
			return On, ""
		case off && !on:
			return Off, ""
		}
		return Unknown, "unexpected"
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return Unknown, "unreadable"
	}
	if _, err := d.Token(); err != io.EOF {
		return Unknown, "unreadable"
	}
	v, ok := find(doc, c.Pointer)
	if !ok {
		return Unknown, "missing"
	}
	text, ok := scalar(v)
	switch {
	case !ok:
		return Unknown, "unexpected"
	case slices.Contains(c.On, text):
		return On, ""
	case slices.Contains(c.Off, text):
		return Off, ""
	}
	return Unknown, "unexpected"
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// find follows a JSON Pointer.
func find(v any, pointer string) (any, bool) {
	for part := range strings.SplitSeq(pointer[1:], "/") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[unescape.Replace(part)]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(at) || part != strconv.Itoa(i) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// scalar writes a value that is no list, object or null as it stands in the configuration.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}
