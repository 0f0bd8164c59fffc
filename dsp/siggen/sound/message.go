package sound

import (
	"math"
	"math/rand/v2"
	"slices"

	"subrosa/dsp/siggen"
)

// Symbol is a chord of one or more tones.
type Symbol struct {
	Start, Dur float64   // s
	Hz         []float64 // of each tone
	Amplitude  []float64 // of each tone; nil: 1 each
}

// Message is a transmission of data over sound: symbols in order of their starts.
type Message struct {
	Name    string // slug of the technology it imitates; "" for none
	Symbols []Symbol
	Edge    float64 // s, raised cosine at both ends of a symbol
}

// Seconds returns the end of the last symbol.
func (m *Message) Seconds() float64 {
	end := 0.0
	for _, s := range m.Symbols {
		end = math.Max(end, s.Start+s.Dur)
	}
	return end
}

// BandHz returns the lowest and the highest tone.
func (m *Message) BandHz() (lo, hi float64) {
	lo, hi = math.Inf(1), 0
	for _, s := range m.Symbols {
		lo, hi = math.Min(lo, slices.Min(s.Hz)), math.Max(hi, slices.Max(s.Hz))
	}
	return lo, hi
}

// On returns when the message sounds, in samples at rate; symbols that touch are joined.
func (m *Message) On(rate float64) []siggen.Span {
	var on []siggen.Span
	for _, s := range m.Symbols {
		from, to := samples(s.Start, rate), samples(s.Start+s.Dur, rate)
		if n := len(on); n > 0 && from <= on[n-1].To {
			on[n-1].To = max(on[n-1].To, to)
			continue
		}
		on = append(on, siggen.Span{From: from, To: to})
	}
	return on
}

// Render returns the message at rate, each tone with a random phase per symbol and an amplitude of 1 where the
// symbol says nothing else. Set the level afterwards.
func (m *Message) Render(r *rand.Rand, rate float64) []float32 {
	x := Silence(m.Seconds(), rate)
	for _, s := range m.Symbols {
		from := samples(s.Start, rate)
		n := samples(s.Dur, rate)
		for k, hz := range s.Hz {
			a := 1.0
			if s.Amplitude != nil {
				a = s.Amplitude[k]
			}
			sin, cos := math.Sincos(2 * math.Pi * r.Float64())
			stepSin, stepCos := math.Sincos(2 * math.Pi * hz / rate)
			for i := range n {
				if from+i >= len(x) {
					break
				}
				x[from+i] += float32(a * sin * gate(float64(i)/rate, s.Dur, m.Edge))
				sin, cos = sin*stepCos+cos*stepSin, cos*stepCos-sin*stepSin
			}
		}
	}
	return x
}

// Colour gives every tone of the message the gain of a loudspeaker and a path whose response wanders by up to
// ±ripple dB over the band, the same each time a tone comes back.
func (m *Message) Colour(r *rand.Rand, ripple float64) {
	period, phase := siggen.Between(r, 300, 3000), r.Float64()
	for i := range m.Symbols {
		s := &m.Symbols[i]
		if s.Amplitude == nil {
			s.Amplitude = slices.Repeat([]float64{1}, len(s.Hz))
		}
		for k, hz := range s.Hz {
			s.Amplitude[k] *= siggen.Amplitude(ripple * math.Sin(2*math.Pi*(hz/period+phase)))
		}
	}
}
