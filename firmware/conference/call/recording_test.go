package call

import (
	"fmt"
	"slices"
	"testing"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// TestRecording: the journal has when a recording ran, and that somebody took their consent back, each once; where the level does not
// allow one, none begins, and a stricter level or a gone device ends it.
func TestRecording(t *testing.T) {
	s := newScene(t, level.Public)
	var notes []string
	s.c.o.Record = func(kind string, p map[string]any) {
		if kind == KindRecording {
			notes = append(notes, fmt.Sprint(p["what"], " ", p["role"]))
		}
	}
	clerk, member := s.join("clerk", roster.Clerk, false), s.join("m", roster.Councillor, false)
	say := func(o *out, w signal.RecordingWhat) { t.Helper(); s.say(o, "recording", &signal.Recording{What: w}) }
	expect := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(notes, want) {
			t.Errorf("%s: the journal has %q, want %q", what, notes, want)
		}
		notes = nil
	}
	say(member, signal.RecordingWithdrawn)
	say(member, signal.RecordingBegin)
	say(clerk, signal.RecordingEnd)
	expect("nothing was recorded")
	say(clerk, signal.RecordingBegin)
	say(clerk, signal.RecordingBegin)
	say(clerk, signal.RecordingPause)
	say(clerk, signal.RecordingBegin)
	say(member, signal.RecordingEnd)
	for range 3 {
		say(member, signal.RecordingWithdrawn)
	}
	say(clerk, signal.RecordingEnd)
	expect("all in turn", "begin clerk", "pause clerk", "begin clerk", "withdrawn councillor", "end clerk")
	say(clerk, signal.RecordingBegin)
	s.c.SetLevel(level.Confidential, true)
	expect("a stricter session", "begin clerk", "end clerk")
	say(clerk, signal.RecordingBegin)
	expect("while it is stricter")
	s.c.SetLevel(level.Public, true)
	say(clerk, signal.RecordingBegin)
	s.say(clerk, "leave", &signal.Leave{})
	expect("the device has gone", "begin clerk", "end clerk")

	s = newScene(t, level.Nonpublic)
	chair := s.join("chair", roster.Chair, false)
	s.notes = nil
	say(chair, signal.RecordingBegin)
	if slices.Contains(s.notes, KindRecording) {
		t.Error("a recording began in a nonpublic session")
	}
}
