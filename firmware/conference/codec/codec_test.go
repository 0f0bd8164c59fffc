package codec

import (
	"bytes"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Codec
		b    []byte
		want Packet
	}{
		{"Opus", Opus, []byte{0xfc}, Packet{Start: true, Key: true}},
		{"VP8 key frame", VP8, []byte{0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0, 0, 0, 0}, Packet{Descriptor: 1, Start: true, Key: true, Clear: 10}},
		{"VP8 delta with everything", VP8, []byte{0x90, 0xf0, 0x81, 0x02, 7, 0x20, 0x11}, Packet{Descriptor: 6, Start: true, Clear: 1, Picture: 2, TL0: 4}},
		{"VP8 short picture id", VP8, []byte{0x90, 0x80, 0x11, 0x11}, Packet{Descriptor: 3, Start: true, Clear: 1}},
		{"VP8 continuation", VP8, []byte{0x00, 0x11}, Packet{Descriptor: 1}},
		{"VP8 second partition", VP8, []byte{0x11, 0x11}, Packet{Descriptor: 1}},
		{"VP9 key frame with scalability structure", VP9, []byte{0x8a, 0x81, 0x02, 0x18, 0x01, 0x40, 0, 0xf0, 1, 0x04, 1, 0xff}, Packet{Descriptor: 11, Start: true, Key: true, Picture: 1}},
		{"VP9 delta, flexible, two references", VP9, []byte{0xdc, 0x81, 0x02, 0x03, 0x04, 0xff}, Packet{Descriptor: 5, Start: true, Picture: 1}},
		{"VP9 upper layer is no key frame", VP9, []byte{0x28, 0x02, 0x00, 0xff}, Packet{Descriptor: 3, Start: true, TL0: 2}},
		{"H.264 parameter set", H264, []byte{0x67, 0x42}, Packet{Start: true, Key: true}},
		{"H.264 parameter sets together", H264, []byte{0x78, 0, 2, 0x68, 1, 0, 1, 0x67}, Packet{Start: true, Key: true}},
		{"H.264 pictures", H264, []byte{0x78, 0, 2, 0x65, 1}, Packet{}},
		{"H.264 fragment", H264, []byte{0x7c, 0x85, 1}, Packet{}},
	} {
		got, err := Parse(tt.c, tt.b)
		if err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
	}
	for _, b := range [][]byte{nil, {0x10}, {0x90, 0x80}, {0x90, 0x80, 0x81}, {0x90, 0xf0, 0x81, 2, 7, 0x20}} {
		if p, err := Parse(VP8, b); err == nil {
			t.Errorf("VP8 %x: got %+v", b, p)
		}
	}
	for _, b := range [][]byte{nil, {0x8a}, {0xdc, 0x81, 2, 3, 3, 3, 3}, {0x02, 0xf8}} {
		if p, err := Parse(VP9, b); err == nil {
			t.Errorf("VP9 %x: got %+v", b, p)
		}
	}
}

func TestH264Refuses(t *testing.T) {
	for _, b := range [][]byte{nil, {0x67}, {0x78, 0}, {0x78, 0, 0, 0x67}, {0x78, 0, 9, 0x67}, {0x78, 0, 1, 0x67, 0}} {
		if p, err := Parse(H264, b); err == nil {
			t.Errorf("H.264 %x: got %+v", b, p)
		}
	}
}

func TestShift(t *testing.T) {
	b := []byte{0x90, 0xf0, 0xff, 0xfe, 255, 0x20, 0x11}
	p, err := Parse(VP8, b)
	if err != nil {
		t.Fatal(err)
	}
	p.Shift(b, 3, 2)
	if !bytes.Equal(b, []byte{0x90, 0xf0, 0x80, 0x01, 1, 0x20, 0x11}) {
		t.Errorf("got %x", b)
	}
	if pic, tl0 := p.IDs(b); pic != 1 || tl0 != 1 {
		t.Errorf("got %d, %d", pic, tl0)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(uint8(VP8), []byte{0x90, 0xf0, 0x81, 0x02, 7, 0x20, 0x11})
	f.Add(uint8(VP9), []byte{0x8a, 0x81, 0x02, 0x18, 0x01, 0x40, 0, 0xf0, 1, 0x04, 1, 0xff})
	f.Add(uint8(H264), []byte{0x78, 0, 2, 0x68, 1, 0, 1, 0x67})
	f.Fuzz(func(t *testing.T, c uint8, b []byte) {
		p, err := Parse(Codec(c), b)
		if err != nil {
			return
		}
		if p.Descriptor > len(b) || p.Picture+1 >= len(b) && p.Picture > 0 || p.TL0 >= len(b) && p.TL0 > 0 {
			t.Fatalf("%x: %+v lies outside", b, p)
		}
		p.Shift(bytes.Clone(b), 1, 1)
		p.IDs(b)
	})
}
