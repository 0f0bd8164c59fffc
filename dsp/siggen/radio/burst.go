package radio

import (
	"math"
	"math/rand/v2"

	"subrosa/dsp/siggen"
)

// Pulse is a stretch of carrier or of silence.
type Pulse struct {
	On      bool
	Seconds float64
}

// PWM codes bits by the length of the pulse: short for 1, long for 0, in slots of short+long, as many remote
// controls do.
func PWM(bits []bool, short, long float64) []Pulse {
	var p []Pulse
	for _, b := range bits {
		on, off := long, short
		if b {
			on, off = short, long
		}
		p = append(p, Pulse{true, on}, Pulse{false, off})
	}
	return p
}

// PPM codes bits by the length of the gap after a pulse: short for 0, long for 1, as many weather sensors do.
func PPM(bits []bool, pulse, short, long float64) []Pulse {
	var p []Pulse
	for _, b := range bits {
		gap := short
		if b {
			gap = long
		}
		p = append(p, Pulse{true, pulse}, Pulse{false, gap})
	}
	return append(p, Pulse{true, pulse})
}

// OOK returns a carrier at hz keyed by pulses, with edges of rise seconds, and the spans in which it is on.
func OOK(r *rand.Rand, pulses []Pulse, rate, db, hz, rise float64) ([]complex64, []siggen.Span) {
	total := 0.0
	for _, p := range pulses {
		total += p.Seconds
	}
	envelope := make([]float64, samples(total, rate))
	var on []siggen.Span
	t := 0.0
	for _, p := range pulses {
		if from, to := samples(t, rate), min(samples(t+p.Seconds, rate), len(envelope)); p.On {
			on = append(on, siggen.Span{From: from, To: to})
			for i := from; i < to; i++ {
				edge := math.Min(float64(i-from), float64(to-1-i)) / rate
				envelope[i] = 1
				if edge < rise {
					envelope[i] = 0.5 - 0.5*math.Cos(math.Pi*edge/rise)
				}
			}
		}
		t += p.Seconds
	}
	x := Carrier(r, float64(len(envelope))/rate, rate, db, hz, 0)
	for i := range x {
		x[i] *= complex(float32(envelope[i]), 0)
	}
	return x, on
}

// FSK returns bits keyed at baud by ±deviation about hz, with a Gaussian filter of BT 0.5 as chips for 868 MHz use.
func FSK(r *rand.Rand, bits []bool, rate, db, hz, deviation, baud float64) []complex64 {
	return modulate(r, float64(len(bits))/baud, rate, db, func(t float64) (float64, float64) {
		return hz + deviation*siggen.Smoothed(bits, t*baud, 0.5), 1
	})
}

// Train is a transmitter that sends the same burst several times in a row, and that again and again.
type Train struct {
	Repeats int     // bursts in a row
	Pause   float64 // s between them
	Every   float64 // s from the beginning of one row to that of the next
}

// Lay returns the train of burst in seconds of silence, from start on, and the span of each burst.
func (tr Train) Lay(burst []complex64, start, seconds, rate float64) ([]complex64, []siggen.Span) {
	x := Silence(seconds, rate)
	var on []siggen.Span
	for row := start; row < seconds; row += tr.Every {
		at := samples(row, rate)
		for range tr.Repeats {
			if at+len(burst) > len(x) {
				return x, on
			}
			Add(x, at, burst)
			on = append(on, siggen.Span{From: at, To: at + len(burst)})
			at += len(burst) + samples(tr.Pause, rate)
		}
		if tr.Every <= 0 {
			return x, on
		}
	}
	return x, on
}

// Sensor returns the signal of a weather sensor or remote control, by turns PWM, PPM and FSK, with pulse lengths
// within those of common devices (our choice), and the spans of its bursts.
func Sensor(r *rand.Rand, seconds, rate, db, hz float64) ([]complex64, []siggen.Span) {
	bits := siggen.Bits(r, 24+r.IntN(48))
	var burst []complex64
	switch r.IntN(3) {
	case 0:
		unit := siggen.Between(r, 0.0002, 0.0006)
		burst, _ = OOK(r, PWM(bits, unit, 3*unit), rate, db, hz, 0.00002)
	case 1:
		unit := siggen.Between(r, 0.0004, 0.0006)
		burst, _ = OOK(r, PPM(bits, unit, 4*unit, 8*unit), rate, db, hz, 0.00002)
	default:
		baud := siggen.Between(r, 2000, 20000)
		burst = FSK(r, append(bits, siggen.Bits(r, 200)...), rate, db, hz, siggen.Between(r, 10000, 40000), baud)
	}
	tr := Train{Repeats: 1 + r.IntN(6), Pause: siggen.Between(r, 0.002, 0.014), Every: siggen.Between(r, 2, 40)}
	return tr.Lay(burst, siggen.Between(r, 0.1, 0.6), seconds, rate)
}
