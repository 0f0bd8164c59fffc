package sound

import (
	"math"
	"math/rand/v2"

	"subrosa/dsp/siggen"
)

// Scheme is a technology of data over sound.
type Scheme struct {
	Name  string
	Tones []float64 // Hz, the published alphabet
	say   func(r *rand.Rand, tones []float64, seconds float64) []Symbol
}

// Message returns a transmission of about seconds with random content. Symbol times, pauses and edges are drawn
// anew for each message.
func (s Scheme) Message(r *rand.Rand, seconds float64) Message {
	return Message{Name: s.Name, Symbols: s.say(r, s.Tones, seconds), Edge: siggen.Between(r, 0.002, 0.008)}
}

// Schemes returns the eight technologies that Zeppelzauer, Ringot and Taurer describe in "SoniControl – A mobile
// ultrasonic firewall" (2018), with the frequencies their software lists. Those frequencies are published; so are
// Prontoly's words of 250 ms every 4 s and the blocks of 16 bits of 100 ms, each followed by its inverse, of the
// same authors' SoniTalk. All else, above all whether tones follow each other or sound at once and for how long,
// is our assumption, varied at random.
func Schemes() []Scheme {
	return []Scheme{
		{"google-nearby", steps(18500, 1500.0/63, 64), oneByOne(0.06, 0.12)},
		{"lisnr", []float64{18750, 18895, 19051, 19196, 19509}, chords(0.06, 0.20, 1, 2)},
		{"prontoly", []float64{16968, 17054, 17138, 17226, 17312, 17398, 17488, 17571, 17927, 18432, 18697, 18776,
			18949, 19035, 19056, 19379, 19466, 19724}, words},
		{"shopkick", steps(19960, 80, 22), chords(0.06, 0.20, 1, 2)},
		{"silverpush", steps(18000, 75, 27), chords(0.10, 0.30, 1, 2)},
		{"signal360", []float64{18776, 18949, 19466}, chords(0.08, 0.25, 1, 2)},
		{"sonarax", []float64{18785, 18870, 18955, 19040, 19125, 19210, 19940}, chords(0.06, 0.20, 1, 3)},
		{"sonitalk", steps(18000, 100, 16), blocks},
	}
}

// Unknown returns a scheme nobody has published: 6 to 24 tones spread unevenly over 1 to 3 kHz of [lo, hi].
func Unknown(r *rand.Rand, lo, hi float64) Scheme {
	width := siggen.Between(r, 1000, 3000)
	from := siggen.Between(r, lo, hi-width)
	tones := make([]float64, 6+r.IntN(19))
	for i := range tones {
		tones[i] = from + width*(float64(i)+siggen.Between(r, 0.1, 0.9))/float64(len(tones))
	}
	return Scheme{"unknown", tones, chords(0.06, 0.20, 1, 2)}
}

// UnknownGrid returns a scheme nobody has published whose 4 to 32 tones are equally spaced, by 25 to 250 Hz, within
// 4 kHz of [lo, hi], as those of most published ones are.
func UnknownGrid(r *rand.Rand, lo, hi float64) Scheme {
	n := 4 + r.IntN(29)
	step := siggen.Between(r, 25, math.Min(250, 4000/float64(n)))
	from := siggen.Between(r, lo, hi-step*float64(n-1))
	return Scheme{"unknown", steps(from, step, n), chords(0.06, 0.20, 1, 2)}
}

func steps(lo, step float64, n int) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = lo + step*float64(i)
	}
	return t
}

func oneByOne(shortest, longest float64) func(*rand.Rand, []float64, float64) []Symbol {
	return chords(shortest, longest, 1, 1)
}

// chords returns a scheme that keys between least and most tones at once, drawn once per message, for symbols of
// one length, half of the time with a pause between them.
func chords(shortest, longest float64, least, most int) func(*rand.Rand, []float64, float64) []Symbol {
	return func(r *rand.Rand, tones []float64, seconds float64) []Symbol {
		dur, pause := siggen.Between(r, shortest, longest), 0.0
		if r.IntN(2) == 0 {
			pause = siggen.Between(r, 0.005, 0.03)
		}
		n := least + r.IntN(most-least+1)
		var ss []Symbol
		for t := 0.0; t+dur <= seconds; t += dur + pause {
			ss = append(ss, Symbol{Start: t, Dur: dur, Hz: draw(r, tones, n)})
		}
		return ss
	}
}

// draw returns n different tones.
func draw(r *rand.Rand, tones []float64, n int) []float64 {
	hz := make([]float64, n)
	for i, k := range r.Perm(len(tones))[:n] {
		hz[i] = tones[k]
	}
	return hz
}

// words speaks for 250 ms every 4 s, in tones of a quarter to a half of a word.
func words(r *rand.Rand, tones []float64, seconds float64) []Symbol {
	const word, every = 0.25, 4.0
	parts := 2 + r.IntN(3)
	var ss []Symbol
	for t := 0.0; t == 0 || t+word <= seconds; t += every {
		for i := range parts {
			dur := word / float64(parts)
			ss = append(ss, Symbol{Start: t + float64(i)*dur, Dur: dur, Hz: draw(r, tones, 1)})
		}
	}
	return ss
}

// blocks speaks in blocks of 100 ms in which a tone sounds for every set bit, each followed by its inverse, after
// a block of the upper half of the tones and its inverse.
func blocks(r *rand.Rand, tones []float64, seconds float64) []Symbol {
	const dur = 0.1
	bits := uint64(0xff00)
	var ss []Symbol
	for t := 0.0; t == 0 || t+2*dur <= seconds; t += 2 * dur {
		var on, off []float64
		for i, hz := range tones {
			if bits>>i&1 == 1 {
				on = append(on, hz)
			} else {
				off = append(off, hz)
			}
		}
		ss = append(ss, Symbol{Start: t, Dur: dur, Hz: on}, Symbol{Start: t + dur, Dur: dur, Hz: off})
		bits = 1 + r.Uint64N(0xfffe)
	}
	return ss
}
