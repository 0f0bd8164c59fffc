package detecttest

import (
	"strings"
	"testing"

	"subrosa/dsp/detect"
)

// fault is one way to break the contract.
type fault int

const (
	none fault = iota
	forgetsPartial
	allocates
	retains
	writes
	dependsOnBlocks
	neverCloses
	closesTwice
	bridgesGap
	overwritesDst
	reusesTracks
	sharesState
	absoluteTime
	deadAfterEnd
	badName
	reportsEdgeOfGap
)

const window = 1000 // samples

var (
	shared float64   // the state that sharesState shares
	kept   []float32 // what allocates allocates
)

// meter is the simplest honest detector: it finds stretches of windows whose mean square exceeds a threshold.
type meter struct {
	fault fault
	begun bool
	ended bool // once
	next  int64
	sum   float64
	n     int
	last  []float32
	open  detect.Detection
	track uint32
}

func newMeter(f fault) func() detect.Detector[float32] {
	return func() detect.Detector[float32] { return &meter{fault: f} }
}

func (m *meter) Detect(dst []detect.Detection, at int64, x []float32) []detect.Detection {
	if m.fault == overwritesDst {
		dst = dst[:0]
	}
	if m.fault == deadAfterEnd && m.ended {
		return dst
	}
	if len(x) == 0 {
		m.ended = true
		return m.finish(dst)
	}
	if m.begun && at != m.next {
		if m.fault != bridgesGap {
			dst = m.finish(dst)
		}
		m.sum, m.n = 0, 0
	}
	if m.fault == forgetsPartial {
		m.sum, m.n = 0, 0
	}
	for _, v := range m.last { // what retains kept of the block before
		m.sum += 1e-3 * float64(v)
	}
	m.begun = true
	dst = m.walk(dst, at, x)
	m.next = at + int64(len(x))
	switch m.fault {
	case allocates:
		kept = make([]float32, len(x))
	case retains:
		m.last = x
	case writes:
		x[0] = 0
	}
	return dst
}

func (m *meter) walk(dst []detect.Detection, at int64, x []float32) []detect.Detection {
	for i, v := range x {
		m.sum += float64(v) * float64(v)
		if m.n++; m.n < window {
			continue
		}
		end := at + int64(i) + 1
		level := m.sum / window
		if m.fault == sharesState {
			shared = 0.9*shared + level
			level = shared
		}
		if m.fault == dependsOnBlocks {
			level += float64(len(x)) * 1e-9
		}
		if m.fault == absoluteTime && at > 1<<44 {
			end -= end % 4096
		}
		dst = m.judge(dst, level, end)
		m.sum, m.n = 0, 0
	}
	return dst
}

func (m *meter) judge(dst []detect.Detection, level float64, end int64) []detect.Detection {
	switch loud := level > 0.1; {
	case loud && m.open.Track == 0:
		m.track++
		m.open = detect.Detection{Kind: detect.UltrasonicNoise, Name: "jammer", Track: m.track, Start: end - window, End: end, Statistic: level, Threshold: 0.1}
		if m.fault == badName {
			m.open.Name = "loud"
		}
		if m.fault == reportsEdgeOfGap {
			m.open.Start -= 5 * window
		}
		return append(dst, m.open)
	case loud:
		m.open.End = end
	case m.open.Track != 0:
		return m.close(dst)
	}
	return dst
}

func (m *meter) close(dst []detect.Detection) []detect.Detection {
	d := m.open
	m.open = detect.Detection{}
	d.Edge = detect.Gone
	if dst = append(dst, d); m.fault == closesTwice {
		dst = append(dst, d)
	}
	return dst
}

func (m *meter) finish(dst []detect.Detection) []detect.Detection {
	if m.open.Track != 0 && m.fault != neverCloses {
		dst = m.close(dst)
	}
	if m.fault == reusesTracks {
		m.track = 0
	}
	m.begun, m.sum, m.n = false, 0, 0
	return dst
}

// bursts is quiet, loud, quiet …, ends loud, and is loud half way.
func bursts() []float32 {
	x := make([]float32, 24_500)
	for i := range x {
		if i/3500%2 == 1 {
			x[i] = 1 - 2*float32(i%2)
		}
		x[i] += 0.001 * float32(i%7)
	}
	for i := range 3500 {
		x[len(x)-1-i] = 0.9
	}
	return x
}

func TestHonestDetectorPasses(t *testing.T) {
	Run(t, newMeter(none), [][]float32{bursts(), bursts()[1777:]})
}

func TestBrokenDetectorsAreCaught(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault fault
		law   string // that must catch it; others may too
	}{
		{"forgets the partial window", forgetsPartial, "blocks"},
		{"depends on the block size", dependsOnBlocks, "blocks"},
		{"allocates per block", allocates, "allocations"},
		{"retains the block", retains, "borrowed"},
		{"writes to the block", writes, "untouched"},
		{"leaves findings open", neverCloses, "pairs"},
		{"closes twice", closesTwice, "pairs"},
		{"unpublished name", badName, "pairs"},
		{"start before the stream", reportsEdgeOfGap, "gap"},
		{"measures across a gap", bridgesGap, "gap"},
		{"overwrites the caller's findings", overwritesDst, "prefix"},
		{"numbers anew after the end", reusesTracks, "again"},
		{"deaf after the end", deadAfterEnd, "again"},
		{"shares state", sharesState, "independent"},
		{"knows the absolute time", absoluteTime, "shift"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			shared = 0
			var caught []string
			for _, l := range laws[float32]() {
				if err := l.holds(newMeter(tt.fault), bursts()); err != nil {
					caught = append(caught, l.name)
					if l.name == tt.law {
						t.Logf("%s: %v", l.name, err)
					}
				}
			}
			if got := strings.Join(caught, " "); !strings.Contains(" "+got+" ", " "+tt.law+" ") {
				t.Errorf("caught by %q, want %q among them", got, tt.law)
			}
		})
	}
}

// TestComplex shows that the suite serves radio detectors too.
func TestComplex(t *testing.T) {
	x := make([]complex64, 24_500)
	for i, v := range bursts() {
		x[i] = complex(v, 0)
	}
	Run(t, func() detect.Detector[complex64] { return &radioMeter{m: meter{}} }, [][]complex64{x})
}

// radioMeter is meter for radio.
type radioMeter struct {
	m   meter
	buf [64]float32
}

func (r *radioMeter) Detect(dst []detect.Detection, at int64, x []complex64) []detect.Detection {
	if len(x) == 0 {
		return r.m.Detect(dst, at, nil)
	}
	for len(x) > 0 {
		n := min(len(x), len(r.buf))
		for i, v := range x[:n] {
			r.buf[i] = real(v)
		}
		dst = r.m.Detect(dst, at, r.buf[:n])
		at, x = at+int64(n), x[n:]
	}
	return dst
}
