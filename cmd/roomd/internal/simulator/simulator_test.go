package simulator

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/cmd/roomd/internal/board"
	"subrosa/drivers/contact"
	"subrosa/drivers/lamp"
	"subrosa/drivers/power"
	"subrosa/firmware/panel"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

var table = power.Calibration{Format: 1, VrefMV: 3300, Channels: []power.Channel{
	{Input: 0, Band: "dect", LoHz: 1880e6, HiHz: 1900e6, SlopeMV: -25, InterceptDBm: 20, FloorDBm: -55, LimitDBm: 0, UncertaintyDB: 2, Temperature: "none"},
	{Input: 4, Band: "ism2400", LoHz: 2400e6, HiHz: 2500e6, SlopeMV: -25, InterceptDBm: 20, FloorDBm: -55, LimitDBm: 0, UncertaintyDB: 2, Temperature: "none"},
}}

// rig is a board on the simulator, and what it told.
type rig struct {
	*Simulator
	t     *testing.T
	board *board.Board
	mu    sync.Mutex
	facts panel.Facts
	bad   map[string]error
	level []power.Level
	done  []wall.Order
	pass  func(time.Duration) // lets time go by
}

func (r *rig) get() (panel.Facts, map[string]error, []power.Level, []wall.Order) {
	r.mu.Lock()
	defer r.mu.Unlock()
	bad := map[string]error{}
	for k, v := range r.bad {
		bad[k] = v
	}
	return r.facts, bad, slices.Clone(r.level), slices.Clone(r.done)
}

func (r *rig) set(name, value string) {
	r.t.Helper()
	if err := r.Set(name, value); err != nil {
		r.t.Fatal(err)
	}
}

// run runs the test with a board at work, in a bubble where time is not real.
func run(t *testing.T, f func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		c := board.Default()
		c.Parts = board.Parts()
		calibration, err := json.Marshal(table)
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{Simulator: New(c, table), t: t, bad: map[string]error{}}
		r.pass = func(d time.Duration) { time.Sleep(d) }
		lock := func(f func()) { r.mu.Lock(); f(); r.mu.Unlock() }
		r.board = board.Open(board.Options{Config: c, Calibration: calibration, Hardware: r.Simulator,
			Facts:   func(f panel.Facts) { lock(func() { r.facts = f.Clone() }); r.Facts(f) },
			Health:  func(part string, err error) { lock(func() { r.bad[part] = err }); r.Health(part, err) },
			Levels:  func(l []power.Level) { lock(func() { r.level = slices.Clone(l) }); r.Levels(l) },
			Do:      func(o wall.Order) error { lock(func() { r.done = append(r.done, o) }); return nil },
			Pressed: r.Pressed})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.board.Run(ctx) }()
		f(t, r)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func (r *rig) show(s session.State, next session.Next) {
	v := wall.View{Session: session.Report{State: s, Next: next}}
	r.board.Show(v)
	r.Show(v)
}

// TestEverythingMoves: each input of the page arrives, through its driver, where it belongs.
func TestEverythingMoves(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.show(session.Open, session.NextStart)
		r.pass(3 * time.Second)
		facts, bad, levels, _ := r.get()
		for part, err := range bad {
			if err != nil {
				t.Errorf("%s: %v", part, err)
			}
		}
		if len(bad) != len(board.Parts()) {
			t.Errorf("told of %d parts", len(bad))
		}
		for _, c := range facts.Contacts {
			if c.State != contact.Closed {
				t.Errorf("at rest: %+v", c)
			}
		}
		if !facts.Senses || facts.Occupied || facts.Slots != 16 || facts.Phones != 0 || len(levels) != 2 || levels[0].Mean != power.BelowFloor {
			t.Errorf("at rest: %+v, %+v", facts, levels)
		}
		r.set("contact-window-1", "cut")
		r.set("contact-door-1", "open")
		r.set("contact-case", "open")
		r.set("locker", "11")
		r.set("radar", "still")
		r.set("power-1", "-20")
		r.pass(3 * time.Second)
		facts, _, levels, _ = r.get()
		want := map[string]contact.State{"window-1": contact.Cut, "window-2": contact.Closed, "door-1": contact.Open, "case": contact.Open, "door-2": contact.Closed}
		for _, c := range facts.Contacts {
			if c.State != want[c.Name] {
				t.Errorf("%s: got %v", c.Name, c.State)
			}
		}
		if !facts.Occupied || facts.Phones != 11 || math.Abs(levels[1].MeanDBm+20) > 0.1 || levels[1].Mean != 0 {
			t.Errorf("got %+v, %+v", facts, levels)
		}
		r.set("radar", "silent")
		r.set("relay-stream", "welded")
		r.pass(5 * time.Second)
		if _, bad, _, _ := r.get(); bad["radar"] == nil || bad["relays"] == nil {
			t.Errorf("got %v", bad)
		}
		r.set("pir", "moving")
		r.pass(100 * time.Second)
		if facts, _, _, _ := r.get(); !facts.Occupied {
			t.Error("movement is not seen")
		}
	})
}

// TestButton: the page's button goes through the driver's state machine: 20 ms are no press, 2 s are a long one.
func TestButton(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.show(session.Open, session.NextStart)
		hold := func(d time.Duration) {
			r.set("button", "down")
			r.pass(d)
			r.set("button", "up")
			r.pass(time.Second)
		}
		hold(10 * time.Millisecond)
		if _, _, _, done := r.get(); done != nil {
			t.Errorf("a touch orders %v", done)
		}
		hold(2 * time.Second)
		if _, _, _, done := r.get(); done != nil {
			t.Errorf("a long press in an open room orders %v", done)
		}
		hold(200 * time.Millisecond)
		r.show(session.Closed, session.NextEnd)
		hold(2 * time.Second)
		_, _, _, done := r.get()
		if len(done) != 2 || done[0].Act != wall.Start || done[1].Act != wall.Interrupt || done[1].Reason != "break" {
			t.Errorf("ordered %v", done)
		}
		if v := r.view("en", ""); !strings.Contains(v.Press, "long – interrupt") {
			t.Errorf("the page says %q", v.Press)
		}
	})
}

// TestOutputs: the page draws what the chips were sent.
func TestOutputs(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.pass(time.Second)
		if v := r.view("de", ""); v.Lit != 0 {
			t.Errorf("%d lights before anything is known", v.Lit)
		}
		r.show(session.Closed, session.NextEnd)
		r.pass(time.Second)
		v := r.view("de", "")
		if len(v.Lights) != 8 || v.Lit != 8 || v.Lights[0].Colour != "#d73c7d" && !near(v.Lights[0].Colour, 0xd7, 0x3c, 0x7d) {
			t.Errorf("lights: %+v", v.Lights)
		}
		if v.Screen == "" || !v.Relays[0].On || !v.Relays[1].On || v.Screened != "Nicht- öffentlich " {
			t.Errorf("got %+v", v)
		}
		r.show(session.Open, session.NextStart)
		r.pass(5 * time.Second)
		if after := r.view("de", ""); after.Screen == v.Screen || after.Relays[0].On || !after.LED {
			t.Errorf("got %+v", after)
		}
	})
}

// near allows for the rounding of brightness and gamma.
func near(colour string, want ...int) bool {
	for i, w := range want {
		var got int
		for _, c := range strings.ToLower(colour[1+2*i : 3+2*i]) {
			got = got*16 + strings.IndexRune("0123456789abcdef", c)
		}
		if got < w-8 || got > w+8 {
			return false
		}
	}
	return true
}

// TestChips: the same colours are seen whichever chip draws them.
func TestChips(t *testing.T) {
	var rows [2][]light
	for i, chip := range []lamp.Chip{lamp.APA102, lamp.WS2812} {
		c := board.Default()
		c.Parts, c.Lamp.Chip = []string{"lamp"}, chip
		s := New(c, power.Calibration{})
		bus, err := s.SPI(c.Lamp.Port, chip.Clock())
		if err != nil {
			t.Fatal(err)
		}
		d, err := lamp.New(bus, chip, lamp.Opts{Lights: 8, Cap: c.Lamp.Cap, Gamma: lamp.DefaultOpts.Gamma})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Show([]lamp.RGB{{R: 255}, {G: 255}, {B: 255}, {R: 200, G: 150, B: 100}}); err != nil {
			t.Fatal(err)
		}
		rows[i], _ = s.lights(0, 8)
	}
	if !slices.Equal(rows[0], rows[1]) || rows[0][0].Colour != "#ff0000" || rows[0][2].Colour != "#0000ff" || !near(rows[0][3].Colour, 200, 150, 100) {
		t.Errorf("got %v and %v", rows[0], rows[1])
	}
}

func TestSetIsChecked(t *testing.T) {
	c := board.Default()
	c.Parts = board.Parts()
	s := New(c, table)
	for name, value := range map[string]string{"": "", "nothing": "1", "button": "sideways", "locker": "17", "power-0": "-71", "power-2": "0", "radar-cm": "near", "contact-case": "cut"} {
		if err := s.Set(name, value); err == nil {
			t.Errorf("%s = %s was accepted", name, value)
		}
	}
	few := New(board.Config{}, power.Calibration{})
	if err := few.Set("button", "down"); err == nil {
		t.Error("a button that is not built in was pressed")
	}
}

// TestPage: in both languages; orders from another site are refused; nothing from anywhere else is asked for.
func TestPage(t *testing.T) {
	c := board.Default()
	c.Parts = board.Parts()
	s := New(c, table)
	srv := httptest.NewServer(s.Handler("Ratssaal"))
	defer srv.Close()
	get := func(path string) (*http.Response, string) {
		t.Helper()
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(b)
	}
	resp, de := get("/simulator")
	_, en := get("/simulator?lang=en")
	if !strings.Contains(de, "Simuliert") || !strings.Contains(de, "Nichts auf dieser Seite ist echt") || !strings.Contains(en, "Nothing on this page is real") {
		t.Error("the page does not say what it is")
	}
	if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'self'") || strings.Contains(de, "style=") || strings.Contains(de, "//") && strings.Contains(de, "http") {
		t.Error("the page may ask others, or styles itself")
	}
	for _, path := range []string{"/simulator/simulator.css", "/simulator/simulator.js"} {
		if resp, _ := get(path); resp.StatusCode != 200 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	for _, path := range []string{"/simulator/simulator.html", "/simulator/x"} {
		if resp, _ := get(path); resp.StatusCode != 404 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	post := func(origin string, form url.Values) int {
		t.Helper()
		req, _ := http.NewRequest(http.MethodPost, srv.URL+"/simulator/set", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	down := url.Values{"name": {"button"}, "value": {"down"}}
	if got := post("http://evil.example", down); got != http.StatusForbidden {
		t.Errorf("from another site: %d", got)
	}
	if got := post(srv.URL, url.Values{"name": {"x"}}); got != http.StatusBadRequest {
		t.Errorf("nonsense: %d", got)
	}
	if got := post(srv.URL, down); got != http.StatusNoContent || s.view("de", "").Inputs["button"] != "down" {
		t.Errorf("a press: %d", got)
	}
}

// TestStream: a page gets everything once, then what changes, and its end with the simulator's.
func TestStream(t *testing.T) {
	c := board.Default()
	c.Parts = board.Parts()
	s := New(c, table)
	srv := httptest.NewServer(s.Handler("Ratssaal"))
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/simulator/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	next := func() (m struct{ Parts, Inputs map[string]string }) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &m); err != nil {
					t.Fatal(err)
				}
				return m
			}
		}
		t.Fatal("the stream ended")
		return m
	}
	if m := next(); len(m.Parts) != len(outputs) || m.Inputs["contact-case"] != "closed" {
		t.Errorf("first: %v", m)
	}
	if err := s.Set("contact-case", "open"); err != nil {
		t.Fatal(err)
	}
	if m := next(); len(m.Parts) != 0 || len(m.Inputs) != 1 || m.Inputs["contact-case"] != "open" {
		t.Errorf("then: %v", m)
	}
	s.Close()
	s.Close()
	if lines.Scan() && lines.Text() != "" {
		t.Errorf("after the end: %s", lines.Text())
	}
}
