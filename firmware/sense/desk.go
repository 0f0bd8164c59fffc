package sense

import (
	"math"
	"sync"

	"subrosa/dsp/detect"
	"subrosa/firmware/record"
	"subrosa/firmware/slot"
)

// Desk holds what the pipelines found until the room unit asks, and decides what is worth one of the few records.
//
// A finding costs at most two records, its appearing and its going; one that is over before its turn costs one.
// Some of the slots are kept for kinds that have not been told in the last minute. What does not fit is merged and
// counted, and the status says so.
type Desk struct {
	mu       sync.Mutex
	seq      uint8
	polls    int // urgent polls so far: the desk's only clock
	number   uint8
	queue    []entry             // waiting, oldest first
	open     int                 // findings that last
	told     map[detect.Kind]int // poll of the latest record of a kind
	merged   map[detect.Kind]int
	health   uint16
	streams  [2]*stream
	dying    uint8
	learning bool
	learned  []Emitter
	sending  int // next of learned to leave; len(learned) = none
	sentAt   []int
}

// entry is a finding that waits for a slot.
type entry struct {
	stream  int
	d       detect.Detection
	number  uint8
	gone    bool // its end is known
	told    bool // its appearing has left
	waiting bool // something is to be told
}

// stream is what the desk knows of one kind of samples.
type stream struct {
	rate     float64
	centre   float64
	at       int64 // index after the latest sample
	samples  int64 // since the last status
	lost     int64
	fresh    bool
	peak     float32
	bands    int  // levels measured
	mean     bool // levels are mean powers, else maxima
	power    [len(record.Thirds)]float64
	filed    int
	coverage func(c *[8]record.Share, share record.Share)
}

// file adds one second's levels, dBFS.
func (s *stream) file(dB []float64) {
	for i, v := range dB {
		p := math.Pow(10, v/10)
		switch {
		case math.IsNaN(v) || s.filed == 0 && !s.mean:
			s.power[i] = p
		case s.mean:
			s.power[i] += p
		default:
			s.power[i] = math.Max(s.power[i], p)
		}
	}
	s.filed++
}

// levels writes what was filed since the last call, dBFS, NaN where nothing was.
func (s *stream) levels(dst []float64) {
	for i := range dst {
		dst[i] = math.NaN()
		if s == nil || s.filed == 0 || i >= s.bands {
			continue
		}
		p := s.power[i]
		if s.mean {
			p /= float64(s.filed)
		}
		dst[i] = 10 * math.Log10(p)
	}
	if s != nil {
		s.power, s.filed = [len(record.Thirds)]float64{}, 0
	}
}

const (
	sound = iota
	radio
)

const (
	maxEntries      = 64
	knownPerMinute  = 8
	pollsPerMinute  = 120
	knownMergeShare = 0.5
)

// NewDesk returns an empty desk.
func NewDesk() *Desk {
	return &Desk{told: map[detect.Kind]int{}, merged: map[detect.Kind]int{}, health: record.Restart}
}

// take files the detections of one block of a stream.
func (d *Desk) take(s int, ds []detect.Detection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range ds {
		if d.learning && s == radio {
			d.learn(x)
			continue
		}
		if x.Edge == detect.Gone {
			d.end(s, x)
		} else {
			d.begin(s, x)
		}
	}
}

func (d *Desk) begin(s int, x detect.Detection) {
	d.open++
	if len(d.queue) >= maxEntries {
		d.drop()
	}
	if len(d.queue) >= maxEntries {
		d.merged[x.Kind]++
		d.health |= record.Crowded
		return
	}
	d.number = (d.number + 1) & 63
	d.queue = append(d.queue, entry{stream: s, d: x, number: d.number, waiting: true})
}

func (d *Desk) end(s int, x detect.Detection) {
	d.open = max(0, d.open-1)
	for i := range d.queue {
		if e := &d.queue[i]; e.stream == s && e.d.Track == x.Track && e.d.Kind == x.Kind && !e.gone {
			e.d, e.gone, e.waiting = x, true, true
			return
		}
	}
	d.merged[x.Kind]++ // its appearing was merged; the count tells of it
}

// drop merges the least urgent entry that waits.
func (d *Desk) drop() {
	worst := -1
	for i := range d.queue {
		if e := &d.queue[i]; e.waiting && !e.told && !e.d.Alarm && e.gone {
			worst = i
		}
	}
	if worst < 0 {
		return
	}
	d.merged[d.queue[worst].d.Kind]++
	d.health |= record.Crowded
	d.queue = append(d.queue[:worst], d.queue[worst+1:]...)
}

// learn notes an emission for the baseline: one entry for each place in the spectrum, with its greatest level.
func (d *Desk) learn(x detect.Detection) {
	hz := d.absolute(radio, x.Hz)
	for i := range d.learned {
		e := &d.learned[i]
		if math.Abs(e.Hz-hz) <= knownMergeShare*(e.BwHz+x.BwHz) {
			e.LevelDB = math.Max(e.LevelDB, x.LevelDB)
			e.BwHz = math.Max(e.BwHz, x.BwHz)
			return
		}
	}
	if len(d.learned) < MaxBaseline {
		d.learned = append(d.learned, Emitter{Hz: hz, BwHz: x.BwHz, LevelDB: x.LevelDB})
	} else {
		d.health |= record.Crowded
	}
}

// SetLearning begins or ends learning. At the end what was learned begins to leave.
func (d *Desk) SetLearning(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if on && !d.learning {
		d.learned, d.sending = nil, 0
	}
	if !on && d.learning {
		d.sending = 0
	}
	if on {
		d.sending = MaxBaseline + 1
	}
	d.learning = on
}

// absolute is the frequency that is told: what the receiver is tuned to plus the offset.
func (d *Desk) absolute(s int, hz float64) float64 {
	if s == radio && d.streams[radio] != nil && d.streams[radio].centre > 0 {
		return d.streams[radio].centre + hz
	}
	return math.Max(0, hz)
}

// Status answers a status poll.
func (d *Desk) Status() record.Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := record.Record{Type: record.StatusType, Seq: d.next()}
	r.Status = record.Status{Health: d.health, Open: d.open}
	d.streams[sound].levels(r.Status.Thirds[:])
	d.streams[radio].levels(r.Status.Bands[:])
	on := [2]uint16{record.SoundOn, record.RadioOn}
	gap := [2]uint16{record.SoundGap, record.RadioGap}
	clip := [2]uint16{record.SoundClip, record.RadioClip}
	dead := [2]uint16{record.SoundDead, record.RadioDead}
	for i, s := range d.streams {
		if s == nil {
			continue
		}
		share := record.None
		if seen := float64(s.samples) / math.Max(1, float64(s.samples+s.lost)); s.samples > 0 {
			share = shareOf(math.Min(seen, float64(s.samples)/(s.rate*slot.StatusEvery.Seconds()*0.98)))
			r.Status.Health |= on[i]
			if s.peak == 0 {
				r.Status.Health |= dead[i]
			}
		}
		if s.lost > 0 {
			r.Status.Health |= gap[i]
		}
		if s.peak >= 0.999 {
			r.Status.Health |= clip[i]
		}
		s.coverage(&r.Status.Coverage, share)
		s.samples, s.lost, s.peak = 0, 0, 0
	}
	d.health = 0
	return r
}

func shareOf(x float64) record.Share {
	switch {
	case x >= 0.97:
		return record.All
	case x >= 0.5:
		return record.Most
	case x > 0:
		return record.Some
	}
	return record.None
}

func (d *Desk) next() uint8 {
	d.seq = (d.seq + 1) & 15
	return d.seq
}

// Urgent answers an urgent poll: at most one record, and only if left allows.
func (d *Desk) Urgent(left int, closed bool) record.Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.polls++
	if left <= 0 {
		return record.Record{}
	}
	if d.dying != 0 {
		cause := record.Cause(d.dying)
		d.dying = 0
		return record.Record{Type: record.Dying, Seq: d.next(), Cause: cause}
	}
	if i := d.pick(left); i >= 0 {
		return d.tell(i)
	}
	if left > slot.FirstOfKind {
		if r, ok := d.overflow(); ok {
			return r
		}
		if r, ok := d.known(closed); ok {
			return r
		}
	}
	return record.Record{}
}

// pick returns the most urgent entry that the slots left allow, -1 for none.
func (d *Desk) pick(left int) int {
	best, rank := -1, math.MaxInt
	for i := range d.queue {
		e := &d.queue[i]
		if !e.waiting {
			continue
		}
		last, seen := d.told[e.d.Kind]
		first := !e.told && (!seen || d.polls-last > pollsPerMinute)
		if left <= slot.FirstOfKind && !first {
			continue
		}
		r := 4
		switch {
		case e.d.Alarm && first:
			r = 0
		case e.d.Alarm && !e.told:
			r = 1
		case first:
			r = 2
		case e.told:
			r = 3
		}
		if r < rank {
			best, rank = i, r
		}
	}
	return best
}

// tell makes the record of an entry.
func (d *Desk) tell(i int) record.Record {
	e := &d.queue[i]
	r := record.Record{Type: record.Appeared, Seq: d.next(), Finding: d.finding(e)}
	d.told[e.d.Kind] = d.polls
	e.told, e.waiting = true, false
	if e.gone {
		r.Type = record.Gone
		d.queue = append(d.queue[:i], d.queue[i+1:]...)
	}
	return r
}

func (d *Desk) finding(e *entry) record.Finding {
	s, x := d.streams[e.stream], &e.d
	age := func(at int64) float64 { return math.Max(0, float64(s.at-at)/s.rate) }
	share := record.All
	if s.lost > 0 {
		share = record.Most
	}
	return record.Finding{Kind: x.Kind, Name: x.Name, Alarm: x.Alarm, Number: e.number, Hz: d.absolute(e.stream, x.Hz),
		BwHz: x.BwHz, LevelDB: x.LevelDB, SNRDB: x.SNRDB, Statistic: x.Statistic, Threshold: x.Threshold, Pfa: x.Pfa,
		Confidence: x.Confidence, StartAge: age(x.Start), EndAge: age(x.End), Coverage: share}
}

// overflow tells of the kind with the most merged findings.
func (d *Desk) overflow() (record.Record, bool) {
	var kind detect.Kind
	for k, n := range d.merged {
		if n > d.merged[kind] || n == d.merged[kind] && k < kind {
			kind = k
		}
	}
	n := d.merged[kind]
	if n == 0 {
		return record.Record{}, false
	}
	delete(d.merged, kind)
	return record.Record{Type: record.Merged, Seq: d.next(), Overflow: record.Overflow{Kind: kind, Count: min(n, 255)}}, true
}

// known lets one entry of a learned baseline out: the lowest priority, a few a minute, never in a closed session.
func (d *Desk) known(closed bool) (record.Record, bool) {
	for len(d.sentAt) > 0 && d.polls-d.sentAt[0] >= pollsPerMinute {
		d.sentAt = d.sentAt[1:]
	}
	if closed || d.learning || d.sending >= len(d.learned) || len(d.sentAt) >= knownPerMinute {
		return record.Record{}, false
	}
	e := d.learned[d.sending]
	r := record.Record{Type: record.Known, Seq: d.next(), Known: record.Emitter{Index: d.sending, Count: len(d.learned),
		Hz: e.Hz, BwHz: e.BwHz, LevelDB: e.LevelDB}}
	d.sending++
	d.sentAt = append(d.sentAt, d.polls)
	return r, true
}

// Die makes the next urgent poll say why the sensor ends: 1 panic, 2 source, 3 control.
func (d *Desk) Die(cause uint8) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dying = cause
}
