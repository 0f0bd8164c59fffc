package mls

import (
	"fmt"
	"slices"
)

// MaxLeaves is how many leaves a tree may have here.
const MaxLeaves = 1024

// Tree knows which leaves are taken, and nothing of their keys.
type Tree struct{ taken []bool }

// NewTree is the tree of a group that has just been made: its maker is leaf 0.
func NewTree() *Tree { return &Tree{taken: []bool{true}} }

// Has reports whether a leaf is taken.
func (t *Tree) Has(leaf int) bool { return leaf >= 0 && leaf < len(t.taken) && t.taken[leaf] }

// Len is the number of members.
func (t *Tree) Len() (n int) {
	for _, x := range t.taken {
		if x {
			n++
		}
	}
	return n
}

// Apply does what a commit says: removes, then adds, each at the leftmost empty leaf (RFC 9420, 7.7 and 12.3). It returns the
// leaves of the added. With an error, the tree is as before.
func (t *Tree) Apply(c Commit) (added []int, err error) {
	next := slices.Clone(t.taken)
	if !t.Has(c.Sender) {
		return nil, fmt.Errorf("%w: the sender's leaf %d is empty", ErrForm, c.Sender)
	}
	for _, leaf := range c.Removes {
		if leaf >= len(next) || !next[leaf] || leaf == c.Sender {
			return nil, fmt.Errorf("%w: leaf %d cannot be removed by leaf %d", ErrForm, leaf, c.Sender)
		}
		next[leaf] = false
	}
	for range c.Adds {
		i := slices.Index(next, false)
		if i < 0 {
			i = len(next)
			next = append(next, false)
		}
		if i >= MaxLeaves {
			return nil, fmt.Errorf("%w: more than %d leaves", ErrForm, MaxLeaves)
		}
		next[i] = true
		added = append(added, i)
	}
	t.taken = next
	return added, nil
}
