package call

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"subrosa/firmware/conference/delivery"
	"subrosa/firmware/conference/mls"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// leafKey is what is known of a member's leaf.
type leafKey struct {
	key   []byte
	chair bool
}

// came is with what a chair came in: the signature key of a page, and the thumbprint of a passkey, nil without one.
type came struct{ key, passkey []byte }

// returns reports whether it is a page that was here before, or the passkey. No passkey equals nothing: all who have none would be one.
func returns(before []came, key, passkey []byte) bool {
	return slices.ContainsFunc(before, func(b came) bool {
		return bytes.Equal(b.key, key) || len(passkey) > 0 && bytes.Equal(b.passkey, passkey)
	})
}

// maxOffence is of how many offences of one kind by one seat people and journal are told.
const maxOffence = 3

var errNoChair = errors.New("call: no chair's device is in the group")

// took remembers the leaf of somebody who is in the group now, by the key package that members know it by, too.
func (c *Call) took(s *Seat) {
	chair := s.who.Role == roster.Chair
	c.keys[s.id] = leafKey{s.kp.Key, chair}
	if chair {
		c.chairs[s.who.Member] = append(c.chairs[s.who.Member], came{s.kp.Key, s.passkey})
	}
}

// admitted checks the chair's word for a key package as members do: signed by a chair's leaf of the group, or, for a chair who
// comes back with the page or passkey of before, by its own key. Members do not rely on it, and check again.
func (c *Call) admitted(k mls.KeyPackage, word string) error {
	err := errNoChair
	try := func(key []byte) bool {
		err = c.o.Admitted(word, c.group.ID, key, k.Ref(), k.Identity)
		return err == nil
	}
	for _, l := range c.keys {
		if l.chair && try(l.key) {
			return nil
		}
	}
	for _, s := range c.seats {
		if s.who.Role != roster.Chair || !bytes.Equal(s.kp.Raw, k.Raw) {
			continue
		}
		if returns(c.chairs[s.who.Member], k.Key, s.passkey) && try(k.Key) {
			return nil
		}
	}
	return err
}

// admissible checks an admission when it comes, if there is a group to check it in.
func (c *Call) admissible(s *Seat, word string) error {
	if c.o.Admitted == nil || c.group == nil || !c.group.Founded() || c.group.Open() {
		return nil
	}
	return c.admitted(s.kp, word)
}

// missing is how long a chair's connection may be lost before the call counts as one without a chair.
const missing = 5 * time.Second

// bar has a member who was removed wait in the lobby, if they come again, for a chair's new word.
func (c *Call) bar(s *Seat) {
	c.barred[s.who.Member] = true
	delete(c.chairs, s.who.Member)
}

// chairless reports whether no chair's device is in the group that could sign.
func (c *Call) chairless() bool {
	for _, s := range c.seats {
		if s.who.Role == roster.Chair && c.member(s.id) && (s.out != nil || c.o.Now().Sub(s.lost) < missing) {
			return false
		}
	}
	return true
}

// recheck drops an admission that does not hold any more, by time or because the chair who signed has gone, and asks for another.
func (c *Call) recheck(s *Seat) {
	if s.admission == "" || s.kp.Raw == nil || c.admissible(s, s.admission) == nil {
		return
	}
	s.admission = ""
	c.knocks(s)
}

// offence counts a wrong of a seat; of the first ones of its kind people and journal are told.
func (c *Call) offence(s *Seat, count *int, why string, text signal.Text) {
	s.wrongs++
	if *count++; *count <= maxOffence {
		c.warn(s, why, text)
	}
}

// intruder is a member whose commit would have added somebody without the chair.
func (c *Call) intruder(s *Seat, why *delivery.Refusal) {
	c.o.Log.Warn("call: a commit would add somebody without the chair's word", "role", s.who.Role, "err", why)
	c.offence(s, &s.unsigned, "unsigned", signal.Text{
		DE: "Ein Gerät wollte jemanden ohne Unterschrift der Sitzungsleitung in die verschlüsselte Gruppe aufnehmen. Der Server hat es nicht zugelassen.",
		EN: "A device wanted to take somebody into the encrypted group without the chair's signature. The server did not let it."})
}
