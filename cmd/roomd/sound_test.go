//go:build cgo && !noportaudio

package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
	"subrosa/drivers/audio/portaudio"
	"subrosa/dsp/chirp"
	"subrosa/firmware/record"
	"subrosa/firmware/sense"
)

// TestSelfTestThroughSoundServer plays the self-test as roomd does into a null sink and hears it, on the sink's monitor,
// as sensed does. A sink of a lower rate is a low-pass on the way: the server resamples.
func TestSelfTestThroughSoundServer(t *testing.T) {
	for _, tt := range []struct {
		rate, sink int
		covered    [4]bool // audible, ultrasonic from 15, 20, 24 kHz
	}{
		{48_000, 48_000, [4]bool{true, true, true, false}},
		{96_000, 96_000, [4]bool{true, true, true, true}},
		{192_000, 192_000, [4]bool{true, true, true, true}},
		{96_000, 24_000, [4]bool{true, false, false, false}},
		{192_000, 24_000, [4]bool{true, false, false, false}},
	} {
		t.Run(fmt.Sprintf("%d through %d", tt.rate, tt.sink), func(t *testing.T) {
			if testing.Short() && tt.rate != 96_000 {
				t.Skip("long: make nightly")
			}
			audiotest.StartPulse(t, audiotest.Null{Name: "room", Rate: tt.sink})
			s := defaults().Sound
			s.Source, s.Rate, s.Output, s.OutputShared = "desktop", tt.rate, "room", true
			if err := s.checkOutput(); err != nil {
				t.Fatal(err)
			}
			out, err := newSpeaker(s, quiet)
			if err != nil {
				t.Fatal(err)
			}
			var faults []string
			for range 3 { // a busy machine may interrupt the sweep; roomd tries again, too
				status, bands := selfTest(t, s, out.(speaker))
				faults = faults[:0]
				for _, b := range bands {
					t.Logf("measured: %5d/s through %5d/s: %6.0f Hz %-9v response %6.1f dB, SNR %5.1f dB, delay %d", tt.rate, tt.sink, b.CentreHz, b.Verdict, b.ResponseDB, b.SNRDB, b.Delay)
					if edge := 0.45 * float64(min(tt.rate, tt.sink)); b.HiHz < edge && b.Verdict != chirp.Heard || b.LoHz > 1.2*edge && b.Verdict != chirp.NotHeard {
						faults = append(faults, fmt.Sprintf("%.0f to %.0f Hz: %v", b.LoHz, b.HiHz, b.Verdict))
					}
				}
				for i, part := range []int{record.Audible, record.Ultrasonic, record.Ultrasonic2, record.Ultrasonic3} {
					if (status.Coverage[part] != record.None) != tt.covered[i] {
						faults = append(faults, fmt.Sprintf("coverage %v, want %v in its first four", status.Coverage, tt.covered))
						break
					}
				}
				if len(faults) == 0 {
					return
				}
				t.Logf("tried again: %q", faults)
			}
			t.Errorf("%q", faults)
		})
	}
}

// selfTest returns the status after the sweep, and the bands behind it.
func selfTest(t *testing.T, s Sound, out speaker) (record.Status, []chirp.Band) {
	src, err := portaudio.Open(portaudio.Config{Device: "room-monitor", Format: audio.Format{Rate: s.Rate}, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	ear, err := chirp.NewEar(sweepAt(s.sweep(), s.Rate), chirp.Default)
	if err != nil {
		t.Fatal(err)
	}
	desk := sense.NewDesk()
	h := sense.NewHearing(desk, s.Rate)
	heard := make([]float32, 0, ear.N()) // the same as what the self-test hears
	var once sync.Once
	steady := make(chan struct{})
	p := &sense.Pipeline[float32]{Source: src, Rate: s.Rate, Desk: desk, Own: func(at int64, x []float32) bool {
		if at > 3*int64(s.Rate) { // a server hands over a backlog first
			once.Do(func() { close(steady) })
		}
		own := h.Take(at, x)
		if own {
			heard = append(heard, x[:min(len(x), cap(heard)-len(heard))]...)
		}
		return own
	}}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	done := make(chan error, 2)
	go func() { done <- p.Run(ctx) }()
	go func() { done <- h.Run(ctx) }()
	select { // roomd, too, waits for a status that says that samples arrive
	case <-steady:
	case <-ctx.Done():
		t.Fatal("no samples arrive")
	}
	if err := h.Begin(s.sweep()); err != nil {
		t.Fatal(err)
	}
	if err := out.Play(ctx, s.sweep()); err != nil {
		t.Fatal(err)
	}
	for ctx.Err() == nil && h.Busy() {
		runtime.Gosched()
	}
	st := desk.Status().Status
	stop()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if len(heard) < ear.N() {
		t.Fatalf("%d samples heard of %d", len(heard), ear.N())
	}
	return st, ear.Listen(nil, heard, float64(s.sweep().LevelDB))
}
