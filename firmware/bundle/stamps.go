package bundle

import (
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/stamp"
)

// stamps compares what authorities have stamped with the tree.
func (v *verifier) stamps() {
	for i, given := range v.trust.Stamps {
		s, err := stamp.Open(given.Answer, v.trust.StampCAs)
		switch {
		case errors.Is(err, stamp.ErrUnknown):
			v.r.fault(faultStampUnknown, "%d: %v", i+1, err)
			continue
		case err != nil:
			v.r.fault(faultStampForm, "%d: %v", i+1, err)
			continue
		}
		c, ok := v.stamped(i+1, s, given.Checkpoint)
		if ok {
			v.r.Anchors = append(v.r.Anchors, Anchor{c.N, s.By, &s.At})
		}
	}
}

// stamped returns the state of the journal that was stamped. Where it is said which one that was, another root at that
// size is a rewritten past; a stamp alone may as well be of another unit.
func (v *verifier) stamped(number int, s stamp.Stamp, said []byte) (checkpoint.Checkpoint, bool) {
	if said == nil {
		c, ok := v.fitting(s)
		if !ok {
			v.r.fault(faultStampOther, "%d", number)
		}
		return c, ok
	}
	c, err := checkpoint.ParseShort(string(said))
	if err != nil {
		c, err = checkpoint.Parse(said)
	}
	switch {
	case err != nil:
		v.r.fault(faultStampForm, "%d: %v", number, err)
	case !s.Of(c), c.Origin != v.head.Unit:
		v.r.fault(faultStampOther, "%d: %s, %d", number, c.Origin, c.N)
	case c.N > v.c.N:
		v.r.fault(faultShort, "%d < %d", v.c.N, c.N)
	case rootOf(v.leaves, c.N) != c.Hash:
		v.r.fault(faultFork, "%d", c.N)
	default:
		return c, true
	}
	return c, false
}

// fitting looks for the state of the journal that was stamped, the newest first: that is the likeliest.
func (v *verifier) fitting(s stamp.Stamp) (checkpoint.Checkpoint, bool) {
	if s.Of(v.c) {
		return v.c, true
	}
	var f forest
	for n := range v.c.N {
		var h tlog.Hash
		copy(h[:], v.leaves[n*tlog.HashSize:])
		f.add(h)
		if c := (checkpoint.Checkpoint{Origin: v.head.Unit, Tree: tlog.Tree{N: n + 1, Hash: f.root()}}); s.Of(c) {
			return c, true
		}
	}
	return checkpoint.Checkpoint{}, false
}
