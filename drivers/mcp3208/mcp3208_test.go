package mcp3208

import (
	"errors"
	"strings"
	"testing"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/conntest"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spitest"
)

// open returns a connection that plays ops back.
func open(t *testing.T, ops ...conntest.IO) spi.Conn {
	t.Helper()
	p := &spitest.Playback{Playback: conntest.Playback{Ops: ops, DontPanic: true, D: conn.Full}}
	c, err := p.Connect(Clock, spi.Mode0, 8)
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

// TestFraming: the bytes are those of figure 6-1 of the datasheet; bits the converter leaves undefined are set.
func TestFraming(t *testing.T) {
	d, err := New(open(t,
		conntest.IO{W: []byte{0x06, 0x00, 0}, R: []byte{0xff, 0xe0, 0x00}},
		conntest.IO{W: []byte{0x06, 0x00, 0}, R: []byte{0xff, 0xef, 0xff}},
		conntest.IO{W: []byte{0x06, 0xc0, 0}, R: []byte{0x00, 0x08, 0x01}},
		conntest.IO{W: []byte{0x07, 0x00, 0}, R: []byte{0x00, 0x01, 0x00}},
		conntest.IO{W: []byte{0x07, 0xc0, 0}, R: []byte{0x00, 0x00, 0xff}},
	))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ input, want int }{{0, 4095}, {3, 0x801}, {4, 0x100}, {7, 0xff}} {
		if got, err := d.Read(tt.input); err != nil || got != tt.want {
			t.Errorf("input %d: got %d, %v, want %d", tt.input, got, err, tt.want)
		}
	}
	for _, input := range []int{-1, 8} {
		if _, err := d.Read(input); err == nil {
			t.Errorf("input %d was read", input)
		}
	}
}

// TestThreeAnswers: opened is above; absent is no bus, or a line that only the pull-up drives; all else is broken.
func TestThreeAnswers(t *testing.T) {
	if _, err := New(nil); !errors.Is(err, ErrAbsent) {
		t.Errorf("no bus: got %v", err)
	}
	if _, err := New(open(t, conntest.IO{W: []byte{6, 0, 0}, R: []byte{255, 255, 255}})); !errors.Is(err, ErrAbsent) {
		t.Errorf("nothing on the bus: got %v", err)
	}
	if _, err := New(open(t)); err == nil || errors.Is(err, ErrAbsent) || !strings.HasPrefix(err.Error(), "mcp3208: ") {
		t.Errorf("failing bus: got %v", err)
	}
}

type steady struct{ spi.Conn }

func (steady) Tx(_, r []byte) error { r[1], r[2] = 1, 2; return nil }

func TestNoAllocation(t *testing.T) {
	d, err := New(steady{})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = d.Read(5) }); n != 0 {
		t.Errorf("%g allocations a conversion", n)
	}
}
