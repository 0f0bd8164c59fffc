package endurance_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"subrosa/drivers/audio"
	soundpipe "subrosa/drivers/audio/pipe"
	soundfile "subrosa/drivers/audio/recording"
	"subrosa/drivers/audio/wavfile"
	"subrosa/drivers/sdr"
	radiopipe "subrosa/drivers/sdr/pipe"
	radiofile "subrosa/drivers/sdr/recording"
	"subrosa/dsp/detect"
	"subrosa/dsp/siggen"
	airwaves "subrosa/dsp/siggen/radio"
	"subrosa/dsp/siggen/sound"
	"subrosa/firmware/clock"
	"subrosa/firmware/finding"
	"subrosa/firmware/record"
	"subrosa/firmware/seal"
	"subrosa/firmware/sense"
	"subrosa/firmware/sensor"
	"subrosa/firmware/slot"
)

// The full rate of a unit.
const (
	fullSound    = 192000 // frames/s
	fullChannels = 4
	fullRadio    = 2_400_000 // samples/s
	fullCentre   = 433.92e6
)

// TestSoak feeds the real sensor process at the full rate of a unit, in real time, from recordings: four interleaved
// channels of 192 kHz, all of which it listens to, and 2.4 MS/s of radio. roomd's own watcher polls it. Memory
// must stay flat, nothing may be lost. SUBROSA_SOAK sets how long, 1h for a release; the nightly run takes ten minutes.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	if raced {
		t.Skip("watched, the feed cannot keep up; the nightly run has a step without the race detector")
	}
	lasts := 40 * time.Second
	if nightly {
		lasts = 10 * time.Minute
	}
	if s := os.Getenv("SUBROSA_SOAK"); s != "" {
		var err error
		if lasts, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	s := soak{t: t, log: slog.New(slog.NewTextHandler(t.Output(), nil)), begun: time.Now()}
	s.soundFile, s.radioFile = laySound(t, dir), layRadio(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	args := []string{"--sound", "pipe", "--radio", "pipe"}
	box := &seal.Box{Read: []string{"/lib", "/lib64", "/usr/lib", "/etc/ld.so.cache"}, Out: []int{sensor.RecordsFD}, Given: sensor.Given}
	boxed := func() *seal.Box { return box }
	if err := box.Try(); err != nil {
		t.Logf("measured: the soak is unsealed: %v", err)
		boxed, args = nil, append(args, "--unsealed")
	}
	start := sensor.Command(boxed, program(t, "sensed"), args, true, true, func(sound, radio *os.File) {
		s.feeds.Go(func() { s.play(ctx, sound, s.sound) })
		s.feeds.Go(func() { s.play(ctx, radio, s.radio) })
	})
	w := &sensor.Watcher{Start: start, Clock: clock.Wall{}, Log: s.log, Meter: slot.New(), Rand: rand.Reader, Events: s.events()}
	watched := make(chan error, 1)
	go func() { watched <- w.Run(ctx) }()
	s.watch(lasts)
	stop()
	if err := <-watched; err != nil {
		t.Error(err)
	}
	s.feeds.Wait()
	s.judge(lasts)
}

// soak is what is seen in the course of a soak.
type soak struct {
	t                    *testing.T
	log                  *slog.Logger
	soundFile, radioFile string
	feeds                sync.WaitGroup
	begun                time.Time

	soundGaps, radioGaps atomic.Int64 // blocks that the feed dropped because the sensor was two seconds behind
	soundLate, radioLate atomic.Int64 // ns, the most that a block was taken after it was due

	mu       sync.Mutex
	statuses int
	poor     []string // statuses that tell of a loss
	found    map[detect.Kind]int
	ends     []error
	rss      []memory
	load     []float64
	cpu      time.Duration // of the sensor
}

// memory is the resident size of the sensor at a time since the start.
type memory struct {
	at  time.Duration
	kib float64
}

func (s *soak) events() sensor.Events {
	s.found = map[detect.Kind]int{}
	lock := func(f func()) {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	}
	return sensor.Events{
		Found:    func(f finding.Finding) { lock(func() { s.found[f.Kind]++ }) },
		Status:   func(r record.Status) { lock(func() { s.status(r) }) },
		Learned:  func([]sense.Emitter) {},
		Learning: func(float64) {},
		Merged:   func(detect.Kind, int) {},
		Failing:  func(c record.Cause) { lock(func() { s.ends = append(s.ends, fmt.Errorf("failing: %v", c)) }) },
		Ended:    func(e sensor.End) { lock(func() { s.ends = append(s.ends, e.Err) }) },
		Spoken:   func(*slot.Meter) error { return nil },
	}
}

// status takes one status record. The first covers less than its 16 s.
func (s *soak) status(r record.Status) {
	s.statuses++
	if s.statuses == 1 {
		return
	}
	const trouble = record.SoundGap | record.RadioGap | record.SoundDead | record.RadioDead
	seen := r.Coverage[record.Ultrasonic] == record.All && r.Coverage[record.Radio] == record.All
	if r.Health&trouble != 0 || r.Health&record.SoundOn == 0 || r.Health&record.RadioOn == 0 || !seen {
		s.poor = append(s.poor, fmt.Sprintf("after %v: health %#x, coverage %v", time.Since(s.begun).Round(time.Second), r.Health, r.Coverage))
	}
}

// play pipes a recording again and again until ctx ends.
func (s *soak) play(ctx context.Context, f *os.File, stream func(context.Context, *os.File) error) {
	defer f.Close()
	if err := stream(ctx, f); err != nil && ctx.Err() == nil {
		s.t.Errorf("feed: %v", err)
	}
}

func (s *soak) sound(ctx context.Context, f *os.File) error {
	w, err := soundpipe.NewWriter(f, audio.Format{Rate: fullSound, Channels: fullChannels})
	if err != nil {
		return err
	}
	p := pacer{rate: fullSound, late: &s.soundLate, gaps: &s.soundGaps}
	buf := make([]float32, p.block()*fullChannels)
	return loop(ctx, &p, func() (frames, error) {
		src, err := soundfile.Open(s.soundFile)
		if err != nil {
			return frames{}, err
		}
		return frames{src.Close, func() (int, error) { _, n, err := src.Read(buf); return n, err }}, nil
	}, func(at int64, n int) error { return w.Write(at, buf[:n*fullChannels]) })
}

func (s *soak) radio(ctx context.Context, f *os.File) error {
	format := sdr.Format{Rate: fullRadio, Centre: fullCentre}
	w, err := radiopipe.NewWriter(f, format)
	if err != nil {
		return err
	}
	p := pacer{rate: fullRadio, late: &s.radioLate, gaps: &s.radioGaps}
	buf := make([]complex64, p.block())
	return loop(ctx, &p, func() (frames, error) {
		src, err := radiofile.Open(s.radioFile, format)
		if err != nil {
			return frames{}, err
		}
		return frames{src.Close, func() (int, error) { _, n, err := src.Read(buf); return n, err }}, nil
	}, func(at int64, n int) error { return w.Write(at, buf[:n]) })
}

// frames is one pass through a recording: read fills the caller's buffer.
type frames struct {
	close func() error
	read  func() (n int, err error)
}

// loop reads a recording again and again and sends each block when it is due.
func loop(ctx context.Context, p *pacer, open func() (frames, error), send func(at int64, n int) error) error {
	p.start = time.Now()
	for {
		pass, err := open()
		if err != nil {
			return err
		}
		for err == nil {
			var n int
			if n, err = pass.read(); n == 0 {
				continue
			}
			if err := p.wait(ctx, n); err != nil {
				return errors.Join(err, pass.close())
			}
			if err := send(p.at, n); err != nil {
				return errors.Join(err, pass.close())
			}
			p.sent(n)
		}
		if err := pass.close(); err != nil {
			return err
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
	}
}

// pacer hands out samples as a receiver does: on time, and lost if nobody takes them for two seconds.
type pacer struct {
	rate  int
	start time.Time
	at    int64 // index of the next frame
	late  *atomic.Int64
	gaps  *atomic.Int64
}

// block is how many frames are read at once: 40 ms.
func (p *pacer) block() int { return p.rate / 25 }

func (p *pacer) due(at int64) time.Duration {
	return time.Duration(float64(at) / float64(p.rate) * float64(time.Second))
}

// wait waits until the last of n frames has come.
func (p *pacer) wait(ctx context.Context, n int) error {
	behind := time.Since(p.start) - p.due(p.at)
	if behind > 2*time.Second {
		p.at += int64(behind.Seconds() * float64(p.rate))
		p.gaps.Add(1)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(p.due(p.at+int64(n)) - time.Since(p.start)):
		return nil
	}
}

// sent notes that n frames have been taken.
func (p *pacer) sent(n int) {
	p.at += int64(n)
	if late := int64(time.Since(p.start) - p.due(p.at)); late > p.late.Load() {
		p.late.Store(late)
	}
}

// watch samples the sensor's memory until the time is over.
func (s *soak) watch(lasts time.Duration) {
	s.t.Helper()
	pid := 0
	until(s.t, "the sensor runs", func() bool { pid = child(os.Getpid(), "sensed"); return pid != 0 })
	s.begun = time.Now()
	every := min(10*time.Second, lasts/10)
	for tick := time.Tick(every); time.Since(s.begun) < lasts; <-tick {
		kib, err := resident(pid)
		if err != nil {
			s.t.Fatalf("the sensor is gone after %v: %v", time.Since(s.begun), err)
		}
		s.mu.Lock()
		s.rss = append(s.rss, memory{time.Since(s.begun), kib})
		s.load = append(s.load, loadAverage())
		s.mu.Unlock()
		s.cpu = processorTime(pid)
		if len(s.rss)%60 == 1 {
			s.log.Info("soak", "after", time.Since(s.begun).Round(time.Second), "rss_kib", kib, "cpu", s.cpu)
		}
	}
}

// judge reports, and fails on a gap or on memory that grows.
func (s *soak) judge(lasts time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	warm := s.rss[len(s.rss)/6:] // the heap finds its size
	first, last := median(warm[:len(warm)/2]), median(warm[len(warm)/2:])
	most := slices.MaxFunc(s.rss, func(a, b memory) int { return int(a.kib - b.kib) })
	s.t.Logf("measured: soak of %v, 4 × 192 kHz and 2.4 MS/s: resident %.0f KiB at first, %.0f at the end, %.0f at most; "+
		"medians of the halves after warming up %.0f and %.0f, slope %+.1f KiB/h; %.1f %% of a core; load average %.1f (at most %.1f)",
		lasts, s.rss[0].kib, s.rss[len(s.rss)-1].kib, most.kib, first, last, slope(warm),
		100*s.cpu.Seconds()/lasts.Seconds(), mean(s.load), slices.Max(s.load))
	s.t.Logf("measured: %d statuses, %d poor; dropped by the feed: sound %d, radio %d; latest block: sound %v, radio %v; findings %v",
		s.statuses, len(s.poor), s.soundGaps.Load(), s.radioGaps.Load(), time.Duration(s.soundLate.Load()).Round(time.Millisecond),
		time.Duration(s.radioLate.Load()).Round(time.Millisecond), s.found)
	for _, p := range s.poor {
		s.t.Error(p)
	}
	if n := s.soundGaps.Load() + s.radioGaps.Load(); n > 0 {
		s.t.Errorf("%d gaps", n)
	}
	if len(s.ends) > 0 {
		s.t.Errorf("the sensor ended: %v", s.ends)
	}
	if want := int(lasts/slot.StatusEvery) - 1; s.statuses < want {
		s.t.Errorf("%d statuses, want at least %d", s.statuses, want)
	}
	if s.found[detect.UltrasonicBeacon] == 0 || s.found[detect.Burst]+s.found[detect.NewEmitter] == 0 {
		s.t.Errorf("found %v, want what the recordings hold", s.found)
	}
	if last > 1.1*first+1024 {
		s.t.Errorf("memory grew from %.0f to %.0f KiB", first, last)
	}
}

func median(ms []memory) float64 {
	kib := make([]float64, len(ms))
	for i, m := range ms {
		kib[i] = m.kib
	}
	slices.Sort(kib)
	return kib[len(kib)/2]
}

func mean(x []float64) (sum float64) {
	for _, v := range x {
		sum += v / float64(len(x))
	}
	return sum
}

// slope is that of the line of least squares, KiB an hour.
func slope(ms []memory) float64 {
	var t, y, tt, ty float64
	for _, m := range ms {
		h := m.at.Hours()
		t, y, tt, ty = t+h, y+m.kib, tt+h*h, ty+h*m.kib
	}
	n := float64(len(ms))
	return (n*ty - t*y) / (n*tt - t*t)
}

// laySound writes 20 s of four channels: a room's noise, and a beacon in the first.
func laySound(t *testing.T, dir string) string {
	t.Helper()
	const seconds = 20
	r := siggen.Rand(21)
	channels := make([][]float32, fullChannels)
	for c := range channels {
		channels[c] = sound.White(r, seconds, fullSound, noiseDB)
	}
	m := sound.GGWave(r, 8, sound.GGWaveFast, true)
	beacon := m.Render(r, fullSound)
	lo, hi := m.BandHz()
	sound.SetLevel(beacon, siggen.Level(12, sound.Density(noiseDB, fullSound), lo, hi, siggen.AcousticHz), m.On(fullSound)...)
	sound.Add(channels[0], 5*fullSound, beacon)
	x := make([]float32, 0, seconds*fullSound*fullChannels)
	for i := range channels[0] {
		for _, c := range channels {
			x = append(x, c[i])
		}
	}
	path := filepath.Join(dir, "room.wav")
	f, err := os.Create(path)
	must(t, err)
	w, err := wavfile.NewWriter(f, audio.Format{Rate: fullSound, Channels: fullChannels}, wavfile.PCM16)
	must(t, err)
	must(t, w.Write(x))
	must(t, w.Close())
	must(t, f.Close())
	return path
}

// layRadio writes 10 s of a receiver's noise with a sensor's bursts and a carrier that stays.
func layRadio(t *testing.T, dir string) string {
	t.Helper()
	const seconds = 10
	r := siggen.Rand(22)
	x := airwaves.Noise(r, seconds, fullRadio, -40)
	bursts, _ := airwaves.Sensor(r, seconds, fullRadio, -30, 200e3)
	airwaves.Add(x, 0, bursts)
	airwaves.Add(x, 0, airwaves.Carrier(r, seconds, fullRadio, -45, -310e3, 0))
	path := filepath.Join(dir, "air.cu8")
	must(t, os.WriteFile(path, airwaves.CU8(x), 0o600))
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// resident returns the resident size of a process, KiB.
func resident(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			return strconv.ParseFloat(f[1], 64)
		}
	}
	return 0, errors.New("no VmRSS")
}

// processorTime returns what a process has used so far; 0 if it is gone.
func processorTime(pid int) time.Duration {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on every Linux
}

func loadAverage() float64 {
	b, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(b), " ")
	v, _ := strconv.ParseFloat(first, 64)
	return v
}
