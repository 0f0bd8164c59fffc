// Package alarmtest is the conformance suite of alarm.Sink.
package alarmtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/finding"
)

// Case is a sink under test.
type Case struct {
	Sink alarm.Sink
	// Taken returns what the sink holds or has passed on, in any order and as often as it likes; nil if it
	// cannot be asked. It may wait for the sink's own work, but not for ever.
	Taken func() []alarm.Alarm
	// Stall makes whatever stands behind the sink (network, browser, disk of another machine) stop answering;
	// nil if there is nothing.
	Stall func()
}

// Patience is how long the suite waits for something that must not wait at all. No test passes because of it.
const Patience = 20 * time.Second

// Run tests the sinks that open returns, a new one for each subtest.
func Run(t *testing.T, open func(t *testing.T) Case) {
	t.Helper()
	for _, tt := range []struct {
		name string
		test func(t *testing.T, c Case)
	}{
		{"takes", takes},
		{"repeats", repeats},
		{"does not retain", doesNotRetain},
		{"ended context", endedContext},
		{"does not block", doesNotBlock},
		{"forgets", forgets},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

// Alarm returns a recorded alarm with everything set.
func Alarm() alarm.Alarm {
	at := time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)
	end := at.Add(3 * time.Second)
	return alarm.Alarm{
		Finding: finding.Finding{
			ID: finding.NewID(at, rand.Reader), Kind: detect.UltrasonicBeacon, Name: "silverpush", Alarm: true,
			Sense: detect.Acoustic, Side: finding.Unknown, Start: at, End: &end, Hz: 18500, BwHz: 1950, SNRDB: 12,
			Statistic: 20, Threshold: 12, Pfa: 1e-9, Confidence: 0.9, Coverage: "sound 2.5–24 kHz",
			Cause: finding.AdvertBeacon,
		},
		Room: "ratssaal", State: alarm.Held, Merged: 2, Version: 5, Raised: at.Add(time.Second), Changed: at.Add(4 * time.Second),
		Ack: &alarm.Ack{Role: "clerk", Verdict: alarm.Explained, Reason: "put-away", At: at.Add(3 * time.Second)},
	}
}

// deliver fails the test if Deliver does not return.
func deliver(t *testing.T, ctx context.Context, s alarm.Sink, a alarm.Alarm) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.Deliver(ctx, a) }()
	select {
	case err := <-done:
		return err
	case <-time.After(Patience):
		t.Fatalf("Deliver has not returned after %v", Patience)
		return nil
	}
}

// highest returns the youngest version of an alarm that the sink holds.
func highest(c Case, id string) (best alarm.Alarm, ok bool) {
	for _, a := range c.Taken() {
		if a.Finding.ID == id && (!ok || a.Version >= best.Version) {
			best, ok = a, true
		}
	}
	return best, ok
}

func text(t *testing.T, a alarm.Alarm) string {
	t.Helper()
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// hold checks that the sink's youngest version of want is want.
func hold(t *testing.T, c Case, want alarm.Alarm) {
	t.Helper()
	if c.Taken == nil {
		return
	}
	got, ok := highest(c, want.Finding.ID)
	if !ok || text(t, got) != text(t, want) {
		t.Errorf("the sink holds (%v)\n%s, want\n%s", ok, text(t, got), text(t, want))
	}
}

func takes(t *testing.T, c Case) {
	a, b := Alarm(), Alarm()
	for _, x := range []alarm.Alarm{a, b} {
		if err := deliver(t, t.Context(), c.Sink, x); err != nil {
			t.Errorf("Deliver: %v", err)
		}
	}
	hold(t, c, a)
	hold(t, c, b)
}

func repeats(t *testing.T, c Case) {
	a := Alarm()
	next := a
	next.Version, next.State = a.Version+1, alarm.Cleared
	for _, x := range []alarm.Alarm{a, a, next, next, a} { // after a restart, and out of order
		if err := deliver(t, t.Context(), c.Sink, x); err != nil {
			t.Errorf("Deliver version %d: %v", x.Version, err)
		}
	}
	hold(t, c, next)
}

func doesNotRetain(t *testing.T, c Case) {
	a := Alarm()
	want := a
	ack, end := *a.Ack, *a.Finding.End
	want.Ack, want.Finding.End = &ack, &end
	if err := deliver(t, t.Context(), c.Sink, a); err != nil {
		t.Fatalf("Deliver: %v", err)
	}
	if text(t, a) != text(t, want) {
		t.Errorf("Deliver changed its argument")
	}
	a.Ack.Role, *a.Finding.End = "nobody", time.Time{}
	hold(t, c, want)
}

func endedContext(t *testing.T, c Case) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a := Alarm()
	if err := deliver(t, ctx, c.Sink, a); err == nil {
		hold(t, c, a) // taken all the same is fine, said to be taken and lost is not
	}
}

func doesNotBlock(t *testing.T, c Case) {
	if c.Stall != nil {
		c.Stall()
	}
	for n := range 300 {
		a := Alarm()
		a.Room = fmt.Sprintf("room-%d", n)
		// An error is an answer too: the Book tries again.
		_ = deliver(t, t.Context(), c.Sink, a)
	}
}

func forgets(t *testing.T, c Case) {
	f, ok := c.Sink.(alarm.Forgetter)
	if !ok {
		t.Skip("keeps nothing")
	}
	a := Alarm()
	if err := deliver(t, t.Context(), c.Sink, a); err != nil {
		t.Fatalf("Deliver: %v", err)
	}
	for _, id := range []string{a.Finding.ID, a.Finding.ID, Alarm().Finding.ID} { // again, and unknown
		if err := f.Forget(t.Context(), id); err != nil {
			t.Errorf("Forget: %v", err)
		}
	}
}
