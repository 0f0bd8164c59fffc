package handover

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"time"

	"subrosa/firmware/session"
)

// Alone is the point that those who attend from elsewhere have said that nobody else is in their room. Nothing measures it:
// it is their word, given since the handover began, and it may be taken back.
const Alone = "remote-alone"

// Details of the point.
const (
	AloneWaiting = "remote-waiting"   // somebody has not said it yet
	AloneNot     = "remote-not-alone" // somebody has said that it is not so
)

// Said is a member's word, or what the chair's side noted of it.
type Said struct {
	Alone bool      `json:"alone"`
	At    time.Time `json:"at"`
}

// RemoteMemory is what survives a restart: pseudonyms, so that it goes when the session is over.
type RemoteMemory struct {
	Links map[string]string `json:"links,omitempty"` // hash of a link's secret → member
	Said  map[string]Said   `json:"said,omitempty"`  // by member
}

// Remote keeps what remote members have declared. The zero value is ready; it is not safe for concurrent use.
type Remote struct{ mem RemoteMemory }

// Begin forgets what was said: every handover asks anew. Links stay.
func (r *Remote) Begin() { r.mem.Said = nil }

// End forgets everything.
func (r *Remote) End() { r.mem = RemoteMemory{} }

// Link lets whoever has the secret speak for the member until End. Of the secret only a hash is kept.
func (r *Remote) Link(secret, member string) {
	if r.mem.Links == nil {
		r.mem.Links = map[string]string{}
	}
	r.mem.Links[hash(secret)] = member
}

// Member returns for whom a secret speaks.
func (r *Remote) Member(secret string) (member string, ok bool) {
	member, ok = r.mem.Links[hash(secret)]
	return member, ok
}

func hash(secret string) string {
	h := sha256.Sum256([]byte("subrosa declaration\x00" + secret))
	return hex.EncodeToString(h[:])
}

// Declare takes a member's word.
func (r *Remote) Declare(now time.Time, member string, alone bool) {
	if r.mem.Said == nil {
		r.mem.Said = map[string]Said{}
	}
	r.mem.Said[member] = Said{alone, now}
}

// Said returns a member's word; ok is false while there is none.
func (r *Remote) Said(member string) (s Said, ok bool) {
	s, ok = r.mem.Said[member]
	return s, ok
}

// Forget drops what belongs to members that are not on the list any more.
func (r *Remote) Forget(keep func(member string) bool) {
	maps.DeleteFunc(r.mem.Links, func(_, m string) bool { return !keep(m) })
	maps.DeleteFunc(r.mem.Said, func(m string, _ Said) bool { return !keep(m) })
}

// Tally counts the members of the list that have said it, and those that have said that it is not so.
func (r *Remote) Tally(remote []string) (alone, not int) {
	for _, m := range remote {
		switch s, ok := r.mem.Said[m]; {
		case ok && s.Alone:
			alone++
		case ok:
			not++
		}
	}
	return alone, not
}

// Points returns the point for those that attend from elsewhere; none if nobody does.
func (r *Remote) Points(remote []string) []session.Point {
	if len(remote) == 0 {
		return nil
	}
	p := session.Point{Name: Alone, Step: session.Handover}
	switch alone, not := r.Tally(remote); {
	case not > 0:
		p.Detail = AloneNot
	case alone < len(remote):
		p.Detail = AloneWaiting
	default:
		p.Proven, p.Detail = true, "remote-said"
	}
	return []session.Point{p}
}

// Memory returns what Recall takes after a restart.
func (r *Remote) Memory() RemoteMemory {
	return RemoteMemory{Links: maps.Clone(r.mem.Links), Said: maps.Clone(r.mem.Said)}
}

// Recall takes over what Memory returned in an earlier run.
func (r *Remote) Recall(m RemoteMemory) { r.mem = m }
