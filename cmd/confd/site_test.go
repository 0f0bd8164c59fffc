package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"subrosa/firmware/conference/call"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/report"
	"subrosa/firmware/roster"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
)

// everybody may connect to the test's broker and do everything.
type everybody struct{ mochi.HookBase }

func (*everybody) ID() string { return "everybody" }
func (*everybody) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}
func (*everybody) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }
func (*everybody) OnACLCheck(*mochi.Client, string, bool) bool              { return true }

// startBroker returns the address of a broker that ends with the test.
func startBroker(t *testing.T) string {
	t.Helper()
	port := freePort(t)
	srv := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := srv.AddHook(new(everybody), nil); err != nil {
		t.Fatal(err)
	}
	if err := srv.AddListener(listeners.NewTCP(listeners.Config{ID: "t", Address: fmt.Sprintf("127.0.0.1:%d", port)})); err != nil {
		t.Fatal(err)
	}
	if err := srv.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return fmt.Sprintf("tcp://127.0.0.1:%d", port)
}

// person is a WebSocket of a member.
type person struct {
	conn *websocket.Conn
	mu   sync.Mutex
	got  []signal.Message
}

func (s *testServer) come(t *testing.T, member string, hello *signal.Hello) *person {
	t.Helper()
	var cookie *http.Cookie
	wait(t, "an invite for "+member, func() bool {
		c, err := s.signIn(member)
		cookie = c
		return err == nil
	})
	return sit(t, s.url, cookie, hello)
}

// sit takes a seat in the room with a cookie.
func sit(t *testing.T, url string, cookie *http.Cookie, hello *signal.Hello) *person {
	t.Helper()
	conn, r, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/room/ratssaal/signal", http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}, "Origin": {url}})
	if err != nil {
		t.Fatal(r, err)
	}
	t.Cleanup(func() { conn.Close() })
	p := &person{conn: conn}
	p.say(t, hello)
	go func() {
		for {
			_, b, err := conn.ReadMessage()
			if err != nil {
				return
			}
			if m, err := signal.DecodeServer(b); err == nil {
				p.mu.Lock()
				p.got = append(p.got, m)
				p.mu.Unlock()
			}
		}
	}()
	return p
}

func (p *person) say(t *testing.T, m signal.Message) {
	t.Helper()
	b, err := signal.Encode(m)
	if err == nil {
		err = p.conn.WriteMessage(websocket.TextMessage, b)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// told waits for a message of a type.
func told[M signal.Message](t *testing.T, p *person, ok func(M) bool) (m M) {
	t.Helper()
	wait(t, fmt.Sprintf("%T", m), func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, x := range p.got {
			if y, is := x.(M); is && (ok == nil || ok(y)) {
				m = y
				return true
			}
		}
		return false
	})
	return m
}

func wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// unit is the other side of the site: what a room's unit and the console publish.
func unit(t *testing.T, broker string) *shadow.Shadow {
	t.Helper()
	u, err := shadow.Open(shadow.Options{Broker: broker, Identity: topic.Identity{Role: topic.Unit, Unit: "u1", Rooms: []string{"ratssaal"}}, Dir: t.TempDir(), Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Settle: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func publish(t *testing.T, u *shadow.Shadow, name string, v any) {
	t.Helper()
	if err := u.Report(name, v); err != nil {
		t.Fatal(err)
	}
}

// TestSite: over a real broker, the session's level is the call's, who leaves the roster is out at once, and the site is told
// states and seats.
func TestSite(t *testing.T) {
	broker := startBroker(t)
	u := unit(t, broker)
	var mu sync.Mutex
	var said report.Conference
	if err := u.Watch(topic.ConferenceReported("ratssaal"), func(m shadow.Message) {
		if c, err := report.ReadConference(m.Data); err == nil {
			mu.Lock()
			said = c
			mu.Unlock()
		} else {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	var declared report.Declared
	if err := u.Watch(topic.ConferenceDeclared("ratssaal"), func(m shadow.Message) {
		d, err := report.ReadDeclared(m.Data)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		declared = d
		mu.Unlock()
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	defer func() { cancel(); <-done; u.Close() }()
	tells := func(what string, ok func(report.Conference) bool) {
		t.Helper()
		wait(t, what, func() bool { mu.Lock(); defer mu.Unlock(); return ok(said) })
	}
	list := &roster.Roster{}
	people := []roster.Member{{ID: "m-0", Role: roster.Chair}, {ID: "m-2", Role: roster.Councillor}}
	if _, err := list.Replace(time.Now(), people); err != nil {
		t.Fatal(err)
	}
	publish(t, u, topic.Roster("ratssaal"), list)
	publish(t, u, topic.ConferenceDesired("ratssaal"), report.ConferenceDesired{Allowed: true, Level: "internal", Session: "planned"})

	s := startServer(t, "", broker, nil)
	stopped := false
	defer func() {
		if !stopped {
			s.stop()
		}
	}()
	tells("the level", func(c report.Conference) bool { return c.State == "idle" && c.Level == "internal" })
	tells("since when, and that it is not sealed", func(c report.Conference) bool { return time.Since(c.At) < time.Minute && !c.Sealed })
	a := s.come(t, "m-2", &signal.Hello{Protocol: signal.Protocol})
	tells("that no public stream runs", func(c report.Conference) bool {
		return c.Streams != nil && c.Streams.Off() && time.Since(c.Streams.At) < time.Minute
	})
	if j := told[*signal.Joined](t, a, nil); j.Role != roster.Councillor || j.Level != level.Internal || len(j.ICE) == 0 || j.ICE[0].Credential == "" {
		t.Errorf("joined %+v", j)
	}
	tells("a seat", func(c report.Conference) bool { return c.State == "waiting" && c.Seats == 1 })

	if _, err := list.Remove(time.Now(), "m-2"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	publish(t, u, topic.Roster("ratssaal"), list)
	if e := told[*signal.Ended](t, a, nil); e.Reason != signal.EndedRoster {
		t.Errorf("ended %+v", e)
	}
	t.Logf("measured: removed from the roster by MQTT, the member's page was told %v later", time.Since(began))
	tells("no seat", func(c report.Conference) bool { return c.Seats == 0 })

	publish(t, u, topic.ConferenceDesired("ratssaal"), report.ConferenceDesired{Allowed: true, Level: "confidential", Session: "closed"})
	tells("the stricter level", func(c report.Conference) bool { return c.Level == "confidential" })
	weak := s.come(t, "m-0", &signal.Hello{Protocol: signal.Protocol, Declaration: true}) // an invite alone, at a level that wants a passkey
	if r := told[*signal.Refused](t, weak, nil); r.Reason != level.NeedsPasskey || r.Text.DE == "" {
		t.Errorf("refused %+v", r)
	}
	publish(t, u, topic.ConferenceDesired("ratssaal"), report.ConferenceDesired{Allowed: true, Level: "internal", Session: "open"})
	tells("the level of before", func(c report.Conference) bool { return c.Level == "internal" })
	chair := s.come(t, "m-0", &signal.Hello{Protocol: signal.Protocol})
	if f := told[*signal.Found](t, chair, nil); f.Tag>>24 == 0 {
		t.Errorf("found %+v", f)
	}
	publish(t, u, topic.ConferenceDesired("ratssaal"), report.ConferenceDesired{Allowed: true, Level: "internal", Session: "handover"})
	told(t, chair, func(st *signal.State) bool { return st.Declare })
	chair.say(t, &signal.Declare{Alone: true})
	wait(t, "the declaration", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(declared.Said) == 1 && declared.Said[0] == report.Said{Member: "m-0", Alone: true}
	})
	stopped = true
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if e := told[*signal.Ended](t, chair, nil); e.Reason != signal.EndedServer || !e.Again {
		t.Errorf("at the end: %+v", e)
	}
}

// TestDoors: other origins, names and rooms do not come in; pages carry a policy; metrics and health answer.
func TestDoors(t *testing.T) {
	s := startServer(t, "internal", "", nil)
	defer s.stop()
	dial := func(room, origin string, cookie bool) int {
		h := http.Header{"Origin": {origin}}
		if cookie {
			c, err := s.signIn("m-2")
			if err != nil {
				t.Fatal(err)
			}
			h.Set("Cookie", c.Name+"="+c.Value)
		}
		conn, r, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/room/"+room+"/signal", h)
		if err == nil {
			conn.Close()
			return 101
		}
		if r == nil {
			t.Fatal(err)
		}
		return r.StatusCode
	}
	if n := dial("ratssaal", "https://evil.example", true); n != http.StatusForbidden {
		t.Errorf("another origin: %d", n)
	}
	if n := dial("keller", s.url, true); n != http.StatusNotFound {
		t.Errorf("another room: %d", n)
	}
	stranger := &person{}
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/room/ratssaal/signal", http.Header{"Origin": {s.url}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stranger.conn = conn
	stranger.say(t, &signal.Hello{Protocol: signal.Protocol})
	if _, b, err := conn.ReadMessage(); err != nil || !strings.Contains(string(b), string(level.NotIdentified)) {
		t.Errorf("nobody is told %s, %v", b, err)
	}
	get := func(url, host string) (int, http.Header, string) {
		q, _ := http.NewRequest("GET", url, nil)
		q.Host = host
		r, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		return r.StatusCode, r.Header, string(b)
	}
	if n, h, _ := get(s.url+"/room/ratssaal", ""); n != http.StatusSeeOther || !strings.HasPrefix(h.Get("Location"), "/access/") {
		t.Errorf("the page, signed out: %d to %s", n, h.Get("Location"))
	}
	if n, _, _ := get(s.url+"/access/", "other.example"); n != http.StatusMisdirectedRequest {
		t.Errorf("another name: %d", n)
	}
	if n, h, _ := get(s.url+"/access/", ""); n != 200 || !strings.Contains(h.Get("Content-Security-Policy"), "default-src") {
		t.Errorf("%d, policy %q", n, h.Get("Content-Security-Policy"))
	}
	base := "http://" + s.metrics.Addr().String()
	if _, _, b := get(base+"/metrics", ""); !strings.Contains(b, "subrosa_conference_packets_out_total") || !strings.Contains(b, `subrosa_conference_seats{level="internal",room="ratssaal"} 0`) {
		t.Errorf("metrics: %.300s", b)
	}
	var health struct {
		OK    bool
		Rooms map[string]call.Report
	}
	if _, _, b := get(base+"/healthz", ""); json.Unmarshal([]byte(b), &health) != nil || !health.OK || health.Rooms["ratssaal"].State != "idle" {
		t.Errorf("health: %s", b)
	}
}

func TestConfigIsStrict(t *testing.T) {
	good := Config{ID: "k", Rooms: []Room{{ID: "r", Level: "internal", Roster: "x.csv"}}, Listen: "127.0.0.1:1", Plain: true, Seats: 30, LastN: 9, Codecs: []string{"vp8"}}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"id:":                      func(c *Config) { c.ID = "K!" },
		"none is named":            func(c *Config) { c.Rooms = nil },
		"seats":                    func(c *Config) { c.Seats = 1 },
		"last_n":                   func(c *Config) { c.LastN = 0 },
		"plain":                    func(c *Config) { c.Listen = ":8444" },
		"page_cert is missing":     func(c *Config) { c.Plain = false },
		"without a broker, level":  func(c *Config) { c.Rooms[0].Level = "secret" },
		"without a broker, roster": func(c *Config) { c.Rooms[0].Roster = "" },
		"the level comes from":     func(c *Config) { c.Broker, c.CA, c.Cert, c.Key = "tls://b:8883", "ca", "cert", "key" },
		"wants ca, cert and key":   func(c *Config) { c.Broker, c.Rooms[0].Level = "tls://b:8883", "" },
		"twice":                    func(c *Config) { c.Rooms = append(c.Rooms, c.Rooms[0]) },
		"only on loopback":         func(c *Config) { c.Metrics = ":9466" },
		"codecs":                   func(c *Config) { c.Codecs = []string{"h264"} },
		"suites":                   func(c *Config) { c.Suites = []signal.Suite{"none"} },
	} {
		c := good
		c.Rooms = append([]Room(nil), good.Rooms...)
		change(&c)
		if err := c.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
