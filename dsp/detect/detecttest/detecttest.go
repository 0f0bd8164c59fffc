// Package detecttest is the conformance suite of detect.Detector: what every detector promises, whatever it looks
// for. A detector's own test calls Run with a constructor and a few streams in which there is something to find.
package detecttest

import (
	"fmt"
	"testing"

	"subrosa/dsp/detect"
)

// Run holds the detectors made by construct against the contract of detect.Detector, with each of the streams.
// Streams should be long enough for findings to appear and to end, and hold at least 20 000 samples; together
// they must give a finding, as otherwise nothing would be shown. construct returns a fresh detector every time.
func Run[S detect.Sample](t *testing.T, construct func() detect.Detector[S], streams [][]S) {
	t.Helper()
	if len(streams) == 0 {
		t.Fatal("detecttest: no streams")
	}
	found := 0
	for _, x := range streams {
		found += len(collect(construct(), 0, x, whole))
	}
	if found == 0 {
		t.Errorf("detecttest: nothing found in %d streams: they show nothing", len(streams))
	}
	for _, l := range laws[S]() {
		t.Run(l.name, func(t *testing.T) {
			for i, x := range streams {
				if err := l.holds(construct, x); err != nil {
					t.Errorf("stream %d: %v", i, err)
				}
			}
		})
	}
}

// law is one promise of the contract. holds returns nil, or says how it was broken.
type law[S detect.Sample] struct {
	name  string
	holds func(construct func() detect.Detector[S], x []S) error
}

func laws[S detect.Sample]() []law[S] {
	return []law[S]{
		{"blocks", blocks[S]},
		{"pairs", pairs[S]},
		{"prefix", prefix[S]},
		{"borrowed", borrowed[S]},
		{"untouched", untouched[S]},
		{"gap", gap[S]},
		{"again", again[S]},
		{"shift", shift[S]},
		{"independent", independent[S]},
		{"allocations", allocations[S]},
	}
}

// describe is Detection without the noise of a struct dump.
func describe(d detect.Detection) string {
	return fmt.Sprintf("%v/%s %v track %d [%d, %d) %.6g Hz bw %.6g level %.6g snr %.6g stat %.6g thr %.6g pfa %.6g conf %.6g alarm %v",
		d.Kind, d.Name, d.Edge, d.Track, d.Start, d.End, d.Hz, d.BwHz, d.LevelDB, d.SNRDB, d.Statistic, d.Threshold, d.Pfa, d.Confidence, d.Alarm)
}

// equal says where two lists of findings differ, in any field; NaN equals NaN.
func equal(got, want []detect.Detection) error {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Errorf("got %d findings, want %d; missing: %s", len(got), len(want), describe(want[i]))
		case i >= len(want):
			return fmt.Errorf("got %d findings, want %d; too many: %s", len(got), len(want), describe(got[i]))
		case !same(got[i], want[i]):
			return fmt.Errorf("finding %d:\n got %s\nwant %s", i, describe(got[i]), describe(want[i]))
		}
	}
	return nil
}

func same(a, b detect.Detection) bool {
	fa := [...]float64{a.Hz, a.BwHz, a.LevelDB, a.SNRDB, a.Statistic, a.Threshold, a.Pfa, a.Confidence}
	fb := [...]float64{b.Hz, b.BwHz, b.LevelDB, b.SNRDB, b.Statistic, b.Threshold, b.Pfa, b.Confidence}
	for i := range fa {
		if fa[i] != fb[i] && (fa[i] == fa[i] || fb[i] == fb[i]) {
			return false
		}
	}
	return a.Kind == b.Kind && a.Name == b.Name && a.Edge == b.Edge && a.Track == b.Track &&
		a.Start == b.Start && a.End == b.End && a.Alarm == b.Alarm
}
