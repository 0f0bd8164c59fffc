package spectrum

import (
	"fmt"

	"subrosa/dsp/detect"
)

// Framer cuts a stream into overlapping frames.
//
// Frame k since the last gap begins hop·k samples after the first sample since that gap, however the stream is
// cut into blocks. A gap (a block that does not begin where the last one ended) drops the frame under way.
type Framer[S detect.Sample] struct {
	n, hop  int
	running bool
	next    int64 // index expected of the next block
	pos     int64 // index of the next frame's first sample
	buf     []S   // buf[head:head+fill] are the samples [pos, next), if pos < next
	head    int
	fill    int
}

// NewFramer returns a framer for frames of n samples that begin hop samples apart. It panics unless both are at
// least 1. A hop above n skips samples.
func NewFramer[S detect.Sample](n, hop int) *Framer[S] {
	if n < 1 || hop < 1 {
		panic(fmt.Sprintf("spectrum: frames of %d samples every %d, want both at least 1", n, hop))
	}
	return &Framer[S]{n: n, hop: hop, buf: make([]S, 4*n)}
}

// Reset forgets the stream: the next block begins a new one.
func (f *Framer[S]) Reset() { f.running = false }

// Push takes the block x, whose first sample has the stream index at, and calls each for every frame that is now
// complete, in order, with the index of its first sample. The frame is valid, and must not be written to, until
// each returns. Push itself does not allocate; store each once (a method value made per call would allocate).
func (f *Framer[S]) Push(at int64, x []S, each func(at int64, frame []S)) {
	if len(x) == 0 {
		return
	}
	if !f.running || at != f.next {
		f.running, f.pos, f.head, f.fill = true, at, 0, 0
	}
	f.next = at + int64(len(x))
	f.finish(at, x, each)
	if f.pos < at {
		return // x is shorter than what the buffered frame still lacks
	}
	// From here on frames lie in x entirely and need no copy.
	for ; f.pos+int64(f.n) <= f.next; f.pos += int64(f.hop) {
		i := int(f.pos - at)
		each(f.pos, x[i:i+f.n])
	}
	f.head, f.fill = 0, 0
	if f.pos < f.next {
		f.fill = copy(f.buf, x[f.pos-at:])
	}
}

// finish completes the frames that began before at, whose samples up to at are in the buffer.
func (f *Framer[S]) finish(at int64, x []S, each func(at int64, frame []S)) {
	if f.pos >= at {
		return
	}
	take := min(len(x), f.n-1) // enough for every frame that begins before x does
	if f.head+f.fill+take > len(f.buf) {
		copy(f.buf, f.buf[f.head:f.head+f.fill])
		f.head = 0
	}
	f.fill += copy(f.buf[f.head+f.fill:], x[:take])
	for f.pos < at && f.fill >= f.n {
		each(f.pos, f.buf[f.head:f.head+f.n])
		f.pos += int64(f.hop)
		step := min(f.hop, f.fill)
		f.head, f.fill = f.head+step, f.fill-step
	}
}
