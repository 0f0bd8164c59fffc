package panel

import (
	"crypto/rand"
	mrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"subrosa/drivers/power"
	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
)

var channels = []power.Channel{{Band: "ism2400", LoHz: 2.4e9, HiHz: 2.5e9, UncertaintyDB: 3}, {Band: "band-n78", LoHz: 3.4e9, HiHz: 3.8e9, UncertaintyDB: 3}}

// TestBands: power that stays is one finding with begin and end, named by a published band; a dwell that is missing
// makes the channel learn anew.
func TestBands(t *testing.T) {
	b, err := NewBands(channels, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := mrand.New(mrand.NewPCG(1, 1))
	var got []finding.Finding
	dwell := func(i int, levels ...float64) {
		var ls []power.Level
		for ch, v := range levels {
			ls = append(ls, power.Level{Channel: ch, MeanDBm: v + 0.4*r.NormFloat64()})
		}
		got = append(got, b.Take(t0.Add(time.Duration(i)*time.Second), append(ls, power.Level{Channel: 9}))...)
	}
	i := 0
	run := func(n int, levels ...float64) {
		for range n {
			dwell(i, levels...)
			i++
		}
	}
	run(130, -50, -55)
	run(60, -50, -45) // from 130 to 190
	run(10, -50, -55)
	if len(got) != 2 || got[0].ID != got[1].ID || got[0].End != nil || got[1].End == nil {
		t.Fatalf("got %+v", got)
	}
	f := got[1]
	if f.Kind != detect.OccupiedBand || f.Name != "other" || !f.Alarm || f.Hz != 3.6e9 || !f.Start.Equal(t0.Add(130*time.Second)) ||
		!f.End.Equal(t0.Add(189*time.Second)) || f.SNRDB < 9 || f.SNRDB > 11 || !strings.Contains(f.Coverage, "band-n78") {
		t.Errorf("got %+v until %v", f, f.End)
	}
	run(1, -50) // the second channel was not read
	run(60, -30, -30)
	if len(got) != 3 || got[2].Name != "ism2400" || got[2].ID == f.ID {
		t.Errorf("got %+v, want the first channel's alone", got[2:])
	}
}

func TestNoBands(t *testing.T) {
	if _, err := NewBands([]power.Channel{{Band: "x"}}, rand.Reader); err == nil {
		t.Error("a band without edges")
	}
	b, err := NewBands(nil, rand.Reader)
	if err != nil || b.Take(t0, nil) != nil {
		t.Error(err)
	}
}
