package access

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/journal"
	"subrosa/firmware/roster"
)

// Kinds of journal entries. None names anybody: a payload has a role, an invite's id and reasons out of lists.
const (
	KindInvited   = "conference.invited"
	KindRevoked   = "conference.revoked"
	KindEntered   = "conference.entered"   // a browser has signed in
	KindEnrolled  = "conference.enrolled"  // a passkey, code or city account was set up
	KindRecovered = "conference.recovered" // a device was lost: what the member had signed in with ended
	KindConsented = "conference.consented" // the chair, to a one-time code in place of a passkey
	KindLocked    = "conference.locked"    // an address or account, after too many wrong tries
	KindCloned    = "conference.cloned"    // a passkey's counter went back: it may have been copied
	KindEnded     = "conference.ended"     // a right
	KindToken     = "conference.token"     // of a public stream was made
	KindBound     = "conference.bound"     // a leaf's key to an identity
)

// note is a payload.
type note struct {
	Role    roster.Role  `json:"role,omitempty"`
	By      roster.Role  `json:"by,omitempty"`
	Invite  string       `json:"invite,omitempty"`
	Purpose Purpose      `json:"purpose,omitempty"`
	How     level.Factor `json:"how,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	Until   *time.Time   `json:"until,omitempty"`
	Proven  bool         `json:"proven,omitempty"` // by a passkey
}

// requires says which requirements a kind bears on.
var requires = map[string][]string{
	KindInvited: {"vk-guest", "APP.5.4.A7"}, KindRevoked: {"vk-guest"}, KindEntered: {"vk-auth"}, KindEnrolled: {"vk-mfa"},
	KindRecovered: {"vk-mfa"}, KindConsented: {"vk-mfa"}, KindLocked: {"vk-auth"}, KindCloned: {"vk-mfa"}, KindEnded: {"vk-roles"}, KindBound: {"vk-e2ee"},
	KindToken: {"vk-roles"},
}

// record writes an entry and returns when it is on disk.
func (s *Service) record(kind, room string, n note) error {
	payload, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	return s.append(kind, room, payload)
}

func (s *Service) append(kind, room string, payload []byte) error {
	at, quality := s.time()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := s.o.Journal.Append(ctx, journal.Entry{Kind: kind, Time: at, Quality: quality, Room: room, Requires: requires[kind], Payload: payload})
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	return nil
}

// note records what has happened already, and can only complain when it cannot.
func (s *Service) note(kind, room string, n note) {
	if err := s.record(kind, room, n); err != nil {
		s.o.Log.Error("access: not in the journal", "kind", kind, "err", err)
	}
}

// queued is an entry that waits.
type queued struct {
	kind, room string
	note       note
}

// later records without waiting for the journal: a change of the roster must not. Sweep and Close write it.
func (s *Service) later(kind, room string, n note) {
	select {
	case s.queue <- queued{kind, room, n}:
	default:
		s.o.Log.Error("access: not in the journal, too much waits for it", "kind", kind)
	}
}

func (s *Service) drain() {
	for {
		select {
		case q := <-s.queue:
			s.note(q.kind, q.room, q.note)
		default:
			return
		}
	}
}
