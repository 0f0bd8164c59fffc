package sense

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"
	"testing/synctest"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/sdrtest"
	"subrosa/dsp/detect"
	"subrosa/dsp/detect/emitter"
	"subrosa/dsp/detect/ultrasonic"
	"subrosa/dsp/siggen"
	airwaves "subrosa/dsp/siggen/radio"
	"subrosa/firmware/record"
)

// diary is a detector that takes down what it is given; it finds one thing that lasts to the end.
type diary[S detect.Sample] struct {
	log   []string
	total int
	began bool
	panic bool
}

func (d *diary[S]) Detect(dst []detect.Detection, at int64, x []S) []detect.Detection {
	if d.panic {
		panic("a programming error")
	}
	f := detect.Detection{Kind: detect.UltrasonicBeacon, Name: "unknown", Track: 1, Alarm: true, Hz: 18000}
	if len(x) == 0 {
		d.log = append(d.log, "end")
		f.Edge = detect.Gone
		if d.began {
			dst = append(dst, f)
		}
		return dst
	}
	if !d.began {
		dst = append(dst, f)
	}
	d.began = true
	d.log = append(d.log, fmt.Sprint(at, "+", len(x)))
	d.total += len(x)
	return dst
}

// tone is n frames of two channels, the second of which is wrong.
func tone(n int) []float32 {
	x := make([]float32, 2*n)
	for i := range n {
		x[2*i], x[2*i+1] = float32(0.5*math.Sin(2*math.Pi*4000*float64(i)/48000)), 9
	}
	return x
}

func TestPipeline(t *testing.T) {
	src := audiotest.Play(audio.Format{Rate: 48000, Channels: 2}, audiotest.Frames(tone(48000)...), audiotest.Gap(4800), audiotest.Frames(tone(24000)...))
	desk := NewDesk()
	p := &Pipeline[float32]{Source: src, Rate: 48000, Channels: 2, Desk: desk}
	d := &diary[float32]{}
	p.Use([]detect.Detector[float32]{d})
	if err := p.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d.total != 72000 || d.log[0] != "0+1920" || !slices.Contains(d.log, "52800+1920") || d.log[len(d.log)-1] != "end" {
		t.Errorf("the detector got %d samples, %q", d.total, d.log)
	}
	s := desk.Status().Status
	const want = record.SoundOn | record.SoundGap | record.Restart
	if s.Health != want {
		t.Errorf("health %b, want %b: a gap, and the second channel not heard", s.Health, want)
	}
	// A sine of amplitude 0.5 is -6 dBFS in its third-octave.
	if math.Abs(s.Thirds[2]+6) > 0.5 || !(s.Thirds[0] < -40) || !math.IsNaN(s.Bands[0]) {
		t.Errorf("levels %.1f, %.1f", s.Thirds, s.Bands)
	}
	if s.Open != 0 {
		t.Errorf("%d open after the end", s.Open)
	}
	if r := desk.Urgent(12, false); r.Type != record.Gone {
		t.Errorf("said %v, want one record for what came and went", r.Type)
	}
	if h := desk.Status().Status; h.Health != 0 || h.Coverage != [8]record.Share{} || !math.IsNaN(h.Thirds[2]) {
		t.Errorf("the next status says %+v, want nothing", h)
	}
}

func heard(peaks ...float32) (e extremes) {
	e.used = copy(e.channels[:], peaks)
	e.most = slices.Max(peaks)
	return e
}

func TestShares(t *testing.T) {
	for _, tt := range []struct {
		rate     int
		seconds  float64
		lost     int64
		u1, u2   record.Share
		describe string
	}{
		{48000, 16, 0, record.All, record.All, "all of 16 s"},
		{48000, 15.7, 0, record.All, record.All, "what the pipe holds back does not count"},
		{48000, 12, 4 * 48000, record.Most, record.Most, "a gap of 4 s"},
		{48000, 3, 0, record.Some, record.Some, "a source that began late"},
		{44100, 16, 0, record.All, record.Most, "20…24 kHz is cut off"},
		{32000, 16, 0, record.Most, record.None, "15…20 kHz is cut off"},
		{16000, 16, 0, record.None, record.None, "nothing of it"},
	} {
		s := &stream{rate: float64(tt.rate), coverage: soundCoverage(float64(tt.rate) / 2), levels: func([]float64) {}}
		d := NewDesk()
		d.streams[sound] = s
		s.count(0, 1, heard(0.1))
		s.count(1+tt.lost, int(tt.seconds*float64(tt.rate))-1, heard(0.1))
		c := d.Status().Status.Coverage
		if c[record.Ultrasonic] != tt.u1 || c[record.Ultrasonic2] != tt.u2 {
			t.Errorf("%d/s, %s: got %d and %d, want %d and %d", tt.rate, tt.describe, c[record.Ultrasonic], c[record.Ultrasonic2], tt.u1, tt.u2)
		}
	}
}

func TestHealthOfSamples(t *testing.T) {
	for want, x := range map[uint16][]complex64{
		record.RadioOn:                    {0.1, 0.2i},
		record.RadioOn | record.RadioClip: {0.1, -1i},
		record.RadioOn | record.RadioDead: {0, 0},
	} {
		desk := NewDesk()
		p := &Pipeline[complex64]{Source: sdrtest.Play(sdr.Format{Rate: 250000}, sdrtest.Samples(x...)), Rate: 250000, Desk: desk}
		if err := p.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := desk.Status().Status.Health &^ record.Restart; got != want {
			t.Errorf("%v: health %b, want %b", x, got, want)
		}
	}
}

// TestUse: other detectors take over at the next block, and what the old ones held open ends.
func TestUse(t *testing.T) {
	r, w := io.Pipe()
	first, second := &diary[float32]{}, &diary[float32]{}
	desk := NewDesk()
	src := &steps{r: r, read: make(chan struct{})}
	p := &Pipeline[float32]{Source: src, Rate: 8000, Desk: desk}
	p.Use([]detect.Detector[float32]{first})
	done := make(chan error)
	go func() { done <- p.Run(context.Background()) }()
	w.Write(make([]byte, 1))
	<-src.read
	if n := desk.Status().Status.Open; n != 1 {
		t.Errorf("%d open, want 1", n)
	}
	p.Use([]detect.Detector[float32]{second})
	w.Write(make([]byte, 1))
	<-src.read
	if first.log[len(first.log)-1] != "end" || len(second.log) != 1 {
		t.Errorf("first %q, second %q", first.log, second.log)
	}
	if n := desk.Status().Status.Open; n != 1 {
		t.Errorf("%d open after other detectors, which find the same, took over; want 1", n)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// steps is a source that yields four samples for each byte written; read is sent when it is asked for more.
type steps struct {
	r    io.ReadCloser
	read chan struct{}
	at   int64
}

func (s *steps) Close() error { return s.r.Close() }

func (s *steps) Read([]float32) (at int64, n int, err error) {
	if s.at > 0 {
		s.read <- struct{}{}
	}
	if _, err := s.r.Read(make([]byte, 1)); err != nil {
		return s.at, 0, err
	}
	s.at += 4
	return s.at - 4, 4, nil
}

func TestFailingSource(t *testing.T) {
	desk := NewDesk()
	p := &Pipeline[float32]{Source: audiotest.Play(audio.Format{Rate: 48000, Channels: 1}, audiotest.Fail(audiotest.ErrUnplugged)), Rate: 48000, Desk: desk}
	if err := p.Run(context.Background()); !errors.Is(err, audiotest.ErrUnplugged) {
		t.Errorf("got %v, want %v", err, audiotest.ErrUnplugged)
	}
	if r := desk.Urgent(12, false); r.Type != record.Dying || r.Cause != record.SoundFailed {
		t.Errorf("said %v %v, want that sound failed", r.Type, r.Cause)
	}
}

func TestStalledSourceIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		desk := NewDesk()
		p := &Pipeline[float32]{Source: audiotest.Play(audio.Format{Rate: 48000, Channels: 1}, audiotest.Frames(0.1), audiotest.Stall()), Rate: 48000, Desk: desk}
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		synctest.Wait()
		desk.Status()
		if s := desk.Status().Status; s.Health&record.SoundOn != 0 {
			t.Error("a stalled source counts as running")
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if r := desk.Urgent(12, false); r.Type != record.Empty {
			t.Errorf("said %v after an ordered end", r.Type)
		}
	})
}

// loop is a source without end.
type loop[S detect.Sample] struct {
	x  []S
	at int64
	n  int // samples left
}

func (l *loop[S]) Close() error { return nil }
func (l *loop[S]) Read(dst []S) (int64, int, error) {
	if l.n <= 0 {
		return l.at, 0, io.EOF
	}
	n := min(copy(dst, l.x[int(l.at)%len(l.x):]), l.n)
	at := l.at
	l.at += int64(n)
	l.n -= n
	return at, n, nil
}

func hiss(n int) []float32 {
	r := siggen.Rand(7)
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(0.01 * r.NormFloat64())
	}
	return x
}

func soundPipeline(tb testing.TB, l *loop[float32]) *Pipeline[float32] {
	u, err := ultrasonic.New(48000, ultrasonic.Default)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Pipeline[float32]{Source: l, Rate: 48000, Desk: NewDesk()}
	p.Use([]detect.Detector[float32]{u})
	return p
}

func radioPipeline(tb testing.TB, l *loop[complex64]) *Pipeline[complex64] {
	e, err := emitter.New(250_000, emitter.Default)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Pipeline[complex64]{Source: l, Rate: 250_000, Centre: 433.92e6, Desk: NewDesk()}
	p.Use([]detect.Detector[complex64]{e})
	return p
}

// TestNoAllocations: a pipeline allocates when it starts, and nothing for the samples that follow.
func TestNoAllocations(t *testing.T) {
	air := airwaves.Noise(siggen.Rand(8), 1, 250_000, -40)
	quiet := hiss(48000)
	run := map[string]func(seconds int){
		"sound": func(s int) {
			if err := soundPipeline(t, &loop[float32]{x: quiet, n: s * 48000}).Run(context.Background()); err != nil {
				t.Fatal(err)
			}
		},
		"radio": func(s int) {
			if err := radioPipeline(t, &loop[complex64]{x: air, n: s * 250_000}).Run(context.Background()); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, f := range run {
		short := testing.AllocsPerRun(1, func() { f(1) })
		long := testing.AllocsPerRun(1, func() { f(9) })
		if more := long - short; more > 8 { // a little for what noise finds
			t.Errorf("%s: 8 s more allocate %.0f times more", name, more)
		}
	}
}

// BenchmarkPipeline runs what a unit runs: 48 kHz of sound and 250 kS/s of radio with all detectors. x-realtime is how
// many times faster than the samples come.
func BenchmarkPipeline(b *testing.B) {
	air := airwaves.Noise(siggen.Rand(8), 2, 250_000, -40)
	quiet := hiss(48000)
	b.ReportAllocs()
	seconds := 0
	for b.Loop() {
		const s = 10
		if err := soundPipeline(b, &loop[float32]{x: quiet, n: s * 48000}).Run(context.Background()); err != nil {
			b.Fatal(err)
		}
		if err := radioPipeline(b, &loop[complex64]{x: air, n: s * 250_000}).Run(context.Background()); err != nil {
			b.Fatal(err)
		}
		seconds += s
	}
	b.ReportMetric(float64(seconds)/b.Elapsed().Seconds(), "x-realtime")
}
