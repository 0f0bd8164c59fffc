package emitter

import (
	"math"
	"testing"

	"subrosa/dsp/cfar"
	"subrosa/dsp/detect"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/radio"
	"subrosa/dsp/window"
)

// watch feeds white noise of 0 dBFS and calls each after every window of the detector; it returns the findings.
func watch(d *Detector, seed uint64, windows int, each func()) (found []detect.Detection) {
	r := siggen.Rand(seed)
	x := make([]complex64, d.hop)
	at := int64(0)
	for seen := d.windows; windows > 0; {
		radio.FillNoise(r, x, 0)
		found = d.Detect(found, at, x)
		at += int64(len(x))
		if d.windows != seen {
			seen = d.windows
			windows--
			each()
		}
	}
	return found
}

// noisePower is the mean power of a bin under white noise of 0 dBFS.
func noisePower(d *Detector) float64 { return window.ENBW(window.Hann(d.n)) / float64(d.n) }

func mean(x []float32) (m float64) {
	for _, v := range x {
		m += float64(v)
	}
	return m / float64(len(x))
}

// within fails unless got is want to the given share.
func within(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	t.Logf("measured: %s %.4f, used %.2f (%+.1f %%)", what, got, want, 100*(got/want-1))
	if !(math.Abs(got/want-1) <= share) {
		t.Errorf("%s: measured %.4f, the constant is %.4f: off by more than %.0f %%", what, got, want, 100*share)
	}
}

// TestQuietBias measures, by Monte-Carlo on white noise, what quietBias and shortBias correct.
func TestQuietBias(t *testing.T) {
	for _, rate := range []int{rate, 1_000_000, 2_400_000} {
		d := mustNew(t, rate, Default)
		sum, n := 0.0, 0
		watch(d, 11, fewer(120_000/d.n+120), func() {
			sum += (mean(d.floor) - leastFloor) * float64(d.bias)
			n++
		})
		within(t, "quietBias", sum/float64(n)/noisePower(d), quietBias, 0.03)
	}
	r := siggen.Rand(12)
	for g := 1; g < frames/group; g++ {
		d := mustNew(t, rate, Default)
		x := make([]complex64, d.n+(g*group-1)*d.hop)
		sum := 0.0
		trials := fewer(400)
		for range trials {
			radio.FillNoise(r, x, 0)
			d.Detect(nil, 0, x)
			d.Detect(nil, 0, nil)
			sum += (mean(d.floor) - leastFloor) * float64(shortBias[g])
		}
		within(t, "shortBias", sum/float64(trials)/noisePower(d), float64(shortBias[g]), 0.03)
	}
}

// TestPfa counts hot cells under white noise: the threshold keeps the probability it was set for. floorLoss makes it
// cautious, by about a factor 2.
func TestPfa(t *testing.T) {
	const pfa = 1e-4
	for _, rate := range []int{rate, 2_400_000} {
		c := Default
		c.Pfa = pfa
		d := mustNew(t, rate, c)
		cells := fewer(30_000_000)
		hot, all := 0, 0
		watch(d, 21, cells/(frames*d.n)+1, func() {
			for _, p := range d.psd {
				for i := cfar.Above(p, d.limit); i < d.n; i++ {
					hot++
					i += cfar.Above(p[i+1:], d.limit[i+1:])
				}
				all += d.n
			}
		})
		got := float64(hot) / float64(all)
		t.Logf("measured: at %d samples/s %d of %d cells hot, %.3g each, set for %.0e", rate, hot, all, got, pfa)
		if got > 2*pfa || got < pfa/2 {
			t.Errorf("%d samples/s: %.3g of the cells are hot, want %.0e, at most twice as many and not below a third", rate, got, pfa)
		}
	}
}

// TestNoFalseFindings listens to noise for ten minutes, in short mode for one.
func TestNoFalseFindings(t *testing.T) {
	minutes := 10
	if testing.Short() {
		minutes = 1
	}
	d := mustNew(t, rate, Default)
	found := watch(d, 31, minutes*60*rate/(frames*d.hop), func() {})
	found = d.Detect(found, 0, nil)
	t.Logf("measured: %d findings in %d min of noise", len(found), minutes)
	for _, f := range found {
		t.Errorf("%v at %.0f Hz, %.3f to %.3f s, %.1f dB over floor", f.Kind, f.Hz, float64(f.Start)/rate, float64(f.End)/rate, f.Statistic)
	}
}
