package shadow

import (
	"cmp"
	"slices"
	"time"

	"subrosa/firmware/event"
	"subrosa/firmware/topic"
)

// entry is the newest state of one topic.
type entry struct {
	name    string
	row     *topic.Row
	version uint64
	payload []byte // encoded event; nil: to be emptied, or emptied
	stamped bool   // versions are given here, not by the caller
	foreign bool   // another writer's state won; nothing of ours is kept
	acked   bool   // the broker has this version
	known   bool   // the broker has acknowledged a version before: it holds none above ours
	since   time.Time
	seq     uint64 // of its record on the way to the disk

	ready  bool   // the disk took the record, or refused it
	queued bool   // in outbox.queue
	flight uint64 // attempt that is in flight on this connection, 0 none
	sentAt time.Time
	good   uint64 // connection on which the broker was last seen to hold this version
	heals  int    // times sent again on this connection because the broker held something else
	losses int    // consecutive connections lost with it in flight
	blames int    // of these, alone
	until  time.Time
}

func (e *entry) pending() bool { return !e.acked }

// urgent tells alarms from the rest: they are saved before Report returns and sent first.
func urgent(r *topic.Row) bool { return r.Noun == "alarm" }

// shared tells topics with several writers, whose state may be newer than ours without our knowing. A contact is
// written by a unit or by a gateway, never by both.
func shared(r *topic.Row) bool { return len(r.Writers) > 1 && r.Noun != "contact" }

// outbox is the map of states and the queue of those to be sent. It knows no clock, disk or network.
type outbox struct {
	max      int
	entries  map[string]*entry
	desired  map[string]event.Stamp // last state taken, per desired topic
	queue    [2][]*entry            // urgent, others
	flying   int
	solo     *entry // in flight, and nothing else may be
	attempts uint64
}

func newOutbox(limit int) outbox {
	return outbox{max: limit, entries: map[string]*entry{}, desired: map[string]event.Stamp{}}
}

func (o *outbox) get(name string) *entry { return o.entries[name] }

// add makes an entry; if the box is full, acknowledged states that have been still the longest give way.
func (o *outbox) add(t topic.Topic) (*entry, error) {
	if len(o.entries) >= o.max && !o.evict() {
		return nil, ErrFull
	}
	e := &entry{name: t.String(), row: t.Row, acked: true, ready: true}
	o.entries[e.name] = e
	return e, nil
}

// dropIfNew takes an entry out again that never got a state.
func (o *outbox) dropIfNew(e *entry) {
	if e.version == 0 && e.payload == nil && e.acked {
		delete(o.entries, e.name)
	}
}

// evict forgets a sixteenth of the box: emptied topics and other writers' first, then what was acknowledged the
// longest ago; last those whose versions are given here, for then only the broker knows how they go on.
func (o *outbox) evict() bool {
	var old []*entry
	for _, e := range o.entries {
		if e.acked && e.flight == 0 {
			old = append(old, e)
		}
	}
	slices.SortFunc(old, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(worth(a), worth(b)), a.since.Compare(b.since), cmp.Compare(a.name, b.name))
	})
	n := min(len(old), max(1, o.max/16))
	for _, e := range old[:n] {
		delete(o.entries, e.name)
	}
	return n > 0
}

func worth(e *entry) int {
	switch {
	case e.payload == nil:
		return 0
	case !e.stamped:
		return 1
	}
	return 2
}

// change gives the entry a new state, which has to reach the disk and the broker.
func (o *outbox) change(e *entry, version uint64, payload []byte, now time.Time) {
	if e.acked || e.since.IsZero() {
		e.since = now
	}
	e.version, e.payload, e.acked, e.foreign, e.ready, e.good = version, payload, false, false, false, 0
}

// again puts an acknowledged state back among those to be sent.
func (o *outbox) again(e *entry, now time.Time) {
	if e.acked {
		e.acked, e.since = false, now
	}
	o.enqueue(e)
}

func (o *outbox) enqueue(e *entry) {
	if e.acked || !e.ready || e.queued || e.flight != 0 {
		return
	}
	e.queued = true
	i := 1
	if urgent(e.row) {
		i = 0
	}
	o.queue[i] = append(o.queue[i], e)
}

// restart forgets what was in flight on the connection before and queues all that is not acknowledged, the
// oldest first.
func (o *outbox) restart() {
	o.queue = [2][]*entry{}
	o.flying, o.solo = 0, nil
	var all []*entry
	for _, e := range o.entries {
		e.flight, e.queued, e.heals = 0, false, 0
		if !e.acked {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.name, b.name)) })
	for _, e := range all {
		o.enqueue(e)
	}
}

// next takes the next state to be sent and puts it in flight; nil if there is none now. hold says which must
// wait for the broker's retained messages. A state that was in flight when a connection was lost goes alone: if
// the broker hangs up on it, the others must not suffer.
func (o *outbox) next(now time.Time, window int, hold func(*entry) bool) *entry {
	if o.solo != nil || o.flying >= window {
		return nil
	}
	for i := range o.queue {
		kept := o.queue[i][:0]
		for j, e := range o.queue[i] {
			switch {
			case e.acked || !e.ready || e.flight != 0: // back when it is ready or has landed
				e.queued = false
				continue
			case e.until.After(now) || hold(e):
				kept = append(kept, e)
				continue
			case e.losses > 0 && o.flying > 0:
				o.queue[i] = append(kept, o.queue[i][j:]...)
				return nil
			}
			o.queue[i] = append(kept, o.queue[i][j+1:]...)
			o.launch(e, now)
			return e
		}
		o.queue[i] = kept
	}
	return nil
}

func (o *outbox) launch(e *entry, now time.Time) {
	o.attempts++
	o.flying++
	e.queued, e.flight, e.sentAt = false, o.attempts, now
	if e.losses > 0 {
		o.solo = e
	}
}

// landed ends an attempt: the broker took the version that was sent.
func (o *outbox) landed(e *entry, version uint64) {
	e.flight = 0
	o.flying--
	if o.solo == e {
		o.solo = nil
	}
	e.losses, e.blames, e.until = 0, 0, time.Time{}
	e.acked, e.known = e.acked || e.version == version, true
	o.enqueue(e)
}

// lost notes what was in flight when a connection ended. A topic that was alone and just sent, again and again,
// is one the broker refuses: it pauses, ever longer.
func (o *outbox) lost(now time.Time, pause time.Duration) {
	var alone *entry
	n := 0
	for _, e := range o.entries {
		if e.flight != 0 {
			e.losses++
			alone = e
			n++
		}
	}
	if n != 1 || alone.losses < 2 || now.Sub(alone.sentAt) > 2*time.Second {
		return
	}
	alone.blames++
	if alone.blames >= 2 {
		alone.until = now.Add(pause << min(alone.blames-2, 6))
	}
}

// waiting returns how many states the broker has not acknowledged, since when, and a topic it refuses.
func (o *outbox) waiting() (n int, oldest time.Time, refused string) {
	for _, e := range o.entries {
		if !e.pending() {
			continue
		}
		n++
		if oldest.IsZero() || e.since.Before(oldest) {
			oldest = e.since
		}
		if e.blames >= 2 {
			refused = e.name
		}
	}
	return n, oldest, refused
}
