package sensor

import (
	"context"
	"io"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/dsp/detect"
	"subrosa/dsp/detect/emitter"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/radio"
	"subrosa/firmware/detectors"
	"subrosa/firmware/finding"
	"subrosa/firmware/sense"
)

const (
	liveRate   = 64_000
	liveCentre = 433.92e6
)

// air is a receiver that hears a second of samples again and again, in step with the bubble's clock.
type air struct {
	x     []complex64
	at    int64
	begun time.Time
	stop  chan struct{}
}

func (a *air) Close() error { close(a.stop); return nil }
func (a *air) Read(dst []complex64) (int64, int, error) {
	n := copy(dst, a.x[int(a.at)%len(a.x):])
	due := time.Duration(a.at+int64(n)) * time.Second / liveRate
	select {
	case <-time.After(due - time.Since(a.begun)):
	case <-a.stop:
		return a.at, 0, io.ErrClosedPipe
	}
	a.at += int64(n)
	return a.at - int64(n), n, nil
}

// startLive starts the sensor's own server in this process.
func startLive(x []complex64) Start {
	return func(context.Context) (*Process, error) {
		ctlR, ctlW := io.Pipe()
		recR, recW := io.Pipe()
		desk := sense.NewDesk()
		p := &sense.Pipeline[complex64]{Source: &air{x: x, begun: time.Now(), stop: make(chan struct{})}, Rate: liveRate, Centre: liveCentre, Desk: desk}
		tune := func(known []sense.Emitter) error {
			s := detectors.Stream{Rate: liveRate, Centre: liveCentre}
			for _, k := range known {
				s.Baseline = append(s.Baseline, emitter.Known{Hz: k.Hz, BwHz: k.BwHz, LevelDB: k.LevelDB})
			}
			ds, err := detectors.Build(detectors.Radio, nil, s)
			p.Use(ds)
			return err
		}
		s := &sense.Server{Control: ctlR, Records: recW, Desk: desk, Pipelines: []sense.Runner{p}, Baseline: tune,
			Configure: func(sense.Config) error { return nil }}
		ended := make(chan error, 1)
		go func() {
			ended <- s.Run(context.Background())
			ctlR.Close()
			recW.Close()
		}()
		return &Process{Records: recR, Control: ctlW, Kill: func() { ctlW.Close() }, Wait: func() error { return <-ended }}, nil
	}
}

// TestLearningEndToEnd: watcher, server, pipeline and detector together. A transmitter is an alarm; it is learned; from
// then on it is none, neither while the baseline is still on its way nor when it was handed back.
func TestLearningEndToEnd(t *testing.T) {
	r := siggen.Rand(5)
	const seconds = 4
	speech := make([]float32, seconds*8000)
	for i := range speech {
		speech[i] = float32(0.5*math.Sin(2*math.Pi*300*float64(i)/8000) + 0.2*r.NormFloat64())
	}
	x := radio.Noise(r, seconds, liveRate, -50)
	radio.Add(x, 0, radio.FMBug(r, speech, 8000, liveRate, -25, 12e3, 3000))
	synctest.Test(t, func(t *testing.T) {
		w := watch(&fake{})
		w.Start = startLive(x)
		news := make(chan finding.Finding, 100)
		w.Events.Found = func(f finding.Finding) { news <- f }
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		after := func(d time.Duration) (found []finding.Finding) {
			time.Sleep(d)
			synctest.Wait()
			for len(news) > 0 {
				found = append(found, <-news)
			}
			return found
		}
		first := after(20 * time.Second)
		if len(first) != 1 || first[0].Kind != detect.NewEmitter || !first[0].Alarm || math.Abs(first[0].Hz-liveCentre-12e3) > 2e3 {
			t.Fatalf("before learning: %+v, want one alarm at +12 kHz", first)
		}
		w.Learn(true)
		learning := after(30 * time.Second)
		if len(learning) != 1 || learning[0].ID != first[0].ID || learning[0].Open() {
			t.Errorf("while learning: %+v, want the end of the first alone", learning)
		}
		w.Learn(false)
		if more := after(30 * time.Second); len(more) != 0 {
			t.Errorf("after learning: %+v, want nothing", more)
		}
		if len(w.learned) != 1 || len(w.learned[0]) == 0 || math.Abs(w.learned[0][0].Hz-liveCentre-12e3) > 2e3 {
			t.Fatalf("learned %+v, want the transmitter at +12 kHz", w.learned)
		}
		w.SetBaseline(w.learned[0])
		if more := after(30 * time.Second); len(more) != 0 {
			t.Errorf("with the baseline handed back: %+v, want nothing", more)
		}
		w.SetBaseline(nil)
		if more := after(20 * time.Second); len(more) != 1 || !more[0].Open() {
			t.Errorf("with nothing known any more: %+v, want the alarm again", more)
		}
		stop()
		if err := <-done; err != nil || len(w.ends) != 0 {
			t.Errorf("%v, ends %v", err, w.ends)
		}
		synctest.Wait()
	})
}
