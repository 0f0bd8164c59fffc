package main

import (
	"subrosa/firmware/conference/signal"
)

// order gives a message its place and sends it to all members but from, or to one.
func (s *server) order(make func(seq uint64) (string, any), from, to string) {
	s.seq++
	typ, v := make(s.seq)
	b := encode(typ, v)
	s.log = append(s.log, sent{s.seq, to, from, b})
	for _, id := range s.leaves {
		p := s.seats[id]
		if p == nil || id == from || (to != "" && id != to) || (p.removed && !s.evil.Keep) {
			continue
		}
		if typ == "committed" && s.evil.hold(p, b) {
			continue
		}
		p.send(b)
	}
}

// commit takes the first of an epoch. It believes the proposals: what is added is what was asked for, in that order.
func (s *server) commit(p *seat, m *signal.Commit) {
	if m.Epoch != s.epoch || string(m.Group) != string(s.group) || s.leaf(p.id) < 0 {
		p.send(encode("commit-refused", signal.CommitRefused{Group: m.Group, Epoch: m.Epoch, Why: "late"}))
		return
	}
	var removed, added []signal.Seat
	if m.Welcome == nil && s.removal(m.Commit) {
		for leaf, id := range s.leaves {
			if x := s.seats[id]; id != "" && (x == nil || x.removed) {
				removed = append(removed, signal.Seat{Participant: id, Leaf: leaf})
			}
		}
	}
	ended := s.epoch
	s.epoch++
	s.order(func(seq uint64) (string, any) {
		return "committed", signal.Committed{Seq: seq, Group: s.group, Epoch: ended, From: p.id, Commit: m.Commit, Removed: removed, Added: added}
	}, "", "")
	for _, r := range removed {
		s.leaves[r.Leaf] = ""
		if !s.evil.Keep {
			delete(s.seats, r.Participant)
		}
	}
	if m.Welcome != nil {
		s.welcome(m)
	}
	s.state()
	s.task()
}

// removal tells a commit that removes from one that only refreshes, by its first proposal: PublicMessage has version, wire
// format, group id (1+16), epoch (8), sender (1+4), data (1), content type (1), length of proposals, then kind 1 (by value), type 3.
func (s *server) removal(commit []byte) bool {
	const at = 2 + 2 + 17 + 8 + 5 + 1 + 1
	return len(commit) > at+4 && commit[at] != 0 && commit[at+1] == 1 && commit[at+2] == 0 && commit[at+3] == 3
}

func (s *server) welcome(m *signal.Commit) {
	for _, x := range s.seats {
		if x.removed || x.lobby || s.leaf(x.id) >= 0 || x.pkg == nil || x.admission == "" {
			continue
		}
		leaf := -1
		for i, id := range s.leaves {
			if id == "" {
				leaf = i
				break
			}
		}
		if leaf < 0 {
			leaf = len(s.leaves)
			s.leaves = append(s.leaves, "")
		}
		s.leaves[leaf] = x.id
		s.order(func(seq uint64) (string, any) {
			return "welcome", signal.Welcome{Seq: seq, Group: s.group, Epoch: s.epoch, Tag: s.tag, Leaf: leaf, Suite: s.suite, Welcome: m.Welcome}
		}, "", x.id)
		return
	}
}
