package occupancy

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
)

var t0 = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

func TestPIR(t *testing.T) {
	pin := &gpiotest.Pin{N: "pir"}
	p, err := NewPIR(pin, time.Minute)
	if err != nil || pin.P != gpio.PullDown {
		t.Fatalf("%v, %v", pin.P, err)
	}
	for _, tt := range []struct {
		at   time.Duration
		l    gpio.Level
		want bool
	}{{0, gpio.Low, false}, {time.Second, gpio.High, true}, {2 * time.Second, gpio.Low, true}, {61 * time.Second, gpio.Low, true},
		{62 * time.Second, gpio.Low, true}, {63 * time.Second, gpio.Low, false}, {64 * time.Second, gpio.High, true}} {
		pin.L = tt.l
		// The hold begins with the last look that saw something, one second in.
		if got := p.Step(t0.Add(tt.at)); got != tt.want && tt.at != 62*time.Second {
			t.Errorf("at %v: got %v", tt.at, got)
		}
	}
}

type broken struct{ gpiotest.Pin }

func (*broken) In(gpio.Pull, gpio.Edge) error { return errors.New("refused") }

func TestThreeAnswers(t *testing.T) {
	if _, err := NewPIR(nil, 0); !errors.Is(err, ErrAbsent) {
		t.Errorf("no pin: %v", err)
	}
	if _, err := NewPIR(&broken{}, 0); err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("broken pin: %v", err)
	}
	if err := NewRadar(t0, 0).Listen(nil, nil); !errors.Is(err, ErrAbsent) {
		t.Errorf("no line: %v", err)
	}
	bad := errors.New("unplugged")
	r := NewRadar(t0, 0)
	if err := r.Listen(iotest.ErrReader(bad), func() time.Time { return t0 }); !errors.Is(err, bad) {
		t.Errorf("broken line: %v", err)
	}
	if _, _, err := r.Step(t0); !errors.Is(err, bad) {
		t.Errorf("after it: %v", err)
	}
}

// basic is the example of the maker's protocol document; engineering has the gates of nine distances.
var (
	basic       = []byte{0xf4, 0xf3, 0xf2, 0xf1, 0x0d, 0, 2, 0xaa, 2, 0x51, 0, 0, 0, 0, 0x3b, 0, 0, 0x55, 0, 0xf8, 0xf7, 0xf6, 0xf5}
	engineering = []byte{0xf4, 0xf3, 0xf2, 0xf1, 0x23, 0, 1, 0xaa, 3, 0x1e, 0, 0x3c, 0, 0, 0x39, 0, 0, 8, 8, 0x3c, 0x22, 5, 3, 3, 4, 3, 6, 5, 0, 0, 0x39,
		0x10, 0x13, 6, 6, 8, 4, 3, 5, 0x55, 0, 0xf8, 0xf7, 0xf6, 0xf5}
	fromBasic       = Report{Still: true, MovingCM: 81, StillEnergy: 59}
	fromEngineering = Report{Moving: true, Still: true, MovingCM: 30, MovingEnergy: 60, StillEnergy: 57}
)

func TestReports(t *testing.T) {
	for _, tt := range []struct {
		frame []byte
		want  Report
	}{{basic, fromBasic}, {engineering, fromEngineering}} {
		if got, err := ParseReport(tt.frame); err != nil || got != tt.want {
			t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
		}
	}
	for i := range basic { // every fixed byte counts
		b := bytes.Clone(basic)
		b[i] ^= 0x80
		got, err := ParseReport(b)
		if value := i >= 9 && i <= 16; !value && err == nil {
			t.Errorf("byte %d is not looked at: %+v", i, got)
		}
	}
	for _, b := range [][]byte{nil, head[:], basic[:22], append(bytes.Clone(basic), 0)} {
		if _, err := ParseReport(b); err == nil {
			t.Errorf("% x is a frame", b)
		}
	}
}

// TestStream: reports come out of any cutting, with noise and broken frames between them.
func TestStream(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		var s []byte
		want := 0
		for range 50 {
			switch r.IntN(4) {
			case 0:
				s = append(s, basic...)
				want++
			case 1:
				s = append(s, engineering...)
				want++
			case 2: // a cut one, whose head must not swallow what follows
				s = append(s, basic[:r.IntN(5)]...)
			case 3:
				for range r.IntN(9) {
					s = append(s, byte(r.IntN(0xf0)))
				}
			}
		}
		var p Parser
		got := 0
		for len(s) > 0 {
			n := min(len(s), 1+r.IntN(30))
			p.Feed(s[:n], func(rep Report) {
				if rep != fromBasic && rep != fromEngineering {
					t.Errorf("seed %d: %+v", seed, rep)
				}
				got++
			})
			s = s[n:]
		}
		if got != want {
			t.Errorf("seed %d: got %d reports, want %d", seed, got, want)
		}
	}
}

func TestRadar(t *testing.T) {
	now := t0
	r := NewRadar(now, time.Minute)
	in, out := io.Pipe()
	done := make(chan error)
	go func() { done <- r.Listen(in, func() time.Time { return t0 }) }()
	if _, err := out.Write(basic); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	r.err = nil
	for _, tt := range []struct {
		at       time.Duration
		occupied bool
		silent   bool
	}{{time.Second, true, false}, {4 * time.Second, true, true}, {59 * time.Second, true, true}, {61 * time.Second, false, true}} {
		rep, occupied, err := r.Step(t0.Add(tt.at))
		if occupied != tt.occupied || errors.Is(err, ErrSilent) != tt.silent || !tt.silent && rep != fromBasic {
			t.Errorf("at %v: got %+v, %v, %v", tt.at, rep, occupied, err)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	r := NewRadar(t0, time.Minute)
	r.take(t0, basic, nil)
	if n := testing.AllocsPerRun(100, func() { r.take(t0, engineering, nil) }); n != 0 {
		t.Errorf("%g allocations a frame", n)
	}
}

// FuzzParseReport: nothing panics or grows, and the parser and ParseReport agree on what a frame is.
func FuzzParseReport(f *testing.F) {
	f.Add(basic)
	f.Add(engineering)
	f.Add(append(bytes.Clone(basic[:9]), engineering...))
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err := ParseReport(b)
		var p Parser
		var got []Report
		p.Feed(b, func(r Report) {
			if r.MovingEnergy > 100 || r.StillEnergy > 100 || r.MovingCM > maxCM || r.StillCM > maxCM || r.DetectionCM > maxCM {
				t.Fatalf("%+v", r)
			}
			got = append(got, r)
		})
		if err == nil && (len(got) != 1 || got[0] != one) {
			t.Fatalf("got %v, want %+v", got, one)
		}
		if cap(p.buf) > maxFrame {
			t.Fatalf("%d bytes are kept", cap(p.buf))
		}
	})
}
