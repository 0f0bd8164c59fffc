package call

import (
	"slices"
	"strings"
	"testing"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

func (s *scene) label() string { return s.report[len(s.report)-1].CodeLabel }

// TestCode: the code on the wall is a chair's or the hall's, of this epoch, and gone with it at once.
func TestCode(t *testing.T) {
	s, chair, a, b := meet(t, level.Nonpublic)
	ours, theirs := strings.Repeat("12345", 6), strings.Repeat("67890", 6)
	say := func(o *out, epoch uint64, code string) {
		s.say(o, "code", &signal.Code{Group: []byte("0123456789abcdef"), Epoch: epoch, Code: code})
	}
	say(a, 4, ours) // a councillor's word
	say(chair, 3, ours)
	say(chair, 5, ours)
	s.say(chair, "code", &signal.Code{Group: []byte("another group..."), Epoch: 4, Code: ours})
	if s.label() != "" {
		t.Errorf("shown: %q", s.label())
	}
	say(chair, 4, ours)
	if s.label() != "chair "+ours {
		t.Errorf("shown: %q", s.label())
	}
	b.seat.who.Role = roster.Room // the hall takes part, and computes the same
	say(b, 4, ours)
	if s.label() != "room "+ours {
		t.Errorf("shown: %q", s.label())
	}
	say(chair, 4, ours)
	if s.label() != "room "+ours {
		t.Errorf("the chair's word came after the hall's: %q", s.label())
	}
	s.forget(chair, b)
	say(chair, 4, theirs)
	say(chair, 4, theirs)
	if s.label() != CodesDiffer || len(take[*signal.Alarm](b)) != 0 || len(take[*signal.Alarm](chair)) != 1 {
		t.Errorf("two codes: %q, told to the hall %d times, to the chair %d", s.label(), len(take[*signal.Alarm](b)), len(take[*signal.Alarm](chair)))
	}
	if n := len(slices.DeleteFunc(slices.Clone(s.notes), func(k string) bool { return k != KindAlarm })); n != 1 {
		t.Errorf("%d alarms in the journal, want one an epoch", n)
	}
	say(chair, 4, ours)
	if s.label() != CodesDiffer {
		t.Errorf("two codes in one epoch, and then shown: %q", s.label())
	}

	s.c.Drop("a", "")
	reports := len(s.report)
	s.step(chair, 4) // the commit that removes a
	if s.label() != "" || !slices.ContainsFunc(s.report[reports:], func(r Report) bool { return r.CodeLabel == "" }) {
		t.Errorf("the epoch is over, and shown: %q", s.label())
	}
	say(chair, 4, ours) // late, of the epoch before
	if s.label() != "" {
		t.Errorf("shown: %q", s.label())
	}
	say(chair, 5, theirs)
	if s.label() != "chair "+theirs {
		t.Errorf("the new epoch's: %q", s.label())
	}
	s.say(chair, "end", &signal.End{})
	if s.label() != "" {
		t.Errorf("the call is over, and shown: %q", s.label())
	}
}
