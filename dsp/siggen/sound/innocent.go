package sound

import (
	"math"
	"math/rand/v2"

	"subrosa/dsp/siggen"
)

// Innocent is a kind of sound that reaches the ultrasonic band without carrying data.
type Innocent struct {
	Name    string
	MinRate float64 // samples/s below which it would not show
	Make    func(r *rand.Rand, seconds, rate float64) []float32
}

// Innocents returns the sounds that a detector of beacons must not take for one. They lie over the noise of a
// microphone, at levels from barely there to overdriven.
func Innocents() []Innocent {
	return []Innocent{
		{"switched-mode whine", 0, whine},
		{"tube television", 0, tube},
		{"motion sensor 25 kHz", 96000, func(r *rand.Rand, s, rate float64) []float32 { return sensor(r, s, rate, 25000) }},
		{"motion sensor 40 kHz", 96000, func(r *rand.Rand, s, rate float64) []float32 { return sensor(r, s, rate, 40000) }},
		{"key clicks", 0, clicks},
		{"jingling keys", 0, jingle},
		{"applause", 0, applause},
		{"bells", 0, bells},
		{"music", 0, music},
		{"lossy codec", 0, birdies},
		{"sibilants", 0, sibilants},
		{"shelf at 16 kHz", 0, func(r *rand.Rand, s, rate float64) []float32 { return Shelf(r, s, rate, -40, 16000) }},
		{"shelf at 19 kHz", 0, func(r *rand.Rand, s, rate float64) []float32 { return Shelf(r, s, rate, -40, 19000) }},
		{"clipped speech", 0, clipped},
		{"digital silence", 0, func(_ *rand.Rand, s, rate float64) []float32 { return Silence(s, rate) }},
		{"dither", 0, func(r *rand.Rand, s, rate float64) []float32 { return Quantise(r, Silence(s, rate), 16) }},
		{"16 bits without dither", 0, undithered},
	}
}

// floor returns a microphone's noise in a quiet to lively room.
func floor(r *rand.Rand, seconds, rate float64) []float32 {
	x := Microphone(r, seconds, rate)
	Add(x, 0, Pink(r, seconds, rate, siggen.Between(r, -70, -45)))
	return x
}

// whine is a line between 16 kHz and the top that drifts by up to 20 Hz/min and is modulated by the mains.
func whine(r *rand.Rand, seconds, rate float64) []float32 {
	x := floor(r, seconds, rate)
	for range 1 + r.IntN(3) {
		hz, drift := siggen.Between(r, 16000, math.Min(0.48*rate, 40000)), siggen.Between(r, -20, 20)/60
		depth, mains := siggen.Between(r, 0, 0.5), r.Float64()
		Add(x, 0, Wander(r, seconds, rate, siggen.Between(r, -80, -45),
			func(t float64) float64 { return hz + drift*t },
			func(t float64) float64 { return 1 + depth*math.Sin(2*math.Pi*(100*t+mains)) }))
	}
	return x
}

// tube is the line frequency of a PAL television and its harmonics, switched on once and off once.
func tube(r *rand.Rand, seconds, rate float64) []float32 {
	x := floor(r, seconds, rate)
	from, db := siggen.Between(r, 0, seconds/3), siggen.Between(r, -75, -45)
	dur := siggen.Between(r, seconds/3, seconds-from)
	for k := 1.0; 15625*k < 0.48*rate; k++ {
		Add(x, samples(from, rate), Scale(Chirp(r, dur, rate, db, 15625*k, 15625*k, 0.05), -12*(k-1)))
	}
	return x
}

// sensor is the steady carrier of an ultrasonic motion sensor with the weak Doppler-shifted echo of somebody
// walking now and then.
func sensor(r *rand.Rand, seconds, rate, hz float64) []float32 {
	x := floor(r, seconds, rate)
	db := siggen.Between(r, -60, -35)
	Add(x, 0, Tone(r, seconds, rate, db, hz))
	phase := r.Float64()
	Add(x, 0, Wander(r, seconds, rate, db-30,
		func(t float64) float64 { return hz * Doppler(2*math.Sin(2*math.Pi*(0.9*t+phase))) },
		func(t float64) float64 { return math.Max(0, math.Sin(2*math.Pi*t/7)) }))
	return x
}

// clicks are key strokes: 3 to 12 a second, each two bursts of broadband noise of some milliseconds.
func clicks(r *rand.Rand, seconds, rate float64) []float32 {
	x := floor(r, seconds, rate)
	for t := 0.0; t < seconds; t += siggen.Between(r, 0.08, 0.35) {
		db := siggen.Between(r, -40, -10)
		for _, at := range []float64{t, t + siggen.Between(r, 0.04, 0.12)} {
			strike(r, x, at, rate, db, siggen.Between(r, 0.002, 0.012))
		}
	}
	return Clip(x)
}

// strike adds a burst of white noise that decays by 60 dB in decay seconds and starts at db dBFS.
func strike(r *rand.Rand, x []float32, at, rate, db, decay float64) {
	b := White(r, decay, rate, db)
	for i := range b {
		b[i] *= float32(math.Pow(10, -3*float64(i)/float64(len(b))))
	}
	Add(x, samples(at, rate), b)
}

// jingle is a bunch of keys: each knock rings 2 to 6 of the bunch's resonances between 3 and 20 kHz for 10 to
// 300 ms.
func jingle(r *rand.Rand, seconds, rate float64) []float32 {
	x := floor(r, seconds, rate)
	var modes [24]float64
	for i := range modes {
		modes[i] = siggen.Between(r, 3000, 20000)
	}
	for t := 0.0; t < seconds; t += siggen.Between(r, 0.01, 0.3) {
		db := siggen.Between(r, -50, -15)
		strike(r, x, t, rate, db-6, 0.004)
		for range 2 + r.IntN(5) {
			hz := modes[r.IntN(len(modes))] * siggen.Between(r, 0.998, 1.002)
			rt60 := math.Exp(siggen.Between(r, math.Log(0.01), math.Log(0.3)))
			Add(x, samples(t, rate), Ring(r, rt60, rate, db-siggen.Between(r, 0, 15), hz, rt60))
		}
	}
	return Clip(x)
}

// applause is hundreds of claps a second, each a burst of noise of 5 to 20 ms, swelling and falling off.
func applause(r *rand.Rand, seconds, rate float64) []float32 {
	x := floor(r, seconds, rate)
	for t := 0.0; t < seconds; t += r.ExpFloat64() / (10 + 200*math.Pow(math.Sin(math.Pi*t/seconds), 2)) {
		strike(r, x, t, rate, siggen.Between(r, -45, -15), siggen.Between(r, 0.005, 0.02))
	}
	return Clip(x)
}

// bells are strokes of inharmonic partials from 400 Hz up to the top of the band, the high ones shorter.
func bells(r *rand.Rand, seconds, rate float64) []float32 {
	x := floor(r, seconds, rate)
	ratios := []float64{0.5, 1, 1.19, 1.5, 2, 2.51, 3.01, 4.17, 5.43, 6.8, 8.2, 9.7, 11.4, 13.1, 15.3, 17.2, 19.9}
	for t := 0.0; t < seconds; t += siggen.Between(r, 0.3, 2) {
		base, db := siggen.Between(r, 400, 2500), siggen.Between(r, -35, -12)
		for i, q := range ratios {
			hz := base * q * siggen.Between(r, 0.997, 1.003)
			rt60 := siggen.Between(r, 2, 5) / (1 + hz/4000)
			if hz < 0.48*rate {
				Add(x, samples(t, rate), Ring(r, math.Min(rt60, seconds), rate, db-1.5*float64(i), hz, rt60))
			}
		}
	}
	return Clip(x)
}
