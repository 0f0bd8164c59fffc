package demo

import (
	"context"
	"encoding/json"
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

// reason presses a button that needs a reason.
func (c *chair) reason(ctx context.Context, act wall.Act, seen session.State, why session.Reason) error {
	return c.post(ctx, "/leitung/do", url.Values{"act": {string(act)}, "seen": {string(seen)}, "reason": {string(why)}})
}

// tick confirms a point of the walk.
func (c *chair) tick(ctx context.Context, seen session.State, point string, why session.Reason) error {
	return c.post(ctx, "/leitung/do", url.Values{"act": {string(wall.Tick)}, "seen": {string(seen)}, "point": {point}, "reason": {string(why)}})
}

// count says how many people are in the room.
func (c *chair) count(ctx context.Context, seen session.State, heads int) error {
	return c.post(ctx, "/leitung/do", url.Values{"act": {string(wall.Tick)}, "seen": {string(seen)}, "heads": {fmt.Sprint(heads)}})
}

// move moves something on the simulator's page.
func (c *chair) move(ctx context.Context, name, value string) error {
	return c.post(ctx, "/simulator/set", url.Values{"name": {name}, "value": {value}})
}

// view is what the page shows.
func (c *chair) view(ctx context.Context) (v wall.View, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/api/view", nil)
	if err != nil {
		return v, err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return v, fmt.Errorf("demo: chair's page: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return v, fmt.Errorf("demo: chair's page: view answers %s", resp.Status)
	}
	return v, json.NewDecoder(io.LimitReader(resp.Body, 4<<20)).Decode(&v)
}

// answer answers an alarm.
func (c *chair) answer(ctx context.Context, id string, v alarm.Verdict, reason string) error {
	return c.post(ctx, "/leitung/do", url.Values{"act": {string(wall.Answer)}, "alarm": {id}, "answer": {string(v) + "/" + reason}})
}
