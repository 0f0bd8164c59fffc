package budget_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"subrosa/dsp/detect"
	"subrosa/dsp/detect/emitter"
	"subrosa/dsp/detect/ultrasonic"
	"subrosa/firmware/sense"
	"subrosa/firmware/slot"
)

// overrunAfter is the buffer that drivers/audio/portaudio asks of the sound card: a reader that comes later has lost
// samples. A receiver's USB buffers hold more.
const overrunAfter = 200 * time.Millisecond

// gcEvery is how often the load test collects garbage. Left alone, the sensor makes so little that the runtime does it
// every two minutes, which is too seldom to see how long it stops anybody.
const gcEvery = 5 * time.Second

// TestFullLoad runs all pipelines of a unit in one process, in real time, from samples made before: four of sound at
// 192 kHz, one of radio at 2.4 MS/s from bytes, and a desk that is polled. It reports what the garbage collector does
// to the readers, and fails if one came so late that a driver would have lost samples. SUBROSA_LOAD sets how long; the
// nightly run takes ten minutes.
func TestFullLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	if raced {
		t.Skip("the race detector is no part of the load; the nightly run has a step without it")
	}
	lasts := 20 * time.Second
	if os.Getenv("SUBROSA_NIGHTLY") != "" {
		lasts = 10 * time.Minute
	}
	if s := os.Getenv("SUBROSA_LOAD"); s != "" {
		var err error
		if lasts, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), lasts)
	defer stop()
	var running sync.WaitGroup
	x, b := room(soundRate), busyAir()
	var desks []*sense.Desk
	var paces []*pace
	begun := time.Now()
	for range channels {
		p, desk := &pace{rate: soundRate, begun: begun}, sense.NewDesk()
		d, err := ultrasonic.New(soundRate, ultrasonic.Default)
		if err != nil {
			t.Fatal(err)
		}
		pipe := &sense.Pipeline[float32]{Source: &live[float32]{pace: p, from: &microphone{x: x, left: math.MaxInt}}, Rate: soundRate, Desk: desk}
		pipe.Use([]detect.Detector[float32]{d})
		running.Go(func() { pipe.Run(ctx) })
		desks, paces = append(desks, desk), append(paces, p)
	}
	p, desk := &pace{rate: radioRate, begun: begun}, sense.NewDesk()
	d, err := emitter.New(radioRate, emitter.Default)
	if err != nil {
		t.Fatal(err)
	}
	pipe := &sense.Pipeline[complex64]{Source: &live[complex64]{pace: p, from: &air{b: b, left: math.MaxInt}}, Rate: radioRate, Centre: 433.92e6, Desk: desk}
	pipe.Use([]detect.Detector[complex64]{d})
	running.Go(func() { pipe.Run(ctx) })
	desks, paces = append(desks, desk), append(paces, p)

	before := pauses()
	poll(ctx, desks)
	stop()
	running.Wait()
	report(t, lasts, paces, before)
}

// poll asks the desks as roomd does, and collects garbage, until ctx ends.
func poll(ctx context.Context, desks []*sense.Desk) {
	urgent, status, collect := time.Tick(slot.UrgentEvery), time.Tick(slot.StatusEvery), time.Tick(gcEvery)
	for {
		select {
		case <-ctx.Done():
			return
		case <-urgent:
			for _, d := range desks {
				d.Urgent(12, false)
			}
		case <-status:
			for _, d := range desks {
				d.Status()
			}
		case <-collect:
			runtime.GC()
		}
	}
}

func report(t *testing.T, lasts time.Duration, paces []*pace, before *metrics.Float64Histogram) {
	t.Helper()
	after := pauses()
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	n, longest := uint64(0), 0.0
	for i, c := range after.Counts {
		if c -= before.Counts[i]; c > 0 {
			n, longest = n+c, after.Buckets[i+1]
		}
	}
	t.Logf("measured: full load for %v, 4 × 192 kHz and 2.4 MS/s in one process: %d stops of the world by the collector, the longest at most %.0f µs; one forced every %v",
		lasts, n, 1e6*longest, gcEvery)
	for i, p := range paces {
		name := fmt.Sprintf("sound %d", i)
		if i == channels {
			name = "radio"
		}
		t.Logf("measured: %s: %d reads, the latest %v after its samples were complete, %d later than %v", name, p.reads, p.latest.Round(10*time.Microsecond), p.overruns, overrunAfter)
		if p.overruns > 0 {
			t.Errorf("%s: %d overruns", name, p.overruns)
		}
		if want := int(lasts.Seconds()*25) - 5; p.reads < want {
			t.Errorf("%s: %d reads, want at least %d", name, p.reads, want)
		}
	}
	if n == 0 {
		t.Error("no collection was seen")
	}
}

// pauses returns the runtime's histogram of stops of the world by the collector.
func pauses() *metrics.Float64Histogram {
	s := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64Histogram()
}

// pace hands out samples when they are due, and notes how late the reader came for them.
type pace struct {
	rate     int
	begun    time.Time
	latest   time.Duration
	overruns int
	reads    int
}

// wait returns when all samples before index to have come.
func (p *pace) wait(to int64) {
	due := time.Duration(float64(to) / float64(p.rate) * float64(time.Second))
	early := due - time.Since(p.begun)
	if early > 0 {
		<-time.After(early)
	}
	late := time.Since(p.begun) - due
	p.reads++
	p.latest = max(p.latest, late)
	if late > overrunAfter {
		p.overruns++
	}
}

// live is a source in real time.
type live[S detect.Sample] struct {
	pace *pace
	from interface {
		Read([]S) (int64, int, error)
	}
	closed atomic.Bool
}

func (l *live[S]) Close() error {
	l.closed.Store(true)
	return nil
}

func (l *live[S]) Read(dst []S) (int64, int, error) {
	if l.closed.Load() {
		return 0, 0, os.ErrClosed
	}
	at, n, err := l.from.Read(dst)
	l.pace.wait(at + int64(n))
	return at, n, err
}
