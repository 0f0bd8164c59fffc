// Package compliancetest makes journals as a room unit writes them, for tests of what is made of a journal. Sessions go
// through the real session.Machine.
package compliancetest

import (
	"encoding/json"
	"testing"
	"time"
	_ "time/tzdata" // for machines without a zone file

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/finding"
	"subrosa/firmware/journal"
	"subrosa/firmware/session"
)

// Room is the id of the room that Month is about.
const Room = "ratssaal"

// Coverage is the coverage line of its alarms.
const Coverage = "Geprüft: Schall 15–24 kHz, Funk 24 MHz–1,77 GHz. Nicht prüfbar: Aufnahmegeräte, die nicht senden."

// Zone is where the room stands.
func Zone(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// Script writes a journal as time goes on.
type Script struct {
	Entries []journal.Entry
	Quality string
	t       testing.TB
	now     time.Time
	machine *session.Machine
}

// New begins a script at a time.
func New(t testing.TB, now time.Time) *Script {
	return &Script{Quality: "synced", t: t, now: now, machine: session.New(now, session.Default)}
}

// Wait lets time pass.
func (s *Script) Wait(d time.Duration) { s.now = s.now.Add(d) }

// At goes to a time, written as "2006-01-02 15:04" in the zone of the beginning.
func (s *Script) At(when string) {
	s.t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", when, s.now.Location())
	if err != nil {
		s.t.Fatal(err)
	}
	s.now = at
}

// Log appends an entry.
func (s *Script) Log(kind string, payload any) {
	s.t.Helper()
	b, err := json.Marshal(payload)
	if err != nil {
		s.t.Fatal(err)
	}
	e := journal.Entry{Kind: kind, Time: s.now.UTC(), Quality: s.Quality, Software: "v0.4.0", Policy: "sha256:9f2c", Payload: b}
	if err := e.Validate(); err != nil {
		s.t.Fatal(err)
	}
	s.Entries = append(s.Entries, e)
}

// Do lets the session take an event, and logs a change of state as the room does.
func (s *Script) Do(e session.Event) {
	s.t.Helper()
	c, err := s.machine.Apply(s.now, e)
	if err != nil {
		s.t.Fatal(err)
	}
	s.moved(c)
}

func (s *Script) moved(c session.Changed) {
	if !c.Moved() {
		return
	}
	r := s.machine.Report()
	s.Log("session.changed", map[string]any{"from": c.From, "to": c.To, "on": c.On, "role": c.Role, "reason": c.Reason,
		"points": r.Points, "flags": r.Flags})
}

// Points are the points of the handover, all proven but those named.
func Points(but ...string) []session.Point {
	var out []session.Point
	for _, p := range []session.Point{{Name: "sensor-alive", Step: session.Handover}, {Name: "journal-writes", Step: session.Handover},
		{Name: "windows-closed", Step: session.Handover}, {Name: "sound-covered", Step: session.Sweep},
		{Name: "radio-covered", Step: session.Sweep}, {Name: "doors-closed", Step: session.Arming}} {
		p.Proven = true
		for _, n := range but {
			p.Proven = p.Proven && p.Name != n
		}
		out = append(out, p)
	}
	return out
}

// Close walks the room to closed in about ten seconds. What is named in but is unproven and the chair goes on for the
// reason given.
func (s *Script) Close(reason session.Reason, but ...string) {
	s.t.Helper()
	s.Do(session.Start(session.Chair))
	for range 20 {
		s.Wait(time.Second)
		if s.machine.State() == session.Closed {
			return
		}
		s.Do(session.Points(Points(but...)))
		if c := s.machine.Tick(s.now); c.Moved() {
			s.moved(c)
			continue
		}
		if s.machine.Report().Left() > 0 {
			s.Do(session.Confirm(session.Chair, reason))
		}
	}
	s.t.Fatalf("the room is not closed but %s", s.machine.State())
}

// End gives the room back.
func (s *Script) End() {
	s.t.Helper()
	s.Do(session.End(session.Chair))
	s.Wait(time.Second)
	s.Do(session.Restored())
}

// Contact logs a contact: guards is "window" or "door".
func (s *Script) Contact(name, guards, state string) {
	s.t.Helper()
	s.Log("contact.changed", map[string]any{"name": name, "guards": guards, "state": state, "supervised": true})
}

// Alarm logs an alarm that lasts so long; for ever if lasts is 0. verdict "": nobody has answered.
func (s *Script) Alarm(id string, kind detect.Kind, name string, lasts time.Duration, verdict alarm.Verdict, reason string) {
	s.t.Helper()
	f := finding.Finding{ID: id, Kind: kind, Name: name, Alarm: true, Sense: kind.Sense(), Side: finding.Unknown, Start: s.now,
		Coverage: Coverage, Cause: finding.CauseOf(kind, name, 0)}
	a := alarm.Alarm{Finding: f, Room: Room, State: alarm.Raised, Version: 1, Changed: s.now}
	s.Log(alarm.KindRaised, alarm.Record{What: alarm.WasRaised, Alarm: a})
	a.Raised = s.now
	if lasts > 0 {
		s.Wait(lasts)
		end := s.now
		a.Finding.End, a.State, a.Version, a.Changed = &end, alarm.Cleared, 2, s.now
		s.Log(alarm.KindChanged, alarm.Record{What: alarm.WasCleared, Alarm: a})
	}
	if verdict != "" {
		s.Wait(time.Minute)
		a.Ack = &alarm.Ack{Role: "chair", Verdict: verdict, Reason: reason, At: s.now}
		a.Version++
		s.Log(alarm.KindAcknowledged, alarm.Record{What: alarm.WasAcknowledged, Alarm: a})
	}
}

// Month is November 2026 in a council chamber: a session without trouble; one with something unproven, a phone-like
// finding and a window opened and left open; one with a power cut, a loss of coverage and an alarm that nobody answered; one
// that was broken off before it was closed. On 30 November the unit still runs.
func Month(t testing.TB) []journal.Entry {
	t.Helper()
	s := New(t, time.Date(2026, 11, 2, 8, 0, 0, 0, Zone(t)))
	boot := func() {
		s.Log("unit.started", map[string]any{"software": "v0.4.0", "state": s.machine.State(), "reason": ""})
		s.Contact("fenster-nord", "window", "closed")
		s.Contact("fenster-sued", "window", "closed")
		s.Contact("saaltuer", "door", "closed")
		s.Log("selftest.done", map[string]any{"heard": true, "share": 3})
	}
	boot()
	s.At("2026-11-05 18:30")
	s.Log("selftest.done", map[string]any{"heard": true, "share": 3})
	s.Close("")
	s.At("2026-11-05 20:05")
	s.End()
	s.Contact("saaltuer", "door", "open")
	s.Wait(6 * time.Minute)
	s.Contact("saaltuer", "door", "closed")
	s.At("2026-11-06 03:00")
	s.Log("selftest.done", map[string]any{"heard": true, "share": 3})

	s.At("2026-11-12 18:30")
	s.Close("technical-fault", "radio-covered")
	s.At("2026-11-12 19:02")
	s.Alarm("01JCMA0000000000000000PH01", detect.OccupiedBand, "lte20-ul", 3*time.Minute, alarm.Explained, "put-away")
	s.At("2026-11-12 19:10")
	s.Contact("fenster-nord", "window", "open")
	s.Do(session.Interrupt(session.Chair, "window-open"))
	s.Wait(4 * time.Minute)
	s.Contact("fenster-nord", "window", "closed")
	s.Do(session.Points(Points("radio-covered")))
	s.Do(session.Resume(session.Chair)) // radio-covered is accepted already
	s.At("2026-11-12 19:45")
	s.End()
	s.Contact("fenster-sued", "window", "open")
	s.At("2026-11-13 03:00")
	s.Log("selftest.done", map[string]any{"heard": false, "share": 1})
	s.At("2026-11-13 07:30")
	s.Contact("fenster-sued", "window", "closed")

	s.At("2026-11-19 18:30")
	s.Close("")
	s.At("2026-11-19 18:50")
	s.Alarm("01JCMB0000000000000000SND1", detect.CoverageLoss, "sound", 10*time.Minute, alarm.Fault, "cabling")
	s.At("2026-11-19 19:30") // the power fails about now; nothing says when
	s.Wait(6 * time.Minute)
	boot()
	s.Do(session.PowerLoss(6 * time.Minute))
	s.Wait(time.Minute)
	s.Do(session.Points(Points()))
	s.Do(session.Resume(session.Chair))
	s.At("2026-11-19 19:50")
	s.Alarm("01JCMB0000000000000000EM01", detect.NewEmitter, "ism433", 0, "", "")
	s.At("2026-11-19 20:30")
	s.End()
	s.At("2026-11-20 08:00")
	s.Log("unit.stopped", map[string]any{"state": "open"})
	s.At("2026-11-20 09:00")
	boot()

	s.At("2026-11-26 18:30")
	s.Do(session.Start(session.Clerk))
	s.Wait(time.Minute)
	s.End()
	s.At("2026-11-30 23:00")
	s.Log("selftest.unplayed", map[string]any{})
	return s.Entries
}
