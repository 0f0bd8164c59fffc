package display

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
)

// screen returns what a whole picture sends.
func screen(dots []byte, setUp bool) (ops []i2ctest.IO) {
	if setUp {
		ops = append(ops, i2ctest.IO{Addr: Address, W: begin})
	}
	ops = append(ops, i2ctest.IO{Addr: Address, W: []byte{0, 0x21, 0, 127, 0x22, 0, 7}})
	for i := 0; i < len(dots); i += 128 {
		ops = append(ops, i2ctest.IO{Addr: Address, W: append([]byte{0x40}, dots[i:i+128]...)})
	}
	return ops
}

func TestShow(t *testing.T) {
	dark := make([]byte, 1024)
	lit := make([]byte, 1024)
	var d Dev
	d.draw([]Line{{"I", 1}})
	copy(lit, d.dots[:])
	ops := append([]i2ctest.IO{{Addr: Address, W: []byte{0, 0xe3}}}, screen(dark, true)...)
	ops = append(ops, screen(lit, false)...)
	ops = append(ops, screen(dark, true)...)
	ops = append(ops, i2ctest.IO{Addr: Address, W: []byte{0, 0xae}})
	bus := &i2ctest.Playback{Ops: ops, DontPanic: true}
	dev, err := New(bus, Address)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the same again is not sent
		if err := dev.Show(Line{"I", 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

// picture draws the dots as text.
func picture(d *Dev) string {
	var b strings.Builder
	for y := range Height {
		for x := range Width {
			b.WriteByte(".#"[d.dots[y/8*Width+x]>>(y%8)&1])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestDraw: an umlaut at twice the size stands in the middle, each dot four dots.
func TestDraw(t *testing.T) {
	var d Dev
	d.draw([]Line{{"Ö", 2}})
	rows := strings.Split(picture(&d), "\n")
	g := face['Ö']
	if g == [dotsHigh]byte{} {
		t.Fatal("the face has no Ö")
	}
	x0, y0 := (Width-10)/2, (Height-2*lineHigh)/2
	for y := range Height {
		for x := range Width {
			i, j := (x-x0)/2, (y-y0)/2
			want := byte('.')
			if x >= x0 && i < dotsWide && y >= y0 && j < dotsHigh && g[j]>>(dotsWide-1-i)&1 == 1 {
				want = '#'
			}
			if rows[y][x] != want {
				t.Fatalf("dot %d, %d is %c, want %c:\n%s", x, y, rows[y][x], want, picture(&d))
			}
		}
	}
	d.draw([]Line{{strings.Repeat("W", 40), 2}, {"g\u4e16", 3}, {"x", 5}}) // too wide, too high, not in the face
	if !strings.Contains(picture(&d), "#") {
		t.Error("nothing drawn")
	}
}

func TestFace(t *testing.T) {
	for _, r := range "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÜabcdefghijklmnopqrstuvwxyzäöüß0123456789.,:;!?-·/()\ufffd" {
		if face[r] == [dotsHigh]byte{} {
			t.Errorf("the face has no %c", r)
		}
	}
	other, err := os.ReadFile("../../cmd/subrosa/internal/replay/picture/glyphs.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(other, glyphs) {
		t.Error("the face differs from that of replay's pictures: change both")
	}
	if !(Line{"Öffentlich", 2}).Fits() || (Line{"Nichtöffentlich", 2}).Fits() {
		t.Error("ten characters fit at size 2, and no more")
	}
}

type bus struct {
	err error
	n   int
}

func (b *bus) String() string                  { return "bus" }
func (b *bus) SetSpeed(physic.Frequency) error { return nil }
func (b *bus) Tx(_ uint16, w, _ []byte) error {
	b.n++
	if len(w) > 100 {
		return b.err
	}
	return nil
}

func TestThreeAnswers(t *testing.T) {
	if _, err := New(nil, Address); !errors.Is(err, ErrAbsent) {
		t.Errorf("no bus: %v", err)
	}
	if _, err := New(&i2ctest.Playback{DontPanic: true}, Address); !errors.Is(err, ErrAbsent) {
		t.Errorf("nothing answers: %v", err)
	}
	b := &bus{err: errors.New("arbitration lost")}
	if _, err := New(b, Address); err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("broken: %v", err)
	}
	b.err = nil
	d, err := New(b, Address)
	if err != nil {
		t.Fatal(err)
	}
	b.err = errors.New("unplugged")
	if err := d.Show(Line{"a", 1}); !errors.Is(err, b.err) {
		t.Errorf("unplugged: %v", err)
	}
	b.err, b.n = nil, 0
	if err := d.Show(Line{"a", 1}); err != nil || b.n != 10 { // set up anew: it may have lost its power
		t.Errorf("plugged in again: %d transactions, %v", b.n, err)
	}
	if n := testing.AllocsPerRun(20, func() { _ = d.Show(Line{"a", 1}) }); n > 0 {
		t.Errorf("%g allocations for an unchanged picture", n)
	}
}
