package spectrum

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// frames collects what a framer hands out, and checks that each frame holds the samples of its place: sample i of
// the test stream has the value i.
type frames struct {
	t    *testing.T
	n    int
	at   []int64
	each func(int64, []float32)
}

func newFrames(t *testing.T, n int) *frames {
	f := &frames{t: t, n: n}
	f.each = f.take
	return f
}

func (f *frames) take(at int64, x []float32) {
	if len(x) != f.n {
		f.t.Fatalf("got a frame of %d samples, want %d", len(x), f.n)
	}
	for i, v := range x {
		if v != float32(at+int64(i)) {
			f.t.Fatalf("frame at %d: got sample %g at %d, want %d", at, v, i, at+int64(i))
		}
	}
	f.at = append(f.at, at)
}

func ramp(at int64, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(at + int64(i))
	}
	return x
}

func TestFramerCuts(t *testing.T) {
	const begin, total = 1000, 700
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ n, hop int }{{16, 8}, {16, 16}, {16, 1}, {16, 5}, {16, 23}, {16, 100}, {1, 1}, {1, 3}, {100, 99}, {64, 16}} {
		var want []int64
		for at := int64(begin); at+int64(c.n) <= begin+total; at += int64(c.hop) {
			want = append(want, at)
		}
		for _, size := range []int{total, 1, 2, 7, 15, 16, 17, 33, 250, 0} {
			f, got := NewFramer[float32](c.n, c.hop), newFrames(t, c.n)
			for at := int64(begin); at < begin+total; {
				k := size
				if k == 0 {
					k = r.IntN(50) // empty blocks included
				}
				k = min(k, int(begin+total-at))
				f.Push(at, ramp(at, k), got.each)
				at += int64(k)
			}
			if !slices.Equal(got.at, want) {
				t.Errorf("n=%d hop=%d, blocks of %d:\n got %v\nwant %v", c.n, c.hop, size, got.at, want)
			}
		}
	}
}

func TestFramerGaps(t *testing.T) {
	type block struct {
		at int64
		n  int
	}
	for _, c := range []struct {
		name   string
		blocks []block
		want   []int64
	}{
		{"forward", []block{{0, 20}, {100, 30}}, []int64{0, 5, 10, 100, 105, 110, 115, 120}},
		{"within a frame", []block{{0, 9}, {10, 10}}, []int64{10}},
		{"back", []block{{50, 12}, {3, 12}}, []int64{50, 3}},
		{"twice the same", []block{{0, 9}, {0, 9}, {9, 1}}, []int64{0}},
		{"to a place on the old grid", []block{{0, 10}, {15, 10}}, []int64{0, 15}},
		{"negative start", []block{{-10, 12}, {2, 3}}, []int64{-10, -5}},
	} {
		for _, size := range []int{1000, 1, 3, 7} {
			f, got := NewFramer[float32](10, 5), newFrames(t, 10)
			for _, b := range c.blocks {
				x := ramp(b.at, b.n)
				for i := 0; i < len(x); i += size {
					f.Push(b.at+int64(i), x[i:min(i+size, len(x))], got.each)
				}
			}
			if !slices.Equal(got.at, c.want) {
				t.Errorf("%s, blocks of %d: got %v, want %v", c.name, size, got.at, c.want)
			}
		}
	}
}

func TestFramerReset(t *testing.T) {
	f, got := NewFramer[float32](10, 5), newFrames(t, 10)
	f.Push(0, ramp(0, 12), got.each)
	f.Reset()
	f.Push(12, ramp(12, 12), got.each)
	if want := []int64{0, 12}; !slices.Equal(got.at, want) {
		t.Errorf("got %v, want %v", got.at, want)
	}
}

func FuzzFramer(f *testing.F) {
	f.Add(uint8(16), uint8(8), []byte{3, 200, 0, 17, 1})
	f.Add(uint8(1), uint8(9), []byte{255, 255})
	f.Fuzz(func(t *testing.T, n, hop uint8, cuts []byte) {
		if n == 0 || hop == 0 || len(cuts) > 200 {
			return
		}
		whole, parts := newFrames(t, int(n)), newFrames(t, int(n))
		f := NewFramer[float32](int(n), int(hop))
		at := int64(0)
		for _, k := range cuts {
			f.Push(at, ramp(at, int(k)), parts.each)
			at += int64(k)
		}
		NewFramer[float32](int(n), int(hop)).Push(0, ramp(0, int(at)), whole.each)
		if !slices.Equal(parts.at, whole.at) {
			t.Errorf("n=%d hop=%d cuts=%v: got %v, want %v", n, hop, cuts, parts.at, whole.at)
		}
	})
}

// meter is what a detector looks like to the framer: it stores its method once.
type meter struct {
	framer *Framer[complex64]
	each   func(int64, []complex64)
	count  int
}

func (m *meter) frame(int64, []complex64) { m.count++ }

func TestFramerAllocations(t *testing.T) {
	m := &meter{framer: NewFramer[complex64](1024, 512)}
	m.each = m.frame
	x, at := make([]complex64, 700), int64(0)
	got := testing.AllocsPerRun(50, func() {
		m.framer.Push(at, x, m.each)
		at += int64(len(x))
	})
	if got != 0 || m.count == 0 {
		t.Errorf("got %g allocations per block and %d frames, want 0 and some", got, m.count)
	}
}

func BenchmarkFramer(b *testing.B) {
	m := &meter{framer: NewFramer[complex64](4096, 2048)}
	m.each = m.frame
	x, at := make([]complex64, 480), int64(0)
	for b.Loop() {
		m.framer.Push(at, x, m.each)
		at += int64(len(x))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/sample")
}
