package lamp

import (
	"bytes"
	"errors"
	"testing"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/conntest"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spitest"
)

func play(t *testing.T, chip Chip, frames ...[]byte) spi.Conn {
	t.Helper()
	p := &spitest.Playback{Playback: conntest.Playback{DontPanic: true, D: conn.Full}}
	for _, f := range frames {
		p.Ops = append(p.Ops, conntest.IO{W: f})
	}
	c, err := p.Connect(chip.Clock(), spi.Mode0, 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func frame(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var plain = Opts{Lights: 2, Cap: 1, Gamma: 1}

func TestAPA102(t *testing.T) {
	zero, end := []byte{0, 0, 0, 0}, []byte{0, 0, 0, 0, 0}
	dark := frame(zero, []byte{255, 0, 0, 0, 255, 0, 0, 0}, end)
	lit := frame(zero, []byte{255, 3, 2, 1, 255, 0, 0, 200}, end)
	d, err := New(play(t, APA102, dark, lit, dark), APA102, plain)
	if err != nil {
		t.Fatal(err)
	}
	px := []RGB{{1, 2, 3}, {200, 0, 0}, {9, 9, 9}}
	for range 3 { // the same again is not sent
		if err := d.Show(px); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWS2812(t *testing.T) {
	low := make([]byte, settle)
	off := []byte{0b10010010, 0b01001001, 0b00100100}
	on := []byte{0b11011011, 0b01101101, 0b10110110}
	dark := frame(off, off, off, off, off, off, low)
	red := frame(off, on, off, off, off, []byte{0b10010010, 0b01001001, 0b00100110}, low) // 1 is the lowest bit of blue
	d, err := New(play(t, WS2812, dark, red, dark), WS2812, plain)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Show([]RGB{{R: 255}, {B: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLevels: a dim colour stays on where gamma allows it, and no light is brighter than the cap.
func TestLevels(t *testing.T) {
	d, err := New(&conntest.Discard{}, APA102, Opts{Lights: 1, Cap: 0.25, Gamma: 2.2})
	if err != nil {
		t.Fatal(err)
	}
	if d.level[0] != 0 || d.level[255] != 64 || d.level[128] != 14 {
		t.Errorf("got %d, %d, %d", d.level[0], d.level[128], d.level[255])
	}
	for i := 1; i < 256; i++ {
		if d.level[i] < d.level[i-1] {
			t.Errorf("%d is darker than %d", i, i-1)
		}
	}
}

func TestThreeAnswers(t *testing.T) {
	if _, err := New(nil, APA102, plain); !errors.Is(err, ErrAbsent) {
		t.Errorf("no bus: %v", err)
	}
	if _, err := New(play(t, APA102), APA102, plain); err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("broken bus: %v", err)
	}
	for _, o := range []Opts{{}, {Lights: 301, Cap: 1, Gamma: 1}, {Lights: 1, Cap: 1.1, Gamma: 1}, {Lights: 1, Cap: 1}} {
		if _, err := New(&conntest.Discard{}, APA102, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	if _, err := New(&conntest.Discard{}, "neon", plain); err == nil {
		t.Error("neon was accepted")
	}
}

// TestFailedWrite: what the bus refused is sent again although nothing has changed.
func TestFailedWrite(t *testing.T) {
	c := &flaky{}
	d, err := New(c, APA102, plain)
	if err != nil {
		t.Fatal(err)
	}
	c.err = errors.New("refused")
	if err := d.Show([]RGB{{1, 1, 1}}); !errors.Is(err, c.err) {
		t.Errorf("got %v", err)
	}
	c.err = nil
	n := c.n
	if err := d.Show([]RGB{{1, 1, 1}}); err != nil || c.n != n+1 {
		t.Errorf("got %v after %d writes", err, c.n-n)
	}
	px, i := []RGB{{}, {}}, uint8(0)
	if n := testing.AllocsPerRun(100, func() { i++; px[0].R = i; _ = d.Show(px) }); n != 0 {
		t.Errorf("%g allocations a frame", n)
	}
}

type flaky struct {
	conntest.Discard
	err error
	n   int
}

func (f *flaky) Tx(w, r []byte) error { f.n++; return f.err }
