package call

import (
	"bytes"

	"subrosa/firmware/conference/delivery"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/mls"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// What a member's own device may not do to the others by what it commits.

// mayRemove reports whether s may commit the removal of a participant: anybody that of who has gone, for that is what the server
// asks for; else only those who may send people away, and none but a chair a chair.
func (c *Call) mayRemove(s *Seat, id string) bool {
	o := c.seats[id]
	return o == nil || level.May(s.who.Role, level.Admit) && (o.who.Role != roster.Chair || s.who.Role == roster.Chair)
}

// evictor is a member whose commit would have removed somebody who is here.
func (c *Call) evictor(s *Seat, why *delivery.Refusal) {
	c.o.Log.Warn("call: a commit would remove somebody who is here", "role", s.who.Role, "err", why)
	c.offence(s, &s.evicted, "not-removed", signal.Text{
		DE: "Ein Gerät wollte jemanden aus der verschlüsselten Gruppe entfernen, der noch da ist. Dazu hat es kein Recht. Der Server hat es nicht zugelassen.",
		EN: "A device wanted to remove somebody from the encrypted group who is still here. It has no right to do that. The server did not let it."})
}

// maxOften is how many commits that come too often are only refused. After them the seat ends.
const maxOften = 10

// churns reports whether a commit changes nobody and its member has sent too many such: each costs everybody's device new keys.
func (c *Call) churns(s *Seat, m *signal.Commit) bool {
	if c.rekeyed[s.who.Member].left(c.o.Now(), rekeys) >= 1 {
		return false
	}
	if k, err := mls.ParseCommit(m.Commit); err != nil || len(k.Adds)+len(k.Removes) > 0 {
		return false
	}
	s.often++
	if s.often == 1 {
		s.send(wrong("commit", "often"))
		c.warn(s, "often", signal.Text{
			DE: "Ein Gerät wechselt die Schlüssel der Gruppe so oft, dass es die anderen stört. Der Server lässt es nicht zu.",
			EN: "A device changes the group's keys so often that it disturbs the others. The server does not let it."})
	}
	if s.often > maxOften {
		c.end(signal.EndedRemoved, func(o *Seat) bool { return o == s })
	}
	return true
}

// complaint is about the commit that one participant made of an epoch.
type complaint struct {
	epoch uint64
	by    string
}

// remembered is of how many epochs back complaints are counted.
const remembered = 64

// stuckBy counts who refuses a commit; enough of them, or a chair, end its sender's seat and the group. Whoever commits
// afterwards is not to blame.
func (c *Call) stuckBy(s *Seat, m *signal.Stuck) {
	if !c.member(s.id) || !bytes.Equal(m.Group, c.group.ID) {
		return
	}
	by := c.committed(s, m.Epoch)
	if by == "" || s.id == by {
		return
	}
	k := complaint{m.Epoch, by}
	if c.stuck[k] == nil {
		c.stuck[k] = map[string]bool{}
	}
	c.stuck[k][s.id] = true
	said, others := 0, 0
	for _, id := range c.group.Members() {
		if id != by {
			others++
		}
		if c.stuck[k][id] {
			said++
		}
	}
	if s.who.Role != roster.Chair && 2*said <= others {
		return
	}
	c.end(signal.EndedRemoved, func(o *Seat) bool { return o.id == by })
	c.regroup("stuck")
}

// committed is who has made the commit of an epoch that s was sent; "" if none is known.
func (c *Call) committed(s *Seat, epoch uint64) string {
	for _, l := range c.log {
		if m, ok := l.m.Message.(*signal.Committed); ok && m.Epoch == epoch && l.seq > s.since {
			return m.From
		}
	}
	return ""
}

// forget drops complaints of epochs long over.
func (c *Call) forget() {
	for k := range c.stuck {
		if k.epoch+remembered < c.group.Epoch() {
			delete(c.stuck, k)
		}
	}
}
