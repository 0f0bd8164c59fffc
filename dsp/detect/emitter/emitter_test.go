package emitter

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"subrosa/dsp/detect"
	"subrosa/dsp/detect/detecttest"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/radio"
)

const rate = 250_000

// mustNew returns a detector for rate samples per second.
func mustNew(t testing.TB, rate int, c Config) *Detector {
	t.Helper()
	d, err := New(rate, c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fewer returns n, in short mode a quarter of it.
func fewer(n int) int {
	if testing.Short() {
		return n / 4
	}
	return n
}

// heard returns what d reports about x in both edges, and where in the stream each was told.
func heard(d *Detector, x []complex64) (found []detect.Detection, told []int64) {
	const block = 1000
	for at := 0; at < len(x); at += block {
		end := min(at+block, len(x))
		found = d.Detect(found, int64(at), x[at:end])
		for len(told) < len(found) {
			told = append(told, int64(end))
		}
	}
	found = d.Detect(found, int64(len(x)), nil)
	for len(told) < len(found) {
		told = append(told, int64(len(x)))
	}
	return found, told
}

// final returns what was found in x when it was over.
func final(d *Detector, x []complex64) (out []detect.Detection) {
	found, _ := heard(d, x)
	for _, f := range found {
		if f.Edge == detect.Gone {
			out = append(out, f)
		}
	}
	return out
}

// ook returns a burst of about the given length, of pulses of 0.3 and 0.7 ms.
func ook(r *rand.Rand, seconds, db, hz float64) []complex64 {
	x, _ := radio.OOK(r, radio.PWM(siggen.Bits(r, int(seconds*1000)), 0.0003, 0.0007), rate, db, hz, 0.00002)
	return x
}

// fsk returns a burst of about the given length, 5 kbaud, ±20 kHz.
func fsk(r *rand.Rand, seconds, db, hz float64) []complex64 {
	return radio.FSK(r, siggen.Bits(r, int(seconds*5000)), rate, db, hz, 20e3, 5e3)
}

func TestConformance(t *testing.T) {
	r := siggen.Rand(1)
	bursts := radio.Noise(r, 0.7, rate, -50)
	for _, s := range []float64{0.05, 0.2, 0.22, 0.33, 0.5} {
		radio.Add(bursts, int(s*rate), ook(r, 0.06, -20, siggen.Between(r, -90e3, 90e3)))
	}
	steady := radio.Noise(r, 1.6, rate, -50)
	radio.Add(steady, 0, radio.Carrier(r, 1.6, rate, -40, 40e3, 0))
	radio.Add(steady, rate/2, fsk(r, 0.1, -25, -50e3))
	c := Default
	c.SteadyS, c.Centre = 0.4, 433.92e6
	detecttest.Run(t, func() detect.Detector[complex64] { return mustNew(t, rate, c) },
		[][]complex64{bursts, steady, radio.Spike(radio.Noise(r, 0.2, rate, -50), -20)})
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		rate int
		c    Config
		want string
	}{
		{15999, Default, "15999"}, {0, Default, "0 samples"}, {-1, Default, "-1"},
		{rate, Config{}, "Pfa"}, {rate, Config{Pfa: 1, PfaMean: 1e-3}, "Pfa"}, {rate, Config{Pfa: math.NaN(), PfaMean: 1e-3}, "Pfa"},
		{rate, Config{Pfa: 1e-7, PfaMean: 0.9}, "Pfa"},
	} {
		if d, err := New(tt.rate, tt.c); err == nil || d != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("New(%d, %+v): got %v, want an error with %q", tt.rate, tt.c, err, tt.want)
		}
	}
	for _, rate := range []int{16000, 48000, rate, 1_024_000, 2_400_000, 20_000_000} {
		mustNew(t, rate, Default)
	}
}

func TestCoverage(t *testing.T) {
	d := mustNew(t, rate, Default)
	c := d.Coverage()
	if c.LoHz != -rate/2 || c.HiHz != rate/2 || len(c.Cannot) == 0 {
		t.Errorf("got %+v", c)
	}
	var _ detect.Observer = d
}

// TestQuiet: what is no transmission is not told.
func TestQuiet(t *testing.T) {
	noise := func(db float64) []complex64 { return radio.Noise(siggen.Rand(uint64(-db)), 6, rate, db) }
	for name, x := range map[string][]complex64{
		"nothing at all":         radio.Silence(6, rate),
		"noise":                  noise(-50),
		"faint noise":            noise(-90),
		"strong noise":           noise(-3),
		"receiver's offset":      radio.Spike(noise(-50), -20),
		"offset without noise":   radio.Spike(radio.Silence(6, rate), -20),
		"8-bit noise":            radio.FromCU8(radio.CU8(noise(-35))),
		"8-bit noise below step": radio.FromCU8(radio.CU8(noise(-50))),
		"8-bit with offset":      radio.FromCU8(radio.CU8(radio.Spike(noise(-35), -25))),
	} {
		for _, f := range final(mustNew(t, rate, Default), x) {
			t.Errorf("%s: %v/%s at %.0f Hz, %.3f to %.3f s", name, f.Kind, f.Name, f.Hz, float64(f.Start)/rate, float64(f.End)/rate)
		}
	}
}

func FuzzDetect(f *testing.F) {
	special := []float32{0, 1, -1, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, 1e-45}
	for i := range special {
		var b []byte
		for k := range 16 {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(special[(i*k+k/3)%len(special)]))
		}
		f.Add(b, uint16(i), byte(i))
	}
	f.Fuzz(func(t *testing.T, b []byte, jump uint16, repeat byte) {
		x := make([]complex64, 0, len(b)/8)
		for ; len(b) >= 8; b = b[8:] {
			x = append(x, complex(math.Float32frombits(binary.LittleEndian.Uint32(b)), math.Float32frombits(binary.LittleEndian.Uint32(b[4:]))))
		}
		if len(x) == 0 {
			return
		}
		c := Default
		c.SteadyS = 0.1
		d := mustNew(t, 16000, c)
		var found []detect.Detection
		at := int64(0)
		for range 2 + 40*int(repeat) {
			found = d.Detect(found[:0], at, x)
			at += int64(len(x))
		}
		found = d.Detect(found, at+int64(jump), x)
		d.Detect(found, 0, nil)
	})
}

// BenchmarkDetect runs a receiver's full rate: noise with a burst of 50 ms each 0.4 s and one carrier.
func BenchmarkDetect(b *testing.B) {
	const fast = 2_400_000
	r := siggen.Rand(5)
	x := radio.Noise(r, 0.4, fast, -50)
	burst, _ := radio.OOK(r, radio.PWM(siggen.Bits(r, 50), 0.0003, 0.0007), fast, -20, 300e3, 0.00002)
	radio.Add(x, fast/10, burst)
	radio.Add(x, 0, radio.Carrier(r, 0.4, fast, -45, -500e3, 0))
	d := mustNew(b, fast, Default)
	dst := make([]detect.Detection, 0, 256)
	at := int64(0)
	const block = 16384
	pass := func() {
		for i := 0; i+block <= len(x); i += block {
			dst = d.Detect(dst[:0], at, x[i:i+block])
			at += block
		}
	}
	pass()
	b.ReportAllocs()
	from := at
	for b.Loop() {
		pass()
	}
	b.ReportMetric(float64(at-from)/1e6/b.Elapsed().Seconds(), "MS/s")
	b.ReportMetric(float64(at-from)/fast/b.Elapsed().Seconds(), "×realtime")
}
