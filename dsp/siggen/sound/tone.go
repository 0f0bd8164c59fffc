package sound

import (
	"math"
	"math/rand/v2"

	"subrosa/dsp/siggen"
)

// Tone returns a sine of db dBFS at hz from a random phase.
func Tone(r *rand.Rand, seconds, rate, db, hz float64) []float32 {
	return Wander(r, seconds, rate, db, func(float64) float64 { return hz }, nil)
}

// Wander returns a sine whose frequency follows hz(t); where amplitude is not nil, the sine of db dBFS is
// multiplied by amplitude(t). t is in seconds.
func Wander(r *rand.Rand, seconds, rate, db float64, hz, amplitude func(t float64) float64) []float32 {
	x := Silence(seconds, rate)
	a := siggen.Amplitude(db)
	turn := r.Float64()
	for i := range x {
		t := float64(i) / rate
		v := a * math.Sin(2*math.Pi*turn)
		if amplitude != nil {
			v *= amplitude(t)
		}
		x[i] = float32(v)
		turn += hz(t) / rate
		turn -= math.Floor(turn)
	}
	return x
}

// Chirp returns a sine of db dBFS that glides linearly from one frequency to another, with edges of raised cosine.
func Chirp(r *rand.Rand, seconds, rate, db, from, to, edge float64) []float32 {
	return Wander(r, seconds, rate, db,
		func(t float64) float64 { return from + (to-from)*t/seconds },
		func(t float64) float64 { return gate(t, seconds, edge) })
}

// Ring returns a damped sine, as of a struck piece of metal: amplitude db dBFS at first, 60 dB less after rt60.
func Ring(r *rand.Rand, seconds, rate, db, hz, rt60 float64) []float32 {
	return Wander(r, seconds, rate, db,
		func(float64) float64 { return hz },
		func(t float64) float64 { return math.Pow(10, -3*t/rt60) * math.Min(1, t/0.0005) })
}

// gate is the envelope of a symbol of dur seconds: edges of raised cosine of edge seconds each.
func gate(t, dur, edge float64) float64 {
	if t < 0 || t >= dur {
		return 0
	}
	if d := math.Min(t, dur-t); d < edge {
		return 0.5 - 0.5*math.Cos(math.Pi*d/edge)
	}
	return 1
}
