package call

import (
	"cmp"
	"slices"

	"subrosa/firmware/roster"
)

// word is what somebody has said of their room.
type word int

const (
	unsaid word = iota
	alone
	notAlone
)

// asked reports whether a seat is somebody who is to say that nobody else is in their room: not the hall, a laptop in it, or a
// stream.
func (s *Seat) asked() bool {
	return !s.lobby && !s.companion && s.stream == nil && s.who.Role != roster.Room && s.who.Role != roster.Gateway
}

// Ask has everybody in the call asked whether they are alone in their room, or asks no more. What was said before is forgotten when
// it begins: each handover asks anew.
func (c *Call) Ask(on bool) {
	c.locked(func() {
		if on && !c.asking {
			for _, s := range c.seats {
				if !s.lobby { // who waits says it on coming in
					s.said = unsaid
				}
			}
		}
		c.dirty = c.dirty || on != c.asking
		c.asking = on
	})
}

// tellDeclared tells the unit what is said, when it has changed. Of two browsers of one member, the worse word counts.
func (c *Call) tellDeclared() {
	if c.o.Declared == nil {
		return
	}
	by := map[string]word{}
	for _, s := range c.seats {
		if s.asked() {
			w, twice := by[s.who.Member]
			switch {
			case !twice, s.said == notAlone, s.said == unsaid && w == alone:
				by[s.who.Member] = s.said
			}
		}
	}
	d := Declared{Asked: len(by)}
	for m, w := range by {
		if w != unsaid {
			d.Said = append(d.Said, Said{m, w == alone})
		}
	}
	slices.SortFunc(d.Said, func(a, b Said) int { return cmp.Compare(a.Member, b.Member) })
	if d.Asked == c.declared.Asked && slices.Equal(d.Said, c.declared.Said) {
		return
	}
	c.declared = d
	c.o.Declared(d)
}
