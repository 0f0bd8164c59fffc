package cfar

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestAbove(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	values := []float32{0, 1e-30, 0.5, 1, 2, inf, nan}
	for run := range 20000 {
		n := r.IntN(80)
		x, limit := make([]float32, n), make([]float32, n+r.IntN(3))
		for i := range limit {
			limit[i] = 1
			if run%3 == 0 {
				limit[i] = values[r.IntN(len(values))]
			}
		}
		for i := range x {
			x[i] = limit[i] * 0.999
			if r.IntN(60) == 0 {
				x[i] = values[r.IntN(len(values))]
			}
		}
		want := n
		for i, v := range x {
			if v > limit[i] {
				want = i
				break
			}
		}
		if got := Above(x, limit); got != want {
			t.Fatalf("run %d: got %d, want %d: %v over %v", run, got, want, x, limit)
		}
	}
}

func BenchmarkAbove(b *testing.B) {
	x, limit := make([]float32, 2048), make([]float32, 2048)
	for i := range limit {
		limit[i] = 1
	}
	for b.Loop() {
		Above(x, limit)
	}
}
