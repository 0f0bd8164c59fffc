package access

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/roster"
)

// TestStreamTokens: a token opens its purpose in its room for its time, until it is revoked; nothing that opens lies in the book.
func TestStreamTokens(t *testing.T) {
	d := newDesk(t)
	k, token, err := d.StreamToken(roster.Clerk, "ratssaal", Publish, t0.Add(time.Minute), t0.Add(time.Hour))
	d.must(err)
	if len(token) < 43 {
		t.Errorf("token of %d letters has less than 256 bits", len(token))
	}
	try := func(what, token string, use Use, want error) {
		t.Helper()
		if id, err := d.Stream(token, "ratssaal", use, peer); !errors.Is(err, want) || err == nil && id != k.ID {
			t.Errorf("%s: %q, %v, want %v", what, id, err, want)
		}
	}
	try("early", token, Publish, ErrToken)
	d.wait(2 * time.Minute)
	try("in time", token, Publish, nil)
	try("as often as it connects", token, Publish, nil)
	try("another purpose", token, Play, ErrUse)
	try("another's", string("xy"[strings.Count(token[:1], "x")])+token[1:], Publish, ErrToken)
	if _, err := d.Stream(token, "keller", Publish, peer); !errors.Is(err, ErrUse) {
		t.Errorf("another room: %v", err)
	}
	d.must(d.Close())
	d.open()
	try("after a restart", token, Publish, nil)
	if list := d.StreamTokens("ratssaal"); len(list) != 1 || list[0].Hash != nil {
		t.Errorf("list %+v", list)
	}
	d.wait(time.Hour)
	try("over", token, Publish, ErrToken)
	if _, err := d.Sweep(d.now()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Sweep(d.now()); err != nil {
		t.Fatal(err)
	}
	if len(d.ended) != 1 || d.ended[0].Member != k.ID || d.ended[0].Reason != EndExpired {
		t.Errorf("told once that it is over: %+v", d.ended)
	}
	if k, token, err = d.StreamToken(roster.Chair, "ratssaal", Play, d.now(), d.now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	d.must(d.RevokeStream(roster.Clerk, "ratssaal", k.ID))
	try("revoked", token, Play, ErrToken)
	if e := d.ended[len(d.ended)-1]; e.Member != k.ID || e.Reason != EndRevoked || e.Room != "ratssaal" {
		t.Errorf("told %+v", e)
	}
	for what, err := range map[string]error{
		"again":           d.RevokeStream(roster.Clerk, "ratssaal", k.ID),
		"by a councillor": d.RevokeStream(roster.Councillor, "ratssaal", k.ID),
		"made by one":     second(d.StreamToken(roster.Councillor, "ratssaal", Play, d.now(), d.now().Add(time.Hour))),
		"for long":        second(d.StreamToken(roster.Clerk, "ratssaal", Play, d.now(), d.now().Add(StreamLife+time.Hour))),
		"for nothing":     second(d.StreamToken(roster.Clerk, "ratssaal", "record", d.now(), d.now().Add(time.Hour))),
		"for nowhere":     second(d.StreamToken(roster.Clerk, "keller", Play, d.now(), d.now().Add(time.Hour))),
	} {
		if err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	_, right, err := d.StreamToken(roster.Clerk, "ratssaal", Publish, d.now(), d.now().Add(time.Hour))
	d.must(err)
	for range addressTries {
		_, _ = d.Stream("guess", "ratssaal", Play, peer)
	}
	var locked *Locked
	if _, err = d.Stream("guess", "ratssaal", Play, peer); !errors.As(err, &locked) {
		t.Errorf("after many guesses: %v", err)
	}
	if _, err := d.Stream(right, "ratssaal", Publish, peer); err != nil { // what any page can send keeps no mixer out
		t.Errorf("the right token from that address: %v", err)
	}
	if _, _, err := d.Redeem("guess", peer); !errors.Is(err, ErrInvite) {
		t.Errorf("wrong tokens of streams have locked the address out of invites: %v", err)
	}
}

func second(_ StreamToken, _ string, err error) error { return err }

// TestStreamPage: the clerk makes a token on the page, sees it once, and revokes it.
func TestStreamPage(t *testing.T) {
	d := newDesk(t)
	d.Service.o.Streams = func(string) bool { return true }
	_, cookie := d.withPasskey("m-clerk")
	post := func(path string, form url.Values) string {
		t.Helper()
		w := d.ask("POST", path, form.Encode(), cookie, func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") })
		if w.Code != 200 {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		return w.Body.String()
	}
	body := post("/access/clerk/stream", url.Values{"room": {"ratssaal"}, "use": {"publish"}, "from": {t0.Format(formTime)}, "to": {t0.Add(time.Hour).Format(formTime)}})
	_, token, _ := strings.Cut(body, `id="token">`)
	token, _, _ = strings.Cut(token, "<")
	if id, err := d.Stream(token, "ratssaal", Publish, peer); err != nil || !strings.Contains(body, testURL+"/whip/ratssaal") {
		t.Errorf("%q, %v: %s", id, err, body)
	}
	id := d.StreamTokens("ratssaal")[0].ID
	if list := d.ask("GET", "/access/clerk?room=ratssaal", "", cookie, nil).Body.String(); !strings.Contains(list, id) || strings.Contains(list, token) {
		t.Errorf("list: %s", list)
	}
	post("/access/clerk/stream/revoke", url.Values{"room": {"ratssaal"}, "token": {id}})
	if _, err := d.Stream(token, "ratssaal", Publish, peer); !errors.Is(err, ErrToken) {
		t.Error(err)
	}
}
