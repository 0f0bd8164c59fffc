package sound

import (
	"math"
	"math/rand/v2"

	"subrosa/dsp/siggen"
)

// note is a harmonic tone of a bowed or blown instrument.
type note struct {
	hz, to   float64 // fundamental at the beginning and the end
	vibrato  float64 // Hz of depth per Hz
	rate     float64 // of the vibrato, Hz
	partials int
	slope    float64 // amplitude of partial k: k^-slope
}

// render returns the note at 0 dBFS of its first partial; partials above 0.48 of the sample rate are left out.
func (n note) render(r *rand.Rand, seconds, rate float64) []float32 {
	x := Silence(seconds, rate)
	k := min(n.partials, int(0.48*rate/(math.Max(n.hz, n.to)*(1+n.vibrato))))
	weights := make([]float64, k)
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -n.slope)
	}
	turn, wobble := r.Float64(), r.Float64()
	for i := range x {
		t := float64(i) / rate
		s, c := math.Sincos(2 * math.Pi * turn)
		before, now, sum := 0.0, s, 0.0
		for _, w := range weights { // sin((k+1)θ) = 2cosθ·sin(kθ) - sin((k-1)θ)
			sum += w * now
			before, now = now, 2*c*now-before
		}
		x[i] = float32(sum * gate(t, seconds, 0.02))
		glide := n.hz * math.Pow(n.to/n.hz, t/seconds)
		turn += glide * (1 + n.vibrato*math.Sin(2*math.Pi*(n.rate*t+wobble))) / rate
		turn -= math.Floor(turn)
	}
	return x
}

// music is two to four voices of bright instruments, some with vibrato or glissando, with cymbals.
func music(r *rand.Rand, seconds, rate float64) []float32 {
	x := floor(r, seconds, rate)
	for range 2 + r.IntN(3) {
		slope := siggen.Between(r, 1, 1.8)
		for t := 0.0; t < seconds; {
			dur := siggen.Between(r, 0.1, 1.2)
			n := note{hz: 220 * math.Pow(2, float64(r.IntN(49))/12), partials: 60, slope: slope}
			n.to = n.hz
			switch r.IntN(4) {
			case 0:
				n.vibrato, n.rate = siggen.Between(r, 0.002, 0.012), siggen.Between(r, 4, 7)
			case 1:
				n.to = n.hz * math.Pow(2, siggen.Between(r, -1, 1))
			}
			Add(x, samples(t, rate), Scale(n.render(r, dur, rate), siggen.Between(r, -40, -20)))
			t += dur * siggen.Between(r, 0.8, 1.3)
		}
	}
	for t := 0.0; t < seconds; t += siggen.Between(r, 0.2, 0.8) {
		strike(r, x, t, rate, siggen.Between(r, -50, -30), siggen.Between(r, 0.05, 0.4))
	}
	return Clip(x)
}

// birdies is music as a lossy codec leaves it: nothing above 16 kHz to 19 kHz, and from 14 kHz on single
// coefficients of its transform (an MDCT of 576 lines at 44.1 kHz, as in MPEG-1 layer III) that come and go, each
// for one to eight granules, with a new random value in every granule.
func birdies(r *rand.Rand, seconds, rate float64) []float32 {
	const lines, codecRate = 576.0, 44100.0
	edge := siggen.Between(r, 16000, 19000)
	x := Shaped(r, seconds, rate, -40, func(hz float64) float64 {
		return (1 - shelf(hz, 14000, 800)) / math.Sqrt(math.Max(hz, 50))
	})
	Add(x, 0, Microphone(r, seconds, rate))
	for t := 0.0; t < seconds; t += lines / codecRate {
		for range r.IntN(6) {
			k := math.Round(siggen.Between(r, 14000, edge) / codecRate * 2 * lines)
			db := siggen.Between(r, -85, -60)
			for g := range 1 + r.IntN(8) {
				a := siggen.Amplitude(db) * r.NormFloat64()
				Add(x, samples(t+float64(g)*lines/codecRate, rate), basis(k, lines, codecRate, rate, a))
			}
		}
	}
	return x
}

// basis is function k of an MDCT of so many lines at codecRate, under its sine window, sampled at rate.
func basis(k, lines, codecRate, rate, amplitude float64) []float32 {
	x := Silence(2*lines/codecRate, rate)
	for i := range x {
		n := float64(i) * codecRate / rate
		x[i] = float32(amplitude * math.Sin(math.Pi*(n+0.5)/(2*lines)) * math.Cos(math.Pi/lines*(n+0.5+lines/2)*(k+0.5)))
	}
	return x
}

// sibilants are s and sh: bursts of noise between 4 and 20 kHz of 50 to 250 ms, three a second.
func sibilants(r *rand.Rand, seconds, rate float64) []float32 {
	x := floor(r, seconds, rate)
	for t := 0.0; t < seconds; t += siggen.Between(r, 0.15, 0.6) {
		dur := siggen.Between(r, 0.05, 0.25)
		b := Band(r, dur, rate, siggen.Between(r, -45, -20), siggen.Between(r, 3500, 6000), siggen.Between(r, 9000, 20000))
		for i := range b {
			b[i] *= float32(gate(float64(i)/rate, dur, dur/3))
		}
		Add(x, samples(t, rate), b)
	}
	return x
}

// clipped is voiced speech, pitch 90 to 250 Hz, overdriven by 6 to 20 dB so that its harmonics fill the band.
func clipped(r *rand.Rand, seconds, rate float64) []float32 {
	x := floor(r, seconds, rate)
	for t := 0.0; t < seconds; t += siggen.Between(r, 0.15, 0.5) {
		hz := siggen.Between(r, 90, 250)
		n := note{hz: hz, to: hz * siggen.Between(r, 0.8, 1.2), vibrato: 0.01, rate: 5, partials: 30, slope: 1}
		Add(x, samples(t, rate), Scale(n.render(r, siggen.Between(r, 0.08, 0.3), rate), siggen.Between(r, 6, 20)-6))
	}
	return Clip(x)
}

// undithered is a fading chord in 16 bits without dither, whose rounding errors are lines themselves.
func undithered(r *rand.Rand, seconds, rate float64) []float32 {
	x := Silence(seconds, rate)
	for range 3 {
		Add(x, 0, Ring(r, seconds, rate, -30, siggen.Between(r, 200, 3000), 0.7*seconds))
	}
	return Quantise(nil, x, 16)
}
