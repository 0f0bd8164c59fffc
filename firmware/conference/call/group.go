package call

import (
	"bytes"
	"time"

	"subrosa/firmware/conference/delivery"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/mls"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// taskTime is how long a member has to commit before another is asked.
const taskTime = time.Second

// suite is that of groups with as many seats as this call may have.
func (c *Call) suite() signal.Suite {
	if len(c.o.Suites) == 0 {
		return signal.XWing
	}
	return c.o.Suites[0]
}

// foundTime is how long a chair's device has to make the group before another is asked.
const foundTime = 5 * time.Second

// begin asks a chair to make the group, if there is none and a chair is here.
func (c *Call) begin() {
	now, old := c.o.Now(), ""
	if c.group != nil {
		old = c.group.Founder
		if c.group.Founded() || c.seats[old] != nil && now.Sub(c.asked) < foundTime {
			return
		}
	}
	var founder *Seat
	for _, s := range c.ordered() {
		if !s.lobby && s.out != nil && level.May(s.who.Role, level.SignAdmit) && (founder == nil || founder.id == old) {
			founder = s
		}
	}
	if founder == nil {
		return
	}
	g, err := delivery.New(c.o.Rand, c.suite(), founder.id, !c.strict && !level.For(c.level).ChairSigned)
	if err != nil {
		c.o.Log.Error("call: no group", "err", err)
		return
	}
	c.group, c.code, c.task, c.asked = g, "", task{}, now
	clear(c.keys)
	clear(c.chairs)
	founder.send(&signal.Found{Group: g.ID, Tag: g.Tag, Suite: g.Suite})
}

// founded takes the founder's word.
func (c *Call) founded(s *Seat, m *signal.Founded) *signal.Error {
	if c.group == nil || s.kp.Raw == nil || c.group.Found(s.id, m.Group, s.kp.Ref()) != nil {
		return wrong("founded", "group")
	}
	c.took(s)
	c.note(KindBegan, map[string]any{"level": string(c.level), "suite": string(c.group.Suite)})
	c.turn(c.o.Now(), false)
	c.knocks(nil)
	c.dirty = true
	return nil
}

// regroup has the group made anew.
func (c *Call) regroup(why string) {
	c.note(KindRegroup, map[string]any{"why": why})
	c.group, c.log, c.logSize, c.code, c.task = nil, nil, 0, "", task{}
	clear(c.stuck)
	for _, s := range c.seats {
		s.admission = "" // those who waited need not send their key package again
	}
	c.turn(c.o.Now(), true)
	c.begin()
	c.dirty = true
}

// turn tells everybody's tripwire where the group is.
func (c *Call) turn(now time.Time, removal bool) {
	for _, s := range c.seats {
		switch {
		case s.stream != nil: // not of the group, and plain
			s.wire.Off()
		case c.group == nil || !c.group.Founded():
			s.wire.Turn(now, 0, -1, 0, removal)
		default:
			s.wire.Turn(now, c.group.Tag, c.group.Leaf(s.id), c.group.Epoch(), removal)
		}
	}
}

// keyPackage takes a participant's key package.
func (c *Call) keyPackage(s *Seat, m *signal.KeyPackage) *signal.Error {
	k, err := mls.ParseKeyPackage(m.Package)
	if err != nil || k.Suite != delivery.Number(m.Suite) || m.Suite != c.suite() {
		return wrong("key-package", "form")
	}
	if c.group != nil && c.group.Used(k.Ref()) {
		return wrong("key-package", "used")
	}
	var passkey []byte
	if c.o.Bound != nil {
		if passkey, err = c.o.Bound(s.who, k.Identity, k.Key); err != nil {
			return wrong("key-package", "binding")
		}
	}
	s.pkg, s.kp, s.passkey, s.admission = m.Package, k, passkey, ""
	c.knocks(s)
	return nil
}

// knocks tells chairs and clerks of who waits: of s, or of all.
func (c *Call) knocks(only *Seat) {
	for _, s := range c.ordered() {
		if only != nil && s != only || c.member(s.id) || s.admission != "" || c.group != nil && c.group.Founder == s.id {
			continue
		}
		m := &signal.Knock{Participant: s.id, Member: s.who.Member, Role: s.who.Role, OnRoster: s.who.OnRoster, Lobby: s.lobby, By: s.by, Package: s.pkg}
		for _, o := range c.seats {
			if o.lobby || o == s && o.who.Role != roster.Chair {
				continue
			}
			if s.lobby && level.May(o.who.Role, level.Admit) || s.pkg != nil && level.May(o.who.Role, level.SignAdmit) {
				o.send(m)
			}
		}
	}
}

func (c *Call) member(id string) bool {
	return c.group != nil && c.group.Founded() && c.group.Leaf(id) >= 0
}

// commit orders a commit.
func (c *Call) commit(s *Seat, m *signal.Commit) {
	if c.group == nil {
		s.send(&signal.CommitRefused{Group: m.Group, Epoch: m.Epoch, Why: "group"})
		return
	}
	waiting := func(raw []byte) (string, bool) {
		for _, o := range c.seats {
			if !o.lobby && o.kp.Raw != nil && bytes.Equal(o.kp.Raw, raw) && c.signed(o) {
				return o.id, true
			}
		}
		return "", false
	}
	door := delivery.Door{Waiting: waiting, Gone: func(id string) bool { return c.seats[id] == nil }, May: func(id string) bool { return c.mayRemove(s, id) }}
	if c.o.Admitted != nil {
		door.Admitted = c.admitted
	}
	if c.churns(s, m) {
		s.send(&signal.CommitRefused{Group: m.Group, Epoch: m.Epoch, Why: "often"})
		return
	}
	done, refusal := c.group.Commit(s.id, m, door)
	if refusal != nil {
		switch refusal.Why {
		case "unsigned":
			c.intruder(s, refusal)
		case "not-removed":
			c.evictor(s, refusal)
		}
		out := &signal.CommitRefused{Group: m.Group, Epoch: m.Epoch, Why: refusal.Why}
		if last := c.group.Last(); refusal.Why == "late" && last != nil && last.Epoch == m.Epoch {
			out.Winner = last
		}
		s.send(out)
		return
	}
	if len(done.Added)+len(done.Removed) == 0 {
		c.rekeyed.take(c.o.Now(), rekeys, s.who.Member)
	}
	c.publish(done, m.Welcome)
}

// publish sends an ordered commit out, and turns tripwires. Media of the removed has stopped already, unless the commit itself
// removes somebody who is here, as mayRemove lets few do: then it stops now.
func (c *Call) publish(done *signal.Committed, welcome []byte) {
	now := c.o.Now()
	for _, r := range done.Removed {
		delete(c.keys, r.Participant)
		if s := c.seats[r.Participant]; s != nil && !c.member(r.Participant) {
			c.bar(s)
			c.end(signal.EndedRemoved, func(s *Seat) bool { return s.id == r.Participant })
			if c.group == nil {
				return
			}
		}
	}
	c.turn(now, len(done.Removed) > 0)
	c.seq++
	done.Seq = c.seq
	l := signal.NewLetter(done)
	c.keep(logged{seq: done.Seq, m: l, size: len(done.Commit)})
	added := map[string]int{}
	for _, a := range done.Added {
		added[a.Participant] = a.Leaf
	}
	for _, id := range c.group.Members() {
		if leaf, fresh := added[id]; fresh {
			c.seq++
			m := signal.NewLetter(&signal.Welcome{Seq: c.seq, Group: c.group.ID, Epoch: c.group.Epoch(), Tag: c.group.Tag, Leaf: leaf, Suite: c.group.Suite, Welcome: welcome})
			if s := c.seats[id]; s != nil {
				c.took(s)
				s.since, s.pkg, s.kp, s.admission = c.seq, nil, mls.KeyPackage{}, ""
				s.post(m)
			}
			c.keep(logged{seq: c.seq, to: id, m: m, size: len(welcome)})
		} else if s := c.seats[id]; s != nil {
			s.post(l)
		}
	}
	c.forget()
	c.task = task{}
	c.code = ""
	c.dirty, c.sent = true, time.Time{}
}

// keep logs for those who come back.
func (c *Call) keep(l logged) {
	c.log = append(c.log, l)
	c.logSize += l.size
	for len(c.log) > maxLog || c.logSize > maxLogSize {
		c.logSize -= c.log[0].size
		c.log = c.log[1:]
	}
}

// maxMissed is how many bytes somebody who comes back gets at once. With more they are as quick anew.
const maxMissed = 600 << 10

// missed returns what a member has not had since seq; false if some of it is not kept any more, or it is too much.
func (c *Call) missed(s *Seat, seen uint64) ([]*signal.Letter, bool) {
	seen = max(seen, s.since)
	if seen > c.seq || seen < c.seq && (len(c.log) == 0 || seen+1 < c.log[0].seq) {
		return nil, false
	}
	var out []*signal.Letter
	size := 0
	for _, l := range c.log {
		if l.seq > seen && l.not != s.id && (l.to == "" || l.to == s.id) {
			out = append(out, l.m)
			size += l.size
		}
	}
	if size > maxMissed {
		return nil, false
	}
	return out, true
}

// application delivers an application message.
func (c *Call) application(s *Seat, m *signal.Application) *signal.Error {
	p, err := mls.ParseApplication(m.Message)
	if err != nil || !c.member(s.id) || !bytes.Equal(m.Group, c.group.ID) || !bytes.Equal(p.Group, c.group.ID) {
		return wrong("application", "group")
	}
	if p.Epoch != c.group.Epoch() {
		s.send(&signal.ApplicationRefused{Group: m.Group, N: m.N, Why: "late"})
		return nil
	}
	c.seq++
	d := signal.NewLetter(&signal.Delivered{Seq: c.seq, Group: c.group.ID, From: s.id, Message: m.Message})
	for _, id := range c.group.Members() {
		if o := c.seats[id]; o != nil && o != s {
			o.post(d)
		}
	}
	c.keep(logged{seq: c.seq, not: s.id, m: d, size: len(m.Message)})
	return nil
}

// assign asks a member to commit what is to be done.
func (c *Call) assign() {
	if c.group == nil || !c.group.Founded() {
		c.begin()
		return
	}
	now := c.o.Now()
	add, remove := c.todo()
	if len(add)+len(remove) == 0 {
		c.task = task{}
		return
	}
	if c.task.who != "" && c.task.epoch == c.group.Epoch() && now.Sub(c.task.at) < taskTime && c.seats[c.task.who] != nil {
		return
	}
	if c.task.epoch != c.group.Epoch() || c.task.tried == nil {
		c.task = task{epoch: c.group.Epoch(), tried: map[string]bool{}}
	}
	who := c.committer()
	if who == nil {
		c.lost()
		return
	}
	c.task.who, c.task.at = who.id, now
	c.task.tried[who.id] = true
	if len(c.task.tried) > 1 && len(remove) > 0 {
		add = nil // what may be wrong with a key package must not hold up a removal
	}
	who.send(&signal.Task{Group: c.group.ID, Epoch: c.group.Epoch(), Add: add, Remove: remove})
}

// lost: leaves are there, but nobody who could commit. A chair makes the group anew.
func (c *Call) lost() {
	for _, id := range c.group.Members() {
		if c.seats[id] != nil {
			clear(c.task.tried) // somebody may still come back: ask again
			return
		}
	}
	c.regroup("lost")
}

// signed reports whether the chair's device has signed that s may be taken into the group, or need not.
func (c *Call) signed(s *Seat) bool { return s.admission != "" || c.group.Open() }

// todo is who is to be taken in, and which leaves are of nobody any more.
func (c *Call) todo() (add []signal.Add, remove []int) {
	for _, id := range c.group.Members() {
		if c.seats[id] == nil {
			remove = append(remove, c.group.Leaf(id))
		}
	}
	for _, s := range c.ordered() {
		c.recheck(s)
		if !s.lobby && s.kp.Raw != nil && c.signed(s) && !c.member(s.id) && s.out != nil {
			add = append(add, signal.Add{Participant: s.id, Package: s.pkg, Admission: s.admission})
		}
	}
	return add, remove
}

// committer is the chair's device, else who has the lowest leaf, of those who are here and were not asked yet.
func (c *Call) committer() *Seat {
	var first *Seat
	for _, id := range c.group.Members() {
		s := c.seats[id]
		if s == nil || s.out == nil || c.task.tried[id] {
			continue
		}
		if s.who.Role == roster.Chair {
			return s
		}
		if first == nil {
			first = s
		}
	}
	if first == nil && len(c.task.tried) > 0 { // all were asked: from the beginning
		for _, id := range c.group.Members() {
			if s := c.seats[id]; s != nil && s.out != nil {
				clear(c.task.tried)
				return s
			}
		}
	}
	return first
}
