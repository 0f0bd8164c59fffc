package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// chair presses the buttons of the chair's page, through the page.
type chair struct {
	base   string
	client *http.Client
}

// newChair comes in with the key, as the link on a paper does.
func newChair(ctx context.Context, base, key string) (*chair, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	c := &chair{base: base, client: &http.Client{Jar: jar, Timeout: 10 * time.Second}}
	return c, c.post(ctx, "/leitung/pair", url.Values{"key": {key}})
}

func (c *chair) post(ctx context.Context, path string, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("demo: chair's page: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return fmt.Errorf("demo: chair's page: %w", err)
	}
	if resp.StatusCode >= 400 {
		return fmt.Errorf("demo: chair's page: %s answers %s", path, resp.Status)
	}
	return nil
}

// press presses one button of the session, in the state that the chair sees.
func (c *chair) press(ctx context.Context, act wall.Act, seen session.State) error {
	return c.post(ctx, "/leitung/do", url.Values{"act": {string(act)}, "seen": {string(seen)}})
}

// answer answers an alarm.
func (c *chair) answer(ctx context.Context, id string, v alarm.Verdict, reason string) error {
	return c.post(ctx, "/leitung/do", url.Values{"act": {string(wall.Answer)}, "alarm": {id}, "answer": {string(v) + "/" + reason}})
}
