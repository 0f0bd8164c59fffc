package budget_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"subrosa/dsp/detect"
	"subrosa/dsp/detect/emitter"
	"subrosa/dsp/detect/ultrasonic"
	"subrosa/dsp/fft"
	"subrosa/dsp/iq"
	"subrosa/dsp/level"
	"subrosa/dsp/siggen"
	airwaves "subrosa/dsp/siggen/radio"
	"subrosa/dsp/siggen/sound"
	"subrosa/dsp/spectrum"
	"subrosa/dsp/window"
	"subrosa/firmware/record"
	"subrosa/firmware/sense"
)

const (
	radioRate = 2_400_000
	soundRate = 192_000
	channels  = 4
)

// task is work that is counted by the sample. step does a round of it and returns how many samples that was.
type task struct {
	name    string
	ceiling float64 // arm64 instructions a sample: what was seen, and a tenth
	make    func() (step func() int)
}

// tasks are in the order of the table in docs/measured.md. The goals of the project, 150 for the radio from bytes to
// tracks and for a spectrogram of sound, lie above their ceilings.
var tasks = []task{
	{"complex FFT 1024", 21, func() func() int { return transform(1024) }},
	{"complex FFT 4096", 25, func() func() int { return transform(4096) }},
	{"real FFT 4096", 18, realTransform},
	{"sound STFT 4096, 50 %, power", 40, stft},
	{"cu8 to complex", 4, convert},
	{"radio: cu8 to tracks, noise", 80, func() func() int { return radio(noisyAir()) }},
	{"radio: cu8 to tracks, busy", 97, func() func() int { return radio(busyAir()) }},
	{wholeRadio, 110, func() func() int { return radioPipeline(busyAir()) }},
	{"radio: level meter", 9, radioMeter},
	{"sound: ultrasonic 48 kHz, noise", 485, func() func() int { return ultrasound(48_000, hiss(48_000)) }},
	{"sound: ultrasonic 48 kHz, beacon", 935, func() func() int { return ultrasound(48_000, room(48_000)) }},
	{"sound: ultrasonic 192 kHz, noise", 315, func() func() int { return ultrasound(soundRate, hiss(soundRate)) }},
	{"sound: ultrasonic 192 kHz, beacon", 385, func() func() int { return ultrasound(soundRate, room(soundRate)) }},
	{"sound: level meter 192 kHz", 23, soundMeter},
	{wholeSound, 385, func() func() int { return soundPipeline(room(soundRate)) }},
}

// The tasks that make up a unit.
const (
	wholeRadio = "radio: whole pipeline, busy"
	wholeSound = "sound: whole pipeline, beacon"
)

// workVariable asks this test binary to do samples' worth of one task and nothing else: "samples name".
const workVariable = "SUBROSA_WORK"

func TestMain(m *testing.M) {
	if w := os.Getenv(workVariable); w != "" {
		if err := work(w); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func work(asked string) error {
	count, name, _ := strings.Cut(asked, " ")
	samples, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if t.name != name {
			continue
		}
		step, done := t.make(), 0
		for done < samples {
			done += step()
		}
		fmt.Println("samples", done)
		return nil
	}
	return fmt.Errorf("no task %q", name)
}

// BenchmarkTask reports the time of each task on this machine.
func BenchmarkTask(b *testing.B) {
	for _, t := range tasks {
		b.Run(t.name, func(b *testing.B) {
			step, samples := t.make(), 0
			b.ReportAllocs()
			for b.Loop() {
				samples += step()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(samples), "ns/sample")
		})
	}
}

func transform(n int) func() int {
	p := fft.New(n)
	x := airwaves.Noise(siggen.Rand(1), 1, float64(n), -20)
	re, im, outRe, outIm := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	iq.Deinterleave(re, im, x)
	return func() int {
		p.Forward(outRe, outIm, re, im)
		return n
	}
}

func realTransform() func() int {
	const n = 4096
	p, x := fft.NewReal(n), sound.White(siggen.Rand(1), 1, n, -20)
	re, im := make([]float32, n/2+1), make([]float32, n/2+1)
	return func() int {
		p.Forward(re, im, x)
		return n
	}
}

func stft() func() int {
	const n, hop, block = 4096, 2048, 1920
	f, s := spectrum.NewFramer[float32](n, hop), spectrum.NewSTFT(n, hop, window.Hann(n))
	x, dst, at := sound.White(siggen.Rand(1), 1, block, -20), make([]float32, n/2+1), int64(0)
	each := func(_ int64, frame []float32) { s.Power(dst, frame) }
	return func() int {
		f.Push(at, x, each)
		at += block
		return block
	}
}

func convert() func() int {
	b := airwaves.CU8(airwaves.Noise(siggen.Rand(1), 1, 96_000, -40))
	x := make([]complex64, 96_000)
	return func() int { return iq.CU8(x, b) }
}

// noisyAir is 0.25 s of a receiver's noise as bytes.
func noisyAir() []byte { return airwaves.CU8(airwaves.Noise(siggen.Rand(2), 0.25, radioRate, -40)) }

// busyAir adds a sensor's bursts, a carrier that stays, and a strong remote control.
func busyAir() []byte {
	r := siggen.Rand(3)
	x := airwaves.Noise(r, 0.25, radioRate, -40)
	bits := siggen.Bits(r, 40)
	burst, _ := airwaves.OOK(r, airwaves.PWM(bits, 0.0004, 0.0012), radioRate, -30, 200e3, 2e-5)
	airwaves.Add(x, 40_000, burst)
	burst, _ = airwaves.OOK(r, airwaves.PPM(bits[:16], 0.0005, 0.001, 0.002), radioRate, -12, -700e3, 2e-5)
	airwaves.Add(x, 250_000, burst)
	airwaves.Add(x, 0, airwaves.Carrier(r, 0.25, radioRate, -45, -310e3, 0))
	return airwaves.CU8(x)
}

// block of the radio is 40 ms, as in package sense.
const radioBlock = radioRate / 25

func radio(b []byte) func() int {
	d, err := emitter.New(radioRate, emitter.Default)
	if err != nil {
		panic(err)
	}
	x, dst, at, i := make([]complex64, radioBlock), make([]detect.Detection, 0, 256), int64(0), 0
	return func() int {
		if i+2*radioBlock > len(b) {
			i = 0
		}
		n := iq.CU8(x, b[i:i+2*radioBlock])
		dst = d.Detect(dst[:0], at, x[:n])
		at, i = at+int64(n), i+2*n
		return n
	}
}

func radioMeter() func() int {
	x := airwaves.Noise(siggen.Rand(4), 0.04, radioRate, -40)
	m, at := level.NewBands(record.Bands), int64(0)
	return func() int {
		m.Push(at, x)
		at += int64(len(x))
		return len(x)
	}
}

// air is a receiver that never ends: bytes, converted as they are read.
type air struct {
	b    []byte
	i    int
	at   int64
	left int
}

func (a *air) Close() error { return nil }
func (a *air) Read(dst []complex64) (int64, int, error) {
	if a.left <= 0 {
		return a.at, 0, io.EOF
	}
	if a.i >= len(a.b) {
		a.i = 0
	}
	n := iq.CU8(dst[:min(len(dst), a.left)], a.b[a.i:])
	at := a.at
	a.i, a.at, a.left = a.i+2*n, a.at+int64(n), a.left-n
	return at, n, nil
}

func radioPipeline(b []byte) func() int {
	const round = radioRate / 4
	d, err := emitter.New(radioRate, emitter.Default)
	if err != nil {
		panic(err)
	}
	src := &air{b: b}
	p := &sense.Pipeline[complex64]{Source: src, Rate: radioRate, Centre: 433.92e6, Desk: sense.NewDesk()}
	return func() int {
		p.Use([]detect.Detector[complex64]{d})
		src.left = round
		if err := p.Run(context.Background()); err != nil {
			panic(err)
		}
		return round
	}
}

const noiseDB = -70

// hiss is 2 s of a quiet room.
func hiss(rate int) []float32 { return sound.White(siggen.Rand(5), 2, float64(rate), noiseDB) }

// room is 2 s of sound with a beacon in it; played again and again it is a beacon that never ends, the most work.
func room(rate int) []float32 {
	r := siggen.Rand(5)
	x := sound.White(r, 2, float64(rate), noiseDB)
	m := sound.GGWave(r, 6, sound.GGWaveFast, true)
	beacon := m.Render(r, float64(rate))
	lo, hi := m.BandHz()
	sound.SetLevel(beacon, siggen.Level(12, sound.Density(noiseDB, float64(rate)), lo, hi, siggen.AcousticHz), m.On(float64(rate))...)
	sound.Add(x, rate/4, beacon)
	return x
}

func ultrasound(rate int, x []float32) func() int {
	d, err := ultrasonic.New(rate, ultrasonic.Default)
	if err != nil {
		panic(err)
	}
	dst, at, i, n := make([]detect.Detection, 0, 256), int64(0), 0, rate/25
	return func() int {
		if i+n > len(x) {
			i = 0
		}
		dst = d.Detect(dst[:0], at, x[i:i+n])
		at, i = at+int64(n), i+n
		return n
	}
}

func soundMeter() func() int {
	x := sound.White(siggen.Rand(6), 0.04, soundRate, -70)
	m, at := level.NewThirds(soundRate, record.Thirds[:]), int64(0)
	return func() int {
		m.Push(at, x)
		at += int64(len(x))
		return len(x)
	}
}

// microphone is one of several channels that never end.
type microphone struct {
	x    []float32
	i    int
	at   int64
	left int
}

func (m *microphone) Close() error { return nil }
func (m *microphone) Read(dst []float32) (int64, int, error) {
	if m.left <= 0 {
		return m.at, 0, io.EOF
	}
	if m.i >= len(m.x) {
		m.i = 0
	}
	n := copy(dst[:min(len(dst), m.left)], m.x[m.i:])
	at := m.at
	m.i, m.at, m.left = m.i+n, m.at+int64(n), m.left-n
	return at, n, nil
}

// soundPipeline is a unit's: four microphones, all of which hear x. A round is counted in samples of one channel.
func soundPipeline(x []float32) func() int {
	const round = soundRate * channels
	src := &frames{microphone{x: fourfold(x)}}
	p := &sense.Pipeline[float32]{Source: src, Rate: soundRate, Channels: channels, Desk: sense.NewDesk()}
	var each [][]detect.Detector[float32]
	for range channels {
		d, err := ultrasonic.New(soundRate, ultrasonic.Default)
		if err != nil {
			panic(err)
		}
		each = append(each, []detect.Detector[float32]{d})
	}
	return func() int {
		p.Use(each...)
		src.left = round
		if err := p.Run(context.Background()); err != nil {
			panic(err)
		}
		return round
	}
}

// fourfold is x on every channel.
func fourfold(x []float32) []float32 {
	y := make([]float32, 0, len(x)*channels)
	for _, v := range x {
		for range channels {
			y = append(y, v)
		}
	}
	return y
}

// frames counts in frames what the microphone counts in samples.
type frames struct{ microphone }

func (f *frames) Read(dst []float32) (int64, int, error) {
	at, n, err := f.microphone.Read(dst)
	return at / channels, n / channels, err
}
