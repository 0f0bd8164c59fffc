// Package slot is the ceiling on what may leave the sensor process.
//
// The room unit polls on its own clock: one status slot every 16 s, always filled, and one urgent slot every 0.5 s,
// empty unless there is a finding. At most 12 urgent slots may be filled in any 60 s and, while the session is
// closed, at most 50 in any hour. With 128 bits a record, and the choice of which slots are filled, that is
//
//	(3.75·128 + 12·128 + log2 C(120,12)) / 60 s ≤ 35 bit/s over any minute,
//	(225·128 + 50·128 + log2 C(7200,50)) / 3600 s ≤ 10 bit/s over a closed hour,
//
// below 39 bit/s, the information rate of human speech (Coupé et al., Science Advances 5, 2019). What was said before
// the session was closed does not count against the hour of the closed session: a busy afternoon must not make the
// sensor mute in the evening.
package slot

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"subrosa/firmware/record"
)

// The clock and the ceilings of the slots.
const (
	StatusEvery = 16 * time.Second
	UrgentEvery = 500 * time.Millisecond
	PerMinute   = 12
	PerHour     = 50 // in a closed session
	FirstOfKind = 4  // of PerMinute kept for the first finding of each kind
)

const perHourAtMost = PerMinute * 60

// Meter counts filled slots in sliding windows. The zero value is not useful: use New or UsedUp.
type Meter struct {
	filled   []time.Time // of the last hour, ascending
	closed   []time.Time // those of them that were filled in a closed session
	statuses []time.Time
	started  time.Time // the sensor, last
}

// Start notes that the sensor was started at now.
func (m *Meter) Start(now time.Time) { m.started = now }

// LastStart returns when the sensor was last started; zero if that is not known.
func (m *Meter) LastStart() time.Time { return m.started }

// LastStatus returns when the last status slot was; zero if there was none in the last hour.
func (m *Meter) LastStatus() time.Time {
	if len(m.statuses) == 0 {
		return time.Time{}
	}
	return m.statuses[len(m.statuses)-1]
}

// New returns the meter of a sensor that has never spoken.
func New() *Meter { return &Meter{} }

// UsedUp returns a meter whose windows are full at now: what a unit assumes when it does not know.
func UsedUp(now time.Time) *Meter {
	m := &Meter{}
	for range PerHour {
		m.filled, m.closed = append(m.filled, now), append(m.closed, now)
	}
	return m
}

// Left returns how many urgent slots may be filled at now.
func (m *Meter) Left(now time.Time, closed bool) int {
	m.forget(now)
	left := PerMinute - count(m.filled, now.Add(-time.Minute))
	if closed {
		left = min(left, PerHour-len(m.closed))
	}
	return max(left, 0)
}

// Fill counts an urgent slot that was filled at now. It reports whether it was within the ceilings.
func (m *Meter) Fill(now time.Time, closed bool) bool {
	ok := m.Left(now, closed) > 0
	m.filled = append(m.filled, now)
	if closed {
		m.closed = append(m.closed, now)
	}
	return ok
}

// Status counts a status slot.
func (m *Meter) Status(now time.Time) {
	m.forget(now)
	m.statuses = append(m.statuses, now)
}

// Bits returns what the sensor could have said in the last hour at most: every bit of every filled slot, and which
// slots were filled.
func (m *Meter) Bits(now time.Time) int {
	m.forget(now)
	polls := float64(time.Hour / UrgentEvery)
	return record.Bits*(len(m.filled)+len(m.statuses)) + int(math.Ceil(choose(polls, float64(len(m.filled)))))
}

// Ceiling returns the greatest Bits that an hour allows of which the session was closed for the last part: PerHour
// slots in that part, PerMinute a minute before it.
func Ceiling(closed time.Duration) int {
	n := perHourAtMost
	if closed > 0 {
		before := max(0, time.Hour-closed)
		n = min(n, PerHour+PerMinute*int((before+time.Minute-1)/time.Minute))
	}
	polls := float64(time.Hour / UrgentEvery)
	return record.Bits*(n+int(time.Hour/StatusEvery)) + int(math.Ceil(choose(polls, float64(n))))
}

// choose returns log2 of n over k.
func choose(n, k float64) float64 {
	lg := func(x float64) float64 { v, _ := math.Lgamma(x + 1); return v }
	return (lg(n) - lg(k) - lg(n-k)) / math.Ln2
}

func count(ts []time.Time, since time.Time) (n int) {
	for i := len(ts) - 1; i >= 0 && ts[i].After(since); i-- {
		n++
	}
	return n
}

// forget drops what is older than an hour. Times from the future, after the clock was set back, count as now.
func (m *Meter) forget(now time.Time) {
	for _, ts := range []*[]time.Time{&m.filled, &m.closed, &m.statuses} {
		old := 0
		for i, t := range *ts {
			if t.After(now) {
				(*ts)[i] = now
			}
			if !t.After(now.Add(-time.Hour)) {
				old = i + 1
			}
		}
		if old > 0 {
			*ts = (*ts)[:copy(*ts, (*ts)[old:])]
		}
	}
}

// file is the form on disk. Format 1 had no Closed, format 2 no Started.
type file struct {
	Format   int         `json:"format"`
	Filled   []time.Time `json:"filled"`
	Closed   []time.Time `json:"closed"`
	Statuses []time.Time `json:"statuses"`
	Started  time.Time   `json:"started"`
}

// MarshalJSON saves the windows.
func (m *Meter) MarshalJSON() ([]byte, error) {
	return json.Marshal(file{3, m.filled, m.closed, m.statuses, m.started})
}

// UnmarshalJSON restores them.
func (m *Meter) UnmarshalJSON(b []byte) error {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return fmt.Errorf("slot: %w", err)
	}
	switch f.Format {
	case 1:
		f.Closed = slices.Clone(f.Filled) // not known: the stricter
	case 2, 3:
	default:
		return fmt.Errorf("slot: format %d, this program reads 1 to 3", f.Format)
	}
	for _, ts := range [][]time.Time{f.Filled, f.Closed, f.Statuses} {
		if len(ts) > 2*perHourAtMost || !slices.IsSortedFunc(ts, time.Time.Compare) {
			return fmt.Errorf("slot: %d times, want at most %d, ascending", len(ts), 2*perHourAtMost)
		}
	}
	m.filled, m.closed, m.statuses, m.started = f.Filled, f.Closed, f.Statuses, f.Started
	return nil
}
