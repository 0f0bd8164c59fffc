package warden

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"subrosa/mdm"
)

// bench is a machine made of variables: it survives what happens to the warden.
type bench struct {
	things map[string]string // "open" and "muted" are microphones, "1" and "0" assistants
	disk   []byte
	crash  int // before the change or save of this number the program ends; 0: never
	n      int
	broken bool // switches answer nothing
	full   bool // the disk takes nothing
}

var errCrash = errors.New("the program has ended here")

func (b *bench) tick() error {
	if b.n++; b.crash > 0 && b.n >= b.crash {
		return errCrash
	}
	return nil
}

func (b *bench) Load(_ string, v any) error {
	if b.disk == nil {
		return fs.ErrNotExist
	}
	return json.Unmarshal(b.disk, v)
}

func (b *bench) Save(_ string, v any) error {
	if err := b.tick(); err != nil {
		return err
	}
	if b.full {
		return errors.New("no space left")
	}
	var err error
	b.disk, err = json.Marshal(v)
	return err
}

func (b *bench) Name() string                        { return "bench" }
func (b *bench) Covers() mdm.Set                     { return mdm.Microphone | mdm.Assistant }
func (b *bench) Limits() []string                    { return []string{"made-of-variables"} }
func (b *bench) Watch(context.Context, func()) error { return nil }

func item(id, value string) Item {
	if id[0] == 'a' {
		return Item{ID: id, Value: value, Off: "0", Serves: mdm.Assistant}
	}
	return Item{ID: id, Value: value, Off: "muted", Serves: mdm.Microphone}
}

func (b *bench) List(context.Context) ([]Item, error) {
	if b.broken {
		return nil, errors.New("no answer")
	}
	var out []Item
	for _, id := range slices.Sorted(maps.Keys(b.things)) {
		out = append(out, item(id, b.things[id]))
	}
	return out, nil
}

func (b *bench) Set(_ context.Context, id, value string) error {
	if err := b.tick(); err != nil {
		return err
	}
	if b.broken {
		return errors.New("no answer")
	}
	b.things[id] = value
	return nil
}

var t0 = time.Date(2026, 11, 28, 18, 0, 0, 0, time.UTC)

func open(t testing.TB, b *bench, now time.Time) *Warden {
	t.Helper()
	w, err := Open(b, slog.New(slog.DiscardHandler), now, b)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (b *bench) off(want mdm.Set) bool {
	for id, v := range b.things {
		if it := item(id, v); it.Serves&want != 0 && it.Value != it.Off {
			return false
		}
	}
	return true
}

func wish(n uint64, now time.Time, mode mdm.Mode, standing []string, lock []string, lease time.Duration) mdm.DeviceDesired {
	return mdm.DeviceDesired{Version: n, Command: fmt.Sprint("c", n), Mode: mode, Standing: standing, Restrict: lock, LeaseS: int(lease / time.Second),
		HardEnd: now.Add(2 * time.Hour)}
}

// TestStandingStays: the standing posture is never taken back by the end of a lock, and by hand it can be.
func TestStandingStays(t *testing.T) {
	b := &bench{things: map[string]string{"m1": "open", "a1": "1"}}
	w := open(t, b, t0)
	step := func(now time.Time) mdm.DeviceReport {
		t.Helper()
		r, err := w.Step(context.Background(), now)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if err := w.Take(t0, wish(1, t0, mdm.Locked, []string{"assistant"}, []string{"microphone", "assistant"}, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if r := step(t0); r.State != mdm.LockedVerified || !b.off(mdm.Microphone|mdm.Assistant) || r.Command != "c1" || r.Check() != nil {
		t.Errorf("locked: %+v, %v", r, b.things)
	}
	if r := step(t0.Add(time.Minute)); r.State != mdm.OpenVerified || b.things["m1"] != "open" || b.things["a1"] != "0" {
		t.Errorf("after the lease: %+v, %v", r, b.things)
	}
	if _, err := w.Give(context.Background(), t0, true); err != nil || b.things["a1"] != "1" {
		t.Errorf("given back by hand: %v, %v", b.things, err)
	}
}

func TestTake(t *testing.T) {
	b := &bench{things: map[string]string{"m1": "open"}}
	w := open(t, b, t0)
	if err := w.Take(t0, wish(5, t0, mdm.Locked, nil, []string{"microphone?"}, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := w.Take(t0.Add(30*time.Second), wish(5, t0, mdm.Locked, nil, []string{"microphone?"}, time.Minute)); !errors.Is(err, ErrOld) {
		t.Errorf("the same version again: %v", err)
	}
	if got := w.Live(t0); !got.Equal(t0.Add(time.Minute)) {
		t.Errorf("a known version has renewed the lease: until %v", got)
	}
	if err := w.Take(t0, wish(6, t0, mdm.Locked, nil, []string{"microphone"}, 10*time.Minute)); err != nil || !w.Live(t0).Equal(t0.Add(10*time.Minute)) {
		t.Errorf("not renewed: %v, until %v", err, w.Live(t0))
	}
	late := wish(7, t0, mdm.Locked, nil, []string{"microphone"}, 10*time.Minute)
	late.HardEnd = t0.Add(-time.Second)
	if err := w.Take(t0, late); !errors.Is(err, ErrOver) {
		t.Errorf("hard end over: %v", err)
	}
	if r, _ := w.Step(context.Background(), t0); r.State != mdm.OpenVerified || r.Error != mdm.FaultClock {
		t.Errorf("hard end over: %+v", r)
	}
	short := wish(8, t0, mdm.Locked, nil, []string{"microphone"}, 10*time.Minute)
	short.HardEnd = t0.Add(time.Minute)
	if err := w.Take(t0, short); err != nil || !w.Live(t0).Equal(short.HardEnd) {
		t.Errorf("hard end does not shorten: %v", w.Live(t0))
	}
}

// TestNothingBeforeTheDisk: what cannot be remembered is not switched off.
func TestNothingBeforeTheDisk(t *testing.T) {
	b := &bench{things: map[string]string{"m1": "open"}, full: true}
	w := open(t, b, t0)
	if err := w.Take(t0, wish(1, t0, mdm.Locked, nil, []string{"microphone"}, time.Minute)); err != nil {
		t.Fatal(err)
	}
	r, err := w.Step(context.Background(), t0)
	if err == nil || b.things["m1"] != "open" || r.State != mdm.Error || r.Error != mdm.FaultState {
		t.Errorf("%v, %+v, %v", err, r, b.things)
	}
}

// TestUnplugged: a microphone that was muted and unplugged is given back when it returns, hours later.
func TestUnplugged(t *testing.T) {
	b := &bench{things: map[string]string{"m1": "open", "m2": "open"}}
	w := open(t, b, t0)
	w.Take(t0, wish(1, t0, mdm.Locked, nil, []string{"microphone"}, time.Minute)) //nolint:errcheck // checked by what follows
	w.Step(context.Background(), t0)                                              //nolint:errcheck
	delete(b.things, "m2")
	if r, _ := w.Step(context.Background(), t0.Add(time.Hour)); r.State != mdm.OpenVerified {
		t.Errorf("%+v", r)
	}
	b.things["m2"] = "muted"
	if w.Step(context.Background(), t0.Add(5*time.Hour)); b.things["m2"] != "open" {
		t.Errorf("%v", b.things)
	}
	if len(w.mem.Former) != 0 {
		t.Errorf("still remembered: %v", w.mem.Former)
	}
}

func TestBroken(t *testing.T) {
	b := &bench{things: map[string]string{"m1": "open"}, broken: true}
	w := open(t, b, t0)
	w.Take(t0, wish(1, t0, mdm.Locked, nil, []string{"microphone"}, time.Minute)) //nolint:errcheck
	if r, _ := w.Step(context.Background(), t0); r.State != mdm.Error || r.Error != mdm.FaultRefused || len(r.InForce) != 0 {
		t.Errorf("%+v", r)
	}
	b.broken = false
	if r, _ := w.Step(context.Background(), t0); r.State != mdm.LockedVerified || r.Error != "" {
		t.Errorf("%+v", r)
	}
}

// TestAnyOrder: whatever happens, in any order, with the program ending anywhere: while a lock is live and the program has had a
// turn, everything is off; and when all is over everything is as it was, but for what people have changed themselves.
func TestAnyOrder(t *testing.T) {
	rounds := 20_000
	if testing.Short() {
		rounds = 3_000
	}
	crashes, reopened := 0, 0
	for seed := range rounds {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		before := map[string]string{"m1": []string{"open", "muted"}[rng.IntN(2)], "m2": "open", "a1": []string{"1", "0", "7"}[rng.IntN(3)]}
		b := &bench{things: maps.Clone(before)}
		now, version := t0, uint64(0)
		w := open(t, b, now)
		for range 25 {
			now = now.Add(time.Duration(rng.IntN(90)) * time.Second)
			switch rng.IntN(7) {
			case 0, 1:
				version++
				w.Take(now, wish(version, now, mdm.Locked, nil, [][]string{{"microphone"}, {"microphone", "assistant"}}[rng.IntN(2)], 5*time.Minute)) //nolint:errcheck
			case 2:
				version++
				w.Take(now, wish(version, now, mdm.Open, nil, nil, 0)) //nolint:errcheck
			case 3: // ends somewhere, and starts again
				b.crash, b.n = 1+rng.IntN(6), 0
				w.Step(context.Background(), now) //nolint:errcheck // it ends there
				b.crash = 0
				w = open(t, b, now)
				crashes++
			case 4: // somebody switches on
				if w.mem.Locked {
					b.things["m2"] = "open"
				}
			case 5:
				b.broken = rng.IntN(2) == 0
			}
			r, err := w.Step(context.Background(), now)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if r.State == mdm.LockedVerified && !b.off(w.wanted()) {
				t.Fatalf("seed %d: said to be verified: %v", seed, b.things)
			}
			if !w.Live(now).IsZero() && !b.broken && !b.off(w.mem.Lock) {
				t.Fatalf("seed %d: locked, and %v", seed, b.things)
			}
			if now.Sub(t0) > 0 && w.Live(now).IsZero() && r.State == mdm.OpenVerified {
				reopened++
			}
		}
		b.broken = false
		now = now.Add(3 * time.Hour)
		w.Step(context.Background(), now) //nolint:errcheck
		if r, _ := w.Step(context.Background(), now); r.State != mdm.OpenVerified || !maps.Equal(b.things, before) {
			t.Fatalf("seed %d: %s; before %v, after %v", seed, r.State, before, b.things)
		}
	}
	if crashes == 0 || reopened == 0 {
		t.Error("nothing was tried")
	}
	t.Logf("measured: %d random orders, %d ends of the program at any write: all as before at the end", rounds, crashes)
}
