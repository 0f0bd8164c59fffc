package occupancy

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Baud is the rate at which the LD2410 talks out of the box: 8 data bits, no parity, one stop bit.
const Baud = 256000

// Report is one target report of the LD2410.
type Report struct {
	Moving, Still bool // a moving and a still target; both may be there
	MovingCM      int  // distance of the moving target; 0 when there is none
	MovingEnergy  int  // 0…100
	StillCM       int
	StillEnergy   int // 0…100
	DetectionCM   int // distance that the module reports as that of the detection
}

// Present reports whether there is any target.
func (r Report) Present() bool { return r.Moving || r.Still }

// Parser finds target reports in a stream of bytes, however it is cut.
//
// Source: Hi-Link, "HLK-LD2410 Serial communication protocol" V1.02, section 2.3. All numbers are little-endian:
//
//	F4 F3 F2 F1 │ length u16 │ type │ AA │ target │ moving cm u16, energy │ still cm u16, energy │ detection cm u16 │ … │ 55 00 │ F8 F7 F6 F5
//	                           02 basic     0 none, 1 moving, 2 still, 3 both
//	                           01 engineering: the energies of all gates follow before 55; they are passed over
//
// There is no checksum: header, length, the three fixed bytes, the tail and the ranges of the values must fit, or the
// parser looks for the next header, beginning with the byte after the last.
type Parser struct {
	buf     []byte
	dropped int64
}

const (
	maxPayload = 64 // the longest known is 45 bytes
	minPayload = 13
	maxFrame   = 4 + 2 + maxPayload + 4
	maxCM      = 1000 // the module sees 6 m at most, with gates of 0.75 m up to 8
)

var (
	head = [4]byte{0xf4, 0xf3, 0xf2, 0xf1}
	tail = [4]byte{0xf8, 0xf7, 0xf6, 0xf5}
)

// Feed takes bytes from the line and calls emit with each whole report. It keeps at most one frame.
func (p *Parser) Feed(b []byte, emit func(Report)) {
	if p.buf == nil {
		p.buf = make([]byte, 0, maxFrame)
	}
	for _, c := range b {
		p.buf = append(p.buf, c)
		p.advance(emit)
	}
}

// Dropped returns how many bytes belonged to no report. Some at the beginning are in order.
func (p *Parser) Dropped() int64 { return p.dropped }

// advance looks at what is there until more bytes are needed.
func (p *Parser) advance(emit func(Report)) {
	for len(p.buf) > 0 {
		n, ok := frameLength(p.buf)
		if ok && len(p.buf) < n {
			return
		}
		if ok {
			if r, err := parse(p.buf[:n]); err == nil {
				p.buf = p.buf[:0] // bytes come one by one: nothing follows
				emit(r)
				return
			}
		}
		p.dropped++
		p.buf = p.buf[:copy(p.buf, p.buf[1:])]
	}
}

// frameLength returns how long the frame that b begins is, or will be at least; ok is false when b begins no frame.
func frameLength(b []byte) (n int, ok bool) {
	for i := range min(len(b), len(head)) {
		if b[i] != head[i] {
			return 0, false
		}
	}
	if len(b) < 6 {
		return 6, true
	}
	n = int(b[4]) | int(b[5])<<8
	return 4 + 2 + n + 4, n >= minPayload && n <= maxPayload
}

// ParseReport reads one whole frame.
func ParseReport(b []byte) (Report, error) {
	n, ok := frameLength(b)
	if !ok || len(b) != n || n < 6+minPayload+4 {
		return Report{}, fmt.Errorf("occupancy: radar: %d bytes are no frame", len(b))
	}
	return parse(b)
}

// parse reads a frame whose head and length fit.
func parse(b []byte) (Report, error) {
	p, end := b[6:len(b)-4], b[len(b)-4:]
	if [4]byte(end) != tail || p[0] != 1 && p[0] != 2 || p[1] != 0xaa || p[len(p)-2] != 0x55 || p[len(p)-1] != 0 || p[2] > 3 {
		return Report{}, errFrame
	}
	u16 := func(i int) int { return int(p[i]) | int(p[i+1])<<8 }
	r := Report{Moving: p[2]&1 != 0, Still: p[2]&2 != 0, MovingCM: u16(3), MovingEnergy: int(p[5]), StillCM: u16(6), StillEnergy: int(p[8]), DetectionCM: u16(9)}
	if r.MovingCM > maxCM || r.StillCM > maxCM || r.DetectionCM > maxCM || r.MovingEnergy > 100 || r.StillEnergy > 100 {
		return Report{}, errFrame
	}
	return r, nil
}

var errFrame = fmt.Errorf("occupancy: radar: a frame with impossible values")

// radarSilent is for how long the module, which reports about ten times a second, may say nothing.
const radarSilent = 3 * time.Second

// Radar keeps the newest report of a line. It is safe for concurrent use.
type Radar struct {
	hold time.Duration

	mu      sync.Mutex
	p       Parser
	last    Report
	heard   time.Time // when the last report came, or when listening began
	present time.Time // when a target was there last; zero: never
	err     error
}

// NewRadar returns a radar that has heard nothing since the time now.
func NewRadar(now time.Time, hold time.Duration) *Radar { return &Radar{hold: hold, heard: now} }

// Listen reads line until it ends; a nil line is ErrAbsent. It returns what ended it. Closing the line ends it.
func (r *Radar) Listen(line io.Reader, now func() time.Time) error {
	if line == nil {
		return fmt.Errorf("occupancy: radar: %w", ErrAbsent)
	}
	buf := make([]byte, 256)
	for {
		n, err := line.Read(buf)
		r.take(now(), buf[:n], err)
		if err != nil {
			return fmt.Errorf("occupancy: radar: %w", err)
		}
	}
}

func (r *Radar) take(now time.Time, b []byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	r.p.Feed(b, func(rep Report) {
		r.last, r.heard = rep, now
		if rep.Present() {
			r.present = now
		}
	})
}

// Step returns the newest report and whether the room counts as occupied. The error wraps ErrSilent when nothing
// readable has come for a while, and is that of the line when it has ended.
func (r *Radar) Step(now time.Time) (rep Report, occupied bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	occupied = !r.present.IsZero() && now.Sub(r.present) <= r.hold
	switch {
	case r.err != nil:
		return Report{}, occupied, fmt.Errorf("occupancy: radar: %w", r.err)
	case now.Sub(r.heard) > radarSilent:
		return Report{}, occupied, fmt.Errorf("%w for %v", ErrSilent, now.Sub(r.heard).Round(time.Second))
	}
	return r.last, occupied, nil
}
