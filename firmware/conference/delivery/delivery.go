// Package delivery orders the commits of a call's MLS group (RFC 9420, section 14: delivery service, strongly consistent) and
// knows which participant sits at which leaf. It holds no key: what it accepts, members still check.
//
// Pure, and used by one goroutine at a time.
package delivery

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"subrosa/firmware/conference/binding"
	"subrosa/firmware/conference/mls"
	"subrosa/firmware/conference/signal"
)

// Suites by their short names.
var suites = map[signal.Suite]mls.Suite{signal.XWing: mls.XWing, signal.X25519: mls.X25519}

// Number of a suite in MLS messages.
func Number(s signal.Suite) mls.Suite { return suites[s] }

// Group is one MLS group. A call whose group is made anew gets another. Whether it is open, so that members take people in without a
// chair's word, is bit 0 of the first byte of its id: the id is part of all that its members agree on, so nobody can be told another
// thing later.
type Group struct {
	ID      []byte
	Tag     uint32 // room tag of frames' key ids
	Suite   signal.Suite
	Founder string

	founded bool
	epoch   uint64
	tree    *mls.Tree
	at      map[int]string // participant by leaf
	last    *signal.Committed
	used    map[string]bool // references of key packages; each is good for one time
}

// New returns a group that founder is to make.
func New(random io.Reader, suite signal.Suite, founder string, open bool) (*Group, error) {
	var b [20]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return nil, fmt.Errorf("delivery: %w", err)
	}
	g := &Group{ID: b[:16], Tag: binary.BigEndian.Uint32(b[16:]), Suite: suite, Founder: founder, at: map[int]string{}, used: map[string]bool{}}
	g.ID[0] &^= openBit
	if open {
		g.ID[0] |= openBit
	}
	if g.Tag>>24 == 0 { // the first byte of a key id is not 0: its length is fixed
		g.Tag |= 1 << 24
	}
	return g, nil
}

const openBit = 1

// Open reports whether members take people in without a chair's word.
func (g *Group) Open() bool { return g.ID[0]&openBit != 0 }

// Used reports whether somebody was taken in with a key package, by its reference. It is not taken a second time: who was removed would
// come back with the word of before.
func (g *Group) Used(reference []byte) bool { return g.used[string(reference)] }

// Found takes the founder's word that the group is made, of the key package with this reference.
func (g *Group) Found(participant string, id, reference []byte) error {
	if g.founded || participant != g.Founder || !slices.Equal(id, g.ID) {
		return errors.New("delivery: nobody has asked this participant for this group")
	}
	g.founded, g.tree = true, mls.NewTree()
	g.used[string(reference)] = true
	g.at[0] = participant
	return nil
}

// Founded reports whether the group is there, and Epoch which it is in.
func (g *Group) Founded() bool { return g.founded }
func (g *Group) Epoch() uint64 { return g.epoch }

// Leaf of a participant; -1 if it has none.
func (g *Group) Leaf(participant string) int {
	for leaf, p := range g.at {
		if p == participant {
			return leaf
		}
	}
	return -1
}

// Members lists participants by their leaves.
func (g *Group) Members() (out []string) {
	leaves := make([]int, 0, len(g.at))
	for leaf := range g.at {
		leaves = append(leaves, leaf)
	}
	slices.Sort(leaves)
	for _, leaf := range leaves {
		out = append(out, g.at[leaf])
	}
	return out
}

// Last is the commit that began this epoch; nil in the first.
func (g *Group) Last() *signal.Committed { return g.last }

// Refusal says why a commit was not taken, by the word of signal.CommitRefused.
type Refusal struct {
	Why string
	Err error
}

func (r *Refusal) Unwrap() error { return r.Err }
func (r *Refusal) Error() string { return "delivery: " + r.Why + ": " + r.Err.Error() }

func refuse(why, format string, args ...any) *Refusal {
	return &Refusal{why, fmt.Errorf(format, args...)}
}

// Door is what a group does not know by itself.
type Door struct {
	// Waiting returns which participant has sent a key package and may be added.
	Waiting func(keyPackage []byte) (participant string, ok bool)
	// Gone reports who may not commit any more.
	Gone func(participant string) bool
	// May reports whether the sender may remove the leaf of a participant; nil: everybody may. "" is of an empty leaf.
	May func(participant string) bool
	// Admitted checks the chair's word for somebody who is to be added to a group that is not open; nil: believed.
	Admitted func(k mls.KeyPackage, word string) error
}

// Commit takes a commit, or refuses it. The result has no sequence number yet.
func (g *Group) Commit(from string, m *signal.Commit, door Door) (*signal.Committed, *Refusal) {
	c, refusal := g.read(from, m, door.Gone)
	if refusal != nil {
		return nil, refusal
	}
	for _, leaf := range c.Removes {
		if door.May != nil && !door.May(g.at[leaf]) {
			return nil, refuse("not-removed", "the sender may not remove leaf %d: its participant is here", leaf)
		}
	}
	if refusal := g.signed(c, door.Admitted); refusal != nil { // before the rest: a commit that is merely late has its words
		return nil, refusal
	}
	var who []string
	for _, k := range c.Adds {
		if g.Used(k.Ref()) {
			return nil, refuse("not-admitted", "a key package that was used before")
		}
		p, ok := door.Waiting(k.Raw)
		if !ok || slices.Contains(who, p) {
			return nil, refuse("not-admitted", "a key package is of nobody who waits and was let in")
		}
		if old := g.Leaf(p); old >= 0 && !slices.Contains(c.Removes, old) {
			return nil, refuse("not-admitted", "%s has a leaf already", p)
		}
		if k.Suite != Number(g.Suite) {
			return nil, refuse("proposal", "a key package of suite %d", k.Suite)
		}
		who = append(who, p)
	}
	if refusal := welcomes(m.Welcome, c); refusal != nil {
		return nil, refusal
	}
	added, err := g.tree.Apply(c)
	if err != nil {
		return nil, &Refusal{"proposal", err}
	}
	out := &signal.Committed{Group: g.ID, Epoch: g.epoch, From: from, Commit: m.Commit}
	for _, leaf := range c.Removes {
		out.Removed = append(out.Removed, signal.Seat{Participant: g.at[leaf], Leaf: leaf})
		delete(g.at, leaf)
	}
	for i, leaf := range added {
		g.at[leaf] = who[i]
		g.used[string(c.Adds[i].Ref())] = true
		out.Added = append(out.Added, signal.Seat{Participant: who[i], Leaf: leaf})
	}
	g.epoch++
	g.last = out
	return out, nil
}

// read checks a commit's header.
func (g *Group) read(from string, m *signal.Commit, gone func(string) bool) (mls.Commit, *Refusal) {
	if !g.founded || !slices.Equal(m.Group, g.ID) {
		return mls.Commit{}, refuse("group", "not the call's group")
	}
	if m.Epoch != g.epoch {
		return mls.Commit{}, refuse("late", "epoch %d, the group is in %d", m.Epoch, g.epoch)
	}
	c, err := mls.ParseCommit(m.Commit)
	switch {
	case errors.Is(err, mls.ErrProposal):
		return c, &Refusal{"proposal", err}
	case err != nil:
		return c, &Refusal{"form", err}
	case !slices.Equal(c.Group, g.ID):
		return c, refuse("group", "the commit itself is of another group")
	case c.Epoch != g.epoch:
		return c, refuse("late", "the commit itself is of epoch %d", c.Epoch)
	case g.at[c.Sender] != from || gone(from):
		return c, refuse("sender", "leaf %d is not that of the participant who sends it, or of one that has gone", c.Sender)
	}
	return c, nil
}

// signed checks that for each key package that is added, the commit's authenticated data has the chair's word.
func (g *Group) signed(c mls.Commit, admitted func(mls.KeyPackage, string) error) *Refusal {
	if admitted == nil || g.Open() || len(c.Adds) == 0 {
		return nil
	}
	words, err := binding.ParseWords(c.Data, len(c.Adds))
	if err != nil {
		return &Refusal{"unsigned", err}
	}
	for i, k := range c.Adds {
		if err := admitted(k, words[i]); err != nil {
			return &Refusal{"unsigned", err}
		}
	}
	return nil
}

// welcomes checks that a welcome is there exactly if somebody is added, and is for them.
func welcomes(b []byte, c mls.Commit) *Refusal {
	if len(c.Adds) == 0 && len(b) == 0 {
		return nil
	}
	_, refs, err := mls.ParseWelcome(b)
	if err != nil {
		return &Refusal{"welcome", err}
	}
	if len(refs) != len(c.Adds) {
		return refuse("welcome", "for %d, %d are added", len(refs), len(c.Adds))
	}
	for _, k := range c.Adds {
		if !slices.ContainsFunc(refs, func(r []byte) bool { return slices.Equal(r, k.Ref()) }) {
			return refuse("welcome", "not for somebody who is added")
		}
	}
	return nil
}
