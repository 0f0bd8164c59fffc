package mdm

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// device is what is known of one.
type device struct {
	dev      *Device
	caps     *Caps // shared by all of its kind
	want     Want  // of the last Step
	required Set   // of what is wanted, what must be off
	holders  []string
	tag      string // of want
	tagSet   Set    // and of which
	tagEnd   int64  // Unix seconds

	gen    uint64
	dirty  bool     // a Lock may have reached it since it was last seen free
	pend   *pending // unanswered
	ghost  string   // a command whose answer is lost
	looks  int      // since then
	again  bool     // the look on its way may be older than an answer that came meanwhile
	done   string   // last command answered
	left   bool
	back   int  // how often it has been heard since it left
	heard  bool // ever
	last   time.Duration
	obs    Observed
	known  bool // obs is of after the last answer
	obsAt  time.Duration
	proved time.Time // the standing posture, at last
	acked  string    // tag of the last lock acknowledged
	tried  *Command  // carried out, as somebody says, and not yet looked at
	lockAt time.Duration
	round  int
	fails  int
	fault  string
	notYet time.Duration // before which no Stand, Lock or Free
	lookAt time.Duration // before which no Look
	lazy   time.Duration // before which no Look of a device from which nothing is wanted but its proven posture
	since  time.Time
	shown  State
	gone   bool   // its management says that it is not there now
	told   uint64 // what was last told of it: a hash; 0: nothing
}

// lostAfter is how often a device must have been awake without answering before its answer may be lost: events of before the
// command can come late, and twice.
const lostAfter = 3

// pending is an unanswered command.
type pending struct {
	Command
	sent   time.Duration // or last word about it
	woken  time.Duration
	wakes  int
	awake  int           // how often the device was heard since the last word
	heard  time.Duration // the lostAfterth time of these
	busy   bool
	resend bool // nobody knows whether it was taken
	maybe  bool // an earlier attempt may have been taken
	again  time.Duration
}

// Record is a device as it is kept on disk.
type Record struct {
	ID      string    `json:"id"`
	Gen     uint64    `json:"gen"`
	Dirty   bool      `json:"dirty"`
	Pending *Command  `json:"pending,omitempty"`
	Ghost   string    `json:"ghost,omitempty"`
	Left    bool      `json:"left,omitempty"`
	Heard   bool      `json:"heard,omitempty"`
	Proved  time.Time `json:"proved,omitzero"`
}

func (d *device) record() Record {
	r := Record{ID: d.dev.ID, Gen: d.gen, Dirty: d.dirty, Ghost: d.ghost, Left: d.left, Heard: d.heard, Proved: d.proved}
	if d.pend != nil {
		c := d.pend.Command
		r.Pending = &c
	}
	return r
}

func (d *device) restore(now Clock, r Record, relook time.Duration) {
	if age := now.Wall.Sub(r.Proved); age >= 0 && age < relook {
		d.lazy = now.Mono + relook - age
	}
	d.gen, d.dirty, d.ghost, d.left, d.heard, d.proved = r.Gen, r.Dirty, r.Ghost, r.Left, r.Heard, r.Proved
	if r.Pending != nil {
		d.pend = &pending{Command: *r.Pending, sent: now.Mono, woken: now.Mono, resend: true, maybe: true}
		d.again = r.Pending.Round > 0 // what the first round said was not kept
	}
}

// mayLock reports whether a lock of ours may be on the device.
func (d *device) mayLock() bool { return d.dirty || d.ghost != "" }

// next says the one next thing to do.
func (d *device) next(now Clock, c *Config) (Action, bool) {
	if d.left || d.caps.Can == 0 {
		return Action{}, false
	}
	if d.pend != nil {
		if a, ok := d.wait(now, c); ok || d.pend != nil {
			return a, ok
		}
	}
	kind := d.missing(now, c)
	switch {
	case kind == 0, kind == Look && (now.Mono < d.lookAt || now.Mono < d.lazy && d.want.Lock == 0 && !d.mayLock()), kind != Look && now.Mono < d.notYet:
		return Action{}, false
	}
	d.gen++
	cmd := Command{ID: fmt.Sprintf("sr-%s-%d-%s", d.dev.ID, d.gen, kind), Kind: kind, Want: d.want}
	switch kind {
	case Look:
		cmd.Round = d.round
	case Lock:
		d.dirty = true
	}
	d.pend = &pending{Command: cmd, sent: now.Mono, woken: now.Mono}
	return Action{*d.dev, cmd}, true
}

// wait looks after the unanswered command.
func (d *device) wait(now Clock, c *Config) (Action, bool) {
	p := d.pend
	if p.resend && p.Kind == Free && d.want.Lock != 0 { // perhaps nobody has it: not to be said again, now that somebody holds the device
		d.ghost, d.looks = p.ID, 0
		d.pend, d.known, d.round = nil, false, 0
		return Action{}, false
	}
	if p.resend && now.Mono >= p.again {
		p.resend, p.woken = false, now.Mono
		return Action{*d.dev, p.Command}, true
	}
	if p.awake >= lostAfter && now.Mono-p.heard >= c.Lost {
		if p.Kind != Look {
			d.ghost, d.looks = p.ID, 0
		}
		d.pend, d.known, d.round = nil, false, 0
		return Action{}, false
	}
	if pause := min(c.Wake<<min(p.wakes, 8), c.WakeMax); now.Mono-p.woken >= pause {
		p.woken = now.Mono
		p.wakes++
		return Action{Device: *d.dev}, true
	}
	return Action{}, false
}

// missing says which command brings the device nearer to what is wanted; 0: none.
func (d *device) missing(now Clock, c *Config) Kind {
	if !d.caps.Best.Proves() {
		return d.unproven(now)
	}
	old := c.Relook
	if d.want.Lock != 0 {
		old = c.Relock
	}
	switch {
	case !d.known || now.Mono-d.obsAt >= old:
		return Look
	case !d.obs.Standing.Has(d.want.Standing):
		return Stand
	case d.want.Lock != 0 && !d.matches():
		return Lock
	case d.want.Lock != 0 && d.caps.Renew && now.Mono-d.lockAt >= d.want.Lease/3:
		return Lock
	case d.want.Lock == 0 && d.obs.Locked:
		return Free
	}
	return 0
}

// unproven is missing for a management that never tells: what was taken is all there is to go by.
func (d *device) unproven(now Clock) Kind {
	switch {
	case d.want.Lock == 0 && d.dirty:
		return Free
	case !d.known || !d.obs.Standing.Has(d.want.Standing):
		if d.want.Standing == 0 {
			return 0
		}
		return Stand
	case d.want.Lock != 0 && (!d.matches() || d.caps.Renew && now.Mono-d.lockAt >= d.want.Lease/3):
		return Lock
	}
	return 0
}

// wanted is want.Tag, made once for each want.
func (d *device) wanted() string {
	if end := d.want.Until.Unix(); d.tagSet != d.want.Lock || d.tagEnd != end || d.tag == "" {
		d.tagSet, d.tagEnd, d.tag = d.want.Lock, end, d.want.Tag()
		if d.tag == d.acked {
			d.tag = d.acked
		}
	}
	return d.tag
}

// matches reports whether the lock seen is the one wanted.
func (d *device) matches() bool {
	return d.obs.Locked && d.obs.Lock == d.want.Lock && (d.obs.Tag == d.wanted() || d.obs.Tag == "" && d.acked == d.wanted())
}

// sent takes what became of handing out a command. It reports whether the record has changed.
func (d *device) sent(now Clock, c *Config, cmd Command, err error) bool {
	p := d.pend
	switch {
	case err == nil:
		if p != nil && p.ID == cmd.ID {
			p.maybe = true
		}
		if d.fault != FaultRefused && d.fault != FaultCircumvent {
			d.fault = ""
		}
		return false
	case cmd.ID == "":
		d.fault = Slug(err)
		return false
	case p == nil || p.ID != cmd.ID:
		return false
	}
	d.fault = Slug(err)
	d.fails++
	pause := min(c.Retry<<min(d.fails-1, 8), c.RetryMax)
	if errors.Is(err, ErrUnsent) && !p.maybe {
		d.pend, d.known = nil, false
		d.notYet, d.lookAt = now.Mono+pause, now.Mono+pause
		return true
	}
	p.resend, p.maybe, p.again = true, true, now.Mono+pause
	return false
}

// take takes an event about the device. It reports whether the record has changed.
func (d *device) take(now Clock, c *Config, e Event) bool {
	if e.Kind == Gone {
		d.gone = true
		return false
	}
	first := !d.heard
	d.heard, d.gone, d.last = true, false, now.Mono
	switch e.Kind {
	case Left:
		d.back, d.ghost = 0, ""
		if d.pend != nil { // gone with the queue, unless this event is an old one and it has come back meanwhile
			d.ghost, d.looks = d.pend.ID, 0
		}
		d.left, d.pend, d.known, d.dirty, d.proved, d.acked = true, nil, false, false, time.Time{}, ""
		return true
	case Joined:
		if d.pend != nil && d.pend.Kind == Lock { // gone with the queue, unless this event is an old one
			d.ghost, d.looks = d.pend.ID, 0
		}
		d.left, d.pend, d.known, d.again, d.round, d.fails, d.fault = false, nil, false, false, 0, 0, ""
		d.notYet, d.lookAt = 0, 0
		return true
	case Awake:
		if d.left {
			if d.back++; d.back < lostAfter {
				return first
			}
			d.left, d.known = false, false // it has left, and yet speaks: it came back, and that was missed
			return true
		}
		if d.pend != nil {
			if now.Mono-d.pend.sent >= c.Settle { // else it may be an old event
				d.pend.awake++
			}
			if d.pend.awake == lostAfter {
				d.pend.heard = now.Mono
			}
			if d.pend.wakes > 3 {
				d.pend.wakes = 3
			}
		}
		return first
	}
	switch {
	case e.Command == "":
		if e.Observed != nil {
			d.see(now, c, *e.Observed)
		}
		return true
	case d.pend != nil && d.pend.ID == e.Command:
		return d.answered(now, c, e) || first
	case e.Command == d.done:
		return first
	}
	d.stale(e)
	return true
}

// stale takes an answer to a command before the last one: something has happened on the device, to be looked at.
func (d *device) stale(e Event) {
	if strings.HasSuffix(e.Command, "-"+Look.String()) || e.Kind == Busy {
		return
	}
	if strings.HasSuffix(e.Command, "-"+Lock.String()) && e.Kind == Acked {
		d.dirty = true
	}
	if e.Command == d.ghost {
		d.ghost = ""
	}
	d.known, d.again, d.round = false, d.pend != nil, 0
}

// answered takes the answer to the command on its way.
func (d *device) answered(now Clock, c *Config, e Event) bool {
	p := d.pend
	if e.Kind == Busy {
		p.busy, p.awake, p.sent = true, 0, now.Mono
		return false
	}
	d.pend, d.done = nil, p.ID
	switch {
	case e.Kind == Failed && p.Kind == Look:
		d.fails++
		d.known, d.round = false, 0
		d.lookAt = now.Mono + min(c.Retry<<min(d.fails-1, 8), c.RetryMax)
	case e.Kind == Failed:
		d.fails++
		d.fault = FaultRefused
		d.known, d.round = false, 0
		d.notYet = now.Mono + min(c.Retry<<min(d.fails-1, 8), c.RetryMax)
	case p.Kind == Look:
		d.looked(now, c, p, e.Observed)
	default:
		d.known, d.round = false, 0
		d.carried(now, p)
	}
	return true
}

// carried takes that a command was carried out, as somebody says.
func (d *device) carried(now Clock, p *pending) {
	switch p.Kind {
	case Lock:
		if d.acked, d.lockAt = p.Want.Tag(), now.Mono; d.acked == d.tag {
			d.acked = d.tag // one string, not two
		}
	case Free:
		d.acked = ""
	}
	if d.caps.Best.Proves() {
		d.tried = &p.Command
		return
	}
	o := Observed{Standing: p.Want.Standing, Evidence: Ack}
	if p.Kind == Lock || p.Kind == Stand && d.obs.Locked {
		o.Lock, o.Locked, o.Tag = p.Want.Lock, true, p.Want.Tag()
	}
	d.fails, d.fault = 0, ""
	d.obs, d.known, d.obsAt, d.dirty = o, true, now.Mono, o.Locked
}

// looked takes the answer to a look.
func (d *device) looked(now Clock, c *Config, p *pending, o *Observed) {
	switch {
	case o == nil:
		d.fails++
		d.lookAt = now.Mono + min(c.Retry<<min(d.fails-1, 8), c.RetryMax)
		return
	case d.again:
		d.again, d.known, d.round = false, false, 0
		return
	case p.Round > 0:
		d.obs.InForce, d.obs.Evidence, d.obs.More = o.InForce, o.Evidence, o.More
		o = &d.obs
	}
	if o.More && p.Round < 3 {
		d.obs, d.known, d.round = *o, false, p.Round+1
		return
	}
	d.see(now, c, *o)
	if d.ghost != "" {
		if d.looks++; d.looks >= 2 {
			d.ghost = ""
			d.dirty = d.obs.Locked
			return
		}
		d.known, d.lookAt = false, now.Mono+c.Settle
	}
}

// shows reports whether what was seen is what the command was to make.
func shows(o Observed, c *Command) bool {
	switch c.Kind {
	case Stand:
		return o.Standing.Has(c.Want.Standing)
	case Lock:
		return o.Locked && (o.Tag == "" || o.Tag == c.Want.Tag())
	}
	return !o.Locked
}

// see takes what the device says of itself.
func (d *device) see(now Clock, c *Config, o Observed) {
	o.More = false
	switch o.Tag {
	case d.tag:
		o.Tag = d.tag
	case d.acked:
		o.Tag = d.acked
	}
	d.obs, d.known, d.obsAt, d.round = o, true, now.Mono, 0
	if o.Standing.Has(d.want.Standing) && d.want.Standing != 0 && o.Evidence.Proves() {
		d.proved = now.Wall.UTC()
	} else {
		d.proved = time.Time{}
	}
	if o.Fault != "" {
		d.fault = o.Fault
	} else if d.fault == FaultCircumvent {
		d.fault = ""
	}
	if t := d.tried; t != nil && !shows(o, t) { // it did nothing: not again at once
		d.fails++
		d.notYet = now.Mono + min(c.Retry<<min(d.fails-1, 8), c.RetryMax)
	}
	d.tried = nil
	good := o.Standing.Has(d.want.Standing) && (d.want.Lock == 0 && !o.Locked || d.want.Lock != 0 && d.matches())
	if good {
		d.fails, d.notYet = 0, 0
		if d.fault == FaultRefused {
			d.fault = ""
		}
	}
	if o.Locked {
		d.dirty = true
	} else if d.ghost == "" && (d.pend == nil || d.pend.Kind != Lock) {
		d.dirty = false
	}
}
