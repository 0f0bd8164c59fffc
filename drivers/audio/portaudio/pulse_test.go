//go:build cgo && !noportaudio

package portaudio

import (
	"errors"
	"math"
	"testing"
	"time"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
)

// TestUnplugged: the device goes while it is read, is looked for in vain, and is there again for a new Open.
func TestUnplugged(t *testing.T) {
	pulse := audiotest.StartPulse(t, audiotest.Null{Name: "room", Rate: 48_000})
	c := Config{Device: "room-monitor", Format: audio.Format{Rate: 48_000}, Shared: true}
	src, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	x := make([]float32, 4800)
	if _, n, err := src.Read(x); n == 0 || err != nil {
		t.Fatalf("read %d frames, %v", n, err)
	}
	pulse.Kill()
	deadline := time.Now().Add(20 * time.Second)
	for err == nil && time.Now().Before(deadline) {
		_, _, err = src.Read(x)
	}
	if err == nil {
		t.Fatal("a device that is gone is read on")
	}
	t.Logf("measured: an unplugged device says: %v", err)
	if _, _, again := src.Read(x); again == nil {
		t.Error("the error does not stay")
	}
	src.Close()
	if _, err := Open(c); err == nil {
		t.Error("a device that is gone was opened")
	} else {
		t.Logf("measured: opening it says: %v (absent %v)", err, errors.Is(err, audio.ErrAbsent))
	}
	audiotest.StartPulse(t, audiotest.Null{Name: "room", Rate: 48_000})
	back, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if _, n, err := back.Read(x); n == 0 || err != nil {
		t.Errorf("back: read %d frames, %v", n, err)
	}
}

// TestPulseRoundTrip plays a tone into a null sink and hears it on its monitor.
func TestPulseRoundTrip(t *testing.T) {
	for _, rate := range []int{192_000, 96_000, 48_000} {
		if testing.Short() && rate != 192_000 {
			continue
		}
		audiotest.StartPulse(t, audiotest.Null{Name: "room", Rate: rate})
		f := audio.Format{Rate: rate, Channels: 1}
		src, err := Open(Config{Device: "room-monitor", Format: f, Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		sink, err := OpenSink(Config{Device: "room", Format: f, Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		tone := make([]float32, rate)
		for i := range tone {
			tone[i] = float32(0.25 * math.Sin(2*math.Pi*20_000*float64(i)/float64(rate)))
		}
		played := make(chan error, 1)
		go func() {
			_, err := sink.Write(make([]float32, rate/2)) // the server swallows what comes while it wakes
			if err == nil {
				_, err = sink.Write(tone)
			}
			played <- errors.Join(err, sink.Drain())
		}()
		x := make([]float32, rate/10)
		loud, next := 0, int64(0)
		for frames, last := 0, 0; frames < 5*rate && (loud == 0 || frames-last < rate/2); {
			at, n, err := src.Read(x)
			if err != nil {
				t.Fatal(err)
			}
			if at != next {
				t.Errorf("%d: %d frames lost", rate, at-next)
			}
			next = at + int64(n)
			frames += n
			for _, v := range x[:n] {
				if v > 0.1 || v < -0.1 {
					loud++
					last = frames
				}
			}
		}
		if err := <-played; err != nil {
			t.Error(err)
		}
		if s := float64(loud) / float64(rate); s < 0.6 || s > 0.85 { // a sine is above 0.4 of its peak for 74 % of the time
			t.Errorf("%d: loud for %.2f s, want that of a tone of 1 s", rate, s)
		}
		src.Close()
		sink.Close()
	}
}
