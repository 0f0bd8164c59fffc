package call

import "time"

// pace is how often something may be done: so many at once, and one more every so often.
type pace struct {
	most  float64
	every time.Duration
}

var (
	rekeys = pace{10, 5 * time.Second} // commits of one member that change nobody; a page makes one when it has come in
	joins  = pace{12, 5 * time.Second} // new seats of one member; a page that is reloaded takes one
	offers = pace{40, 250 * time.Millisecond}
)

// bucket is what is left of a pace. The zero bucket is full.
type bucket struct {
	spent float64
	at    time.Time
}

// left is what may be done at now.
func (b bucket) left(now time.Time, p pace) float64 {
	return p.most - max(0, b.spent-now.Sub(b.at).Seconds()/p.every.Seconds())
}

// take takes one, or reports that there is none.
func (b *bucket) take(now time.Time, p pace) bool {
	left := b.left(now, p)
	b.spent, b.at = p.most-left, now
	if left < 1 {
		return false
	}
	b.spent++
	return true
}

// members have a bucket each.
type members map[string]bucket

// maxMembers is from how many on those with nothing spent are forgotten.
const maxMembers = 256

func (m members) take(now time.Time, p pace, member string) bool {
	if len(m) >= maxMembers {
		for k, b := range m {
			if b.left(now, p) >= p.most {
				delete(m, k)
			}
		}
	}
	b := m[member]
	ok := b.take(now, p)
	m[member] = b
	return ok
}
