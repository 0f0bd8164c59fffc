package detectors

import (
	"strings"
	"testing"

	"subrosa/dsp/detect"
)

func TestBuild(t *testing.T) {
	for _, names := range [][]string{nil, {"ultrasonic"}} {
		ds, err := Build(Acoustic, names, Stream{Rate: 48000})
		if err != nil || len(ds) != len(Acoustic) {
			t.Errorf("%v: got %d detectors, %v, want %d", names, len(ds), err, len(Acoustic))
		}
	}
	tests := []struct {
		names []string
		rate  int
		want  string
	}{
		{[]string{"ultrasonik"}, 48000, `no detector "ultrasonik"`},
		{[]string{"ultrasonic", "emitter"}, 48000, `no detector "emitter"`},
		{nil, 0, "ultrasonic"},
	}
	for _, tt := range tests {
		if _, err := Build(Acoustic, tt.names, Stream{Rate: tt.rate}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v at %d/s: got %v, want an error with %q", tt.names, tt.rate, err, tt.want)
		}
	}
}

// TestEveryDetectorRuns: each entry of the tables takes samples, and ends without having found anything in silence.
func TestEveryDetectorRuns(t *testing.T) {
	run(t, Acoustic, Stream{Rate: 48000})
	run(t, Radio, Stream{Rate: 250_000, Centre: 433.92e6})
}

func run[S detect.Sample](t *testing.T, table map[string]Builder[S], s Stream) {
	t.Helper()
	for name, build := range table {
		d, err := build(s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := d.Detect(nil, 0, make([]S, s.Rate))
		if found = d.Detect(found, 0, nil); len(found) != 0 {
			t.Errorf("%s finds %+v in silence", name, found)
		}
	}
}
