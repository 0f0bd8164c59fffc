package cfar

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol }

// The published and computed values of the references: Gandhi and Kassam (IEEE Trans. AES 24, 1988) give the
// formulas, the numbers are the usual ones for these sizes, rounded to two places.
func TestAlpha(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"CA 32 1e-4", AlphaCA(32, 1e-4), 10.67},
		{"CA 32 1e-6", AlphaCA(32, 1e-6), 17.28},
		{"CA 16 1e-6", AlphaCA(16, 1e-6), 21.94},
		{"CA 64 1e-6", AlphaCA(64, 1e-6), 15.42},
		{"CA many 1e-6", AlphaCA(1e7, 1e-6), -math.Log(1e-6)},
		{"OS 24/32 1e-4", AlphaOS(32, 24, 1e-4), 8.58},
		{"OS 24/32 1e-6", AlphaOS(32, 24, 1e-6), 14.40},
		{"OS 18/24 1e-6", AlphaOS(24, 18, 1e-6), 16.29},
		{"OS 48/64 1e-6", AlphaOS(64, 48, 1e-6), 11.98},
		{"averaged 8 1e-6", AlphaAveraged(32, 8, 1e-6), 3.81},
		{"averaged 16 1e-6", AlphaAveraged(32, 16, 1e-6), 2.74},
		{"averaged 64 1e-6", AlphaAveraged(32, 64, 1e-6), 1.73},
		{"averaged 256 1e-6", AlphaAveraged(32, 256, 1e-6), 1.33},
	} {
		if !near(c.got, c.want, 0.006) {
			t.Errorf("%s: got %.4f, want %.2f", c.name, c.got, c.want)
		}
	}
}

// One look is the special case of many; one reference cell is the same for mean and order statistic.
func TestAlphaAgree(t *testing.T) {
	for _, pfa := range []float64{1e-2, 1e-4, 1e-6, 1e-9} {
		for _, n := range []int{1, 8, 24, 64} {
			if got, want := AlphaAveraged(n, 1, pfa), AlphaCA(n, pfa); !near(got/want, 1, 1e-6) {
				t.Errorf("averaged, one look, n=%d, %g: got %.9g, want %.9g", n, pfa, got, want)
			}
			for _, k := range []int{1, (n + 1) / 2, n} {
				if k == 1 && pfa < 1e-6 {
					continue // alpha is then near n/pfa, where the numbers say nothing about a use
				}
				if got, want := AlphaAveragedOS(n, k, 1, pfa), AlphaOS(n, k, pfa); !near(got/want, 1, 1e-6) {
					t.Errorf("averaged OS, one look, %d of %d, %g: got %.9g, want %.9g", k, n, pfa, got, want)
				}
			}
		}
		for _, m := range []int{1, 4, 30, 300} {
			if got, want := AlphaAveragedOS(1, 1, m, pfa), AlphaAveraged(1, m, pfa); !near(got/want, 1, 1e-6) {
				t.Errorf("one cell of %d looks, %g: got %.9g, want %.9g", m, pfa, got, want)
			}
		}
	}
}

func TestOrderGrid(t *testing.T) {
	for _, c := range []struct{ n, k, m int }{{32, 24, 1}, {32, 24, 8}, {64, 48, 64}, {16, 1, 4}, {16, 16, 400}} {
		_, w := orderGrid(c.n, c.k, float64(c.m))
		sum := 0.0
		for _, v := range w {
			sum += v
		}
		if !near(sum, 1, 1e-9) {
			t.Errorf("%+v: got a density that sums to %.12g, want 1", c, sum)
		}
	}
}

func TestAlphaPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"pfa 0":     func() { AlphaCA(8, 0) },
		"pfa 1":     func() { AlphaOS(8, 4, 1) },
		"pfa NaN":   func() { AlphaCA(8, math.NaN()) },
		"k above n": func() { AlphaOS(8, 9, 1e-3) },
		"k 0":       func() { AlphaOS(8, 0, 1e-3) },
		"no looks":  func() { AlphaAveraged(8, 0, 1e-3) },
		"odd ref":   func() { NewCA(1, 7) },
		"guard -1":  func() { NewOS(-1, 8, 4) },
		"OS k":      func() { NewOS(1, 8, 9) },
		"too few":   func() { NewCA(2, 8).Floor(make([]float32, 12), make([]float32, 12)) },
		"short dst": func() { NewCA(2, 8).Floor(make([]float32, 12), make([]float32, 13)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// spectrum returns n cells of noise, each the mean of m looks of mean power 1.
func spectrum(r *rand.Rand, n, m int) []float32 {
	psd := make([]float32, n)
	for i := range psd {
		sum := 0.0
		for range m {
			sum += r.ExpFloat64()
		}
		psd[i] = float32(sum / float64(m))
	}
	return psd
}

type estimator interface {
	Floor(dst, psd []float32)
	Span() int
}

func TestFalseAlarms(t *testing.T) {
	const n, runs, guard, ref, k = 4096, 200, 2, 32, 24
	for _, c := range []struct {
		name  string
		e     estimator
		looks int
		alpha func(pfa float64) float64
	}{
		{"CA", NewCA(guard, ref), 1, func(p float64) float64 { return AlphaCA(ref, p) }},
		{"OS", NewOS(guard, ref, k), 1, func(p float64) float64 { return AlphaOS(ref, k, p) }},
		{"CA averaged", NewCA(guard, ref), 8, func(p float64) float64 { return AlphaAveraged(ref, 8, p) }},
		{"OS averaged", NewOS(guard, ref, k), 8, func(p float64) float64 { return AlphaAveragedOS(ref, k, 8, p) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(c.looks)))
			pfas := []float64{1e-3, 1e-4}
			hits := make([]int, len(pfas))
			alphas := []float32{float32(c.alpha(pfas[0])), float32(c.alpha(pfas[1]))}
			floor := make([]float32, n)
			for range runs {
				psd := spectrum(r, n, c.looks)
				c.e.Floor(floor, psd)
				for j := range pfas {
					for i, v := range psd {
						if v > alphas[j]*floor[i] {
							hits[j]++
						}
					}
				}
			}
			for j, pfa := range pfas {
				got := float64(hits[j]) / (n * runs)
				t.Logf("Pfa %g: got %.3g (%d of %d)", pfa, got, hits[j], n*runs)
				if got < pfa/2 || got > pfa*2 {
					t.Errorf("got Pfa %.3g, want %g within a factor of 2", got, pfa)
				}
			}
		})
	}
}

// reference sorts or sums the cells of each neighbourhood anew.
func reference(psd []float32, guard, ref, k int) []float32 {
	out := make([]float32, len(psd))
	for i := range psd {
		lo, hi := i-guard-1, i+guard+1
		var cells []float32
		left, right := 0, 0
		for len(cells) < ref {
			// Nearest first, both sides in turn; a side that has given half waits until the other is used up.
			if lo >= 0 && (left < ref/2 || hi >= len(psd)) {
				cells, lo, left = append(cells, psd[lo]), lo-1, left+1
			}
			if len(cells) < ref && hi < len(psd) && (right < ref/2 || lo < 0) {
				cells, hi, right = append(cells, psd[hi]), hi+1, right+1
			}
		}
		if k > 0 {
			slices.Sort(cells)
			out[i] = cells[k-1]
			continue
		}
		sum := 0.0
		for _, v := range cells {
			sum += float64(v)
		}
		out[i] = float32(sum / float64(ref))
	}
	return out
}

func TestFloorAgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct{ n, guard, ref, k int }{
		{200, 2, 16, 12}, {200, 0, 2, 1}, {200, 0, 2, 2}, {37, 2, 32, 24}, {38, 2, 32, 1}, {50, 10, 16, 16}, {41, 4, 32, 32},
		{301, 3, 64, 48}, {5, 1, 2, 2}, {64, 20, 8, 6},
	} {
		for _, kind := range []string{"noise", "ties", "lines", "rising", "falling"} {
			psd := spectrum(r, c.n, 1)
			for i := range psd {
				switch kind {
				case "ties":
					psd[i] = float32(int(psd[i] * 2))
				case "lines":
					if i%7 == 0 {
						psd[i] *= 1e12
					}
				case "rising":
					psd[i] = float32(i)
				case "falling":
					psd[i] = float32(c.n - i)
				}
			}
			got := make([]float32, c.n)
			NewOS(c.guard, c.ref, c.k).Floor(got, psd)
			if want := reference(psd, c.guard, c.ref, c.k); !slices.Equal(got, want) {
				t.Errorf("OS %+v, %s:\n got %v\nwant %v", c, kind, got, want)
			}
			NewCA(c.guard, c.ref).Floor(got, psd)
			for i, want := range reference(psd, c.guard, c.ref, 0) {
				if !near(float64(got[i]), float64(want), 2e-7*float64(want)) {
					t.Errorf("CA %+v, %s: cell %d: got %g, want %g", c, kind, i, got[i], want)
				}
			}
		}
	}
}

func TestLaws(t *testing.T) {
	const n, guard, ref, k = 512, 2, 32, 24
	r := rand.New(rand.NewPCG(5, 6))
	psd := spectrum(r, n, 1)
	for name, e := range map[string]estimator{"CA": NewCA(guard, ref), "OS": NewOS(guard, ref, k)} {
		base, got := make([]float32, n), make([]float32, n)
		e.Floor(base, psd)

		gained := slices.Clone(psd)
		for i := range gained {
			gained[i] *= 1.0 / (1 << 40) // a power of two: nothing is rounded, so decisions must be equal
		}
		e.Floor(got, gained)
		for i := range got {
			if got[i]*(1<<40) != base[i] {
				t.Fatalf("%s: gain moves the floor of cell %d: got %g, want %g", name, i, got[i]*(1<<40), base[i])
			}
		}

		const at = n / 2 // any order of this cell's references gives the same floor
		mixed := slices.Clone(psd)
		cells := append(slices.Clone(psd[at-guard-ref/2:at-guard]), psd[at+guard+1:at+guard+1+ref/2]...)
		r.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
		copy(mixed[at-guard-ref/2:], cells[:ref/2])
		copy(mixed[at+guard+1:], cells[ref/2:])
		e.Floor(got, mixed)
		if !near(float64(got[at]), float64(base[at]), 1e-7) {
			t.Errorf("%s: order of the references moves the floor: got %g, want %g", name, got[at], base[at])
		}

		loud := slices.Clone(psd) // the cell itself and its guards do not count
		for i := at - guard; i <= at+guard; i++ {
			loud[i] = float32(math.Inf(1))
		}
		e.Floor(got, loud)
		if got[at] != base[at] {
			t.Errorf("%s: cell and guards move its own floor: got %g, want %g", name, got[at], base[at])
		}
		if far := at + 100; got[far] != base[far] {
			t.Errorf("%s: infinity far away moves the floor: got %g, want %g", name, got[far], base[far])
		}
	}
}

// A quarter of the references may be occupied without lifting an order statistic at 3/4 above the noise.
func TestOSIgnoresNeighbours(t *testing.T) {
	const n, guard, ref, k = 256, 2, 32, 24
	psd := spectrum(rand.New(rand.NewPCG(8, 9)), n, 1)
	for i := 0; i < n; i += 8 {
		psd[i] = 1e6
	}
	floor := make([]float32, n)
	NewOS(guard, ref, k).Floor(floor, psd)
	if got := slices.Max(floor); got > 20 {
		t.Errorf("got a floor of %g beside strong lines, want that of the noise", got)
	}
}

func TestFloorAllocations(t *testing.T) {
	psd, dst := spectrum(rand.New(rand.NewPCG(1, 1)), 4096, 1), make([]float32, 4096)
	ca, os := NewCA(2, 32), NewOS(2, 32, 24)
	ca.Floor(dst, psd)
	os.Floor(dst, psd)
	if got := testing.AllocsPerRun(10, func() { ca.Floor(dst, psd); os.Floor(dst, psd) }); got != 0 {
		t.Errorf("got %g allocations per run, want 0", got)
	}
}

func BenchmarkFloor(b *testing.B) {
	psd, dst := spectrum(rand.New(rand.NewPCG(1, 1)), 4096, 1), make([]float32, 4096)
	for _, ref := range []int{16, 32, 64} {
		for name, e := range map[string]estimator{"CA": NewCA(2, ref), "OS": NewOS(2, ref, ref*3/4)} {
			b.Run(fmt.Sprintf("%s/%d", name, ref), func(b *testing.B) {
				for b.Loop() {
					e.Floor(dst, psd)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(psd)), "ns/cell")
			})
		}
	}
}
