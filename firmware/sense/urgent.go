package sense

import (
	"math"

	"subrosa/dsp/detect"
	"subrosa/firmware/record"
	"subrosa/firmware/slot"
)

// What the desk may spend, in urgent polls.
const (
	minute = 120
	hour   = 60 * minute

	knownPerMinute = 8  // entries of a learned baseline
	infoPerHour    = 12 // records about mere information, in a closed session
	aheadOfGone    = 4  // slots kept for alarms, beside slot.FirstOfKind, before goings and information are told
	staleInfo      = 50 // polls after which information that is over is only counted: its age would no longer fit
)

// pace limits how often something is told.
type pace []int // polls of the last ones

// may reports whether one more fits into n in any window of polls.
func (p *pace) may(now, n, window int) bool {
	for len(*p) > 0 && now-(*p)[0] >= window {
		*p = (*p)[1:]
	}
	return len(*p) < n
}

func (p *pace) spend(now int) { *p = append(*p, now) }

// Urgent answers an urgent poll with at most one record, and none if left is 0. In this order:
//
//	why the sensor, or a source of it, fails
//	an alarm of a kind not told in the last minute (closed: hour)      while any slot is left
//	another alarm                                                      while more than slot.FirstOfKind are left
//	information of a kind not told in the last minute (hour)           while any slot is left
//	that a finding is over; other information                          while aheadOfGone more are left
//	how many findings were merged, once a minute (closed: 10 minutes)  while more than slot.FirstOfKind are left
//	an entry of a learned baseline, 8 a minute, never closed           likewise
//
// A finding costs two records, its appearing and its going; one that is over before its turn costs one, and so does
// one whose going is told by the appearing of the next. In a closed session information gets 12 records an hour, so
// that the neighbour's weather station cannot spend what an alarm may need.
func (d *Desk) Urgent(left int, closed bool) record.Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.polls++
	d.settle()
	if left <= 0 {
		return record.Record{}
	}
	if len(d.failed) > 0 {
		cause := d.failed[0]
		d.failed = d.failed[1:]
		return record.Record{Type: record.Dying, Cause: cause}
	}
	if i := d.pick(left, closed); i >= 0 {
		return d.tell(i)
	}
	if left > slot.FirstOfKind {
		if r, ok := d.overflow(closed); ok {
			return r
		}
		if r, ok := d.known(closed); ok {
			return r
		}
	}
	return record.Record{}
}

// settle merges information that is over and has waited too long.
func (d *Desk) settle() {
	for i := len(d.queue) - 1; i >= 0; i-- {
		if e := &d.queue[i]; e.gone && !e.told && !e.heir && !e.d.Alarm && d.polls-e.since > staleInfo {
			d.merge(e.d.Kind)
			d.remove(i)
		}
	}
}

// pick returns the most urgent entry that the slots left allow, the oldest of equals, -1 for none.
func (d *Desk) pick(left int, closed bool) int {
	best, rank := -1, 0
	for i := range d.queue {
		if r := d.rank(&d.queue[i], left, closed); r > rank {
			best, rank = i, r
		}
	}
	return best
}

// rank tells how urgent an entry is, 0 if it must wait.
func (d *Desk) rank(e *entry, left int, closed bool) int {
	window := minute
	if closed {
		window = hour
	}
	last, seen := d.told[e.class()]
	first := !e.told && (!seen || d.polls-last >= window)
	switch {
	case !e.waiting, closed && !e.d.Alarm && !d.infos.may(d.polls, infoPerHour, hour):
		return 0
	case first && e.d.Alarm:
		return 5
	case !e.told && e.d.Alarm && left > slot.FirstOfKind:
		return 4
	case first:
		return 3
	case left <= slot.FirstOfKind+aheadOfGone, !e.told && e.d.Alarm:
		return 0
	case e.told:
		return 2
	}
	return 1
}

// tell makes the record of an entry.
func (d *Desk) tell(i int) record.Record {
	e := &d.queue[i]
	r := record.Record{Type: record.Appeared, Finding: d.finding(e)}
	if !e.told {
		d.told[e.class()] = d.polls
	}
	if !e.d.Alarm {
		d.infos.spend(d.polls)
	}
	e.told, e.waiting = true, false
	if e.gone {
		r.Type = record.Gone
		d.remove(i)
	}
	return r
}

func (d *Desk) finding(e *entry) record.Finding {
	s, x := d.streams[e.id.stream], &e.d
	age := func(at int64) float64 { return math.Max(0, float64(s.at-at)/s.rate) }
	share := record.All
	if s.lost > 0 {
		share = record.Most
	}
	return record.Finding{Kind: x.Kind, Name: x.Name, Alarm: x.Alarm, Number: e.number, Hz: d.absolute(e.id.stream, x.Hz),
		BwHz: x.BwHz, LevelDB: x.LevelDB, SNRDB: x.SNRDB, Statistic: x.Statistic, Threshold: x.Threshold, Pfa: x.Pfa,
		Confidence: x.Confidence, StartAge: age(x.Start), EndAge: age(x.End), Coverage: share}
}

// overflow tells of the kind with the most merged findings.
func (d *Desk) overflow(closed bool) (record.Record, bool) {
	window := minute
	if closed {
		window = 10 * minute
	}
	var kind detect.Kind
	for k, n := range d.merged {
		if n > d.merged[kind] || n == d.merged[kind] && k < kind {
			kind = k
		}
	}
	n := min(d.merged[kind], 255)
	if n == 0 || !d.merges.may(d.polls, 1, window) {
		return record.Record{}, false
	}
	if d.merged[kind] -= n; d.merged[kind] == 0 {
		delete(d.merged, kind)
	}
	d.merges.spend(d.polls)
	return record.Record{Type: record.Merged, Overflow: record.Overflow{Kind: kind, Count: n}}, true
}

// known lets one entry of a learned baseline out, or says that nothing was learned.
func (d *Desk) known(closed bool) (record.Record, bool) {
	if closed || d.sending < 0 || !d.knowns.may(d.polls, knownPerMinute, minute) {
		return record.Record{}, false
	}
	r := record.Record{Type: record.Known}
	if len(d.learned) > 0 {
		e := d.learned[d.sending]
		r.Known = record.Emitter{Index: d.sending, Count: len(d.learned), Hz: e.Hz, BwHz: e.BwHz, LevelDB: e.LevelDB}
	}
	if d.sending++; d.sending >= len(d.learned) {
		d.sending = -1
	}
	d.knowns.spend(d.polls)
	return r, true
}
