package ultrasonic

import (
	"math/rand/v2"
	"testing"
)

// TestOverlap compares with counting all symbols, which an endless beacon makes too many of.
func TestOverlap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for run := range 200 {
		b := newBeacon(Default, 512.0/48000, 23500, 1)
		longest := int(Default.ToneAfter/b.dt) - 1
		frame := int64(1000)
		for range 1 + r.IntN(maxSymbols) {
			frame += int64(r.IntN(6))
			last := frame - int64(r.IntN(3))
			b.ring = append(b.ring, symbol{born: last - int64(r.IntN(longest)), last: last})
		}
		for range r.IntN(10) {
			b.live = append(b.live, symbol{born: frame - int64(r.IntN(longest)), last: frame})
		}
		since := frame - int64(r.IntN(1500))
		for _, ys := range [2][]symbol{b.ring, b.live} {
			for i := range ys {
				y, want := &ys[i], 0
				mid := (y.born + y.last) / 2
				for _, zs := range [2][]symbol{b.ring, b.live} {
					for _, z := range zs {
						if z.last >= since && z.born <= mid && mid <= z.last {
							want++
						}
					}
				}
				if got := b.overlap(y, since); got != want {
					t.Fatalf("run %d, symbol %d: %d sound at its middle, want %d", run, i, got, want)
				}
			}
		}
	}
}
