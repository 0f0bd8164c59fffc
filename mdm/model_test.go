package mdm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// The model: a management with a queue per device as NanoMDM keeps it, devices that are locked, away, refusing or unenrolled at
// times, answers that are late, lost, doubled and out of order, rooms whose units die, a broker that is away, a bridge that is
// killed between any two of its steps, and clocks that differ. Times are scaled: a lease is 60 s, a session some ten minutes.
var modelConf = Config{
	Standing: Assistant, Wake: 10 * time.Second, WakeMax: time.Minute, Offline: 30 * time.Second, Lost: 30 * time.Second, Retry: 3 * time.Second,
	RetryMax: time.Minute, Relook: time.Hour, Relock: 5 * time.Minute, Settle: 16 * time.Second, Forget: time.Hour, StuckAt: 6, MaxUnsent: 100,
}

const (
	step       = 2 * time.Second
	modelLease = 60 * time.Second
)

var modelStart = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

// phone is one device, and its queue at the management.
type phone struct {
	dev      Device
	standing Set
	lock     Set
	until    time.Time
	tag      string

	queue    []Command // unanswered, in order
	notNow   map[string]bool
	seen     map[string]bool // ids ever queued: a second one is refused
	deaf     bool            // an answer was lost
	jumbled  bool            // that it came back was delivered after it had left again
	offline  bool
	locked   bool
	refuses  bool
	enrolled bool
}

type late struct {
	at time.Duration
	e  Event
}

// rooms as they are in truth.
type truth struct {
	name    string
	version uint64
	session int
	wish    Desired
	made    time.Time
	dead    bool
	got     Desired       // last delivered to the bridge
	gotAt   time.Duration // on the model's clock
	hard    map[string]time.Time
	next    time.Duration
}

type world struct {
	t      testing.TB
	r      *rand.Rand
	now    time.Duration // since modelStart, true time
	base   time.Duration // at which this run of the bridge began
	skew   time.Duration // of the bridge's wall clock
	core   *Core
	phones []*phone
	rooms  []*truth
	mail   []late
	disk   map[string]Record
	kept   map[string]Holding
	calm   bool // from now on everything works
	lossy  bool
	broker bool // reachable
	faults []string
	sends  int
	mutant string
	lives  int
}

func (w *world) clock() Clock {
	return Clock{w.now - w.base, modelStart.Add(w.now + w.skew)}
}

func (w *world) fail(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf("%v: ", w.now)+fmt.Sprintf(format, args...))
}

func modelCaps(d Device) Caps {
	c := Caps{Can: Assistant | Dictation | ScreenRecording, Proves: Assistant | Dictation, Best: Restrictions, Lease: d.Platform == "ios"}
	if d.Platform == "android" {
		c.Can |= Microphone
		c.Proves |= Microphone
	}
	return c
}

func newWorld(t testing.TB, seed uint64, mutant string) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 55)), broker: true, mutant: mutant, disk: map[string]Record{}, kept: map[string]Holding{}}
	w.lossy = w.r.IntN(3) > 0
	w.skew = time.Duration(w.r.IntN(21)-10) * time.Second
	for i := range 1 + w.r.IntN(3) {
		platform := []string{"ios", "android"}[w.r.IntN(2)]
		w.phones = append(w.phones, &phone{dev: Device{ID: fmt.Sprint("d-", i), Platform: platform}, notNow: map[string]bool{}, seen: map[string]bool{}, enrolled: true})
	}
	for i := range 1 + w.r.IntN(2) {
		w.rooms = append(w.rooms, &truth{name: fmt.Sprint("r", i), version: 1, hard: map[string]time.Time{}, wish: Desired{Mode: Open, Version: 1}})
	}
	w.boot()
	return w
}

// boot starts the bridge with what is on its disk.
func (w *world) boot() {
	var devs []Device
	for _, p := range w.phones {
		devs = append(devs, p.dev)
		p.jumbled = p.jumbled || !p.enrolled // it may have been killed before it wrote that down
	}
	c, err := New(modelConf, devs, modelCaps)
	if err != nil {
		w.t.Fatal(err)
	}
	w.core, w.base = c, w.now
	w.lives++
	var rs []Record
	var hs []Holding
	for _, p := range w.phones {
		if r, ok := w.disk[p.dev.ID]; ok {
			rs = append(rs, r)
		}
	}
	for _, r := range w.rooms {
		if h, ok := w.kept[r.name]; ok {
			hs = append(hs, h)
		}
	}
	if w.mutant == "forgets holders" {
		hs = nil
	}
	if w.mutant == "forgets devices" {
		rs = nil
	}
	if err := c.Restore(w.clock(), rs, hs); err != nil {
		w.t.Fatal(err)
	}
	w.subscribe()
}

// subscribe delivers what the broker retains.
func (w *world) subscribe() {
	for _, r := range w.rooms {
		if w.broker && r.wish.Version > 1 {
			w.deliver(r)
		}
	}
}

func (w *world) deliver(r *truth) {
	d := r.wish
	if w.mutant == "opens on the first leaver" && len(d.Devices) < len(w.phones) && d.Mode == Locked {
		d.Devices = nil
	}
	err := w.core.Wish(w.clock(), r.name, d, r.made)
	if w.mutant == "lease without end" {
		w.core.rooms[r.name].lease += 100 * time.Hour
		w.core.rooms[r.name].hard += 100 * time.Hour
	}
	if w.mutant == "opens all rooms" && d.Mode == Open && err == nil {
		w.core.Release(w.clock())
	}
	if err == nil {
		r.got, r.gotAt = r.wish, w.now
	}
	if err != nil && !errors.Is(err, ErrStale) && !errors.Is(err, ErrClock) && !errors.Is(err, ErrOver) {
		w.fail("wish refused: %v", err)
	}
}

// holds reports whether, by what the bridge was told, a live holder wants the device locked.
func (w *world) holds(id string) bool {
	for _, r := range w.rooms {
		if r.got.Mode != Locked || !slices.Contains(r.got.Devices, id) {
			continue
		}
		end := r.hard[r.got.Session]
		if w.now < r.gotAt+modelLease-25*time.Second && modelStart.Add(w.now).Before(end.Add(-25*time.Second)) { // the clocks differ by up to 20 s
			return true
		}
	}
	return false
}

// turn is one step of the world.
func (w *world) turn() {
	w.now += step
	if !w.calm {
		w.mischief()
	}
	w.units()
	for _, p := range w.phones {
		w.phone(p)
	}
	w.post()
	w.bridge()
}

func (w *world) chance(n int) bool { return w.r.IntN(n) == 0 }

func (w *world) mischief() {
	for _, p := range w.phones {
		switch w.r.IntN(60) {
		case 0:
			p.offline = !p.offline
		case 1, 2:
			p.locked = !p.locked
		case 3:
			p.refuses = w.chance(3)
		case 4:
			if w.chance(6) {
				w.enrol(p, !p.enrolled)
			}
		}
	}
	if w.chance(150) {
		w.broker = !w.broker
		if w.broker {
			w.subscribe()
		}
	}
	if w.chance(100) {
		w.boot()
	}
	if w.chance(400) {
		w.skew = time.Duration(w.r.IntN(21)-10) * time.Second
	}
}

func (w *world) enrol(p *phone, in bool) {
	p.enrolled = in
	p.queue, p.notNow = nil, map[string]bool{}
	if in {
		w.emit(p, Event{Kind: Joined})
	} else {
		p.standing, p.lock, p.tag = 0, 0, ""
		w.emit(p, Event{Kind: Left})
	}
}

// units publish wishes.
func (w *world) units() {
	for _, r := range w.rooms {
		if r.dead {
			continue
		}
		if w.calm {
			if r.wish.Mode == Locked {
				r.dead = true // it dies with its wish on the broker
			}
			continue
		}
		switch {
		case r.wish.Mode != Locked && w.chance(40):
			r.session++
			r.wish = Desired{Mode: Locked, Session: fmt.Sprintf("s%d", r.session), LeaseS: int(modelLease / time.Second), Restrict: []string{"assistant", "dictation", "microphone?"},
				HardEnd: modelStart.Add(w.now + time.Duration(60+w.r.IntN(600))*time.Second).Truncate(time.Second)}
			r.hard[r.wish.Session] = r.wish.HardEnd
			for _, p := range w.phones {
				if w.chance(2) || p == w.phones[0] {
					r.wish.Devices = append(r.wish.Devices, p.dev.ID)
				}
			}
			w.publish(r)
		case r.wish.Mode == Locked && (w.chance(120) || modelStart.Add(w.now).After(r.wish.HardEnd)):
			r.wish = Desired{Mode: Open, Session: r.wish.Session}
			w.publish(r)
		case r.wish.Mode == Locked && w.chance(80) && len(r.wish.Devices) > 1: // somebody leaves early
			r.wish.Devices = r.wish.Devices[1:]
			w.publish(r)
		case r.wish.Mode == Locked && w.now >= r.next:
			w.publish(r)
		case w.chance(400):
			r.dead = true
		}
	}
}

func (w *world) publish(r *truth) {
	r.version++
	r.wish.Version = r.version
	r.made = modelStart.Add(w.now)
	r.next = w.now + 14*time.Second + time.Duration(w.r.IntN(6))*time.Second
	if w.broker {
		w.deliver(r)
		if w.chance(10) {
			w.deliver(r) // at least once
		}
	}
}

// phone lets the device speak with its management, if something wakes it.
func (w *world) phone(p *phone) {
	if p.lock != 0 && p.dev.Platform == "ios" && !modelStart.Add(w.now).Before(p.until) {
		p.lock, p.tag = 0, "" // RemovalDate
	}
	if p.offline || !p.enrolled || !w.chance(4) {
		return
	}
	if len(p.queue) == 0 {
		if w.chance(6) {
			w.emit(p, Event{Kind: Awake})
		}
		return
	}
	w.emit(p, Event{Kind: Awake})
	for skip := false; ; {
		i := slices.IndexFunc(p.queue, func(c Command) bool { return !skip || !p.notNow[c.ID] })
		if i < 0 {
			return
		}
		c := p.queue[i]
		if p.locked && c.Kind != Look {
			p.notNow[c.ID] = true
			skip = true
			w.emit(p, Event{Kind: Busy, Command: c.ID})
			if w.chance(3) {
				return
			}
			continue
		}
		p.queue = slices.Delete(p.queue, i, i+1)
		skip = false
		w.carry(p, c)
	}
}

// carry lets the device carry out a command.
func (w *world) carry(p *phone, c Command) {
	e := Event{Kind: Acked, Command: c.ID}
	switch {
	case p.refuses && c.Kind != Look:
		e.Kind = Failed
	case c.Kind == Look:
		o := &Observed{Standing: p.standing, Lock: p.lock, Locked: p.lock != 0, Tag: p.tag, Evidence: ProfileList, More: c.Round == 0}
		if c.Round > 0 {
			o = &Observed{InForce: (p.standing | p.lock) & (Assistant | Dictation), Evidence: Restrictions}
		}
		e.Observed = o
	case c.Kind == Stand:
		p.standing = c.Want.Standing
	case c.Kind == Lock:
		p.lock, p.until, p.tag = c.Want.Lock, c.Want.Until, c.Want.Tag()
	case c.Kind == Free && p.lock == 0:
		e.Kind = Failed // there is nothing to remove
	case c.Kind == Free:
		p.lock, p.tag = 0, ""
	}
	w.emit(p, e)
}

// emit is the webhook: sent once, without a promise.
func (w *world) emit(p *phone, e Event) {
	e.Device = p.dev.ID
	n := 1
	if !w.calm {
		switch w.r.IntN(12) {
		case 0:
			n = 2
		case 1:
			if w.lossy && e.Kind != Left && e.Kind != Joined {
				n = 0
				p.deaf = true
			}
		}
	}
	for range n {
		delay := time.Duration(0)
		if w.chance(3) {
			delay = time.Duration(w.r.IntN(8)) * step
		}
		w.mail = append(w.mail, late{w.now + delay, e})
	}
}

func (w *world) post() {
	var rest []late
	for _, m := range w.mail {
		switch {
		case m.at > w.now:
			rest = append(rest, m)
		case w.mutant == "believes answers" && m.e.Command != "" && !strings.HasSuffix(m.e.Command, "look"):
			d := w.core.index[m.e.Device]
			w.core.Take(w.clock(), m.e)
			if m.e.Kind == Failed || m.e.Kind == Acked {
				o := Observed{Standing: Assistant, Evidence: Restrictions}
				if strings.HasSuffix(m.e.Command, "lock") {
					o.Lock, o.Locked, o.Tag = d.want.Lock, true, d.want.Tag()
				}
				d.see(w.clock(), &modelConf, o)
			}
		default:
			p := w.phones[m.e.Device[2]-'0']
			p.jumbled = m.e.Kind != Left && (p.jumbled || !p.enrolled)
			if m.e.Kind == Joined && len(p.queue) > 0 {
				p.deaf = true // an old event: the queue was emptied before what is in it now
			}
			w.core.Take(w.clock(), m.e)
		}
	}
	w.mail = rest
}

// bridge does one pass, and may be killed anywhere in it.
func (w *world) bridge() {
	acts := w.core.Step(w.clock())
	if w.mutant == "waits for lost answers" {
		for _, d := range w.core.devices {
			if d.pend != nil {
				d.pend.awake = 0
			}
		}
	}
	if w.mutant == "two outstanding" {
		for _, d := range w.core.devices {
			if d.want.Lock == 0 && d.pend != nil && d.pend.Kind == Lock {
				d.gen++
				acts = append(acts, Action{*d.dev, Command{ID: fmt.Sprintf("sr-%s-%d-free", d.dev.ID, d.gen), Kind: Free, Want: d.want}})
				d.pend = &pending{Command: acts[len(acts)-1].Command, sent: w.now - w.base}
			}
		}
	}
	killed := !w.calm && w.chance(200)
	if killed && w.chance(3) {
		w.boot()
		return
	}
	w.core.Changed(func(r Record) { w.disk[r.ID] = r }, func(h Holding) { w.kept[h.Room] = h })
	for _, a := range acts {
		if killed && w.chance(2) {
			w.boot()
			return
		}
		err := w.send(a)
		if killed && w.chance(2) {
			w.boot()
			return
		}
		w.core.Sent(w.clock(), a, err)
	}
	w.check()
}

func (w *world) send(a Action) error {
	i := slices.IndexFunc(w.phones, func(p *phone) bool { return p.dev.ID == a.Device.ID })
	p := w.phones[i]
	if a.Command.ID == "" {
		return nil // the model's phones come by themselves
	}
	w.sends++
	c := a.Command
	if !c.Want.Standing.Has(Assistant) {
		w.fail("%s: a command without the standing posture", c.ID)
	}
	if !p.seen[c.ID] {
		if c.Kind == Free && w.holds(p.dev.ID) {
			w.fail("%s: given back while a live holder wants it locked", c.ID)
		}
		for _, q := range p.queue {
			if w.core.index[p.dev.ID].ghost == q.ID {
				p.deaf = true // nobody could know whether it was taken
			}
			if q.ID != c.ID && !p.deaf {
				w.fail("%s is sent although %s is unanswered", c.ID, q.ID)
			}
		}
	}
	if !w.calm && w.chance(25) {
		return &Fault{Slug: FaultUnreachable, Unsent: true, Err: errors.New("connection refused")}
	}
	unsure := !w.calm && w.chance(25)
	if !p.seen[c.ID] {
		p.seen[c.ID] = true
		if p.enrolled {
			p.queue = append(p.queue, c)
		}
	}
	if unsure {
		return &Fault{Slug: FaultPush, Err: errors.New("500")}
	}
	return nil
}

// check holds what is claimed against the truth.
func (w *world) check() {
	for _, p := range w.phones {
		d := w.core.index[p.dev.ID]
		s := d.state(w.clock(), &modelConf)
		if s == LockedVerified && p.enrolled && !w.unheard(p) && p.lock == 0 && !p.deaf && w.now+modelConf.Wake < time.Duration(p.until.Sub(modelStart)) {
			w.fail("%s: said to be locked, and is not (%+v)", p.dev.ID, d.obs)
		}
		if s == OpenVerified && p.lock != 0 && !p.deaf {
			w.fail("%s: said to be open, and is locked", p.dev.ID)
		}
	}
}

// unheard reports whether word that the device has left, or come back, is still on its way: until then nobody can know better.
func (w *world) unheard(p *phone) bool {
	return slices.ContainsFunc(w.mail, func(m late) bool { return m.e.Device == p.dev.ID && (m.e.Kind == Left || m.e.Kind == Joined) })
}

// play runs one schedule and returns what went wrong.
func play(t testing.TB, seed uint64, mutant string) (*world, []string) {
	w := newWorld(t, seed, mutant)
	for range 200 + w.r.IntN(300) {
		if w.turn(); len(w.faults) > 0 {
			return w, w.faults
		}
	}
	w.calm, w.broker = true, true
	w.subscribe()
	for _, p := range w.phones {
		p.offline, p.locked, p.refuses = false, false, false
		if !p.enrolled && w.chance(2) {
			w.enrol(p, true)
		}
	}
	for i := range 2400 { // 80 min: longer than a proof counts
		w.turn()
		for _, p := range w.phones {
			if i > 900 && p.enrolled && p.lock != 0 { // 30 min: longer than every lease and hard end
				w.fail("%s: still off by lock: %v", p.dev.ID, p.lock)
			}
		}
		if len(w.faults) > 0 {
			return w, w.faults
		}
		if i > 600 && w.settled() == "" {
			return w, nil
		}
	}
	w.fail("at the end: %s", w.settled())
	return w, w.faults
}

// settled says what is not as the standing posture wants it.
func (w *world) settled() string {
	for _, p := range w.phones {
		d := w.core.index[p.dev.ID]
		s := d.state(w.clock(), &modelConf)
		switch {
		case !p.enrolled && (s == Unmanaged || p.jumbled && s != LockedVerified):
		case !p.enrolled:
			return fmt.Sprintf("%s is not managed any more, and said to be %s", p.dev.ID, s)
		case p.lock != 0 || !p.standing.Has(Assistant):
			return fmt.Sprintf("%s: off by posture %v, by lock %v; core %s, %+v", p.dev.ID, p.standing, p.lock, s, d.pend)
		case s == Unknown && !d.mayLock() && w.now-w.base < d.lazy: // its proof is recent, and nobody has wanted anything of it since a restart
		case s != OpenVerified || d.mayLock():
			return fmt.Sprintf("%s is as it should be, and said to be %s (dirty %v, ghost %q, pending %+v)", p.dev.ID, s, d.dirty, d.ghost, d.pend)
		}
	}
	return ""
}
