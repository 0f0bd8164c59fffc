package capture

import "time"

const (
	// steady is how long samples must be missing before they count as lost: a host that was late hands over its
	// backlog sooner.
	steady = 500 * time.Millisecond
	// drift is by how much the receiver's clock and the host's may differ: cheap crystals are off by 100 ppm.
	drift = 500e-6
)

// pace finds out how many samples were lost before they reached the callback: no library says. What the clock says
// has been captured, less what has arrived, has a floor that stands still but for drift and rises by what is lost.
// It is the floor that counts, since a block may come late but never early.
type pace struct {
	rate  float64
	least float64 // a rise below so many samples is jitter

	begun    bool
	began    int64   // ns
	last     int64   // ns
	floor    float64 // captured less arrived, samples
	missing  bool    // a rise is being watched,
	since    int64   // from then on,
	smallest float64 // and was never below this

	declared int64 // lost in all, that nothing has contradicted
	owed     int64 // declared, but then the samples came after all
}

// newPace takes the receiver's rate and how many samples arrive at once.
func newPace(rate, block int) pace {
	return pace{rate: float64(rate), least: max(float64(block)/2, 0.002*float64(rate))}
}

// observe takes a time, ns, and the index of the next sample then, and returns by how much the index is behind.
func (p *pace) observe(now, index int64) (lost int64) {
	if !p.begun || now < p.last {
		p.begun, p.began, p.last, p.missing = true, now, now, false
		p.floor = -float64(index)
		return 0
	}
	elapsed := float64(now-p.last) / 1e9 * p.rate
	p.last = now
	rise := p.captured(now) - float64(index)
	switch {
	case rise < 0:
		p.floor += rise
		p.missing = false
		back := min(int64(-rise), p.declared)
		p.declared -= back
		p.owed += back
	case rise < p.least:
		p.floor += min(rise, drift*elapsed)
		p.missing = false
	case !p.missing:
		p.missing, p.since, p.smallest = true, now, rise
	default:
		p.smallest = min(p.smallest, rise)
		if now-p.since < int64(steady) {
			break
		}
		p.missing = false
		n := int64(p.smallest + 0.5)
		paid := min(n, p.owed)
		p.owed -= paid
		p.floor += float64(paid)
		p.declared += n - paid
		return n - paid
	}
	return 0
}

// captured returns the index of the sample that was captured at the time now, ns.
func (p *pace) captured(now int64) float64 {
	return float64(now-p.began)/1e9*p.rate - p.floor
}
