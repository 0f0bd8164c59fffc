package portaudio

import "time"

// loss finds out how many frames an overrun cost. The system seldom says: ALSA empties the whole buffer and
// starts again, and PortAudio reports at best that something was lost.
//
// Its measure is the stream's clock. What the clock says has been captured, less what has arrived, would
// be constant if both ran evenly; it drifts as the clocks differ (below 1 in 1000) and jumps by what is lost.
type loss struct {
	rate   float64
	least  float64 // a jump below this many frames without an overflow being reported is jitter
	offset float64 // frames, follows drift
	last   time.Duration
	begun  bool
}

// newLoss takes the size of the device's buffer in frames. What is lost unreported is a full buffer.
func newLoss(rate, buffer int) *loss {
	return &loss{rate: float64(rate), least: float64(buffer) / 2}
}

// observe takes the stream's clock and how many frames had arrived by then, read and waiting, lost ones not
// counted, and returns how many were lost since the last call; with overflow at least one.
func (l *loss) observe(clock time.Duration, arrived int64, overflow bool) (lost int64) {
	offset := clock.Seconds()*l.rate - float64(arrived)
	if !l.begun || clock < l.last {
		l.begun, l.offset, l.last = true, offset, clock
		return 0
	}
	jump := offset - l.offset
	elapsed := (clock - l.last).Seconds()
	l.last = clock
	if jump >= l.least || overflow {
		lost = max(int64(jump+0.5), 0)
		if overflow {
			lost = max(lost, 1)
		}
		l.offset = offset
		return lost
	}
	// A second's constant tracks 1 in 1000 with an error of a thousandth of a second's frames.
	l.offset += jump * min(elapsed, 1)
	return 0
}
