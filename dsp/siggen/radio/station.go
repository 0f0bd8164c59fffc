package radio

import (
	"math"
	"math/rand/v2"

	"subrosa/dsp/siggen"
)

// FMBug returns a narrowband FM transmitter at hz that carries audio (full scale ±1, at audioRate) with the given
// peak deviation; 2 to 25 kHz are usual for hidden microphones. It lasts as long as the audio.
func FMBug(r *rand.Rand, audio []float32, audioRate, rate, db, hz, deviation float64) []complex64 {
	return modulate(r, float64(len(audio))/audioRate, rate, db, func(t float64) (float64, float64) {
		return hz + deviation*interpolate(audio, t*audioRate), 1
	})
}

// AMBug is FMBug with amplitude modulation of a depth up to 1.
func AMBug(r *rand.Rand, audio []float32, audioRate, rate, db, hz, depth float64) []complex64 {
	return modulate(r, float64(len(audio))/audioRate, rate, db, func(t float64) (float64, float64) {
		return hz, 1 + depth*interpolate(audio, t*audioRate)
	})
}

// interpolate reads x between its samples.
func interpolate(x []float32, at float64) float64 {
	i := int(at)
	if i+1 >= len(x) {
		return float64(x[len(x)-1])
	}
	f := at - float64(i)
	return float64(x[i])*(1-f) + float64(x[i+1])*f
}

// Station returns a wideband FM broadcast at hz: audio (at audioRate, repeated as needed) on both channels, the
// stereo pilot at 19 kHz, and a data subcarrier at 57 kHz; 75 kHz of peak deviation, no pre-emphasis. rate should
// be at least 200 kHz.
func Station(r *rand.Rand, audio []float32, audioRate, seconds, rate, db, hz float64) []complex64 {
	const dataBaud = 1187.5
	bits := siggen.Bits(r, int(seconds*dataBaud)+2)
	return modulate(r, seconds, rate, db, func(t float64) (float64, float64) {
		a := interpolate(audio, math.Mod(t*audioRate, float64(len(audio)-1)))
		pilot := math.Sin(2 * math.Pi * 19000 * t)
		sign, phase := 1.0, math.Mod(t*dataBaud, 1)
		if bits[int(t*dataBaud)] != (phase >= 0.5) { // biphase
			sign = -1
		}
		data := sign * math.Sin(2*math.Pi*57000*t)
		return hz + 75000*(0.85*max(-1, min(1, a))+0.1*pilot+0.03*data), 1
	})
}

// Spike adds the DC offset of a receiver, db dBFS, and returns x.
func Spike(x []complex64, db float64) []complex64 {
	dc := complex(float32(siggen.Amplitude(db)*0.8), float32(siggen.Amplitude(db)*0.6))
	for i := range x {
		x[i] += dc
	}
	return x
}

// Image adds the mirror image that an imbalance of the two branches makes, rejection dB down, and returns x.
func Image(x []complex64, rejection float64) []complex64 {
	g := float32(siggen.Amplitude(-rejection))
	for i, v := range x {
		x[i] = v + complex(g*real(v), -g*imag(v))
	}
	return x
}

// CU8 returns x as the interleaved bytes of an RTL2832U: 127.5 is zero, full scale ±127.5, clipped.
func CU8(x []complex64) []byte {
	b := make([]byte, 2*len(x))
	for i, v := range x {
		b[2*i], b[2*i+1] = octet(real(v)), octet(imag(v))
	}
	return b
}

func octet(v float32) byte {
	return byte(max(0, min(255, math.Floor(float64(v)*127.5+127.5+0.5))))
}

// FromCU8 is what a receiver of CU8's bytes hears.
func FromCU8(b []byte) []complex64 {
	x := make([]complex64, len(b)/2)
	for i := range x {
		x[i] = complex((float32(b[2*i])-127.5)/127.5, (float32(b[2*i+1])-127.5)/127.5)
	}
	return x
}
