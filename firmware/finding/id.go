package finding

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// crockford is Douglas Crockford's base 32: no I, L, O, U, so that an id survives being read aloud.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// IDLen is the length of every id.
const IDLen = 26

// NewID returns an id of 26 characters that sorts by time: 48 bits of milliseconds since 1970 (10 characters),
// then 80 bits read from rand (16 characters). Ids of the same millisecond sort by chance. A failing rand is a
// programmer's mistake and panics; crypto/rand.Reader never fails.
func NewID(t time.Time, rand io.Reader) string {
	ms := min(max(t.UnixMilli(), 0), 1<<48-1)
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(ms)<<16)
	if _, err := io.ReadFull(rand, b[6:]); err != nil {
		panic(fmt.Sprintf("finding: no randomness for an id: %v", err))
	}
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	var s [IDLen]byte
	for i := IDLen - 1; i >= 0; i-- { // 128 bits, five at a time from the right; the first character holds three
		s[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(s[:])
}

// ValidID reports whether s has the form of an id. Ids travel in topics, paths and pages: check foreign ones.
func ValidID(s string) bool {
	if len(s) != IDLen || s[0] > '7' {
		return false
	}
	for i := range IDLen {
		if digit(s[i]) < 0 {
			return false
		}
	}
	return true
}

// IDTime returns the millisecond that is written in an id; the zero time if s is not one.
func IDTime(s string) time.Time {
	if !ValidID(s) {
		return time.Time{}
	}
	var ms int64
	for i := range 10 {
		ms = ms<<5 | int64(digit(s[i]))
	}
	return time.UnixMilli(ms).UTC()
}

func digit(c byte) int {
	for i := range len(crockford) {
		if crockford[i] == c {
			return i
		}
	}
	return -1
}
