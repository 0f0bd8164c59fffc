package portaudio

import "time"

// settle is how long frames must be missing before they count as lost if nobody reported it. A sound server
// that was not listened to hands over its backlog at once, but PulseAudio may deliver only every two seconds.
// Raw ALSA reports an overrun, so there nothing waits for this.
const settle = 3 * time.Second

// loss finds out how many frames an overrun cost. The system seldom says: ALSA empties the whole buffer and
// starts again, and PortAudio reports at best that something was lost.
//
// Its measure is the stream's clock. What the clock says has been captured, less what has arrived, would
// be constant if both ran evenly; it drifts as the clocks differ (below 1 in 1000) and jumps by what is lost.
type loss struct {
	rate   float64
	least  float64       // a jump below this many frames without an overflow being reported is jitter
	offset float64       // captured less arrived, in frames; follows drift
	last   time.Duration // clock of the last call
	begun  bool

	missing bool          // a jump is being watched
	since   time.Duration // from when on
	floor   float64       // its smallest size since
}

// newLoss takes the size of the device's buffer in frames. What is lost unreported is a full buffer.
func newLoss(rate, buffer int) *loss {
	return &loss{rate: float64(rate), least: float64(buffer) / 2}
}

// observe takes the stream's clock and how many frames had arrived by then, read and waiting, lost ones not
// counted. It returns how many turn out to be lost; with overflow, which is a report, at least one.
func (l *loss) observe(clock time.Duration, arrived int64, overflow bool) (lost int64) {
	offset := clock.Seconds()*l.rate - float64(arrived)
	if !l.begun || clock < l.last {
		l.begun, l.offset, l.last, l.missing = true, offset, clock, false
		return 0
	}
	elapsed := (clock - l.last).Seconds()
	l.last = clock
	jump := offset - l.offset
	switch {
	case overflow:
		l.offset, l.missing = max(offset, l.offset), false
		return max(int64(jump+0.5), 1)
	case jump < l.least:
		l.missing = false
		l.offset += jump * min(elapsed, 1) // one second's constant, enough for any drift
	case !l.missing:
		l.missing, l.since, l.floor = true, clock, jump
	default:
		l.floor = min(l.floor, jump)
		if clock-l.since >= settle {
			l.offset, l.missing = l.offset+l.floor, false
			return int64(l.floor + 0.5)
		}
	}
	return 0
}
