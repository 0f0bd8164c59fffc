// Package sframe reads the header of encrypted frames (RFC 9605, section 4.3): all that a server without keys can see of one.
package sframe

import (
	"encoding/binary"
	"errors"
)

// Tag is the length of the authentication tag in bytes: that of cipher suite 5 is whole.
const Tag = 16

// MaxHeader is the longest header in bytes: configuration, key id and counter.
const MaxHeader = 1 + 8 + 8

// ErrHeader says that bytes do not begin with a header of the form that is used here.
var ErrHeader = errors.New("sframe: no header with a key id of 8 bytes in shortest form")

// KeyID is room tag (4 bytes, the first not 0) ‖ leaf (2) ‖ low bytes of the epoch (2).
type KeyID uint64

// MakeKeyID puts a key id together.
func MakeKeyID(tag uint32, leaf int, epoch uint64) KeyID {
	return KeyID(tag)<<32 | KeyID(uint16(leaf))<<16 | KeyID(uint16(epoch))
}

// Tag of the room.
func (k KeyID) Tag() uint32 { return uint32(k >> 32) }

// Leaf of the sender.
func (k KeyID) Leaf() int { return int(uint16(k >> 16)) }

// Epoch is its two low bytes.
func (k KeyID) Epoch() uint16 { return uint16(k) }

// Header is what stands before the ciphertext.
type Header struct {
	KID KeyID
	CTR uint64
	Len int // in bytes
}

// Parse reads the header at the beginning of b:
//
//	 0 1 2 3 4 5 6 7
//	|X|  K  |Y|  C  |  X=1: the key id has K+1 bytes and follows, so X=1 K=7
//	                   Y=0: C is the counter; Y=1: the counter has C+1 bytes and follows
//
// RFC 9605 wants both in the fewest bytes; anything else is refused.
func Parse(b []byte) (Header, error) {
	if len(b) < 9 || b[0]&0xf0 != 0xf0 || b[1] == 0 {
		return Header{}, ErrHeader
	}
	h := Header{KID: KeyID(binary.BigEndian.Uint64(b[1:])), CTR: uint64(b[0] & 7), Len: 9}
	if b[0]&8 == 0 {
		return h, nil
	}
	n := int(b[0]&7) + 1
	if len(b) < 9+n || b[9] == 0 || n == 1 && b[9] < 8 {
		return Header{}, ErrHeader
	}
	h.CTR, h.Len = 0, 9+n
	for _, c := range b[9 : 9+n] {
		h.CTR = h.CTR<<8 | uint64(c)
	}
	return h, nil
}

// Append writes the header of a key id whose first byte is not 0.
func Append(dst []byte, kid KeyID, ctr uint64) []byte {
	if ctr < 8 {
		return binary.BigEndian.AppendUint64(append(dst, 0xf0|byte(ctr)), uint64(kid))
	}
	var c [8]byte
	binary.BigEndian.PutUint64(c[:], ctr)
	i := 0
	for c[i] == 0 {
		i++
	}
	dst = binary.BigEndian.AppendUint64(append(dst, 0xf8|byte(7-i)), uint64(kid))
	return append(dst, c[i:]...)
}
