package detecttest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"subrosa/dsp/detect"
)

// blocks: how the stream is cut never changes the findings.
func blocks[S detect.Sample](construct func() detect.Detector[S], x []S) error {
	want := collect(construct(), 0, x, whole)
	for _, b := range []struct {
		sizes string
		cut   cut
	}{{"1", every(1)}, {"7", every(7)}, {"480", every(480)}, {"4096", every(4096)}, {"random", random(1)}, {"random", random(2)}} {
		if err := equal(collect(construct(), 0, x, b.cut), want); err != nil {
			return fmt.Errorf("blocks of %s samples against all at once: %w", b.sizes, err)
		}
	}
	return nil
}

// pairs: the end of the stream ends every finding, each Appeared has one Gone, and the figures make sense.
func pairs[S detect.Sample](construct func() detect.Detector[S], x []S) error {
	const at = 12345
	d := construct()
	found := collect(d, at, x, every(480))
	if more := d.Detect(nil, at+int64(len(x)), nil); len(more) > 0 {
		return fmt.Errorf("a second end of the stream gave %s", describe(more[0]))
	}
	return paired(found, at, at+int64(len(x)))
}

func paired(found []detect.Detection, from, to int64) error {
	open := map[uint32]detect.Detection{}
	seen := map[uint32]bool{}
	for _, f := range found {
		if err := sound(f, from, to); err != nil {
			return fmt.Errorf("%w in %s", err, describe(f))
		}
		first, isOpen := open[f.Track]
		switch {
		case f.Edge == detect.Appeared && seen[f.Track]:
			return fmt.Errorf("track used twice: %s", describe(f))
		case f.Edge == detect.Appeared:
			open[f.Track], seen[f.Track] = f, true
		case !isOpen:
			return fmt.Errorf("gone but never appeared: %s", describe(f))
		case first.Kind != f.Kind:
			return fmt.Errorf("track %d appeared as %v, gone as %v", f.Track, first.Kind, f.Kind)
		default:
			delete(open, f.Track)
		}
	}
	for _, f := range open {
		return fmt.Errorf("still open after the end of the stream: %s", describe(f))
	}
	return nil
}

// sound reports what cannot be true of any finding in a stream [from, to).
func sound(f detect.Detection, from, to int64) error {
	_, named := f.Kind.NameIndex(f.Name)
	switch {
	case !f.Kind.Valid():
		return fmt.Errorf("unpublished kind")
	case f.Kind.Names() == nil && f.Name != "", f.Kind.Names() != nil && !named:
		return fmt.Errorf("unpublished name")
	case f.Edge != detect.Appeared && f.Edge != detect.Gone:
		return fmt.Errorf("edge %d", f.Edge)
	case f.Track == 0:
		return fmt.Errorf("track 0")
	case f.Start < from || f.End > to || f.Start >= f.End:
		return fmt.Errorf("span outside [%d, %d) or empty", from, to)
	case !(f.Pfa >= 0 && f.Pfa <= 1) || !(f.Confidence >= 0 && f.Confidence <= 1):
		return fmt.Errorf("probability outside 0…1")
	}
	for _, v := range []float64{f.Hz, f.BwHz, f.LevelDB, f.SNRDB, f.Statistic, f.Threshold} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("figure that is no number")
		}
	}
	return nil
}

// prefix: Detect appends; what the caller had in dst stays.
func prefix[S detect.Sample](construct func() detect.Detector[S], x []S) error {
	mine := detect.Detection{Kind: detect.SensorDead, Track: 4711, Hz: 1}
	want := append([]detect.Detection{mine}, collect(construct(), 0, x, every(4096))...)
	d := construct()
	got := d.Detect(feed([]detect.Detection{mine}, d, 0, x, every(4096)), int64(len(x)), nil)
	return equal(got, want)
}

// borrowed: x belongs to the caller, who uses it for something else as soon as Detect has returned.
func borrowed[S detect.Sample](construct func() detect.Detector[S], x []S) error {
	want := collect(construct(), 0, x, whole)
	for _, size := range []int{777, 6000} {
		d, block := construct(), make([]S, size)
		var got []detect.Detection
		for at := 0; at < len(x); at += size {
			n := copy(block, x[at:])
			got = d.Detect(got, int64(at), block[:n])
			for i := range block {
				block[i] = sample[S](float64(i%3) - 1)
			}
		}
		if err := equal(d.Detect(got, int64(len(x)), nil), want); err != nil {
			return fmt.Errorf("blocks overwritten after the call: %w", err)
		}
	}
	return nil
}

// sample converts v to S.
func sample[S detect.Sample](v float64) S {
	var s S
	switch p := any(&s).(type) {
	case *float32:
		*p = float32(v)
	case *complex64:
		*p = complex(float32(v), float32(-v))
	}
	return s
}

// untouched: a detector reads x and does not write to it.
func untouched[S detect.Sample](construct func() detect.Detector[S], x []S) error {
	mine := slices.Clone(x)
	collect(construct(), 0, mine, every(4096))
	for i := range x {
		if mine[i] != x[i] && x[i] == x[i] {
			return fmt.Errorf("sample %d changed from %v to %v", i, x[i], mine[i])
		}
	}
	return nil
}

// gap: samples were lost half way. Nothing is measured across the gap, every finding ends at it, and how the
// stream is cut still does not matter.
func gap[S detect.Sample](construct func() detect.Detector[S], x []S) error {
	const lost = 100_003
	half := int64(len(x) / 2)
	run := func(c cut) []detect.Detection {
		d := construct()
		found := feed(nil, d, 0, x[:half], c)
		return append(found, collect(d, half+lost, x[half:], c)...)
	}
	want := run(whole)
	for _, c := range []cut{every(480), random(3)} {
		if err := equal(run(c), want); err != nil {
			return err
		}
	}
	for _, f := range want {
		if f.Start < half && f.End > half || f.Start < half+lost && f.End > half+lost {
			return fmt.Errorf("samples [%d, %d) were lost, yet found %s", half, half+lost, describe(f))
		}
	}
	return paired(want, 0, int64(len(x))+lost)
}

// again: after the end of a stream the detector takes a new one, finds the same in it, and goes on numbering.
func again[S detect.Sample](construct func() detect.Detector[S], x []S) error {
	const later = 1_000_000_007
	d := construct()
	first := collect(d, 0, x, every(4096))
	second := collect(d, later, x, every(4096))
	if err := paired(slices.Concat(first, second), 0, later+int64(len(x))); err != nil {
		return fmt.Errorf("over two streams: %w", err)
	}
	return equal(moved(second, -later, first), first)
}

// moved returns found with its times moved by samples and its tracks numbered as in like.
func moved(found []detect.Detection, by int64, like []detect.Detection) []detect.Detection {
	out := slices.Clone(found)
	for i := range out {
		out[i].Start += by
		out[i].End += by
		if i < len(like) {
			out[i].Track = like[i].Track
		}
	}
	return out
}

// shift: only differences of sample indices count; a stream may begin anywhere.
func shift[S detect.Sample](construct func() detect.Detector[S], x []S) error {
	want := collect(construct(), 0, x, every(4096))
	for _, by := range []int64{1, 48_000_001, 1 << 45} {
		if err := equal(moved(collect(construct(), by, x, every(4096)), -by, want), want); err != nil {
			return fmt.Errorf("stream that begins at %d: %w", by, err)
		}
	}
	return nil
}

// independent: two detectors do not know of each other.
func independent[S detect.Sample](construct func() detect.Detector[S], x []S) error {
	const size = 1000
	want := collect(construct(), 0, x, every(size))
	a, b := construct(), construct()
	var got, other []detect.Detection
	for at := 0; at < len(x); at += size {
		back := x[max(0, len(x)-at-size) : len(x)-at]
		got = a.Detect(got, int64(at), x[at:min(at+size, len(x))])
		other = b.Detect(other, int64(at), back)
	}
	b.Detect(other, int64(len(x)), nil)
	return equal(a.Detect(got, int64(len(x)), nil), want)
}

// allocations: once warm, Detect allocates nothing as long as dst has room.
func allocations[S detect.Sample](construct func() detect.Detector[S], x []S) error {
	const size = 480
	d := construct()
	dst := make([]detect.Detection, 0, 4096)
	dst = d.Detect(feed(dst, d, 0, x, every(size)), int64(len(x)), nil)
	dst = feed(dst[:0], d, 0, x, every(size))
	at := int64(len(x))
	// One run is the whole stream, so that each allocation that happens anywhere in it counts.
	per := testing.AllocsPerRun(2, func() {
		dst = feed(dst[:0], d, at, x, every(size))
		at += int64(len(x))
	})
	if per > 0 {
		return fmt.Errorf("%.0f allocations in %d blocks of %d, want 0", per, (len(x)+size-1)/size, size)
	}
	return nil
}
