// Package speechtest says how well speech that came somewhere can still be understood, against the speech that was sent: for tests.
//
//	sent, got ─► 10 kHz ─► aligned piece by piece ─► silent frames out ─► 15 third-octave bands ─► 384 ms segments ─► STOI
//
// STOI is the short-time objective intelligibility of Taal, Hendriks, Heusdens and Jensen, IEEE Transactions on Audio, Speech, and
// Language Processing 19(7), 2011, 2125–2136: about 0 for what has nothing to do with the sent, 1 for the same. By that paper's
// listening tests some 0.75 is where nearly all words of sentences are understood. Scores are those of the reference pystoi, from
// the change of rate on; a test holds them to it.
package speechtest

import (
	"errors"
	"fmt"
	"math"

	"subrosa/dsp/fft"
)

// Rate at which STOI is defined, Hz.
const Rate = 10000

const (
	frame    = 256 // samples, 25.6 ms; half of it is the step
	points   = 512
	bands    = 15
	lowest   = 150.0 // Hz, centre of the first band
	segment  = 30    // frames, 384 ms
	silentDB = 40    // below the loudest frame
	clipDB   = 15    // β = −15 dB: the most that a segment may be off, in SDR
)

// ErrShort says that there is less speech than one segment.
var ErrShort = errors.New("speechtest: less than 384 ms of speech")

// STOI of got against clean, both at Rate, of one length and aligned.
func STOI(clean, got []float64) (float64, error) {
	if len(clean) != len(got) {
		return 0, fmt.Errorf("speechtest: %d samples against %d", len(clean), len(got))
	}
	x, y := withoutSilence(clean, got)
	a, b := thirdOctaves(x), thirdOctaves(y)
	if len(a) < segment {
		return 0, ErrShort
	}
	sum, n := 0.0, 0
	for m := segment; m <= len(a); m++ {
		for j := range bands {
			sum += segmentScore(a[m-segment:m], b[m-segment:m], j)
			n++
		}
	}
	return sum / float64(n), nil
}

// segmentScore is the correlation of one band over one segment: equation 5 of the paper, after 2 (same energy) and 3 (clipped).
func segmentScore(a, b [][bands]float64, j int) float64 {
	var ea, eb float64
	for i := range a {
		ea += a[i][j] * a[i][j]
		eb += b[i][j] * b[i][j]
	}
	scale := math.Sqrt(ea / (eb + 1e-300))
	clip := 1 + math.Pow(10, clipDB/20.0)
	var u, v [segment]float64
	var mu, mv float64
	for i := range a {
		u[i], v[i] = a[i][j], min(b[i][j]*scale, a[i][j]*clip)
		mu += u[i] / segment
		mv += v[i] / segment
	}
	var uv, uu, vv float64
	for i := range u {
		uv += (u[i] - mu) * (v[i] - mv)
		uu += (u[i] - mu) * (u[i] - mu)
		vv += (v[i] - mv) * (v[i] - mv)
	}
	if uu == 0 || vv == 0 {
		return 0
	}
	return uv / math.Sqrt(uu*vv)
}

// hann of frame samples, without its zeros.
var hann = func() (w [frame]float64) {
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i+1)/(frame+1))
	}
	return w
}()

// withoutSilence takes out frames in which clean is silentDB below its loudest, by windowed overlap and addition.
func withoutSilence(clean, got []float64) (x, y []float64) {
	var energy []float64
	loudest := 0.0
	for at := 0; at+frame < len(clean); at += frame / 2 { // the authors' program leaves out a frame that ends with the signal
		e := 0.0
		for i, w := range hann {
			e += clean[at+i] * clean[at+i] * w * w
		}
		energy = append(energy, e)
		loudest = max(loudest, e)
	}
	bound := loudest * math.Pow(10, -silentDB/10.0)
	to := 0
	for k, e := range energy {
		if e <= bound {
			continue
		}
		for len(x) < to+frame {
			x, y = append(x, 0), append(y, 0)
		}
		for i, w := range hann {
			x[to+i] += clean[k*frame/2+i] * w
			y[to+i] += got[k*frame/2+i] * w
		}
		to += frame / 2
	}
	return x, y
}

// thirdOctaves are the magnitudes of each frame in the bands.
func thirdOctaves(x []float64) (out [][bands]float64) {
	plan := fft.NewReal(points)
	in, power := make([]float32, points), make([]float32, points/2+1)
	edges := bandEdges()
	for at := 0; at+frame < len(x); at += frame / 2 { // as above
		for i, w := range hann {
			in[i] = float32(x[at+i] * w)
		}
		plan.Power(power, in)
		var f [bands]float64
		for j := range f {
			for k := edges[j][0]; k < edges[j][1]; k++ {
				f[j] += float64(power[k])
			}
			f[j] = math.Sqrt(f[j])
		}
		out = append(out, f)
	}
	return out
}

// bandEdges are the bins of each band: from, and up to but without.
func bandEdges() (out [bands][2]int) {
	nearest := func(hz float64) int { return int(math.Round(hz * points / Rate)) }
	for j := range out {
		centre := lowest * math.Pow(2, float64(j)/3)
		out[j] = [2]int{nearest(centre * math.Pow(2, -1.0/6)), nearest(centre * math.Pow(2, 1.0/6))}
	}
	return out
}
