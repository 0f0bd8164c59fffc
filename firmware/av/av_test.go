package av

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"subrosa/firmware/session"
)

var t0 = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

func desk(t *testing.T) *Desk {
	t.Helper()
	d, err := New([]Device{
		{ID: "loop", Kind: HearingLoop, Proofs: []Proof{Relay}, Stale: time.Minute},
		{ID: "stream", Kind: Stream, Proofs: []Proof{MQTT, Network}, Stale: time.Minute},
		{ID: "foyer", Kind: Overflow, Stale: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *Desk) must(t *testing.T, now time.Time, id string, by Proof, s State) {
	t.Helper()
	if err := d.Read(now, id, by, Reading{State: s, At: now}); err != nil {
		t.Fatal(err)
	}
}

// TestEveryProof: off needs every way of proof, on needs one, and the order is that of the walk.
func TestEveryProof(t *testing.T) {
	for _, tt := range []struct {
		mqtt, network, want State
	}{{Off, Off, Off}, {Off, On, On}, {On, Off, On}, {Off, Unknown, Unknown}, {On, Unknown, On}, {"broken", Off, Unknown}} {
		d := desk(t)
		if s := d.Status(t0); s[0].ID != "stream" || s[0].State != Unknown || s[0].Why != "no-answer" || s[2].State != Unmeasured {
			t.Fatalf("at the start: %+v", s)
		}
		d.must(t, t0, "stream", MQTT, tt.mqtt)
		d.must(t, t0, "stream", Network, tt.network)
		if s := d.Status(t0)[0]; s.State != tt.want {
			t.Errorf("mqtt %s, network %s: got %s", tt.mqtt, tt.network, s.State)
		}
	}
}

// TestStale: an old answer proves nothing, and neither does one from far in the future.
func TestStale(t *testing.T) {
	d := desk(t)
	d.must(t, t0, "loop", Relay, Off)
	if p := d.Points(t0.Add(time.Minute))[1]; !p.Proven || p.Name != "loop-off" || p.Detail != "off" {
		t.Errorf("after a minute: %+v", p)
	}
	if p := d.Points(t0.Add(time.Minute + 1))[1]; p.Proven || p.Detail != "stale" {
		t.Errorf("after more: %+v", p)
	}
	for ahead, want := range map[time.Duration]State{time.Second: Off, time.Hour: Unknown} {
		if err := d.Read(t0, "loop", Relay, Reading{State: Off, At: t0.Add(ahead)}); err != nil {
			t.Fatal(err)
		}
		if s := d.Status(t0)[1]; s.State != want || s.At.After(t0) {
			t.Errorf("%v ahead: %+v", ahead, s)
		}
	}
	if err := d.Read(t0, "loop", MQTT, Reading{State: Off, At: t0}); !errors.Is(err, ErrDevice) {
		t.Errorf("a way of proof that is not configured: %v", err)
	}
}

// TestTurn follows a session: what is asked, what is on too long, and what is not yet as it was.
func TestTurn(t *testing.T) {
	d := desk(t)
	both := func(now time.Time, s State) { d.must(t, now, "stream", MQTT, s); d.must(t, now, "stream", Network, s) }
	both(t0, On)
	d.must(t, t0, "loop", Relay, On)
	if a := d.Asks(session.Open); !reflect.DeepEqual(a, map[string]State{"stream": Unknown}) {
		t.Errorf("open: asks %v", a)
	}
	d.Begin(t0)
	both(t0.Add(time.Second), Off)
	d.Begin(t0.Add(2 * time.Second)) // a second handover of the same session
	if a := d.Asks(session.Handover); a["stream"] != Off || len(a) != 1 {
		t.Errorf("handover: asks %v", a)
	}
	if h := d.Hot(t0.Add(Grace-1), session.Handover); h != nil {
		t.Errorf("within grace: %v is hot", h)
	}
	if h := d.Hot(t0.Add(Grace), session.Handover); len(h) != 1 || h[0].ID != "loop" {
		t.Errorf("after grace: %v is hot", h)
	}
	if h := d.Hot(t0.Add(Grace), session.Restoring); h != nil {
		t.Errorf("restoring: %v is hot", h)
	}
	b, err := json.Marshal(d.Memory())
	if err != nil {
		t.Fatal(err)
	}
	var m Memory
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	d = desk(t) // a restart
	d.Recall(m)
	if a := d.Asks(session.Restoring); a["stream"] != On {
		t.Errorf("restoring: asks %v", a)
	}
	both(t0.Add(time.Minute), Off)
	d.must(t, t0.Add(time.Minute), "loop", Relay, On)
	if l := d.Left(t0.Add(time.Minute)); !reflect.DeepEqual(l, []Turn{{"stream", On, Off}}) {
		t.Errorf("left %v", l)
	}
	both(t0.Add(time.Minute), On)
	if l := d.Left(t0.Add(time.Minute)); l != nil {
		t.Errorf("left %v", l)
	}
	if rec, stream := d.Recording(t0.Add(time.Minute)); rec || !stream {
		t.Errorf("recording %v, stream %v", rec, stream)
	}
}

func TestNew(t *testing.T) {
	ok := Device{ID: "a", Kind: Stream, Stale: time.Second}
	for _, list := range [][]Device{{{ID: "A", Kind: Stream, Stale: 1}}, {{ID: "a", Kind: "tv", Stale: 1}}, {{ID: "a", Kind: Stream}}, {ok, ok}, make([]Device, 17)} {
		if _, err := New(list); err == nil {
			t.Errorf("%+v is accepted", list)
		}
	}
}
