package cfar

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func slowGOOS(psd []float32, guard, side, k int) []float32 {
	out := make([]float32, len(psd))
	order := func(a, b int) (float32, bool) {
		if a < 0 || b > len(psd) {
			return 0, false
		}
		s := slices.Clone(psd[a:b])
		slices.Sort(s)
		return s[k-1], true
	}
	for i := range psd {
		l, okL := order(i-guard-side, i-guard)
		r, okR := order(i+guard+1, i+guard+1+side)
		switch {
		case okL && okR:
			out[i] = max(l, r)
		case okL:
			out[i] = l
		case okR:
			out[i] = r
		default: // neither side is whole: the last whole window
			out[i], _ = order(len(psd)-side, len(psd))
		}
	}
	return out
}

func TestGOOSAgainstSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ n, guard, side, k int }{{70, 2, 64, 13}, {200, 3, 32, 1}, {200, 0, 8, 8}, {1000, 3, 64, 13}} {
		psd := make([]float32, c.n)
		for i := range psd {
			psd[i] = float32(r.ExpFloat64())
			if i%7 == 0 && i > 0 {
				psd[i] = psd[i-1] // ties
			}
		}
		got := make([]float32, c.n)
		NewGOOS(c.guard, c.side, c.k).Floor(got, psd)
		if want := slowGOOS(psd, c.guard, c.side, c.k); !slices.Equal(got, want) {
			t.Errorf("%+v: floor differs from the one by sorting", c)
		}
	}
}

func TestGOOSFalseAlarms(t *testing.T) {
	const n, guard, side, k, pfa = 2048, 3, 64, 13, 1e-3
	r := rand.New(rand.NewPCG(3, 4))
	alpha := float32(AlphaOS(side, k, pfa))
	g := NewGOOS(guard, side, k)
	psd, floor := make([]float32, n), make([]float32, n)
	hits, cells := 0, 0
	for range 400 {
		for i := range psd {
			psd[i] = float32(r.ExpFloat64())
		}
		g.Floor(floor, psd)
		for i := 80; i < n-80; i++ {
			cells++
			if psd[i] > alpha*floor[i] {
				hits++
			}
		}
	}
	if got := float64(hits) / float64(cells); got > pfa*1.1 || got < pfa/10 {
		t.Errorf("false alarms per cell %.2g, want at most %.2g and not below a tenth of it", got, pfa)
	}
}

func TestGOOSIgnoresTheEdgeOfABand(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	psd, floor := make([]float32, 600), make([]float32, 600)
	for i := range psd {
		psd[i] = float32(r.ExpFloat64()) * 1e-6
		if i >= 300 {
			psd[i] *= 1e4 // 40 dB shelf
		}
	}
	NewGOOS(3, 64, 13).Floor(floor, psd)
	alpha := float32(AlphaOS(64, 13, 1e-6))
	for i := 300; i < 360; i++ {
		if psd[i] > alpha*floor[i] {
			t.Errorf("cell %d of the shelf passes for a signal", i)
		}
	}
}

func BenchmarkGOOS(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	psd, floor := make([]float32, 1024), make([]float32, 1024)
	for i := range psd {
		psd[i] = float32(r.ExpFloat64())
	}
	g := NewGOOS(3, 64, 13)
	b.ReportAllocs()
	for b.Loop() {
		g.Floor(floor, psd)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/cell")
}
