package sound

import (
	"math"
	"slices"
	"testing"

	"subrosa/dsp/siggen"
)

// TestSchemes holds that every symbol sounds where its alphabet says, for as long as it says, and nowhere else.
func TestSchemes(t *testing.T) {
	if n := len(Schemes()); n != 8 {
		t.Fatalf("%d technologies, want 8", n)
	}
	for _, s := range append(Schemes(), Unknown(siggen.Rand(1), 16500, 22000)) {
		for seed := range uint64(5) {
			r := siggen.Rand(seed)
			m := s.Message(r, 1)
			if len(m.Symbols) < 2 {
				t.Errorf("%s: %d symbols in a second", s.Name, len(m.Symbols))
			}
			lo, hi := m.BandHz()
			x := m.Render(r, rate)
			if in, all := BandDB(x, rate, lo-100, hi+100), LevelDB(x); all-in > 0.3 {
				t.Errorf("%s: %.2f dB of its power lie outside its band", s.Name, all-in)
			}
			for i, y := range m.Symbols {
				for _, hz := range y.Hz {
					if !slices.Contains(s.Tones, hz) {
						t.Errorf("%s: tone %.1f is not in its alphabet", s.Name, hz)
					}
				}
				if y.Dur < 0.04 || i > 0 && y.Start < m.Symbols[i-1].Start {
					t.Errorf("%s: symbol %d lasts %.3f s from %.3f s", s.Name, i, y.Dur, y.Start)
				}
				if len(y.Hz) == 1 {
					from := samples(y.Start, rate)
					near(t, s.Name, loudest(x[from:min(len(x), from+samples(y.Dur, rate))], rate), y.Hz[0], 1/y.Dur)
				}
			}
		}
	}
}

func TestWords(t *testing.T) {
	for _, s := range Schemes() {
		if s.Name != "prontoly" {
			continue
		}
		m := s.Message(siggen.Rand(1), 8.3)
		on := m.On(rate)
		if len(on) != 3 {
			t.Fatalf("got %d words, want 3", len(on))
		}
		for i, w := range on {
			near(t, "begin", float64(w.From)/rate, 4*float64(i), 0.001)
			near(t, "length", float64(w.To-w.From)/rate, 0.25, 0.001)
		}
	}
}

// TestGGWave holds the frame structure: markers of 16 tones, six tones a symbol, one in each block of 16.
func TestGGWave(t *testing.T) {
	for _, tt := range []struct {
		speed int
		ultra bool
		base  float64
	}{{GGWaveNormal, true, 15000}, {GGWaveFast, true, 15000}, {GGWaveFastest, true, 15000}, {GGWaveFast, false, 1875}} {
		r := siggen.Rand(6)
		m := GGWave(r, 9, tt.speed, tt.ultra)
		if n := len(m.Symbols); n != 5 {
			t.Fatalf("%d symbols for 9 bytes, want 2 markers and 3", n)
		}
		for i, s := range m.Symbols {
			want, tones := float64(tt.speed), 6
			if i == 0 || i == 4 {
				want, tones = 16, 16
			}
			near(t, "length", s.Dur, want*1024/48000, 1e-9)
			if len(s.Hz) != tones {
				t.Errorf("symbol %d has %d tones, want %d", i, len(s.Hz), tones)
			}
			for k, hz := range s.Hz {
				bin := (hz - tt.base) / 46.875
				if bin != math.Round(bin) || bin < 0 || bin > 95 {
					t.Errorf("tone %.3f lies off the grid", hz)
				}
				if tones == 6 && int(bin)/16 != k {
					t.Errorf("tone %d lies in block %d", k, int(bin)/16)
				}
			}
		}
		lo, hi := m.BandHz()
		x := m.Render(r, rate)
		near(t, "all power in the band", BandDB(x, rate, lo-200, hi+200), LevelDB(x), 0.05)
	}
}

func TestModems(t *testing.T) {
	r := siggen.Rand(7)
	for _, tt := range []struct {
		name   string
		x      []float32
		lo, hi float64
	}{
		{"OFDM", OFDM(r, 2, rate, -20, 17500, 20500), 17300, 20700},
		{"GMSK", GMSK(r, 2, rate, -20, 19000, 1000), 18200, 19800},
		{"sweeps", Sweeps(r, 2, rate, -20, 0.1, 18000, 20000), 17800, 20200},
	} {
		near(t, tt.name, LevelDB(tt.x), -20, 0.6)
		near(t, tt.name+" in its band", BandDB(tt.x, rate, tt.lo, tt.hi), LevelDB(tt.x), 0.2)
	}
}

func TestColour(t *testing.T) {
	m := Schemes()[4].Message(siggen.Rand(1), 2)
	m.Colour(siggen.Rand(2), 3)
	gain := map[float64]float64{}
	lo, hi := 1.0, 1.0
	for _, s := range m.Symbols {
		for k, hz := range s.Hz {
			if g, ok := gain[hz]; ok && g != s.Amplitude[k] {
				t.Errorf("tone %.0f has gains %v and %v", hz, g, s.Amplitude[k])
			}
			gain[hz] = s.Amplitude[k]
			lo, hi = min(lo, s.Amplitude[k]), max(hi, s.Amplitude[k])
		}
	}
	if lo < siggen.Amplitude(-3) || hi > siggen.Amplitude(3) || hi/lo < 1.1 {
		t.Errorf("gains from %.2f to %.2f", lo, hi)
	}
}
