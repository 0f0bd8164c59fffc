package ultrasonic_test

import (
	"encoding/binary"
	"math"
	"testing"

	"subrosa/dsp/detect"
	"subrosa/dsp/detect/ultrasonic"
	"subrosa/dsp/siggen"
)

// FuzzDetect feeds arbitrary bytes as samples, cut by other arbitrary bytes, with gaps, at arbitrary rates.
func FuzzDetect(f *testing.F) {
	for _, v := range []float32{0, 1, -1, 1e-45, math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1e20} {
		b := binary.LittleEndian.AppendUint32(nil, math.Float32bits(v))
		f.Add(b, []byte{255, 3, 0, 17}, uint8(1))
	}
	var alternating []byte
	for i := range 64 {
		alternating = binary.LittleEndian.AppendUint32(alternating, math.Float32bits([]float32{1, -1, float32(math.NaN()), math.MaxFloat32}[i%4]))
	}
	f.Add(alternating, []byte{200}, uint8(0))
	f.Fuzz(func(t *testing.T, raw, cuts []byte, which uint8) {
		if len(raw) < 4 {
			return
		}
		rate := []int{44100, 48000, 96000, 192000}[which%4]
		d, err := ultrasonic.New(rate, ultrasonic.Default)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, rate/2)
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*(i%(len(raw)/4)):]))
		}
		found, at := walk(d, x, cuts)
		found = d.Detect(found, at, nil)
		if len(found) > 2000 {
			t.Fatalf("%d findings in half a second", len(found))
		}
		open := map[uint32]bool{}
		for _, d := range found {
			open[d.Track] = d.Edge == detect.Appeared
			if d.Start > d.End || !d.Kind.Valid() {
				t.Errorf("finding %+v", d)
			}
			for _, v := range []float64{d.Hz, d.BwHz, d.LevelDB, d.SNRDB, d.Statistic, d.Confidence} {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("figure that is no number: %+v", d)
				}
			}
		}
		for track, is := range open {
			if is {
				t.Errorf("track %d still open at the end", track)
			}
		}
	})
}

// walk hands x over in blocks whose lengths cuts gives; a byte that is a multiple of 16 loses samples.
func walk(d *ultrasonic.Detector, x []float32, cuts []byte) (found []detect.Detection, at int64) {
	for i := 0; len(x) > 0; i++ {
		n := len(x)
		if i < len(cuts) {
			n = min(n, 1+int(cuts[i])*40)
			if cuts[i]%16 == 0 {
				at += int64(cuts[i]) - 100
			}
		}
		found = d.Detect(found, at, x[:n])
		at, x = at+int64(n), x[n:]
	}
	return found, at
}

// TestNotNumbers has the detector hear what a broken driver delivers, and then work again.
func TestNotNumbers(t *testing.T) {
	const rate = 48000
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -math.MaxFloat32, 1e-45, 1e30} {
		d := detector(t, rate)
		x := onAir(longMessage("silverpush", 2), 3, rate, 1, 3, -70, 15)
		for i := 100; i < 5000; i += 7 {
			x[i] = bad
		}
		found := d.Detect(nil, 0, x)
		found = d.Detect(found, int64(len(x)), nil)
		if len(beacons(found)) != 1 {
			t.Errorf("transmission 0.9 s after samples of %g: got%s", bad, show(found, rate))
		}
	}
}

// TestGarbageAllocatesNothing feeds bits drawn at random, most of them huge, tiny or no numbers.
func TestGarbageAllocatesNothing(t *testing.T) {
	r := siggen.Rand(6)
	x := make([]float32, 1<<15)
	for i := range x {
		x[i] = math.Float32frombits(r.Uint32())
	}
	d, at := detector(t, 48000), int64(0)
	dst := make([]detect.Detection, 0, 1<<14)
	if per := testing.AllocsPerRun(20, func() {
		dst = d.Detect(dst[:0], at, x)
		at += int64(len(x))
	}); per > 0 {
		t.Errorf("%.0f allocations per %d samples of garbage, want 0", per, len(x))
	}
}
