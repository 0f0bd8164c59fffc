//go:build linux && cgo

package capture

// #include "ring.h"
// typedef void (*put_function)(void *, const void *, size_t);
// static put_function put_address(void) { return capture_put; }
import "C"

import (
	"fmt"
	"unsafe"
)

// Ring is memory outside Go's heap that a library's callback fills and a Stream empties. It is made once, locked
// against swapping where the process may do that, kept out of core files, and overwritten at the end.
type Ring struct{ c *C.struct_capture_ring }

// newRing has room for so many blocks of so many bytes; what arrives in larger blocks is cut.
func newRing(block, blocks int) (*Ring, error) {
	c, err := C.capture_new(C.size_t(block), C.size_t(blocks))
	if c == nil {
		return nil, fmt.Errorf("%d × %d bytes: %w", blocks, block, err)
	}
	return &Ring{c}, nil
}

// Put returns what a callback in C calls: void put(void *ring, const void *bytes, size_t n). One callback at a time
// may call it, from any thread.
func (r *Ring) Put() (put, ring unsafe.Pointer) {
	return unsafe.Pointer(C.put_address()), unsafe.Pointer(r.c)
}

// put does it from Go, with the time at which it happened, in ns of the monotonic clock.
func (r *Ring) put(b []byte, at int64) {
	C.capture_put_at(unsafe.Pointer(r.c), unsafe.Pointer(unsafe.SliceData(b)), C.size_t(len(b)), C.int64_t(at))
}

// state is how taking a block went.
type state int

const (
	taken   state = C.CAPTURE_BLOCK
	timeout state = C.CAPTURE_TIMEOUT
	ended   state = C.CAPTURE_ENDED
)

// block is what was taken out of the ring.
type block struct {
	bytes []byte
	rest  int   // bytes that arrived with it and follow
	lost  int64 // samples lost before it
	at    int64 // ns of the monotonic clock
}

func (r *Ring) take(wait int64) (block, state) {
	t := C.capture_take(r.c, C.int64_t(wait))
	return block{unsafe.Slice((*byte)(t.bytes), int(t.n)), int(t.rest), int64(t.lost), int64(t.at)}, state(t.state)
}

// used returns how many blocks are filled, that being read among them.
func (r *Ring) used() int { return int(C.capture_used(r.c)) }

func (r *Ring) release()     { C.capture_release(r.c) }
func (r *Ring) end()         { C.capture_end(r.c) }
func (r *Ring) close()       { C.capture_close(r.c) }
func (r *Ring) locked() bool { return C.capture_locked(r.c) != 0 }
func (r *Ring) free()        { C.capture_free(r.c); r.c = nil }

// now is the monotonic clock, as the callbacks see it.
func now() int64 { return int64(C.capture_now()) }
