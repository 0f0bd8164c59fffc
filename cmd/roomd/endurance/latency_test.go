package endurance_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/sound"
)

// TestLatency measures, in scenario seconds, the way from a beacon's last sample to the first MQTT message about it
// at a subscriber.
//
// Only a beacon that raises an alarm of its own causes a message at once: one that is heard again within Clear (2 min)
// is counted into the alarm that stands, and counts are told once a minute. So the beacons are of nine technologies in
// turn, far enough apart for the storm limit of 12 new alarms in 10 min, and for the slots of the sensor, which let
// about four beacons a minute through. The last sample counts as heard when the scenario's clock reaches its place in
// the programme; the feed, which hands samples over in blocks of 40 ms, is part of what is measured. A beacon is told
// as soon as it is certain, mostly while it still sounds: then the time is negative. Nothing is asserted of the times,
// only that the beacons were told.
func TestLatency(t *testing.T) {
	if !nightly {
		t.Parallel()
	}
	const snr, first = 8, 40
	speed, beacons, gap, variants := 4.0, 8, 16.0, 1
	if nightly {
		beacons, gap, variants = 100, 65, 3
	}
	h := newHouse(t, speed)
	vs := h.voices(snr, variants)
	h.configure(h.turns(vs, first, gap), nil)
	h.startConsole()
	until(t, "the broker answers", func() bool { return healthy(h.pages) })
	h.begin()
	l := h.listen()
	h.startUnit()
	end := first + float64(beacons)*gap
	select {
	case <-h.clock.After(time.Duration(end * float64(time.Second))):
	case <-h.unit.done:
		t.Fatalf("unit ended:\n%s", h.unitLog.tail(5))
	}
	told := l.raised("ultrasonic-beacon")
	var late, since []float64
	missed := map[string]int{}
	named := 0
	for i := range beacons {
		v := vs[i%len(vs)]
		from := first + float64(i)*gap
		to := from + v.seconds
		found := false
		for _, a := range told {
			if s := a.alarm.Finding.Start.Sub(h.clock.Epoch).Seconds(); s < from-1.5 || s > to+1.5 {
				continue
			}
			found = true
			at := a.at.Sub(h.clock.Epoch).Seconds()
			late, since = append(late, at-to), append(since, at-from)
			if a.alarm.Finding.Name == v.name {
				named++
			}
			t.Logf("beacon %d %s (%.1f s): told %.2f s after its last sample as %s", i, v.name, v.seconds, at-to, a.alarm.Finding.Name)
			break
		}
		if !found {
			missed[v.name]++
		}
	}
	counted := 0
	for _, a := range h.chronicle().last {
		counted += a.Merged
	}
	t.Logf("%d alarms about beacons, %d more findings counted into them", len(told), counted)
	t.Logf("speed %g: %d beacons of %d dB, %g s apart: %d told (%d by name), missed %v; from the last sample %s; from the first %s",
		speed, beacons, snr, gap, len(late), named, missed, spread(late), spread(since))
	if len(late) < beacons*9/10 {
		t.Errorf("%d of %d beacons were told, want at least 9 in 10", len(late), beacons)
	}
}

// TestLatencyStorm measures the same for 30 beacons within 10 s. The detector takes keyed tones that follow each other
// so closely for one beacon; if it did not, twelve slots a minute and twelve new alarms in ten minutes would be the
// ceiling, and what does not fit is counted. This test says how many are told, and how late.
func TestLatencyStorm(t *testing.T) {
	if !nightly {
		t.Skip("takes a minute: nightly")
	}
	const speed, snr, first, beacons, gap = 4.0, 10, 40.0, 30, 1.0 / 3
	h := newHouse(t, speed)
	p := h.silence()
	schemes := sound.Schemes()
	last := 0.0
	for i := range beacons {
		s := schemes[i%len(schemes)]
		if i%3 == 2 {
			r := siggen.Rand(uint64(i))
			s = sound.Unknown(r, 15500, 23000)
			s.Name = fmt.Sprintf("unknown-%d", i)
		}
		v := h.scheme(s, uint64(300+i), 0.3, snr)
		at := first + float64(i)*gap
		p.Items = append(p.Items, item{File: v.file, At: at, Every: 1e6})
		last = max(last, at+v.seconds)
	}
	h.configure(p, nil)
	h.startConsole()
	until(t, "the broker answers", func() bool { return healthy(h.pages) })
	h.begin()
	l := h.listen()
	h.startUnit()
	select {
	case <-h.clock.After(time.Duration((last + 150) * float64(time.Second))):
	case <-h.unit.done:
		t.Fatalf("unit ended:\n%s", h.unitLog.tail(5))
	}
	told := l.raised("ultrasonic-beacon")
	var at []float64
	merged := 0
	for id := range told {
		at = append(at, told[id].at.Sub(h.clock.Epoch).Seconds()-first)
	}
	for _, a := range h.chronicle().last {
		merged += a.Merged
	}
	t.Logf("speed %g: 30 beacons in %.1f s: %d alarms, %d more findings counted into them; told, from the first sample of the first: %s",
		speed, last-first, len(told), merged, spread(at))
	t.Logf("unit: %v", h.unitLog.lines("findings merged"))
	if len(told) == 0 {
		t.Error("a storm of beacons raised no alarm")
	}
}

// spread describes a distribution.
func spread(x []float64) string {
	if len(x) == 0 {
		return "–"
	}
	x = slices.Clone(x)
	slices.Sort(x)
	q := func(p float64) float64 { return x[min(len(x)-1, int(math.Ceil(p*float64(len(x))))-1)] }
	return fmt.Sprintf("min %.2f p50 %.2f p90 %.2f p99 %.2f max %.2f s (n=%d)", x[0], q(0.5), q(0.9), q(0.99), x[len(x)-1], len(x))
}
