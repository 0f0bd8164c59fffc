package sense

import (
	"math"
	"sync"

	"subrosa/dsp/detect"
	"subrosa/firmware/record"
)

// Desk holds what the pipelines found until the room unit asks. What of it is worth one of the few records, see Urgent.
type Desk struct {
	mu      sync.Mutex
	polls   int // urgent polls so far: the desk's only clock
	streams [2]*stream
	health  uint16
	failed  []record.Cause // not told yet
	proof   proof          // of what the microphone hears

	queue   []entry            // what waits or lasts, oldest first
	lasting map[track]struct{} // findings that have appeared and not gone, told or not
	number  uint8              // given last
	told    map[class]int      // poll at which a finding of a class was last told
	merged  map[detect.Kind]int
	infos   pace
	merges  pace
	knowns  pace

	status record.Record // the last one: the meters write into it

	learning bool
	learned  []Emitter
	sending  int // index of the next of learned to leave, -1 for none
}

// The kinds of samples.
const (
	sound = iota
	radio
)

// track identifies a finding in what the detectors say.
type track struct {
	stream int
	kind   detect.Kind
	number uint32
}

// class is what has a right to a first record.
type class struct {
	kind  detect.Kind
	alarm bool
}

// entry is a finding that waits for a record, or that has been told and lasts.
type entry struct {
	id      track
	d       detect.Detection
	number  uint8 // in records, unique in the queue
	since   int   // poll of its last change
	gone    bool  // its end is known
	told    bool  // its appearing has left
	waiting bool  // something is to be told
	heir    bool  // has taken over the number of an earlier one whose going was not told
}

// maxEntries is how many findings the numbers in records can tell apart.
const maxEntries = 64

// NewDesk returns an empty desk.
func NewDesk() *Desk {
	return &Desk{told: map[class]int{}, merged: map[detect.Kind]int{}, lasting: map[track]struct{}{}, health: record.Restart, sending: -1}
}

// take files the detections of one block of a stream.
func (d *Desk) take(stream int, ds []detect.Detection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range ds {
		id := track{stream, x.Kind, x.Track}
		_, lasts := d.lasting[id]
		switch {
		case x.Edge == detect.Gone && lasts:
			d.end(id, x)
		case d.learning && stream == radio:
			d.learn(x)
		case x.Edge == detect.Appeared:
			d.begin(id, x)
		}
	}
}

// begin files a finding that has appeared.
func (d *Desk) begin(id track, x detect.Detection) {
	d.lasting[id] = struct{}{}
	e := entry{id: id, d: x, since: d.polls, waiting: true}
	if i := d.before(&e); i >= 0 {
		e.number, e.heir = d.queue[i].number, true
		d.remove(i)
	} else if len(d.queue) < maxEntries {
		e.number = d.free()
	} else if i := d.least(&e); i >= 0 {
		e.number = d.queue[i].number
		if !d.queue[i].told {
			d.merge(d.queue[i].d.Kind)
		}
		d.remove(i)
	} else {
		d.merge(x.Kind)
		return
	}
	d.queue = append(d.queue, e)
}

// end files that a finding is over. One that is not in the queue was merged, and counted then.
func (d *Desk) end(id track, x detect.Detection) {
	delete(d.lasting, id)
	for i := range d.queue {
		e := &d.queue[i]
		if e.id != id || e.gone {
			continue
		}
		if e.heir && !e.told { // one record ends both
			d.merge(x.Kind)
		}
		e.d, e.gone, e.waiting, e.since = x, true, true, d.polls
		return
	}
}

// before returns the earlier finding of the same name that is over without this having been told: the appearing of e
// under its number says so, and saves a record. -1 for none.
func (d *Desk) before(e *entry) int {
	for i := range d.queue {
		o := &d.queue[i]
		if o.told && o.gone && o.id.stream == e.id.stream && o.d.Kind == e.d.Kind && o.d.Name == e.d.Name && o.d.Alarm == e.d.Alarm {
			return i
		}
	}
	return -1
}

// free returns a number that no entry has.
func (d *Desk) free() uint8 {
	for {
		d.number = (d.number + 1) % maxEntries
		used := false
		for i := range d.queue {
			used = used || d.queue[i].number == d.number
		}
		if !used {
			return d.number
		}
	}
}

// least returns the entry that gives way to e on a full desk: what was not told and is worth less, the youngest of
// those; else, for an alarm, a piece of information that was told and lasts, whose end is then not told. -1 for none.
func (d *Desk) least(e *entry) int {
	least, worth := -1, d.worth(e)
	for i := range d.queue {
		o := &d.queue[i]
		if w := d.worth(o); !o.told && !o.heir && (w < worth || w == worth && least >= 0) {
			least, worth = i, w
		}
	}
	if least >= 0 || !e.d.Alarm {
		return least
	}
	for i := range d.queue {
		if o := &d.queue[i]; o.told && !o.d.Alarm {
			return i
		}
	}
	return -1
}

// worth ranks what competes for a place: alarms, then what is alone of its class, then what lasts.
func (d *Desk) worth(e *entry) (w int) {
	if e.d.Alarm {
		w += 4
	}
	alone := true
	for i := range d.queue {
		o := &d.queue[i]
		alone = alone && (o.id == e.id || o.class() != e.class())
	}
	if alone {
		w += 2
	}
	if !e.gone {
		w++
	}
	return w
}

func (e *entry) class() class { return class{e.d.Kind, e.d.Alarm} }

func (d *Desk) remove(i int) { d.queue = append(d.queue[:i], d.queue[i+1:]...) }

// merge counts a finding that gets no record of its own.
func (d *Desk) merge(k detect.Kind) {
	d.merged[k]++
	d.health |= record.Crowded
}

// absolute is the frequency that is told: what the receiver is tuned to plus the offset.
func (d *Desk) absolute(stream int, hz float64) float64 {
	if stream == radio && d.streams[radio] != nil && d.streams[radio].centre > 0 {
		return d.streams[radio].centre + hz
	}
	return math.Max(0, hz)
}

// Fail files that the process, or one of its sources, has failed: one of the next urgent records says so.
func (d *Desk) Fail(cause record.Cause) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = append(d.failed, cause)
}
