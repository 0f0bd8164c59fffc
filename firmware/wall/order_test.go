package wall_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
	"subrosa/firmware/wall/internal/show"
)

func scene(name string) wall.View {
	for _, s := range show.Scenes() {
		if s.Name == name {
			return s.View
		}
	}
	panic("no scene " + name)
}

// press posts a form such as "act=start&seen=open" with the cookie of key.
func press(h *wall.Handler, key, form string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "https://wall.example/leitung/do", strings.NewReader(form))
	r.TLS = nil
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if key != "" {
		for _, c := range pairing(h, key).Result().Cookies() {
			r.AddCookie(c)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestOrders(t *testing.T) {
	beacon := show.Alarms()[0].Finding.ID
	answered := show.Alarms()[2].Finding.ID
	for _, tt := range []struct {
		name, scene, key, form string
		code                   int
		want                   wall.Order // for 303
	}{
		{"start", "open", key, "act=start&seen=open", 303, wall.Order{Act: wall.Start}},
		{"clerk starts", "planned", clerkKey, "act=start&seen=planned", 303, wall.Order{Act: wall.Start}},
		{"nobody starts", "open", "", "act=start&seen=open", 403, wall.Order{}},
		{"confirm", "asking", key, "act=confirm&seen=handover&reason=checked-by-hand", 303, wall.Order{Act: wall.Confirm, Reason: "checked-by-hand"}},
		{"confirm without a reason", "asking", key, "act=confirm&seen=handover", 409, wall.Order{}},
		{"confirm, free text", "asking", key, "act=confirm&seen=handover&reason=because", 409, wall.Order{}},
		{"clerk may not confirm", "asking", clerkKey, "act=confirm&seen=handover&reason=checked-by-hand", 409, wall.Order{}},
		{"nothing to confirm", "closed", key, "act=confirm&seen=closed&reason=checked-by-hand", 409, wall.Order{}},
		{"interrupt", "closed", key, "act=interrupt&seen=closed&reason=window-open", 303, wall.Order{Act: wall.Interrupt, Reason: "window-open"}},
		{"interrupt in the open", "open", key, "act=interrupt&seen=open&reason=window-open", 409, wall.Order{}},
		{"resume", "interrupted", key, "act=resume&seen=interrupted", 303, wall.Order{Act: wall.Resume}},
		{"clerk may not resume", "interrupted", clerkKey, "act=resume&seen=interrupted", 409, wall.Order{}},
		{"clerk proposes to resume", "interrupted", clerkKey, "act=propose&proposes=resume&seen=interrupted", 303, wall.Order{Act: wall.Propose, Proposes: wall.Resume}},
		{"chair proposes nothing", "interrupted", key, "act=propose&proposes=resume&seen=interrupted", 409, wall.Order{}},
		{"end", "closed", key, "act=end&seen=closed", 303, wall.Order{Act: wall.End}},
		{"end, but the state is another", "closed", key, "act=end&seen=handover", 409, wall.Order{}},
		{"end while restoring", "restoring", key, "act=end&seen=restoring", 409, wall.Order{}},
		{"decline", "alarm", key, "act=decline&seen=closed", 303, wall.Order{Act: wall.Decline}},
		{"clerk may not decline", "alarm", clerkKey, "act=decline&seen=closed", 409, wall.Order{}},
		{"nothing to decline", "closed", key, "act=decline&seen=closed", 409, wall.Order{}},
		{"answer", "alarm", key, "act=ack&alarm=" + beacon + "&answer=explained%2Fhall-technology", 303, wall.Order{Act: wall.Answer, Alarm: beacon,
			Ack: alarm.Ack{Role: "chair", Verdict: alarm.Explained, Reason: "hall-technology"}}},
		{"clerk answers", "alarm", clerkKey, "act=ack&alarm=" + beacon + "&answer=false-alarm%2Fnot-found", 303, wall.Order{Act: wall.Answer, Alarm: beacon,
			Ack: alarm.Ack{Role: "clerk", Verdict: alarm.FalseAlarm, Reason: "not-found"}}},
		{"seen", "told", key, "act=seen&rule=phones&seen=closed", 303, wall.Order{Act: wall.Seen, Rule: "phones"}},
		{"clerk has seen, in a state that is over", "told", clerkKey, "act=seen&rule=phones&seen=open", 303, wall.Order{Act: wall.Seen, Rule: "phones"}},
		{"clerk signs a point", "phones-paper", clerkKey, "act=sign&conn=paper&command=sr-d-40-2-lock&done=yes&seen=planned", 303,
			wall.Order{Act: wall.Sign, Conn: "paper", Command: "sr-d-40-2-lock"}},
		{"chair denies, in a state that is over", "phones-paper", key, "act=sign&conn=paper&command=sr-d-44-3-free&done=no&seen=closed", 303,
			wall.Order{Act: wall.Sign, Conn: "paper", Command: "sr-d-44-3-free", Refused: true}},
		{"nobody signs", "phones-paper", "", "act=sign&conn=paper&command=sr-d-40-2-lock&done=yes&seen=planned", 403, wall.Order{}},
		{"signed already", "phones-paper", key, "act=sign&conn=paper&command=sr-d-41-7-lock&done=yes&seen=planned", 409, wall.Order{}},
		{"another connector's point", "phones-paper", key, "act=sign&conn=nanomdm&command=sr-d-40-2-lock&done=yes&seen=planned", 409, wall.Order{}},
		{"a point of the last list", "phones-paper", key, "act=sign&conn=paper&command=sr-d-40-1-lock&done=yes&seen=planned", 409, wall.Order{}},
		{"neither yes nor no", "phones-paper", key, "act=sign&conn=paper&command=sr-d-40-2-lock&seen=planned", 409, wall.Order{}},
		{"nobody has seen", "told", "", "act=seen&rule=phones&seen=closed", 403, wall.Order{}},
		{"no such notice", "told", key, "act=seen&rule=x&seen=closed", 409, wall.Order{}},
		{"answer without a choice", "alarm", key, "act=ack&alarm=" + beacon + "&answer=", 409, wall.Order{}},
		{"reason of another verdict", "alarm", key, "act=ack&alarm=" + beacon + "&answer=fault%2Fhall-technology", 409, wall.Order{}},
		{"answered already", "alarm", key, "act=ack&alarm=" + answered + "&answer=explained%2Fhall-technology", 409, wall.Order{}},
		{"no such alarm", "alarm", key, "act=ack&alarm=x&answer=explained%2Fhall-technology", 409, wall.Order{}},
		{"no such act", "open", key, "act=dance&seen=open", 409, wall.Order{}},
		{"plan is the console's", "open", key, "act=plan&seen=open", 409, wall.Order{}},
		{"too long", "open", key, "act=start&seen=open&x=" + strings.Repeat("x", 5000), 400, wall.Order{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []wall.Order
			h := newHandler(t, func(o *wall.Options) {
				o.Do = func(_ context.Context, o wall.Order) error { got = append(got, o); return nil }
			})
			h.Update(scene(tt.scene))
			w := press(h, tt.key, tt.form)
			if w.Code != tt.code {
				t.Fatalf("got %d, want %d", w.Code, tt.code)
			}
			if tt.code != 303 {
				if len(got) != 0 {
					t.Errorf("done all the same: %v", got)
				}
				return
			}
			tt.want.Role = map[string]session.Role{key: session.Chair, clerkKey: session.Clerk}[tt.key]
			if len(got) != 1 || got[0] != tt.want {
				t.Errorf("got %+v, want %+v once", got, tt.want)
			}
		})
	}
}

func TestOtherSitesCannotPress(t *testing.T) {
	var done int
	h := newHandler(t, func(o *wall.Options) { o.Do = func(context.Context, wall.Order) error { done++; return nil } })
	h.Update(scene("open"))
	const form = "act=start&seen=open"
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://elsewhere.example"}, {"Origin", "null"},
	} {
		if w := press(h, key, form, header...); w.Code != 403 {
			t.Errorf("%v: got %d, want 403", header, w.Code)
		}
	}
	if done != 0 {
		t.Errorf("pressed %d times from elsewhere", done)
	}
	if w := press(h, key, form, "Sec-Fetch-Site", "same-origin", "Origin", "https://wall.example"); w.Code != 303 || done != 1 {
		t.Errorf("from our own page: got %d, done %d", w.Code, done)
	}
}

func TestWhatWentWrongIsSaid(t *testing.T) {
	for _, tt := range []struct {
		err      error
		lang, in string
	}{
		{&wall.Refusal{Text: wall.Text{DE: "Der Sensor startet noch.", EN: "The sensor is still starting."}}, "de", "Der Sensor startet noch."},
		{&wall.Refusal{Text: wall.Text{DE: "Der Sensor startet noch.", EN: "The sensor is still starting."}}, "en", "The sensor is still starting."},
		{errors.New("disk /dev/secret is full"), "de", "Das hat nicht geklappt."},
	} {
		h := newHandler(t, func(o *wall.Options) { o.Do = func(context.Context, wall.Order) error { return tt.err } })
		h.Update(scene("open"))
		w := press(h, key, "act=start&seen=open", "Cookie", "lang="+tt.lang)
		page := text(w.Body.String())
		if w.Code != 409 || !strings.Contains(page, tt.in) || strings.Contains(page, "/dev/secret") {
			t.Errorf("%v: got %d %q, want %q", tt.err, w.Code, page, tt.in)
		}
	}
}

func TestReadOnlyPageHasNoButtons(t *testing.T) {
	h := newHandler(t, func(o *wall.Options) { o.Do = nil })
	h.Update(scene("alarm"))
	if page := get(h, "/leitung", key).Body.String(); strings.Contains(page, `action="/leitung/do"`) {
		t.Error("a page without Do offers buttons")
	}
	if w := press(h, key, "act=end&seen=closed"); w.Code != 409 {
		t.Errorf("got %d, want 409", w.Code)
	}
}

// Every button on every page leads to an order that is taken: pages and checks never differ.
func TestEveryButtonWorks(t *testing.T) {
	buttons := 0
	every(func(name string, v wall.View) {
		for _, k := range []string{key, clerkKey} {
			h := newHandler(t, nil)
			h.Update(v)
			for _, form := range forms(get(h, "/leitung", k).Body.String()) {
				if form.Get("act") == "" {
					continue
				}
				buttons++
				if w := press(h, k, form.Encode()); w.Code != 303 {
					t.Errorf("%s: %v: got %d", name, form, w.Code)
				}
			}
		}
	})
	if buttons < 100 {
		t.Errorf("only %d buttons were pressed", buttons)
	}
}

// forms returns what each form of the page posts when its first real choice is taken.
func forms(page string) (out []url.Values) {
	for _, part := range strings.Split(page, "<form ")[1:] {
		part, _, _ = strings.Cut(part, "</form>")
		v := url.Values{}
		for _, tag := range tags.FindAllString(part, -1) {
			if strings.HasPrefix(tag, "<input") {
				v.Set(attribute(tag, "name"), attribute(tag, "value"))
			}
			if strings.HasPrefix(tag, "<select") {
				_, options, _ := strings.Cut(part, tag)
				_, options, _ = strings.Cut(options, `<option value="">`)
				_, options, _ = strings.Cut(options, "<option ")
				v.Set(attribute(tag, "name"), attribute(options, "value"))
			}
		}
		out = append(out, v)
	}
	return out
}

func attribute(tag, name string) string {
	_, rest, _ := strings.Cut(tag, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// FuzzDo posts anything: the answer is never a server error, and what is done is out of the lists.
func FuzzDo(f *testing.F) {
	for _, s := range []string{"act=start&seen=closed", "act=interrupt&seen=closed&reason=break", "act=ack&alarm=x&answer=fault/x", "act=propose&proposes=end&seen=closed", "%zz", "act=a;b", "act=ack&answer=/"} {
		f.Add(s)
	}
	var last *wall.Order
	h := newHandler(f, func(o *wall.Options) { o.Do = func(_ context.Context, o wall.Order) error { last = &o; return nil } })
	f.Fuzz(func(t *testing.T, form string) {
		last = nil
		h.Update(scene("alarm"))
		w := press(h, key, form)
		if w.Code >= 500 {
			t.Fatalf("%q: got %d", form, w.Code)
		}
		if last == nil {
			return
		}
		switch last.Act {
		case wall.End, wall.Decline:
		case wall.Interrupt:
			if t := last.Reason.Words(); t.DE == string(last.Reason) {
				panic("reason not on the list: " + last.Reason)
			}
		case wall.Answer:
			if err := last.Ack.Validate(); err != nil {
				t.Errorf("%q: %v", form, err)
			}
		default:
			t.Errorf("%q: got %+v", form, last)
		}
	})
}
