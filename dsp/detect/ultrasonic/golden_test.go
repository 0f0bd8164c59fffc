package ultrasonic_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"subrosa/dsp/detect"
)

// truth is what is known of a recording from its making.
type truth struct {
	Kind   detect.Kind `json:"kind"`
	Name   string      `json:"name"`
	Alarm  bool        `json:"alarm"`
	StartS float64     `json:"start_s"`
	EndS   float64     `json:"end_s"`
	LoHz   float64     `json:"lo_hz"`
	HiHz   float64     `json:"hi_hz"`
}

// TestGolden holds the detector against the recordings that lie beside it (testdata/SOURCES.md says whence). The
// JSON beside each is the truth as it was sent, not the detector's output; half of them are to be met with silence.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.flac")
	if err != nil || len(paths) < 4 {
		t.Fatalf("recordings %v, %v; want four or more", paths, err)
	}
	for _, p := range paths {
		t.Run(filepath.Base(p), func(t *testing.T) {
			raw, err := os.ReadFile(strings.TrimSuffix(p, "_48000.flac") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want []truth
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			r := decode(t, p)
			got := listen(t, r.rate, r.channels[0])
			if len(got) != 2*len(want) {
				t.Fatalf("got%s\nwant each of %+v once", show(got, r.rate), want)
			}
			for i, w := range want {
				g := got[2*i+1]
				from, to := float64(g.Start)/float64(r.rate), float64(g.End)/float64(r.rate)
				if g.Kind != w.Kind || g.Name != w.Name || g.Alarm != w.Alarm || from < w.StartS-0.1 || from > w.StartS+0.1 ||
					to < w.EndS-0.4 || to > w.EndS+0.1 || g.Hz-g.BwHz/2 < w.LoHz-100 || g.Hz+g.BwHz/2 > w.HiHz+100 {
					t.Errorf("got%s\nwant %+v", show(got[2*i+1:2*i+2], r.rate), w)
				}
			}
		})
	}
}
