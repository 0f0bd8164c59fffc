package sense

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"subrosa/dsp/chirp"
	"subrosa/firmware/record"
)

// Hearing is the self-test of the microphone: it listens for the sweep that the room unit plays and tells the desk which
// bands were heard. Its Take is the Own of a sound pipeline, its Run a Runner beside that.
//
// What it keeps of the room, the seconds of a test, it clears as soon as it has judged them.
type Hearing struct {
	Memory Memory // nil: the recording may be swapped out

	desk *Desk
	rate int
	full chan struct{} // a recording is complete

	mu     sync.Mutex
	sweep  chirp.Sweep
	ear    *chirp.Ear
	level  float64
	x      []float32
	n      int   // of x
	next   int64 // index that continues x
	phase  phase
	void   bool // what is being judged does not count
	judged []chirp.Band
}

type phase uint8

const (
	resting phase = iota
	collecting
	judging
)

// NewHearing returns a Hearing for sound at rate samples per second.
func NewHearing(d *Desk, rate int) *Hearing {
	return &Hearing{desk: d, rate: rate, full: make(chan struct{}, 1)}
}

// Begin begins to listen for c; one that is under way begins anew. It fails if the rate does not carry the sweep.
func (h *Hearing) Begin(c Chirp) error {
	s := chirp.Sweep{Rate: h.rate, LoHz: float64(c.LoHz), HiHz: float64(c.HiHz), Seconds: float64(c.Millis) / 1000}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.phase == judging {
		return nil // what is judged now is the answer
	}
	if c == (Chirp{}) {
		return errors.New("sense: self-test without a sweep")
	}
	if h.ear == nil || s != h.sweep {
		ear, err := chirp.NewEar(s, chirp.Default)
		if err != nil {
			return fmt.Errorf("sense: self-test: %w", err)
		}
		x := make([]float32, ear.N())
		if h.Memory != nil {
			h.Memory.Release(h.x)
			if err := h.Memory.Hold(x); err != nil {
				return fmt.Errorf("sense: self-test: %w", err)
			}
		}
		h.sweep, h.ear, h.x = s, ear, x
	}
	h.level, h.n, h.phase = float64(c.LevelDB), 0, collecting
	h.desk.doubt(chirp.Bands(s))
	return nil
}

// Cancel ends a test whose sweep was not played, and forgets what tests have shown.
func (h *Hearing) Cancel() {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch h.phase {
	case collecting:
		h.finish()
	case judging:
		h.void = true
	}
	h.desk.doubt(nil)
}

// Busy reports whether a test is under way.
func (h *Hearing) Busy() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.phase != resting
}

// Take takes the next block and reports whether it belongs to a test. A gap ends the test, which then has shown nothing:
// half a sweep must not make a microphone look deaf.
func (h *Hearing) Take(at int64, x []float32) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.phase != collecting {
		return false
	}
	if h.n > 0 && at != h.next {
		h.finish()
		return false
	}
	h.n += copy(h.x[h.n:], x)
	h.next = at + int64(len(x))
	if h.n == len(h.x) {
		h.phase = judging
		h.full <- struct{}{}
	}
	return true
}

// Run judges what was collected until ctx ends.
func (h *Hearing) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			h.mu.Lock()
			defer h.mu.Unlock()
			h.finish()
			return nil
		case <-h.full:
		}
		// In this phase nobody else touches ear and x.
		h.judged = h.ear.Listen(h.judged[:0], h.x, h.level)
		h.mu.Lock()
		if !h.void {
			h.desk.heard(h.judged)
		}
		h.finish()
		h.mu.Unlock()
	}
}

// finish forgets the recording.
func (h *Hearing) finish() {
	clear(h.x)
	h.n, h.phase, h.void = 0, resting, false
}

// proof is what self-tests have shown of each third-octave band. A band that was never tested limits nothing.
type proof []knowledge

type knowledge struct {
	lo, hi  float64
	verdict chirp.Verdict // Masked: not known yet
}

// doubt lists the bands that a test is about to examine; what is known of them stays.
func (d *Desk) doubt(bands []chirp.Band) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var now proof
	for _, b := range bands {
		k := knowledge{lo: b.LoHz, hi: b.HiHz}
		for _, old := range d.proof {
			if old.lo == k.lo && old.hi == k.hi {
				k.verdict = old.verdict
			}
		}
		now = append(now, k)
	}
	d.proof = now
}

// heard files the verdicts of a test. A band that was masked keeps what was known of it.
func (d *Desk) heard(bands []chirp.Band) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.proof {
		for _, b := range bands {
			if k := &d.proof[i]; b.LoHz == k.lo && b.HiHz == k.hi && b.Verdict != chirp.Masked {
				k.verdict = b.Verdict
			}
		}
	}
}

// limit lowers the coverage of what is not proven: a part is covered wholly only if each band of it was heard, mostly if
// bands that are not known yet might make up for those that are deaf, and not at all if all are deaf.
func (p proof) limit(c *[8]record.Share) {
	for i, part := range soundParts {
		var known, hope, all float64
		for _, k := range p {
			w := min(k.hi, soundEdges[i+1]) - max(k.lo, soundEdges[i])
			if w <= 0 {
				continue
			}
			all += w
			switch k.verdict {
			case chirp.Heard:
				known += w
				hope += w
			case chirp.Masked:
				hope += w
			}
		}
		switch {
		case all == 0 || known >= 0.97*all:
		case hope >= 0.5*all:
			c[part] = min(c[part], record.Most)
		case hope > 0:
			c[part] = min(c[part], record.Some)
		default:
			c[part] = record.None
		}
	}
}
