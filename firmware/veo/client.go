package veo

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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Errors that a person can do something about.
var (
	ErrToken   = errors.New("the token is not accepted: it has expired, or is for another client")
	ErrRights  = errors.New("the token's account may not write this object")
	ErrTarget  = errors.New("no such target object")
	ErrSeveral = errors.New("several have this abbreviation; say which unit (--unit)")
	ErrChanged = errors.New("somebody has changed it meanwhile; run it again")
)

// Types of objects that can have requirements.
var Types = []string{"assets", "processes", "scopes"}

// Options of a Client.
type Options struct {
	URL       string // of the API; https, or http on loopback
	Token     string // bearer token of the identity provider
	Unit      string // identifier of the client's unit; "": all
	Type      string // of the target, one of Types
	Overwrite bool   // also what people have decided
	HTTP      *http.Client
}

// Client speaks to one server.
type Client struct {
	o    Options
	base *url.URL
	http *http.Client
}

// maxAnswer and maxPages bound what a server can have us read.
const (
	maxAnswer = 4 << 20
	pageSize  = 100
	maxPages  = 50
)

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// New checks the options. It does not speak to the server.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("veo: %w", err)
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("veo: %q: want an address such as https://api.verinice.example/veo", o.URL)
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return nil, fmt.Errorf("veo: %q: want https, for the token goes along", o.URL)
	case o.Token == "" || strings.ContainsAny(o.Token, " \r\n"):
		return nil, errors.New("veo: a token is needed, without white space")
	case o.Unit != "" && !uuidForm.MatchString(o.Unit):
		return nil, fmt.Errorf("veo: unit %q: want its identifier, such as 4c6f1c1e-0000-4000-8000-000000000000", o.Unit)
	case !slices.Contains(Types, o.Type):
		return nil, fmt.Errorf("veo: type %q: want one of %s", o.Type, strings.Join(Types, ", "))
	}
	c := http.Client{Timeout: time.Minute}
	if o.HTTP != nil {
		c = *o.HTTP
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{o: o, base: u, http: &c}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Plan is what would happen to each entry of a patch.
type Plan struct {
	Target string // its identifier
	Name   string
	Steps  []Step
}

// Plan looks what is there. It writes nothing.
func (c *Client) Plan(ctx context.Context, p Patch) (Plan, error) {
	target, n, err := c.find(ctx, c.o.Type, p.Target.Abbreviation)
	switch {
	case err != nil:
		return Plan{}, err
	case n == 0:
		return Plan{}, fmt.Errorf("veo: %s with abbreviation %q: %w", c.o.Type, p.Target.Abbreviation, ErrTarget)
	case n > 1:
		return Plan{}, fmt.Errorf("veo: %s %q: %w", c.o.Type, p.Target.Abbreviation, ErrSeveral)
	}
	plan := Plan{Target: target.ID, Name: target.Name}
	for _, e := range p.Set {
		s, err := c.step(ctx, target.ID, e)
		if err != nil {
			return plan, err
		}
		plan.Steps = append(plan.Steps, s)
	}
	return plan, nil
}

func (c *Client) step(ctx context.Context, target string, e Entry) (Step, error) {
	s := Step{Entry: e, Act: Missing}
	control, n, err := c.find(ctx, "controls", e.Control)
	switch {
	case err != nil:
		return s, err
	case n == 0:
		s.Why = "no-control"
		return s, nil
	case n > 1:
		s.Why = "several"
		return s, nil
	}
	s.control = control.ID
	there, ok, err := c.implementation(ctx, target, control.ID)
	if err != nil {
		return s, err
	}
	if !ok {
		s.Why = "not-modelled"
		return s, nil
	}
	s.Before = there.Status
	s.Act, s.Why = decide(e, there, c.o.Overwrite)
	return s, nil
}

// Push carries a plan out: what it says to write is looked at once more, and written if it still is to be. done hears of each
// step; nil: nobody. What was written before an error stays written.
func (c *Client) Push(ctx context.Context, plan Plan, done func(Step)) error {
	for _, s := range plan.Steps {
		if s.Act == Write {
			there, ok, err := c.implementation(ctx, plan.Target, s.control)
			if err == nil && !ok {
				err = fmt.Errorf("veo: %s: %w", s.Control, ErrChanged)
			}
			if err != nil {
				return err
			}
			if s.Act, s.Why = decide(s.Entry, there, c.o.Overwrite); s.Act == Write {
				if err := c.put(ctx, plan.Target, s, there); err != nil {
					return err
				}
				s.Act = Written
			}
		}
		if done != nil {
			done(s)
		}
	}
	return nil
}

func (c *Client) put(ctx context.Context, target string, s Step, there implementation) error {
	body, err := there.with(s.Entry)
	if err != nil {
		return err
	}
	status, _, _, err := c.do(ctx, http.MethodPut, c.implementationPath(target, s.control), nil, body, there.etag)
	switch {
	case err != nil:
		return err
	case status == http.StatusNoContent || status == http.StatusOK:
		return nil
	case status == http.StatusPreconditionFailed:
		return fmt.Errorf("veo: %s: %w", s.Control, ErrChanged)
	}
	return c.refused(s.Control, status)
}

func (c *Client) implementationPath(target, control string) string {
	return c.o.Type + "/" + target + "/requirement-implementations/" + control
}

func (c *Client) implementation(ctx context.Context, target, control string) (implementation, bool, error) {
	status, header, b, err := c.do(ctx, http.MethodGet, c.implementationPath(target, control), nil, nil, "")
	switch {
	case err != nil:
		return implementation{}, false, err
	case status == http.StatusNotFound:
		return implementation{}, false, nil
	case status != http.StatusOK:
		return implementation{}, false, c.refused(control, status)
	}
	i, err := parseImplementation(b, header.Get("ETag"))
	if err == nil && i.etag == "" {
		err = errors.New("veo: the server's answer has no ETag; without one somebody's change could be overwritten")
	}
	return i, true, err
}

// element is what is read of an asset or a control.
type element struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Abbreviation string `json:"abbreviation"`
}

// find returns the element with an abbreviation, and how many have it. The server's search ignores case and may find more.
func (c *Client) find(ctx context.Context, kind, abbreviation string) (e element, n int, err error) {
	for page := 0; ; page++ {
		q := url.Values{"abbreviation": {abbreviation}, "size": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(page)}}
		if c.o.Unit != "" {
			q.Set("unit", c.o.Unit)
		}
		status, _, b, err := c.do(ctx, http.MethodGet, kind, q, nil, "")
		if err != nil {
			return e, n, err
		}
		if status != http.StatusOK {
			return e, n, c.refused(kind, status)
		}
		var p struct {
			Items     []element `json:"items"`
			PageCount int       `json:"pageCount"`
		}
		if err := json.Unmarshal(b, &p); err != nil {
			return e, n, fmt.Errorf("veo: %s: the server's answer is no page: %w", kind, err)
		}
		for _, item := range p.Items {
			if item.Abbreviation == abbreviation && uuidForm.MatchString(item.ID) {
				e, n = item, n+1
			}
		}
		if page+1 >= min(p.PageCount, maxPages) || len(p.Items) == 0 {
			return e, n, nil
		}
	}
}

// do sends one request and reads its answer.
func (c *Client) do(ctx context.Context, method, path string, q url.Values, body []byte, etag string) (int, http.Header, []byte, error) {
	u := *c.base.JoinPath(path)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("veo: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.o.Token)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("If-Match", etag)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("veo: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	if err != nil {
		return 0, nil, nil, fmt.Errorf("veo: %s: %w", path, err)
	}
	return resp.StatusCode, resp.Header, b, nil
}

func (c *Client) refused(what string, status int) error {
	switch status {
	case http.StatusUnauthorized:
		return fmt.Errorf("veo: %w", ErrToken)
	case http.StatusForbidden:
		return fmt.Errorf("veo: %s: %w", what, ErrRights)
	}
	return fmt.Errorf("veo: %s: the server answers %d %s; is the address that of the API?", what, status, http.StatusText(status))
}
