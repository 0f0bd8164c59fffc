package radio

import (
	"math"
	"testing"

	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/sound"
)

const rate = 250000.0

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %.3f, want %.3f ± %g", what, got, want, tolerance)
	}
}

func TestLevels(t *testing.T) {
	r := siggen.Rand(1)
	noise := Noise(r, 1, rate, -30)
	near(t, "noise", LevelDB(noise), -30, 0.1)
	near(t, "noise in a fifth", BandDB(noise, rate, -25000, 25000), -36.99, 0.1)
	near(t, "density", Density(-30, rate)+siggen.DB(rate), -30, 1e-9)
	for _, hz := range []float64{-100000, -1, 0, 70000} {
		x := Carrier(r, 0.5, rate, -12, hz, 0)
		near(t, "carrier", LevelDB(x), -12, 0.01)
		near(t, "carrier's place", BandDB(x, rate, hz-20, hz+20), -12, 0.1)
	}
	bug := FMBug(r, sound.Tone(r, 1, 48000, -6, 1000), 48000, rate, -20, 30000, 5000)
	lo, hi := OccupiedHz(bug, rate, 0.99)
	want := siggen.DB((hi - lo) / rate)
	near(t, "SNR", SNR(bug, nil, noise, rate), -20-(-30+want), 0.2)
	near(t, "level set", LevelDB(SetLevel(noise, -55)), -55, 0.01)
}

func TestOOK(t *testing.T) {
	r := siggen.Rand(2)
	bits := []bool{true, false, true, true}
	x, on := OOK(r, PWM(bits, 0.0005, 0.0015), rate, -10, 40000, 0.00002)
	near(t, "length", float64(len(x)), 4*0.002*rate, 1)
	if len(on) != 4 {
		t.Fatalf("%d pulses, want 4", len(on))
	}
	for i, want := range []float64{0.0005, 0.0015, 0.0005, 0.0005} {
		near(t, "pulse", float64(on[i].To-on[i].From)/rate, want, 2/rate)
	}
	near(t, "level while on", LevelDB(x, on...), -10, 0.3)
	near(t, "place", BandDB(x, rate, 35000, 45000), LevelDB(x), 0.2)
	ppm, on := OOK(r, PPM(bits, 0.0005, 0.001, 0.002), rate, -10, 0, 0)
	near(t, "length", float64(len(ppm)), (5*0.0005+3*0.002+0.001)*rate, 2)
	near(t, "gap", float64(on[1].From-on[0].To)/rate, 0.002, 2/rate)
	near(t, "gap", float64(on[2].From-on[1].To)/rate, 0.001, 2/rate)
}

func TestFSK(t *testing.T) {
	r := siggen.Rand(3)
	x := FSK(r, siggen.Bits(r, 400), rate, -20, -30000, 20000, 4000)
	near(t, "level", LevelDB(x), -20, 0.01)
	lo, hi := OccupiedHz(x, rate, 0.99)
	near(t, "lower edge", lo, -54000, 5000)
	near(t, "upper edge", hi, -6000, 5000)
	near(t, "space", BandDB(x, rate, -60000, -30000), -23, 0.7)
}

func TestTrain(t *testing.T) {
	r := siggen.Rand(4)
	burst, _ := OOK(r, PWM(siggen.Bits(r, 24), 0.0003, 0.0009), rate, -10, 0, 0)
	x, on := Train{Repeats: 3, Pause: 0.01, Every: 1}.Lay(burst, 0.2, 2.5, rate)
	if len(on) != 9 {
		t.Fatalf("%d bursts, want 9", len(on))
	}
	near(t, "second row", float64(on[3].From)/rate, 1.2, 1/rate)
	near(t, "pause", float64(on[1].From-on[0].To)/rate, 0.01, 1/rate)
	near(t, "silence between", float64(LevelDB(x[on[2].To:on[3].From])), math.Inf(-1), 0)
	for seed := range uint64(9) {
		if _, on := Sensor(siggen.Rand(seed), 3, rate, -10, 20000); len(on) == 0 {
			t.Errorf("sensor of seed %d sends nothing in 3 s", seed)
		}
	}
}

// demodulate returns the instantaneous frequency of x.
func demodulate(x []complex64, rate float64) []float64 {
	f := make([]float64, len(x)-1)
	for i := range f {
		a, b := complex128(x[i]), complex128(x[i+1])
		d := b * complex(real(a), -imag(a))
		f[i] = math.Atan2(imag(d), real(d)) / (2 * math.Pi) * rate
	}
	return f
}

// TestFMBug demodulates what the bug sends and finds the room's sound in it.
func TestFMBug(t *testing.T) {
	r := siggen.Rand(5)
	audio := sound.Tone(r, 1, 48000, -6, 440)
	f := demodulate(FMBug(r, audio, 48000, rate, -20, 50000, 5000), rate)
	for _, at := range []float64{0.1, 0.2345, 0.7} {
		near(t, "frequency", f[int(at*rate)], 50000+5000*float64(audio[int(math.Round(at*48000))]), 150)
	}
	am := AMBug(r, audio, 48000, rate, -20, 50000, 0.5)
	near(t, "AM power", LevelDB(am), -20+siggen.DB(1+0.25*0.25/2), 0.05)
}

func TestStation(t *testing.T) {
	r := siggen.Rand(6)
	x := Station(r, sound.Pink(r, 1, 48000, -9), 48000, 0.5, 400000, -10, 60000)
	near(t, "level", LevelDB(x), -10, 0.01)
	lo, hi := OccupiedHz(x, 400000, 0.99)
	if hi-lo < 60000 || hi-lo > 220000 {
		t.Errorf("occupies %.0f kHz, want 60 to 220", (hi-lo)/1000)
	}
	near(t, "centre", (lo+hi)/2, 60000, 10000)
	f := demodulate(x, 400000)
	at := make([]complex64, len(f))
	for i, v := range f {
		at[i] = complex(float32(v-60000), 0)
	}
	pilot := BandDB(at, 400000, 18990, 19010) - BandDB(at, 400000, 17990, 18010)
	if pilot < 20 {
		t.Errorf("pilot only %.0f dB above the sound at 18 kHz", pilot)
	}
}

func TestReceiver(t *testing.T) {
	r := siggen.Rand(7)
	x := Image(Carrier(r, 0.5, rate, -10, 40000, 0), 35)
	near(t, "image", BandDB(x, rate, -40010, -39990), -45, 0.1)
	near(t, "spike", BandDB(Spike(Silence(0.5, rate), -30), rate, -5, 5), -30, 0.01)
	x = Noise(r, 0.5, rate, -20)
	back := FromCU8(CU8(x))
	for i := range x {
		if d := math.Hypot(float64(real(back[i]-x[i])), float64(imag(back[i]-x[i]))); d > 0.0057 && math.Hypot(float64(real(x[i])), float64(imag(x[i]))) < 0.99 {
			t.Fatalf("sample %d: %v became %v", i, x[i], back[i])
		}
	}
	if b := CU8([]complex64{complex(9, -9), complex(float32(math.Inf(1)), float32(math.Inf(-1)))}); b[0] != 255 || b[1] != 0 || b[2] != 255 || b[3] != 0 {
		t.Errorf("overload gave %v, want 255 0 255 0", b)
	}
}
