package chirp

import (
	"math"
	"math/rand/v2"
	"testing"

	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/sound"
)

// scene is a recording of a room in which the sweep is played, or is not.
type scene struct {
	rate     int
	playedDB float64 // of the sweep; -Inf: not played
	coupleDB float64 // from loudspeaker to microphone, direct sound
	delay    float64 // s
	rt60     float64 // s; 0: no room
	directDB float64 // direct sound over the room's
	cutHz    float64 // a low-pass on the way; 0: none
	noise    []float32
}

const quietDB = -20 // what the sweep is played at, dBFS

// random returns a room as a unit may meet one.
func random(r *rand.Rand, rate int) scene {
	return scene{rate: rate, playedDB: quietDB, coupleDB: siggen.Between(r, -40, -10), delay: siggen.Between(r, 0, 2.4),
		rt60: siggen.Between(r, 0.2, 1.2), directDB: siggen.Between(r, 0, 20)}
}

// record makes the recording. It shares nothing with the ear but the sweep itself.
func (s scene) record(r *rand.Rand, e *Ear) []float32 {
	x := make([]float32, e.N())
	rate := float64(s.rate)
	if !math.IsInf(s.playedDB, -1) {
		y := e.sweep.Samples()
		if s.rt60 > 0 {
			y = sound.Convolve(y, sound.Room(r, rate, s.rt60, s.directDB))
		}
		if s.cutHz > 0 {
			y = sound.Convolve(y, lowpass(s.cutHz, rate))
		}
		sound.Add(x, int(s.delay*rate), sound.Scale(y, s.playedDB+s.coupleDB))
	}
	sound.Add(x, 0, sound.Microphone(r, float64(len(x)+1)/rate, rate))
	sound.Add(x, 0, s.noise)
	return x
}

// lowpass is a windowed sinc, 80 dB down from 1.05 times its edge on.
func lowpass(hz, rate float64) []float32 {
	n := 2*int(2.8*rate/(0.05*hz)) + 1
	h := make([]float32, n)
	for i := range h {
		t := float64(i - n/2)
		w := 0.42 + 0.5*math.Cos(2*math.Pi*t/float64(n-1)) + 0.08*math.Cos(4*math.Pi*t/float64(n-1))
		v := 2 * hz / rate
		if t != 0 {
			v = math.Sin(2*math.Pi*hz/rate*t) / (math.Pi * t)
		}
		h[i] = float32(v * w)
	}
	return h
}

func newEar(tb testing.TB, rate int) *Ear {
	e, err := NewEar(sweepAt(rate), Default)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// TestHearsRooms: in quiet rooms every band is heard, as loud and as late as it was made.
func TestHearsRooms(t *testing.T) {
	for _, rate := range rates {
		e := newEar(t, rate)
		r := siggen.Rand(uint64(rate))
		trials := 4
		if !testing.Short() {
			trials = 60
		}
		for k := range trials {
			s := random(r, rate)
			bands := e.Listen(nil, s.record(r, e), quietDB)
			if len(bands) < 10 {
				t.Fatalf("%d bands", len(bands))
			}
			for _, b := range bands {
				late := float64(b.Delay)/float64(rate) - s.delay
				if b.Verdict != Heard || math.Abs(b.ResponseDB-s.coupleDB) > 3 || math.Abs(late) > 0.003 {
					t.Errorf("%d, room %d %+v: %.0f Hz %v, %.1f dB, SNR %.1f dB, %.2f ms late", rate, k, s, b.CentreHz, b.Verdict, b.ResponseDB, b.SNRDB, 1e3*late)
				}
			}
		}
	}
}

// TestLowPass: bands above an edge on the way are not heard, those below are.
func TestLowPass(t *testing.T) {
	for _, rate := range rates {
		e := newEar(t, rate)
		for _, cut := range []float64{7_000, 14_125, 17_500, 30_000} {
			if cut > 0.45*float64(rate) {
				continue
			}
			r := siggen.Rand(uint64(cut) + uint64(rate))
			s := random(r, rate)
			s.cutHz, s.delay = cut, 1
			for _, b := range e.Listen(nil, s.record(r, e), quietDB) {
				switch {
				case b.HiHz < 0.97*cut && b.Verdict != Heard, b.LoHz > 1.06*cut && b.Verdict != NotHeard:
					t.Errorf("%d, cut at %.0f Hz: %.0f to %.0f Hz %v, %.1f dB, SNR %.1f dB", rate, cut, b.LoHz, b.HiHz, b.Verdict, b.ResponseDB, b.SNRDB)
				}
			}
		}
	}
}

// innocents are sounds of a room, none of them a sweep, in a random order.
func innocents(r *rand.Rand, rate int, seconds float64) []float32 {
	all := sound.Innocents()
	return all[r.IntN(len(all))].Make(r, seconds, float64(rate))
}

// TestFalseAlarms: how often a band is heard in which nothing arrives: nothing is played at all, or only what lies
// below 7 kHz.
func TestFalseAlarms(t *testing.T) {
	const rate = 48_000
	e := newEar(t, rate)
	trials := 24
	if !testing.Short() {
		trials = 300
	}
	for _, played := range []bool{false, true} {
		bands, wrong, runs := 0, 0, 0
		for k := range trials {
			r := siggen.Rand(uint64(k))
			s := random(r, rate)
			s.noise = innocents(r, rate, float64(e.N())/rate)
			if s.cutHz = 7000; !played {
				s.playedDB = math.Inf(-1)
			}
			any := false
			for _, b := range e.Listen(nil, s.record(r, e), quietDB) {
				if played && b.LoHz < 1.06*s.cutHz {
					continue
				}
				bands++
				if b.Verdict == Heard {
					wrong++
					any = true
				}
			}
			if any {
				runs++
			}
		}
		t.Logf("measured: played %v: %d of %d deaf bands heard, in %d of %d runs", played, wrong, bands, runs, trials)
		most := 0.0
		if played {
			most = 0.02
		}
		if float64(wrong) > most*float64(bands) {
			t.Errorf("played %v: %d of %d deaf bands were heard, want at most %g", played, wrong, bands, most)
		}
	}
}

// TestDetection: what is heard of the sweep in noise, by its level over that of the noise in the same band; and that a
// microphone which works is never called deaf, whatever sounds meanwhile.
func TestDetection(t *testing.T) {
	const rate = 48_000
	e := newEar(t, rate)
	trials := 12
	if !testing.Short() {
		trials = 200
	}
	for _, snr := range []float64{-20, -10, -5, 0, 10} {
		heard, deaf, bands := 0, 0, 0
		for k := range trials {
			r := siggen.Rand(uint64(k))
			s := random(r, rate)
			// The sweep has a power of its peak's; white noise of the same in a band of 4.6 kHz, that at 20 kHz.
			s.noise = sound.White(r, float64(e.N())/rate, rate, s.playedDB+s.coupleDB-snr+siggen.DB(rate/2/4600.))
			for _, b := range e.Listen(nil, s.record(r, e), quietDB) {
				bands++
				switch b.Verdict {
				case Heard:
					heard++
				case NotHeard:
					deaf++
				}
			}
		}
		t.Logf("measured: SNR %3.0f dB: %5.1f %% of bands heard, %d of %d called deaf", snr, 100*float64(heard)/float64(bands), deaf, bands)
		if deaf > 0 || snr >= 0 && float64(heard) < 0.99*float64(bands) {
			t.Errorf("SNR %g dB: %d of %d heard, %d called deaf", snr, heard, bands, deaf)
		}
	}
	heard, deaf, bands := 0, 0, 0
	for k := range 2 * trials {
		r := siggen.Rand(uint64(k))
		s := random(r, rate)
		s.noise = innocents(r, rate, float64(e.N())/rate)
		for _, b := range e.Listen(nil, s.record(r, e), quietDB) {
			bands++
			switch b.Verdict {
			case Heard:
				heard++
			case NotHeard:
				deaf++
				t.Logf("%d: %.0f Hz, %.1f dB, SNR %.1f dB, played at %.1f", k, b.CentreHz, b.ResponseDB, b.SNRDB, s.coupleDB)
			}
		}
	}
	t.Logf("measured: sounds of a room: %.1f %% of bands heard, %d of %d called deaf", 100*float64(heard)/float64(bands), deaf, bands)
	if float64(deaf) > 0.002*float64(bands) {
		t.Errorf("%d of %d bands of a microphone that works were called deaf", deaf, bands)
	}
}

// TestDeafMicrophone: exact silence, and a microphone's own noise, are no arrival, and in quiet a verdict.
func TestDeafMicrophone(t *testing.T) {
	e := newEar(t, 48_000)
	r := siggen.Rand(1)
	for name, x := range map[string][]float32{"silence": make([]float32, e.N()), "own noise": sound.Microphone(r, float64(e.N())/48_000, 48_000)} {
		for _, b := range e.Listen(nil, x, quietDB) {
			if b.Verdict != NotHeard || b.Delay != -1 {
				t.Errorf("%s: %.0f Hz %v, %.1f dB", name, b.CentreHz, b.Verdict, b.ResponseDB)
			}
		}
	}
}

// TestDistortion: what a loudspeaker makes of low notes is not taken for high ones.
func TestDistortion(t *testing.T) {
	const rate = 48_000
	e := newEar(t, rate)
	low := e.sweep.Samples()
	cut := int(e.sweep.slope() * math.Log(7_000/e.sweep.LoHz) * rate) // the sweep stops at 7 kHz
	clear(low[cut:])
	for i, v := range low[:cut] {
		low[i] = v + 0.2*v*v + 0.1*v*v*v
	}
	x := sound.Microphone(siggen.Rand(2), float64(e.N())/rate, rate)
	sound.Add(x, rate, sound.Scale(low, -40))
	for _, b := range e.Listen(nil, x, quietDB) {
		if b.HiHz < 6_500 && b.Verdict != Heard || b.LoHz > 7_500 && b.Verdict == Heard {
			t.Errorf("%.0f Hz %v, %.1f dB, SNR %.1f dB", b.CentreHz, b.Verdict, b.ResponseDB, b.SNRDB)
		}
	}
}

func TestListenDoesNotAllocate(t *testing.T) {
	e := newEar(t, 48_000)
	x := sound.White(siggen.Rand(3), float64(e.N()+1)/48_000, 48_000, -60)
	dst := make([]Band, 0, 32)
	if n := testing.AllocsPerRun(3, func() { e.Listen(dst, x, quietDB) }); n != 0 {
		t.Errorf("%.0f allocations", n)
	}
	for _, v := range append(e.x, e.re...) {
		if v != 0 {
			t.Fatal("the ear keeps what it heard")
		}
	}
}

func BenchmarkListen(b *testing.B) {
	for _, rate := range rates {
		e := newEar(b, rate)
		x := sound.White(siggen.Rand(3), float64(e.N()+1)/float64(rate), float64(rate), -60)
		dst := make([]Band, 0, 32)
		b.Run(map[int]string{48_000: "48k", 96_000: "96k", 192_000: "192k"}[rate], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Listen(dst, x, quietDB)
			}
		})
	}
}
