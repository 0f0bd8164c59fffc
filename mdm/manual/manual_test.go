package manual

import (
	"context"
	"errors"
	"testing"
	"time"

	"subrosa/mdm"
	"subrosa/mdm/mdmtest"
)

type shelf map[string]string

func (s shelf) Keep(d, v string) error              { s[d] = v; return nil }
func (s shelf) Kept(d string) (string, bool, error) { v, ok := s[d]; return v, ok, nil }
func (s shelf) Drop(d string) error                 { delete(s, d); return nil }

var laptop = mdm.Device{ID: "d-1", Platform: "linux"}

func open(t *testing.T, s shelf, now func() time.Time) *Backend {
	t.Helper()
	b, err := New(s, now, []mdm.Device{laptop})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestConformance: a clerk who signs whatever is on the list, or refuses.
func TestConformance(t *testing.T) {
	mdmtest.Run(t, func(t *testing.T) *mdmtest.Bench {
		b := open(t, shelf{}, time.Now)
		refuses := false
		return &mdmtest.Bench{Backend: b, Device: laptop, Refuse: func(on bool) { refuses = on },
			Truth: func() (mdm.Set, mdm.Set) {
				b.mu.Lock()
				defer b.mu.Unlock()
				e := b.entries["d-1"]
				return e.Standing, e.Lock
			},
			Tick: func() {
				for _, p := range b.Open() {
					if err := b.Sign(p.Device, "clerk", !refuses); err != nil {
						t.Error(err)
					}
				}
			}}
	})
}

func TestSignatureEnds(t *testing.T) {
	now := time.Date(2026, 11, 28, 18, 0, 0, 0, time.UTC)
	s := shelf{}
	b := open(t, s, func() time.Time { return now })
	want := mdm.Want{Lock: mdm.Microphone, Until: now.Add(2 * time.Hour), Lease: time.Minute}
	if err := b.Send(context.Background(), laptop, mdm.Command{ID: "l", Kind: mdm.Lock, Want: want}); err != nil {
		t.Fatal(err)
	}
	if b.entries["d-1"].observed(now).Locked {
		t.Error("locked before anybody has signed")
	}
	if err := b.Sign("d-1", "gast", true); !errors.Is(err, ErrRole) {
		t.Errorf("signed by a guest: %v", err)
	}
	if err := b.Sign("d-2", "chair", true); !errors.Is(err, ErrNothing) {
		t.Errorf("signed for nothing: %v", err)
	}
	if err := b.Sign("d-1", "chair", true); err != nil {
		t.Fatal(err)
	}
	b = open(t, s, func() time.Time { return now }) // a restart
	if o := b.entries["d-1"].observed(now); !o.Locked || o.Evidence != mdm.Signed || o.Tag != want.Tag() {
		t.Errorf("%+v", o)
	}
	if o := b.entries["d-1"].observed(now.Add(2 * time.Hour)); o.Locked {
		t.Errorf("after the hard end: %+v", o)
	}
	if o := b.entries["d-1"].observed(now.Add(Valid)); o.Evidence.Proves() || o.InForce != 0 {
		t.Errorf("half a day later: %+v", o)
	}
}

// TestCountersign: a signature from a unit is of one command, one device and one time.
func TestCountersign(t *testing.T) {
	now := time.Date(2026, 11, 28, 18, 0, 0, 0, time.UTC)
	s := shelf{}
	b := open(t, s, func() time.Time { return now })
	lock := func(id string) {
		t.Helper()
		want := mdm.Want{Lock: mdm.Dictation, Until: now.Add(2 * time.Hour), Lease: time.Minute}
		if err := b.Send(context.Background(), laptop, mdm.Command{ID: id, Kind: mdm.Lock, Want: want}); err != nil {
			t.Fatal(err)
		}
	}
	lock("sr-d-1-2-lock")
	good := mdm.Signature{Device: "d-1", Command: "sr-d-1-2-lock", Role: "chair", Done: true, At: now}
	for name, tt := range map[string]struct {
		change func(*mdm.Signature)
		want   error
	}{
		"wrong device":  {func(g *mdm.Signature) { g.Device = "d-9" }, ErrNothing},
		"other command": {func(g *mdm.Signature) { g.Command = "sr-d-1-1-lock" }, ErrOther},
		"a guest":       {func(g *mdm.Signature) { g.Role = "guest" }, ErrRole},
		"facility":      {func(g *mdm.Signature) { g.Role = "facility" }, ErrRole},
		"before":        {func(g *mdm.Signature) { g.At = now.Add(-3 * time.Minute) }, ErrTime},
		"of tomorrow":   {func(g *mdm.Signature) { g.At = now.Add(3 * time.Minute) }, ErrTime},
	} {
		g := good
		tt.change(&g)
		if err := b.Countersign(g); !errors.Is(err, tt.want) || b.entries["d-1"].observed(now).Locked {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	signed := now
	now = now.Add(2 * time.Hour)
	if err := b.Countersign(good); !errors.Is(err, ErrTime) {
		t.Errorf("when the lock is over: %v", err)
	}
	now = signed.Add(10 * time.Minute) // the unit had no connection
	if err := b.Countersign(good); err != nil || !b.entries["d-1"].Signed.Equal(signed) {
		t.Errorf("%v, signed %v", err, b.entries["d-1"].Signed)
	}
	if err := b.Countersign(good); !errors.Is(err, ErrNothing) {
		t.Errorf("the same again: %v", err)
	}
	lock("sr-d-1-3-lock")
	if err := b.Countersign(good); !errors.Is(err, ErrOther) {
		t.Errorf("the last one for the next point: %v", err)
	}
	lock("sr-d-1-2-lock") // its answer was lost: nobody is asked twice
	if p := b.Open(); len(p) != 1 || p[0].Command != "sr-d-1-3-lock" {
		t.Errorf("%+v", p)
	}
	if err := b.Withdraw("d-1", "sr-d-1-3-lock"); err != nil || len(b.Open()) != 0 {
		t.Errorf("%v, %+v", err, b.Open())
	}
}
