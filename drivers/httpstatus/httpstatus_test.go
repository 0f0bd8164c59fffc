package httpstatus

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestLook(t *testing.T) {
	// What a recorder answers, in the manner of an encoder's status document.
	answers := map[string]func(w http.ResponseWriter){
		"/on":       func(w http.ResponseWriter) { fmt.Fprint(w, `{"channels":[{"state":"recording"}],"a/b":{"~":1}}`) },
		"/off":      func(w http.ResponseWriter) { fmt.Fprint(w, `{"channels":[{"state":"stopped"}]}`) },
		"/other":    func(w http.ResponseWriter) { fmt.Fprint(w, `{"channels":[{"state":"starting"}]}`) },
		"/missing":  func(w http.ResponseWriter) { fmt.Fprint(w, `{"channels":[]}`) },
		"/null":     func(w http.ResponseWriter) { fmt.Fprint(w, `{"channels":[{"state":null}]}`) },
		"/cut":      func(w http.ResponseWriter) { fmt.Fprint(w, `{"channels":[{"state":"stopped"}]`) },
		"/two":      func(w http.ResponseWriter) { fmt.Fprint(w, `{"channels":[{"state":"stopped"}]} {}`) },
		"/redirect": func(w http.ResponseWriter) { w.Header().Set("Location", "/off"); w.WriteHeader(302) },
		"/login":    func(w http.ResponseWriter) { w.WriteHeader(401) },
		"/long":     func(w http.ResponseWriter) { fmt.Fprint(w, `{"x":"`+strings.Repeat("x", maxBody)+`"}`) },
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer t" {
			t.Errorf("%s with %q", r.Method, r.Header.Get("Authorization"))
		}
		answers[r.URL.Path](w)
	}))
	defer s.Close()
	for path, want := range map[string]string{"/on": "on ", "/off": "off ", "/other": "unknown unexpected", "/missing": "unknown missing",
		"/null": "unknown unexpected", "/cut": "unknown unreadable", "/two": "unknown unreadable", "/redirect": "unknown http-302",
		"/login": "unknown not-allowed", "/long": "unknown unreadable"} {
		p, err := New(Config{URL: s.URL + path, Pointer: "/channels/0/state", On: []string{"recording"}, Off: []string{"stopped"}, Token: "t"})
		if err != nil {
			t.Fatal(err)
		}
		state, why := p.Look(t.Context())
		if got := fmt.Sprint(string(state), " ", why); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	s.Close()
	p, err := New(Config{URL: s.URL, OnText: "ON", OffText: "OFF"})
	if err != nil {
		t.Fatal(err)
	}
	if state, why := p.Look(t.Context()); state != Unknown || why != "refused" {
		t.Errorf("nobody there: %s, %s", state, why)
	}
}

// TestBounded: a device that takes the question and never answers is given up.
func TestBounded(t *testing.T) {
	end := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	defer s.Close()
	defer close(end)
	p, err := New(Config{URL: s.URL, OnText: "ON", OffText: "OFF"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if state, why := p.Look(ctx); state != Unknown || why != "no-answer" {
		t.Errorf("got %s, %s", state, why)
	}
}

func TestStrict(t *testing.T) {
	ok := Config{URL: "https://a/", Pointer: "/x", On: []string{"1"}, Off: []string{"0"}}
	for name, change := range map[string]func(*Config){
		"scheme": func(c *Config) { c.URL = "ftp://a/" }, "host": func(c *Config) { c.URL = "/x" }, "password": func(c *Config) { c.URL = "https://u:p@a/" },
		"pointer": func(c *Config) { c.Pointer = "x" }, "no off": func(c *Config) { c.Off = nil }, "same": func(c *Config) { c.Off = c.On },
		"both": func(c *Config) { c.OnText = "x" }, "neither": func(c *Config) { c.Pointer = "" }, "token in the clear": func(c *Config) { c.URL, c.Token = "http://a/", "t" },
	} {
		c := ok
		if change(&c); func() bool { _, err := New(c); return err == nil }() {
			t.Errorf("%s: %+v is accepted", name, c)
		}
	}
	if _, err := New(ok); err != nil {
		t.Error(err)
	}
}

func TestPointer(t *testing.T) {
	c := Config{Pointer: "/a~1b/~0/1", On: []string{"2"}, Off: []string{"3"}}
	if s, _ := c.Decode([]byte(`{"a/b":{"~":[1,2]}}`)); s != On {
		t.Errorf("got %s", s)
	}
	c.Pointer = "/a~1b/~0/01"
	if s, why := c.Decode([]byte(`{"a/b":{"~":[1,2]}}`)); s != Unknown || why != "missing" {
		t.Errorf("an index with a leading zero: %s", s)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":true}]}`), "/a/0/b")
	f.Add([]byte(`[1e999]`), "/0")
	f.Add([]byte(`"x"`), "/")
	f.Fuzz(func(t *testing.T, b []byte, pointer string) {
		c := Config{Pointer: "/" + pointer, On: []string{"true"}, Off: []string{"false"}}
		s, why := c.Decode(b)
		if (s == Unknown) != (why != "") {
			t.Errorf("%s because %q", s, why)
		}
	})
}
