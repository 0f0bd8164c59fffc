package sound

import (
	"math"
	"math/rand/v2"
	"slices"

	"subrosa/dsp/siggen"
)

// GGWave speeds: frames of 1024 samples at 48 kHz per symbol.
const (
	GGWaveNormal  = 9
	GGWaveFast    = 6
	GGWaveFastest = 3
)

const (
	ggwaveFrame = 1024.0 / 48000 // s
	ggwaveStep  = 46.875         // Hz
)

// GGWave returns a transmission of n random bytes in the manner of ggwave, from its published description: a
// marker of 16 tones, then six tones at a time, each one of a block of 16 tones spaced 46.875 Hz (4 bits), then
// the inverse marker. Markers last 16 frames, symbols as many frames as speed says. ultrasound puts the lowest
// tone at 15 kHz, else it lies at 1875 Hz, where people hear it. Error correction is random bytes here: the
// waveform is alike, not decodable. A symbol's amplitude is shared by its tones, and edges last an eighth of a data
// symbol; both were measured on a waveform of the original.
func GGWave(r *rand.Rand, n, speed int, ultrasound bool) Message {
	base := 1875.0
	if ultrasound {
		base = 15000
	}
	m := Message{Edge: float64(speed) * ggwaveFrame / 8}
	if ultrasound {
		m.Name = "ggwave"
	}
	marker := func(start float64, odd int) Symbol {
		s := Symbol{Start: start, Dur: 16 * ggwaveFrame}
		for i := range 16 {
			s.Hz = append(s.Hz, base+ggwaveStep*float64(2*i+(i+odd)%2))
		}
		s.Amplitude = slices.Repeat([]float64{1.0 / 16}, 16)
		return s
	}
	t := 0.0
	m.Symbols = append(m.Symbols, marker(t, 0))
	t += 16 * ggwaveFrame
	for sent := 0; sent < n; sent += 3 {
		s := Symbol{Start: t, Dur: float64(speed) * ggwaveFrame}
		for block := range 6 {
			s.Hz = append(s.Hz, base+ggwaveStep*float64(16*block+r.IntN(16)))
		}
		s.Amplitude = slices.Repeat([]float64{1.0 / 6}, 6)
		m.Symbols = append(m.Symbols, s)
		t += s.Dur
	}
	m.Symbols = append(m.Symbols, marker(t, 1))
	return m
}

// OFDM returns random data on carriers of equal power between lo and hi, QPSK, symbols of 1/spacing seconds with
// a guard of a quarter, as modems after libquiet's profiles or SonicTag (17.5 to 20.5 kHz) send; the spacing is
// our assumption, drawn from 40 to 190 Hz. Level db dBFS.
func OFDM(r *rand.Rand, seconds, rate, db, lo, hi float64) []float32 {
	spacing := siggen.Between(r, 40, 190)
	body := samples(1/spacing, rate)
	guard := body / 4
	x := Silence(seconds, rate)
	first, last := int(math.Ceil(lo/spacing)), int(hi/spacing)
	sym := make([]float64, body)
	for at := 0; at < len(x); at += body + guard {
		clear(sym)
		for k := first; k <= last; k++ {
			phase := math.Pi/4 + math.Pi/2*float64(r.IntN(4))
			s, c := math.Sincos(phase)
			ds, dc := math.Sincos(2 * math.Pi * float64(k) / float64(body))
			for i := range sym {
				sym[i] += s
				s, c = s*dc+c*ds, c*dc-s*ds
			}
		}
		for i := range min(body+guard, len(x)-at) {
			x[at+i] = float32(sym[(i+body-guard)%body])
		}
	}
	return SetLevel(x, db)
}

// GMSK returns random data keyed at baud on a carrier at hz with a Gaussian filter of BT 0.3, as libquiet's
// ultrasonic profiles send. Level db dBFS.
func GMSK(r *rand.Rand, seconds, rate, db, hz, baud float64) []float32 {
	bits := siggen.Bits(r, int(seconds*baud)+2)
	return Wander(r, seconds, rate, db, func(t float64) float64 {
		return hz + baud/4*siggen.Smoothed(bits, t*baud, 0.3)
	}, nil)
}

// Sweeps returns chirps of dur seconds between lo and hi, up for a one and down for a zero. Level db dBFS.
func Sweeps(r *rand.Rand, seconds, rate, db, dur, lo, hi float64) []float32 {
	x := Silence(seconds, rate)
	for t := 0.0; t+dur <= seconds; t += dur {
		from, to := lo, hi
		if r.IntN(2) == 0 {
			from, to = hi, lo
		}
		Add(x, samples(t, rate), Chirp(r, dur, rate, db, from, to, dur/20))
	}
	return x
}
