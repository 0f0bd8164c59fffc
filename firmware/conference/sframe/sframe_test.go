package sframe

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// vectors are header cases of sframe-wg/sframe test-vectors.json (RFC 9605, appendix C.1) whose key id has 8 bytes.
var vectors = []struct {
	kid KeyID
	ctr uint64
	hex string
}{
	{0xffffffffffffffff, 0, "f0ffffffffffffffff"},
	{0xffffffffffffffff, 1, "f1ffffffffffffffff"},
	{0xffffffffffffffff, 0xff, "f8ffffffffffffffffff"},
	{0xffffffffffffffff, 0x100, "f9ffffffffffffffff0100"},
	{0xffffffffffffffff, 0xffff, "f9ffffffffffffffffffff"},
	{0xffffffffffffffff, 0xffffffffffffffff, "ffffffffffffffffffffffffffffffffff"},
	{0x0100000000000000, 0, "f00100000000000000"},
	{0x0100000000000000, 0x1000000, "fb010000000000000001000000"},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		want, _ := hex.DecodeString(v.hex)
		if got := Append(nil, v.kid, v.ctr); !bytes.Equal(got, want) {
			t.Errorf("%x, %x: wrote %x, want %x", v.kid, v.ctr, got, want)
		}
		if h, err := Parse(append(want, 1, 2)); err != nil || h != (Header{v.kid, v.ctr, len(want)}) {
			t.Errorf("%s: read %+v, %v", v.hex, h, err)
		}
	}
}

func TestOtherFormsAreRefused(t *testing.T) {
	for name, s := range map[string]string{
		"empty": "", "short": "f0ffffffffffffff", "key id in the first byte": "70ffffffffffffffff", "of 7 bytes": "e0ffffffffffffffff",
		"key id with a leading 0": "f000ffffffffffffff", "counter with a leading 0": "f9ffffffffffffffff0001",
		"counter that fits the first byte": "f8ffffffffffffffff07", "counter cut off": "ffffffffffffffffff01",
	} {
		b, _ := hex.DecodeString(s)
		if h, err := Parse(b); err == nil {
			t.Errorf("%s: read %+v", name, h)
		}
	}
}

func TestKeyID(t *testing.T) {
	k := MakeKeyID(0xa1b2c3d4, 0x102, 0x5_0003)
	if k != 0xa1b2c3d4_0102_0003 || k.Tag() != 0xa1b2c3d4 || k.Leaf() != 0x102 || k.Epoch() != 3 {
		t.Errorf("got %x: %x %x %x", uint64(k), k.Tag(), k.Leaf(), k.Epoch())
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		b, _ := hex.DecodeString(v.hex)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Parse(b)
		if err == nil && !bytes.Equal(Append(nil, h.KID, h.CTR), b[:h.Len]) {
			t.Fatalf("%x was read as %+v, which is written in another way", b, h)
		}
	})
}
