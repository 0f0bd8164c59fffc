package call

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// forged is a commit of a member that removes leaves, or with none changes only keys. Its path, signature and tags are one byte
// each: the server looks at none of them.
func forged(epoch uint64, sender int, leaves ...int) *signal.Commit {
	opaque := func(b []byte) []byte {
		if len(b) < 64 {
			return append([]byte{byte(len(b))}, b...)
		}
		return append(binary.BigEndian.AppendUint16(nil, 1<<14|uint16(len(b))), b...)
	}
	group := []byte("0123456789abcdef")
	b := append([]byte{0, 1, 0, 1}, opaque(group)...) // mls10, public message
	b = append(binary.BigEndian.AppendUint64(b, epoch), 1)
	b = append(binary.BigEndian.AppendUint32(b, uint32(sender)), 0, 3) // no data; a commit
	var proposals []byte
	for _, l := range leaves {
		proposals = binary.BigEndian.AppendUint32(append(proposals, 1, 0, 3), uint32(l)) // by value, remove
	}
	b = append(append(b, opaque(proposals)...), 0)
	for range 3 {
		b = append(b, 1, 'x')
	}
	return &signal.Commit{Group: group, Epoch: epoch, Commit: b}
}

func (s *scene) forged(epoch uint64, sender int, leaves ...int) *signal.Commit {
	return s.grouped(forged(epoch, sender, leaves...))
}

func (s *scene) leaf(o *out) int { return s.c.group.Leaf(o.seat.ID()) }

// TestEvictor: a councillor's device that commits the removal of people who are here is refused; they stay, chair and journal
// hear of it. A clerk may, but not the chair; of who has gone, everybody may.
func TestEvictor(t *testing.T) {
	for _, l := range []level.Level{level.Public, level.Internal, level.Confidential} {
		s, chair, a, b := meet(t, l)
		for range 5 {
			s.forget(chair, a, b)
			s.m.did = nil
			s.say(a, "commit", s.forged(4, s.leaf(a), s.leaf(chair), s.leaf(b)))
			if r := last[*signal.CommitRefused](t, a); r.Why != "not-removed" {
				t.Errorf("%s: refused for %q", l, r.Why)
			}
			if chair.closed || b.closed || s.c.group.Epoch() != 4 || len(take[*signal.Committed](b)) > 0 || len(s.m.did) > 0 {
				t.Fatalf("%s: a councillor has removed the chair (%v) or b (%v); media: %v", l, chair.closed, b.closed, s.m.did)
			}
		}
		if n := len(slices.DeleteFunc(slices.Clone(s.notes), func(k string) bool { return k != KindAlarm })); n != maxOffence {
			t.Errorf("%s: %d alarms in the journal, want %d", l, n, maxOffence)
		}
		b.seat.who.Role = roster.Clerk
		s.say(b, "commit", s.forged(4, s.leaf(b), s.leaf(chair)))
		if chair.closed {
			t.Errorf("%s: a clerk has removed the chair", l)
		}
		s.c.Drop("a", "")
		b.seat.who.Role = roster.Councillor
		s.say(b, "commit", s.forged(4, s.leaf(b), 1))
		if s.c.group.Epoch() != 5 {
			t.Errorf("%s: the leaf of who has gone: %+v", l, take[*signal.CommitRefused](b))
		}
	}
	s, chair, a, _ := meet(t, level.Internal)
	s.forget(chair)
	a.seat.who.Role = roster.Clerk
	s.say(a, "commit", s.forged(4, s.leaf(a), 2))
	if s.c.group.Epoch() != 5 {
		t.Errorf("a clerk may not remove: %+v", take[*signal.CommitRefused](a))
	}
}

// TestEvictorIsTold: the chair is told whose device it was.
func TestEvictorIsTold(t *testing.T) {
	s, chair, a, b := meet(t, level.Internal)
	s.forget(chair, a, b)
	s.say(a, "commit", forged(4, s.leaf(a), s.leaf(b)))
	for _, o := range []*out{chair, a} {
		if m := last[*signal.Alarm](t, o); m.Why != "not-removed" || m.Participant != a.seat.ID() || m.Text.DE == "" {
			t.Errorf("%s is told %+v", o.name, m)
		}
	}
	if len(take[*signal.Alarm](b)) > 0 {
		t.Error("a councillor is told of another")
	}
}

// TestChurner: a device that changes the group's keys without end gets ten through, and one more every five seconds; it is told,
// then its seat ends. Another seat of the same member has no more.
func TestChurner(t *testing.T) {
	s, chair, a, b := meet(t, level.Internal)
	s.forget(chair, a, b)
	before := s.c.group.Epoch()
	for range 200 {
		if !s.say(a, "commit", forged(s.c.group.Epoch(), 1)) {
			break
		}
	}
	if n := s.c.group.Epoch() - before; n > 15 || n < 5 {
		t.Errorf("%d epochs by one device, want about ten", n)
	}
	if !a.closed || len(take[*signal.Alarm](chair)) != 1 {
		t.Errorf("ended %v, the chair was told %+v", a.closed, take[*signal.Alarm](chair))
	}
	if e := take[*signal.Error](a); len(e) != 1 || e[0].Why != "often" {
		t.Errorf("a was told %+v", e)
	}
	if b.closed || chair.closed {
		t.Error("others were ended")
	}
	before = s.c.group.Epoch()
	s.tick(time.Minute)
	s.say(b, "commit", forged(before, 2))
	if s.c.group.Epoch() != before+1 {
		t.Error("b may not, though it had not before")
	}
}

// TestStuckBlamesTheSender: who commits after a commit that members refuse is not to blame for it, and cannot cover it up.
func TestStuckBlamesTheSender(t *testing.T) {
	group := []byte("0123456789abcdef")
	s, chair, a, b := meet(t, level.Internal)
	s.say(a, "commit", forged(4, s.leaf(a)))
	s.say(b, "commit", forged(5, s.leaf(b)))
	s.say(chair, "stuck", &signal.Stuck{Group: group, Epoch: 4, Why: "signature"})
	if !a.closed || b.closed {
		t.Errorf("a, whose commit was refused, ended %v; b, who came after, %v", a.closed, b.closed)
	}

	s, chair, a, b = meet(t, level.Internal)
	s.say(a, "commit", forged(4, s.leaf(a)))
	s.say(b, "stuck", &signal.Stuck{Group: group, Epoch: 4, Why: "signature"})
	s.say(a, "commit", forged(5, s.leaf(a)))
	chair.seat.who.Role = roster.Councillor // whose word alone is not enough
	s.say(chair, "stuck", &signal.Stuck{Group: group, Epoch: 5, Why: "signature"})
	if a.closed {
		t.Error("two complaints about different commits were counted together")
	}
	s.say(chair, "stuck", &signal.Stuck{Group: group, Epoch: 4, Why: "signature"})
	if !a.closed || b.closed {
		t.Errorf("both others refuse it: a ended %v, b %v", a.closed, b.closed)
	}

	s, chair, a, b = meet(t, level.Internal)
	s.say(b, "stuck", &signal.Stuck{Group: group, Epoch: 0, Why: "signature"}) // before b was in
	s.say(a, "stuck", &signal.Stuck{Group: group, Epoch: 0, Why: "signature"})
	s.say(b, "stuck", &signal.Stuck{Group: group, Epoch: 1 << 40, Why: "signature"})
	if chair.closed || len(s.c.stuck) > 0 {
		t.Errorf("complaints of commits that they were never sent: %v", s.c.stuck)
	}
}

func (s *scene) knock(login, member string, role roster.Role, lobby bool) error {
	_, err := s.c.Join(Identity{Login: login, Member: member, Role: role, OnRoster: true}, level.Verdict{May: true, Lobby: lobby}, &signal.Hello{Protocol: 1, Declaration: true}, &out{name: login, scene: s})
	return err
}

// TestOneMemberDoesNotFillTheRoom: whoever signs in thirty times has three seats, in the call or waiting, and the chair has one.
func TestOneMemberDoesNotFillTheRoom(t *testing.T) {
	for _, lobby := range []bool{false, true} {
		s := newScene(t, level.Internal)
		in := 0
		for i := range 61 {
			s.tick(time.Minute)
			if s.knock(fmt.Sprint("login", i), "m-7", roster.Councillor, lobby) == nil {
				in++
			}
		}
		if in != maxOwn {
			t.Errorf("lobby %v: one member has %d seats", lobby, in)
		}
		if err := s.knock("login0", "m-7", roster.Councillor, lobby); err != nil {
			t.Errorf("lobby %v: a page that is reloaded: %v", lobby, err)
		}
		if err := s.knock("c", "m-1", roster.Chair, false); err != nil {
			t.Errorf("lobby %v: the chair: %v", lobby, err)
		}
	}
}

// TestPlacesAreKept: however many come or wait, there is a place for chair, clerk and the room, and those who never wait are not
// kept out by those who do.
func TestPlacesAreKept(t *testing.T) {
	s := newScene(t, level.Internal)
	for i := range 40 {
		_ = s.knock(fmt.Sprint("w", i), fmt.Sprint("w", i), roster.Guest, true)
	}
	in := 0
	for i := range 40 {
		if s.knock(fmt.Sprint("l", i), fmt.Sprint("m-", i), roster.Councillor, false) == nil {
			in++
		}
	}
	if in != 27 || len(s.c.seats) != 57 {
		t.Errorf("%d councillors came in, %d seats in all; want 27 of 30, and 30 who wait", in, len(s.c.seats))
	}
	for _, r := range []roster.Role{roster.Room, roster.Clerk, roster.Chair} {
		if err := s.knock(string(r), string(r), r, false); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
	if err := s.knock("chair 2", "chair 2", roster.Chair, false); err == nil {
		t.Error("thirty-one sit in a call of thirty")
	}
	var waits *Seat
	for _, x := range s.c.seats {
		if x.lobby {
			waits = x
		}
	}
	for _, x := range s.c.seats {
		if x.who.Role == roster.Chair {
			x.Handle("admit", &signal.Admit{Participant: waits.id})
		}
	}
	if !waits.lobby {
		t.Error("a full call, and the chair lets one more in")
	}
}

// TestComingAndGoing: each new seat costs everybody's devices; a member that comes without end is told to wait.
func TestComingAndGoing(t *testing.T) {
	s := newScene(t, level.Public)
	in := 0
	for range 50 {
		if s.knock("x", "m-7", roster.Councillor, false) == nil {
			in++
		}
	}
	if in != int(joins.most) {
		t.Errorf("%d new seats at one moment", in)
	}
	s.tick(time.Minute)
	if err := s.knock("x", "m-7", roster.Councillor, false); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

// TestCredentialsEnd: with a seat, and with the id of before, goes what it was given for the way of its media.
func TestCredentialsEnd(t *testing.T) {
	s, _, a, b := meet(t, level.Internal)
	var gone []string
	s.c.o.Gone = func(id string) { gone = append(gone, id) }
	aID, bID := a.seat.ID(), b.seat.ID()
	s.c.Drop("a", "")
	b.seat.Lost(b)
	s.c.log = nil // and what b has missed is not kept
	s.c.seq++
	if _, err := s.c.Join(b.seat.who, level.Verdict{May: true}, &signal.Hello{Protocol: 1, Declaration: true, Resume: b.resume, Seen: b.seen}, &out{name: "b again", scene: s}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(gone, []string{aID, bID}) {
		t.Errorf("ended for %v, want %v", gone, []string{aID, bID})
	}
}
