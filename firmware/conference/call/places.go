package call

import (
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// maxOwn is how many seats a member may have at once: the desk, the telephone, and one that is being left.
const maxOwn = 3

// kept are the roles that a place is kept for while none of them is in the call, the most needed first: a quarter of the
// seats at most.
var kept = []roster.Role{roster.Chair, roster.Clerk, roster.Room}

// mayJoin says who is not let in at all, whatever they would say.
func (c *Call) mayJoin(v level.Verdict) error {
	switch {
	case !c.allowed:
		return refused(signal.RefusedClosed)
	case !v.May:
		return refused(v.Reason)
	}
	return nil
}

// turnsAway is mayJoin for those who have only knocked.
func (c *Call) turnsAway(v level.Verdict) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mayJoin(v)
}

// room reports whether there is a seat in the call for somebody of a role. Who waits in the lobby takes none.
func (c *Call) room(role roster.Role) bool {
	inside, here := 0, map[roster.Role]bool{}
	for _, s := range c.seats {
		if !s.lobby {
			inside++
			here[s.who.Role] = true
		}
	}
	keep := 0
	for i, r := range kept {
		if r != role && !here[r] && i < c.o.Seats/4 {
			keep++
		}
		if r == role { // those that are needed more have theirs all the same
			break
		}
	}
	return inside+keep < c.o.Seats
}

// lobbyRoom reports whether one more may wait.
func (c *Call) lobbyRoom() bool {
	waiting := 0
	for _, s := range c.seats {
		if s.lobby {
			waiting++
		}
	}
	return waiting < c.o.Seats
}

// own counts the seats that a member has in other browsers.
func (c *Call) own(who Identity) (n int) {
	for _, s := range c.seats {
		if s.stream == nil && s.who.Member == who.Member && s.who.Login != who.Login {
			n++
		}
	}
	return n
}

// turnedAway says why somebody who may come does not get a seat now.
func (c *Call) turnedAway(who Identity, waits bool, hello *signal.Hello) error {
	switch {
	case c.pending != "" && who.Role != roster.Chair:
		return refused(signal.RefusedPending)
	case c.own(who) >= maxOwn:
		return refused(signal.RefusedOwn)
	case waits && !c.lobbyRoom() || !waits && !c.replaces(who) && !c.room(who.Role):
		return refused(signal.RefusedFull)
	case level.For(c.level).Declaration && !hello.Declaration && who.Role != roster.Room && !hello.Companion:
		return refused(signal.RefusedDeclare)
	case !c.came.take(c.o.Now(), joins, who.Member):
		return refused(signal.RefusedOften)
	}
	return nil
}

// replaces reports whether a seat in the call ends when this browser gets its new one.
func (c *Call) replaces(who Identity) bool {
	for _, s := range c.seats {
		if !s.lobby && s.who.Member == who.Member && s.who.Login == who.Login {
			return true
		}
	}
	return false
}
