package room

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"subrosa/drivers/contact"
	"subrosa/firmware/av"
	"subrosa/firmware/handover"
	"subrosa/firmware/journal"
	"subrosa/firmware/panel"
	"subrosa/firmware/policy"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// TestDeclaredInTheConference: what members say in the call counts for the session as their own page's word does, is shown to the chair
// and stands in the journal as counts.
func TestDeclaredInTheConference(t *testing.T) {
	h := build(t)
	h.planned()
	h.fromHome("m-1", "m-2")
	said := topic.ConferenceDeclared("ratssaal")
	h.conference(h.wants(report.Conference{Version: 1, State: "running", Level: "nonpublic", Seats: 3}, topic.ConferenceReported("ratssaal")))
	tells := func(version uint64, words ...report.Said) {
		h.conferenceDeclared(h.wants(report.Declared{Version: version, Asked: 3, Said: words}, said))
	}
	tells(1, report.Said{Member: "m-1", Alone: true}) // before the handover
	if c := h.showCall(); c == nil || c.Asked != 0 {
		t.Errorf("nobody is asked yet: %+v", c)
	}
	h.press(wall.Order{Act: wall.Start, Role: session.Chair})
	h.pass(10 * time.Second)
	if p := h.point(handover.Alone); p.Proven || p.Detail != handover.AloneWaiting {
		t.Errorf("a word of before the handover: %+v", p)
	}
	tells(2) // the conference asks anew
	tells(3, report.Said{Member: "m-1", Alone: true}, report.Said{Member: "m-9", Alone: true})
	if p := h.point(handover.Alone); p.Proven || p.Detail != handover.AloneWaiting {
		t.Errorf("one of two: %+v", p)
	}
	tells(4, report.Said{Member: "m-1", Alone: true}, report.Said{Member: "m-2", Alone: false}, report.Said{Member: "m-9", Alone: true})
	if p := h.point(handover.Alone); p.Detail != handover.AloneNot {
		t.Errorf("one is not alone: %+v", p)
	}
	if c := h.showCall(); c == nil || c.Asked != 3 || c.Alone != 2 || c.NotAlone != 1 {
		t.Errorf("shown %+v", c)
	}
	tells(5, report.Said{Member: "m-1", Alone: true}, report.Said{Member: "m-2", Alone: true}, report.Said{Member: "m-9", Alone: true})
	if p := h.point(handover.Alone); !p.Proven {
		t.Errorf("both: %+v", p)
	}
	h.conferenceDeclared(h.wants(map[string]any{"version": 6, "asked": 1, "said": []any{map[string]any{"member": "Frau Meier", "alone": true}}}, said))
	if c := h.showCall(); c == nil || c.Alone != 3 {
		t.Errorf("what is no declaration was taken: %+v", c)
	}
	n := 0
	if err := h.journal.Read(1, func(_ uint64, e journal.Entry) error {
		if e.Kind == "conference.declared" {
			n++
			if strings.Contains(string(e.Payload), "m-") {
				t.Errorf("the record names a member: %s", e.Payload)
			}
		}
		return nil
	}); err != nil || n < 3 {
		t.Errorf("%d entries, %v", n, err)
	}
}

// TestConference: the session's level is what the conference may be, and what it says of itself is on the pages.
func TestConference(t *testing.T) {
	h := build(t)
	h.publish()
	name := topic.ConferenceDesired("ratssaal")
	if d := data[report.ConferenceDesired](t, h.site, name); !d.Allowed || d.Level != "public" || d.Session != "open" {
		t.Errorf("without a session: %+v", d)
	}
	h.close()
	if h.session.State != session.Closed {
		t.Fatalf("state %s", h.session.State)
	}
	if d := data[report.ConferenceDesired](t, h.site, name); d.Level == "public" || d.Session != "closed" {
		t.Errorf("in a closed session: %+v", d)
	}
	said := topic.ConferenceReported("ratssaal")
	h.conference(h.wants(report.Conference{Version: 1, State: "running", Level: "nonpublic", Seats: 7, CodeLabel: "room " + strings.Repeat("12345", 6), Bundle: strings.Repeat("0f", 32)}, said))
	if c := h.showCall(); c == nil || *c != (wall.Call{State: "running", Level: "nonpublic", Seats: 7, Code: "room " + strings.Repeat("12345", 6), Bundle: strings.Repeat("0f", 32)}) {
		t.Errorf("shown %+v", c)
	}
	h.site.status.Connected = false // a change of keys would not reach the wall
	if c := h.showCall(); c == nil || c.Code != "" || c.Seats != 7 {
		t.Errorf("without the broker: %+v", c)
	}
	h.site.status.Connected = true
	h.conference(h.wants(map[string]any{"version": 2, "state": "running", "names": []string{"x"}}, said))
	if c := h.showCall(); c == nil || c.Seats != 7 {
		t.Error("a report that is not one was taken")
	}
	h.conference(h.wants(report.Conference{Version: 3, State: "closed"}, said))
	if c := h.showCall(); c != nil {
		t.Errorf("closed, and shown %+v", c)
	}
}

// TestCallStreams: the conference's own public streams are equipment of the hall. Only its word of late proves them off.
func TestCallStreams(t *testing.T) {
	h := build(t)
	desk, err := av.New([]av.Device{{ID: "conference-stream", Kind: av.Stream, Proofs: []av.Proof{av.Call}, Stale: 90 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	h.p.AV = desk
	said := topic.ConferenceReported("ratssaal")
	version := uint64(0)
	says := func(s *report.Streams) {
		version++
		h.conference(h.wants(report.Conference{Version: version, State: "running", Streams: s}, said))
	}
	check := func(what string, want av.State) {
		t.Helper()
		if s := desk.Status(h.clock.now)[0]; s.State != want {
			t.Errorf("%s: %s, want %s", what, s.State, want)
		}
	}
	check("before it says anything", av.Unknown)
	says(&report.Streams{Open: true, At: h.clock.now})
	check("opened by the chair", av.On)
	says(&report.Streams{In: 1, At: h.clock.now})
	check("one still comes in", av.On)
	says(&report.Streams{At: h.clock.now})
	check("all ended", av.Off)
	if p := desk.Points(h.clock.now)[0]; p.Name != "conference-stream-off" || !p.Proven {
		t.Errorf("point %+v", p)
	}
	h.clock.now = h.clock.now.Add(91 * time.Second)
	check("an old word", av.Unknown)
	says(&report.Streams{At: h.clock.now})
	says(nil)
	check("a conference that says nothing of streams", av.Unknown)
}

// TestConferenceFacts: the policy's facts follow the conference's word while it is fresh; what speaks for the call counts only of a sealed
// process, and a call is encrypted only by the code of a device that holds its keys.
func TestConferenceFacts(t *testing.T) {
	h := ruled(t, "conference: conference_off || conference_encrypted: "+blocks)
	said := topic.ConferenceReported("ratssaal")
	code := "chair " + strings.Repeat("12345", 6)
	var version uint64
	says := func(c report.Conference) {
		version++
		c.Version = version
		h.conference(h.wants(c, said))
	}
	facts := func(what string, off, encrypted any) {
		t.Helper()
		f := policy.NewFacts()
		h.gatherCall(f)
		want := policy.NewFacts()
		want.Must("conference_off", off)
		want.Must("conference_encrypted", encrypted)
		if !reflect.DeepEqual(f, want) {
			t.Errorf("%s: off %v, encrypted %v measured", what, f.Measured("conference_off"), f.Measured("conference_encrypted"))
			t.Errorf("got %v, want %v", f, want)
		}
	}
	now := func() time.Time { return h.clock.now }
	facts("no conference", nil, nil)
	says(report.Conference{State: "idle", Sealed: true})
	facts("one that does not say when", nil, nil)
	says(report.Conference{State: "idle", At: now()})
	facts("off, by a process that is not sealed", nil, nil)
	says(report.Conference{State: "idle", At: now(), Sealed: true})
	facts("off", true, nil)
	says(report.Conference{State: "closed", At: now(), Sealed: true})
	facts("not allowed", true, nil)
	says(report.Conference{State: "idle", At: now(), Sealed: true, Streams: &report.Streams{Out: 1, At: now()}})
	facts("idle, and a stream runs", false, false)
	says(report.Conference{State: "waiting", Seats: 2, At: now(), Sealed: true})
	facts("nobody has keys", false, nil)
	says(report.Conference{State: "running", Seats: 2, At: now(), Sealed: true})
	facts("no device has told a code", false, nil)
	says(report.Conference{State: "running", Seats: 2, At: now(), Sealed: true, CodeLabel: code})
	facts("encrypted", false, true)
	says(report.Conference{State: "running", Seats: 3, At: now(), Sealed: true})
	h.clock.now = now().Add(codeAwait)
	facts("keys change", false, true)
	h.clock.now = now().Add(time.Second)
	facts("and no code comes", false, nil)
	says(report.Conference{State: "running", Seats: 3, At: now(), Sealed: true, CodeLabel: code, Plain: true})
	facts("a gateway takes part", false, false)
	says(report.Conference{State: "running", Seats: 3, At: now(), CodeLabel: report.CodesDiffer})
	facts("two groups", false, false)
	says(report.Conference{State: "running", Seats: 3, At: now(), CodeLabel: code})
	facts("by a process that is not sealed", false, nil)
	says(report.Conference{State: "running", Seats: 3, At: now(), Sealed: true, CodeLabel: code})
	h.clock.now = now().Add(callStale)
	facts("a word of a while ago", false, true)
	h.clock.now = now().Add(time.Second)
	facts("an old word", nil, nil)
	says(report.Conference{State: "running", Seats: 3, At: now().Add(maxAhead + time.Second), Sealed: true, CodeLabel: code})
	facts("a clock that is ahead", nil, nil)
	h.conference(shadow.Message{})
	facts("taken back", nil, nil)
}

// TestConferenceRule: a rule on the conference blocks the closing while nothing is known, and is kept by the conference's word.
func TestConferenceRule(t *testing.T) {
	h := ruled(t, "conference: conference_off || conference_encrypted: "+blocks)
	h.press(wall.Order{Act: wall.Start, Role: session.Chair})
	h.pass(3 * time.Minute)
	if p := h.point("rule-conference"); p.Proven || p.Detail != "not-measurable" {
		t.Fatalf("before the conference says anything: %+v", p)
	}
	c := report.Conference{Version: 1, State: "running", Seats: 2, At: h.clock.now, Sealed: true, Plain: true}
	h.conference(h.wants(c, topic.ConferenceReported("ratssaal")))
	h.pass(time.Second)
	if p := h.point("rule-conference"); p.Proven || p.Detail != "" {
		t.Errorf("a call that is not encrypted: %+v", p)
	}
	c = report.Conference{Version: 2, State: "running", Seats: 2, At: h.clock.now, Sealed: true, CodeLabel: "room " + strings.Repeat("12345", 6)}
	h.conference(h.wants(c, topic.ConferenceReported("ratssaal")))
	h.pass(time.Second)
	if p := h.point("rule-conference"); !p.Proven {
		t.Errorf("an encrypted call: %+v", p)
	}
}

// TestHallLeaves: the room's own button tells the conference each press, and neither letting go nor another contact does.
func TestHallLeaves(t *testing.T) {
	h := build(t)
	h.publish()
	left := func() time.Time {
		return data[report.ConferenceDesired](t, h.site, topic.ConferenceDesired("ratssaal")).HallLeft
	}
	reads := func(button, door contact.State) {
		h.clock.now = h.clock.now.Add(time.Second)
		h.Facts(panel.Facts{Contacts: []panel.Contact{{Name: "aus", Guards: panel.Leave, State: button}, {Name: "d1", Guards: panel.Door, State: door}}})
		h.work()
	}
	reads(contact.Open, contact.Open)
	reads(contact.Open, contact.Closed)
	if !left().IsZero() {
		t.Errorf("nobody pressed, and it left at %v", left())
	}
	reads(contact.Closed, contact.Closed)
	first := h.clock.now
	if !left().Equal(first) || h.contact("aus") != "closed" {
		t.Errorf("pressed at %v, told %v, published %s", first, left(), h.contact("aus"))
	}
	reads(contact.Closed, contact.Open)
	reads(contact.Open, contact.Open)
	if !left().Equal(first) {
		t.Errorf("held and let go: %v, want %v", left(), first)
	}
	reads(contact.Cut, contact.Open)
	if !left().Equal(first) {
		t.Errorf("a cut line: %v, want %v", left(), first)
	}
	reads(contact.Closed, contact.Open)
	if !left().Equal(h.clock.now) {
		t.Errorf("pressed again: %v, want %v", left(), h.clock.now)
	}
}
