package alarm

import (
	"fmt"
	"slices"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
)

// Config of a Tracker. Zero durations and counts stand for those of Default.
type Config struct {
	Room     string
	Hold     time.Duration // an alarm that lasts longer is held
	Clear    time.Duration // absent for so long: cleared; back within: the same alarm, held
	Counters time.Duration // counts, ends and returns of a held alarm are reported at most this often
	Keep     time.Duration // a cleared alarm can be acknowledged for so long, then it is forgotten
	Storm    int           // at most so many new alarms …
	Window   time.Duration // … in any window; the rest is merged and counted
	Max      int           // alarms at one time that are not cleared; the rest is merged and counted
}

// Default holds for a room. Clear is longer than the least time between two starts of the sensor (one minute),
// so that a restart neither ends nor doubles a lasting finding.
var Default = Config{
	Hold: 30 * time.Second, Clear: 2 * time.Minute, Counters: time.Minute, Keep: 24 * time.Hour,
	Storm: 12, Window: 10 * time.Minute, Max: 256,
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		p   *time.Duration
		def time.Duration
	}{{&c.Hold, Default.Hold}, {&c.Clear, Default.Clear}, {&c.Counters, Default.Counters},
		{&c.Keep, Default.Keep}, {&c.Window, Default.Window}} {
		if *d.p <= 0 {
			*d.p = d.def
		}
	}
	if c.Storm <= 0 {
		c.Storm = Default.Storm
	}
	if c.Max <= 0 {
		c.Max = Default.Max
	}
	return c
}

// What happened to an alarm.
type What string

const (
	WasRaised       What = "raised"
	WasHeld         What = "held"
	WasCleared      What = "cleared"
	WasAcknowledged What = "acknowledged"
	WasCounted      What = "counted"   // further appearances, an end or a return, reported together
	WasForgotten    What = "forgotten" // Keep is over: take it off the page, empty its topic
)

// Change is a new version of an alarm and what made it.
type Change struct {
	What  What  `json:"what"`
	Alarm Alarm `json:"alarm"`
}

// Tracker decides which findings are one alarm. It is pure: callers pass the time and keep its Snapshot. It is
// not safe for concurrent use; Book is.
//
//	            finding                    lasts Hold, or returns within Clear
//	(nothing) ──────────► raised ──────────────────────────────────────────────► held
//	                        │  absent for Clear                                   │  absent for Clear
//	                        └───────────────────────► cleared ◄───────────────────┘
//	                                                     │ Keep
//	                                                     ▼
//	                                                 (forgotten)
//
// An acknowledgement may come in any state and changes none. What returns after it was cleared is a new alarm,
// even if the earlier one was acknowledged.
//
// Storm limit: when Storm alarms were raised within Window, or Max are not cleared, a new one is counted into
// the newest uncleared alarm of its kind. The first of each kind in a window is raised all the same. What finds
// neither is counted into one alarm sensor-tamper/excess. Health alarms are outside the limit: their names are
// few.
type Tracker struct {
	cfg    Config
	tracks []*track // oldest first
	raises []raise  // of the last Window
	done   []string // ids of findings that ended lately, so that a repeat changes nothing
}

const (
	maxKeys = 64 // keys of one alarm
	maxOpen = 64 // findings that last, of one alarm
	maxDone = 256
)

// track is an alarm and what is needed to go on with it.
type track struct {
	Alarm   Alarm           `json:"alarm"`   // as of its version: what readers have
	Finding finding.Finding `json:"finding"` // of the next version
	Merged  int             `json:"merged"`  // of the next version
	Dirty   bool            `json:"dirty,omitempty"`
	Jump    bool            `json:"jump,omitempty"` // the next version jumps, see Restore
	Keys    []Key           `json:"keys"`           // its own first, then those merged into it
	Open    []string        `json:"open,omitempty"` // ids of findings that last
	Since   time.Time       `json:"since"`          // when it was raised
	Last    time.Time       `json:"last"`           // when the last open finding ended
	Touched time.Time       `json:"touched"`        // when the version was made
}

type raise struct {
	At   time.Time   `json:"at"`
	Kind detect.Kind `json:"kind"`
}

// New returns a tracker without alarms.
func New(cfg Config) *Tracker { return &Tracker{cfg: cfg.withDefaults()} }

// Observe takes a finding that has appeared (End nil), that goes on with better figures, or that has ended (End
// set). A finding that is information only (Alarm false) changes nothing; nor does the repetition of one that
// has ended.
func (t *Tracker) Observe(now time.Time, f finding.Finding) []Change {
	t.settle(now)
	if !f.Alarm || slices.Contains(t.done, f.ID) {
		return nil
	}
	key := KeyOf(f)
	tr := t.byFinding(f.ID)
	if tr != nil && (tr.Alarm.State == Cleared || f.Open() && !slices.Contains(tr.Open, f.ID)) {
		return nil // a late repeat
	}
	var changes []Change
	switch {
	case tr != nil:
		tr.improve(f, key)
	default:
		if tr = t.byKey(key); tr != nil {
			tr.improve(f, key)
			changes = t.join(now, tr, f.ID, key)
		} else if t.mayRaise(f) {
			tr, changes = t.raise(now, f, 0, key)
		} else {
			tr, changes = t.merge(now, f, key)
		}
	}
	if !f.Open() {
		changes = append(changes, t.end(now, tr, f.ID, *f.End)...)
	}
	return collapse(changes)
}

// End ends a finding whose last figures are not known.
func (t *Tracker) End(now time.Time, id string) []Change {
	t.settle(now)
	tr := t.byFinding(id)
	if tr == nil || !slices.Contains(tr.Open, id) {
		return nil
	}
	return t.end(now, tr, id, now)
}

// EndAll ends every open finding of the alarms that match accepts, nil for all. It is called when their source
// has gone: what still lasts will be found again and then holds its alarm.
func (t *Tracker) EndAll(now time.Time, match func(Alarm) bool) []Change {
	t.settle(now)
	var changes []Change
	for _, tr := range t.tracks {
		if len(tr.Open) == 0 || match != nil && !match(tr.Alarm) {
			continue
		}
		for len(tr.Open) > 0 {
			changes = append(changes, t.end(now, tr, tr.Open[0], now)...)
		}
	}
	return collapse(changes)
}

// Expire does what time alone does: hold, clear, report counters, forget. Call it about once a second.
func (t *Tracker) Expire(now time.Time) []Change {
	t.settle(now)
	var changes []Change
	t.tracks = slices.DeleteFunc(t.tracks, func(tr *track) bool {
		a := &tr.Alarm
		switch {
		case a.State == Cleared:
			if now.Sub(tr.Touched) < t.cfg.Keep {
				return false
			}
			changes = append(changes, tr.change(now, WasForgotten))
			return true
		case len(tr.Open) == 0 && now.Sub(tr.Last) >= t.cfg.Clear:
			a.State = Cleared
			changes = append(changes, tr.change(now, WasCleared))
		case a.State == Raised && len(tr.Open) > 0 && now.Sub(tr.Since) >= t.cfg.Hold:
			a.State = Held
			changes = append(changes, tr.change(now, WasHeld))
		case tr.Dirty && now.Sub(tr.Touched) >= t.cfg.Counters:
			changes = append(changes, tr.change(now, WasCounted))
		}
		return false
	})
	t.raises = slices.DeleteFunc(t.raises, func(r raise) bool { return now.Sub(r.At) >= t.cfg.Window })
	return changes
}

// Acknowledge records a person's answer. The same answer again, or one older than that on record, changes
// nothing. Errors wrap ErrUnknown or ErrAck.
func (t *Tracker) Acknowledge(now time.Time, id string, ack Ack) ([]Change, error) {
	t.settle(now)
	if ack.At.IsZero() {
		ack.At = now
	}
	ack.At = ack.At.UTC().Round(time.Millisecond)
	if err := ack.Validate(); err != nil {
		return nil, err
	}
	tr := t.byAlarm(id)
	if tr == nil {
		return nil, unknown(id)
	}
	if old := tr.Alarm.Ack; old != nil && (old.At.After(ack.At) || old.same(ack)) {
		return nil, nil
	}
	tr.Alarm.Ack = &ack
	return []Change{tr.change(now, WasAcknowledged)}, nil
}

// Alarms returns every alarm that is not forgotten, oldest first.
func (t *Tracker) Alarms() []Alarm {
	as := make([]Alarm, len(t.tracks))
	for i, tr := range t.tracks {
		as[i] = tr.Alarm.clone()
	}
	return as
}

// Alarm returns one alarm.
func (t *Tracker) Alarm(id string) (Alarm, bool) {
	if tr := t.byAlarm(id); tr != nil {
		return tr.Alarm.clone(), true
	}
	return Alarm{}, false
}

func (t *Tracker) byAlarm(id string) *track {
	for _, tr := range t.tracks {
		if tr.Alarm.Finding.ID == id {
			return tr
		}
	}
	return nil
}

// byFinding returns the alarm that a finding has been taken into.
func (t *Tracker) byFinding(id string) *track {
	for _, tr := range t.tracks {
		if tr.Alarm.Finding.ID == id || slices.Contains(tr.Open, id) {
			return tr
		}
	}
	return nil
}

// byKey returns the uncleared alarm whose keys come nearest to k.
func (t *Tracker) byKey(k Key) (best *track) {
	nearest := 0.0
	for _, tr := range t.tracks {
		if tr.Alarm.State == Cleared {
			continue
		}
		for _, own := range tr.Keys {
			if d, ok := own.distance(k); ok && (best == nil || d < nearest) {
				best, nearest = tr, d
			}
		}
	}
	return best
}

// mayRaise applies the storm limit.
func (t *Tracker) mayRaise(f finding.Finding) bool {
	if f.Kind.Sense() == detect.Health {
		return true
	}
	first := true
	for _, r := range t.raises {
		first = first && r.Kind != f.Kind
	}
	live := 0
	for _, tr := range t.tracks {
		if tr.Alarm.State != Cleared {
			live++
			first = first && tr.Alarm.Finding.Kind != f.Kind
		}
	}
	return first || len(t.raises) < t.cfg.Storm && live < t.cfg.Max
}

func (t *Tracker) raise(now time.Time, f finding.Finding, merged int, keys ...Key) (*track, []Change) {
	tr := &track{Finding: f.Rounded(), Merged: merged, Keys: keys, Open: []string{f.ID}, Since: now, Last: now}
	tr.Finding.End = nil
	tr.Alarm = Alarm{Room: t.cfg.Room, State: Raised}
	t.tracks = append(t.tracks, tr)
	if f.Kind.Sense() != detect.Health {
		t.raises = append(t.raises, raise{now, f.Kind})
	}
	return tr, []Change{tr.change(now, WasRaised)}
}

// merge counts a finding that the storm limit keeps from being an alarm of its own.
func (t *Tracker) merge(now time.Time, f finding.Finding, key Key) (*track, []Change) {
	for _, tr := range slices.Backward(t.tracks) {
		if tr.Alarm.State != Cleared && tr.Alarm.Finding.Kind == f.Kind {
			return tr, t.join(now, tr, f.ID, key)
		}
	}
	if tr := t.byKey(stormKey); tr != nil {
		return tr, t.join(now, tr, f.ID, key)
	}
	storm := finding.Finding{
		ID: f.ID, Kind: stormKey.Kind, Name: stormKey.Name, Alarm: true, Sense: detect.Health, Side: finding.Unknown,
		Start: f.Start, Confidence: 1, Coverage: f.Coverage,
		Cause: finding.CauseOf(stormKey.Kind, stormKey.Name, 0),
	}
	return t.raise(now, storm, 1, stormKey, key)
}

// join counts finding id into tr.
func (t *Tracker) join(now time.Time, tr *track, id string, key Key) []Change {
	returned := len(tr.Open) == 0
	if len(tr.Open) < maxOpen {
		tr.Open = append(tr.Open, id)
	} else {
		t.finish(id) // counted; others of this alarm last anyway
	}
	if !slices.Contains(tr.Keys, key) && len(tr.Keys) < maxKeys {
		if _, known := tr.distance(key); !known {
			tr.Keys = append(tr.Keys, key)
		}
	}
	tr.Merged++
	tr.Finding.End = nil
	tr.Dirty = true
	if returned && tr.Alarm.State == Raised {
		tr.Alarm.State = Held
		return []Change{tr.change(now, WasHeld)}
	}
	return nil
}

// end ends finding id. That nothing is left of an alarm which was not held is told at once, later ends together.
func (t *Tracker) end(now time.Time, tr *track, id string, end time.Time) []Change {
	t.finish(id)
	i := slices.Index(tr.Open, id)
	if i < 0 {
		return nil // beyond maxOpen: others of this alarm still last
	}
	tr.Open = slices.Delete(tr.Open, i, i+1)
	if len(tr.Open) > 0 {
		return nil
	}
	end = end.UTC().Round(time.Millisecond)
	if end.Before(tr.Finding.Start) {
		end = tr.Finding.Start
	}
	tr.Finding.End = &end
	tr.Last = now
	tr.Dirty = true
	if tr.Alarm.State == Raised {
		return []Change{tr.change(now, WasCounted)}
	}
	return nil
}

func (t *Tracker) finish(id string) {
	if len(t.done) >= maxDone {
		t.done = slices.Delete(t.done, 0, len(t.done)-maxDone+1)
	}
	t.done = append(t.done, id)
}

// settle pulls times that lie after now back to now: a clock that was set back must not keep an alarm for ever.
func (t *Tracker) settle(now time.Time) {
	for _, tr := range t.tracks {
		for _, p := range []*time.Time{&tr.Since, &tr.Last, &tr.Touched} {
			if p.After(now) {
				*p = now
			}
		}
	}
	for i := range t.raises {
		if t.raises[i].At.After(now) {
			t.raises[i].At = now
		}
	}
}

// collapse keeps the last version of each alarm under the weightiest of its reasons, which is the first.
func collapse(changes []Change) []Change {
	var out []Change
	for _, c := range changes {
		i := slices.IndexFunc(out, func(o Change) bool { return o.Alarm.Finding.ID == c.Alarm.Finding.ID })
		if i < 0 {
			out = append(out, c)
			continue
		}
		out[i].Alarm = c.Alarm
	}
	return out
}

func unknown(id string) error { return fmt.Errorf("alarm: %w: %q", ErrUnknown, id) }
