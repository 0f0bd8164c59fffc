package sound

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/stat"

	"subrosa/dsp/siggen"
)

const rate = 48000.0

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %.3f, want %.3f ± %g", what, got, want, tolerance)
	}
}

// loudest returns the frequency of the strongest line of x.
func loudest(x []float32, rate float64) float64 {
	n := siggen.FastLength(len(x))
	seq := make([]float64, n)
	for i, v := range x {
		seq[i] = float64(v) * (0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(len(x))))
	}
	best, at := 0.0, 0
	for k, c := range fourier.NewFFT(len(seq)).Coefficients(nil, seq) {
		if p := real(c)*real(c) + imag(c)*imag(c); p > best {
			best, at = p, k
		}
	}
	return float64(at) * rate / float64(n)
}

func TestLevels(t *testing.T) {
	r := siggen.Rand(1)
	near(t, "white", LevelDB(White(r, 2, rate, -30)), -30, 0.1)
	near(t, "pink", LevelDB(Pink(r, 2, rate, -30)), -30, 0.01)
	near(t, "tone", LevelDB(Tone(r, 1, rate, -12, 18000)), -12, 0.01)
	near(t, "tone's band", BandDB(Tone(r, 1, rate, -12, 18000), rate, 17000, 19000), -12, 0.01)
	near(t, "white in 6 kHz", BandDB(White(r, 4, rate, -30), rate, 16000, 22000), -36.02, 0.1)
	near(t, "density", Density(-30, rate)+siggen.DB(24000), -30, 1e-9)
	near(t, "microphone in 20 kHz", BandDB(Microphone(r, 4, rate), rate, 1000, 21000), -91, 0.7)
	near(t, "half on", LevelDB(append(Tone(r, 1, rate, -6, 1000), Silence(1, rate)...), siggen.Span{From: 0, To: 48000}), -6, 0.01)
	if got := LevelDB(SetLevel(Silence(1, rate), -10)); !math.IsInf(got, -1) {
		t.Errorf("silence at a level: %v", got)
	}
	x := White(r, 4, rate, -60)
	near(t, "SNR", SNR(Tone(r, 1, rate, -40, 20000), nil, x, rate, 20000, 20000), -40+66.02, 0.2)
}

// TestColours holds the slopes of coloured noise, and that it is Gaussian.
func TestColours(t *testing.T) {
	r := siggen.Rand(2)
	for _, tt := range []struct {
		name   string
		x      []float32
		octave float64 // level of one octave over the octave below, dB
	}{{"white", White(r, 8, rate, -20), 3.01}, {"pink", Pink(r, 8, rate, -20), 0}, {"brown", Brown(r, 8, rate, -20), -3.01}} {
		for lo := 1000.0; lo < 6000; lo *= 2 {
			near(t, tt.name, BandDB(tt.x, rate, 2*lo, 4*lo)-BandDB(tt.x, rate, lo, 2*lo), tt.octave, 0.3)
		}
		v := make([]float64, len(tt.x)/16)
		for i := range v {
			v[i] = float64(tt.x[16*i])
		}
		if tt.name == "white" {
			near(t, "excess kurtosis of "+tt.name, stat.ExKurtosis(v, nil), 0, 0.12)
		}
	}
	band := Band(r, 4, rate, -20, 17000, 20000)
	near(t, "band", BandDB(band, rate, 16900, 20100), -20, 0.05)
	if out := BandDB(band, rate, 0, 16000); out > -90 {
		t.Errorf("band noise has %.0f dBFS below its band", out)
	}
	shelf := Shelf(r, 4, rate, -20, 16000)
	if step := BandDB(shelf, rate, 15000, 15900) - BandDB(shelf, rate, 16100, 17000); step < 60 {
		t.Errorf("shelf of %.0f dB, want 60 or more", step)
	}
}

func TestTones(t *testing.T) {
	r := siggen.Rand(3)
	for _, tt := range []struct{ rate, hz float64 }{{44100, 15625}, {48000, 18000}, {96000, 25000}, {192000, 40000}} {
		near(t, "tone", loudest(Tone(r, 1, tt.rate, -6, tt.hz), tt.rate), tt.hz, 1)
	}
	near(t, "doppler", loudest(Tone(r, 2, Shifted(rate, Doppler(1)), -6, 20000), rate), 20000*343.0/342, 0.6)
	near(t, "skew", loudest(Tone(r, 4, Shifted(rate, Skew(100)), -6, 20000), rate), 20002, 0.3)
	c := Chirp(r, 1, rate, -6, 18000, 20000, 0.01)
	near(t, "chirp at first", loudest(c[:4800], rate), 18100, 60)
	near(t, "chirp at last", loudest(c[len(c)-4800:], rate), 19900, 60)
	ring := Ring(r, 1, rate, 0, 9000, 0.5)
	near(t, "ring falls", LevelDB(ring[12000:12480])-LevelDB(ring[2400:2880]), -60*0.2/0.5, 0.3)
	a, b := Tone(siggen.Rand(7), 0.1, rate, 0, 1234), Tone(siggen.Rand(7), 0.1, rate, 0, 1234)
	if !slices.Equal(a, b) {
		t.Error("equal seeds give different tones")
	}
}

func TestConverters(t *testing.T) {
	r := siggen.Rand(4)
	x := Clip(Tone(r, 0.1, rate, 12, 1000))
	if slices.Max(x) != 1 || slices.Min(x) != -1 {
		t.Errorf("clipped to %v…%v", slices.Min(x), slices.Max(x))
	}
	q := Quantise(r, Silence(2, rate), 16)
	// Triangular dither of ±1 step and rounding: a variance of 1/4 to 1/2 step².
	near(t, "dither", LevelDB(q), siggen.DB(0.25*2)-20*math.Log10(1<<15), 1.5)
	if clean := Quantise(nil, Silence(1, rate), 16); LevelDB(clean) > -300 {
		t.Error("silence without dither is not silent")
	}
	for _, v := range Quantise(nil, Tone(r, 0.1, rate, -3, 1000), 8) {
		if f := float64(v) * 128; f != math.Round(f) {
			t.Fatalf("%v is no 8-bit value", v)
		}
	}
}

func TestRoom(t *testing.T) {
	r := siggen.Rand(5)
	h := Room(r, rate, 0.4, 6)
	tail := LevelDB(h[480:]) + siggen.DB(float64(len(h)-480)) - siggen.DB(2)
	near(t, "energy of the tail", tail, -6, 2)
	early, late := LevelDB(h[960:1920]), LevelDB(h[960+9600:1920+9600])
	near(t, "decay in 200 ms", late-early, -30, 2)
	x := Tone(r, 0.5, rate, -10, 17000)
	y := Convolve(x, h)
	if len(y) != len(x)+len(h)-1 {
		t.Fatalf("%d samples, want %d", len(y), len(x)+len(h)-1)
	}
	for _, n := range []int{0, 1, 100, 7000, len(y) - 1} {
		want := 0.0
		for k := range h {
			if i := n - k; i >= 0 && i < len(x) {
				want += float64(h[k]) * float64(x[i])
			}
		}
		near(t, "convolution", float64(y[n]), want, 1e-4)
	}
}

func TestAdd(t *testing.T) {
	for _, tt := range []struct {
		at   int
		want []float32
	}{{0, []float32{1, 2, 3, 0}}, {2, []float32{0, 0, 1, 2}}, {-1, []float32{2, 3, 0, 0}}, {-9, []float32{0, 0, 0, 0}}, {9, []float32{0, 0, 0, 0}}} {
		dst := make([]float32, 4)
		if Add(dst, tt.at, []float32{1, 2, 3}); !slices.Equal(dst, tt.want) {
			t.Errorf("at %d: got %v, want %v", tt.at, dst, tt.want)
		}
	}
}
