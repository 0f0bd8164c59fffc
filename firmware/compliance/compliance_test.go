package compliance_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/compliance"
	"subrosa/firmware/compliance/compliancetest"
	"subrosa/firmware/journal"
	"subrosa/firmware/session"
)

// recorded takes entries through a real journal.
func recorded(t *testing.T, entries []journal.Entry) (out []compliance.Numbered) {
	t.Helper()
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, e := range entries {
		if _, err := j.Append(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Read(1, func(seq uint64, e journal.Entry) error {
		out = append(out, compliance.Numbered{Seq: seq, Entry: e})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func november(t *testing.T) compliance.Period {
	zone := compliancetest.Zone(t)
	return compliance.Period{From: time.Date(2026, 11, 1, 0, 0, 0, 0, zone), To: time.Date(2026, 12, 1, 0, 0, 0, 0, zone)}
}

func assess(t *testing.T, entries []compliance.Numbered, p compliance.Period) compliance.Assessment {
	t.Helper()
	a, err := compliance.Assess(entries, p, compliance.Default())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func part(t *testing.T, a compliance.Assessment, id string) compliance.PartResult {
	t.Helper()
	for _, r := range a.Results {
		for _, p := range r.Parts {
			if p.ID == id {
				return p
			}
		}
	}
	t.Fatalf("no part %s", id)
	return compliance.PartResult{}
}

func TestFiguresOfAMonth(t *testing.T) {
	f := assess(t, recorded(t, compliancetest.Month(t)), november(t)).Figures
	var got []string
	for _, s := range f.Sessions {
		got = append(got, fmt.Sprintf("%s %v sound %d radio %d unproven %v overrides %d interrupted %d openings %d after %q gaps %d contacts %d", s.ID,
			s.Length.Round(time.Minute), s.Sound.Percent(), s.Radio.Percent(), s.Unproven, len(s.Overrides), len(s.Interruptions), len(s.Openings), s.After, s.Gaps, s.Contacts))
	}
	want := []string{
		`2026-11-05/1 1h35m0s sound 100 radio 100 unproven [] overrides 0 interrupted 0 openings 0 after "closed" gaps 0 contacts 3`,
		`2026-11-12/1 1h15m0s sound 100 radio 0 unproven [radio-covered] overrides 1 interrupted 1 openings 1 after "open" gaps 0 contacts 3`,
		// without power from 19:01 (the last entry before) to 19:36, told again at 19:37; sound lost 18:50–19:00
		`2026-11-19/1 2h0m0s sound 61 radio 69 unproven [] overrides 0 interrupted 1 openings 0 after "closed" gaps 1 contacts 3`,
		`2026-11-26/1 0s sound -1 radio -1 unproven [] overrides 0 interrupted 0 openings 0 after "" gaps 0 contacts 0`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("sessions:\ngot  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	var lost []string
	for _, l := range f.Sessions[2].Lost {
		lost = append(lost, fmt.Sprintf("%s-%s sound %v radio %v %s", l.From.In(compliancetest.Zone(t)).Format("15:04"), l.To.In(compliancetest.Zone(t)).Format("15:04"), l.Sound, l.Radio, l.Why.EN))
	}
	if len(f.Sessions[0].Lost) != 0 || len(f.Sessions[1].Lost) == 0 {
		t.Errorf("lost: got %+v and %+v", f.Sessions[0].Lost, f.Sessions[1].Lost)
	}
	if want := []string{"18:50-19:00 sound true radio false Unit: coverage reduced (sound)", "19:01-19:36 sound true radio true the unit did not run",
		"19:36-19:37 sound true radio true the coverage was not proven"}; !slices.Equal(lost, want) {
		t.Errorf("lost:\ngot  %q\nwant %q", lost, want)
	}
	o := f.Sessions[1].Overrides
	if o[0].Step != session.Sweep || o[0].Reason != "technical-fault" || !slices.Equal(o[0].Points, []string{"radio-covered"}) ||
		o[0].Role != session.Chair {
		t.Errorf("overrides: got %+v", o)
	}
	if i := f.Sessions[1].Interruptions[0]; i.Until.Sub(i.At) != 4*time.Minute || i.Reason != "window-open" {
		t.Errorf("interruption: got %+v", i)
	}
	if w := f.Sessions[1].Openings[0]; w.Name != "fenster-nord" || w.Until.Sub(w.At) != 4*time.Minute {
		t.Errorf("opening: got %+v", w)
	}
	if i := f.Sessions[2].Interruptions[0]; i.Reason != session.PowerLost || i.Until.IsZero() {
		t.Errorf("interruption by power loss: got %+v", i)
	}
	if len(f.Gaps) != 2 || f.Gaps[0].Ordered || !f.Gaps[1].Ordered || f.Gaps[1].To.Sub(f.Gaps[1].From) != time.Hour {
		t.Errorf("gaps: got %+v", f.Gaps)
	}
	if f.SelfTests != (compliance.SelfTests{Heard: 5, Unheard: 1, Unplayed: 1}) {
		t.Errorf("self-tests: got %+v", f.SelfTests)
	}
	var alarms []string
	for _, a := range f.Alarms {
		alarms = append(alarms, fmt.Sprint(a.Finding.Kind, " ", a.Session, " ", a.State, " ", a.Answered(), " ", a.Harmless()))
	}
	if want := []string{"occupied-band 2026-11-12/1 cleared true false", "coverage-loss 2026-11-19/1 cleared true false",
		"new-emitter 2026-11-19/1 raised false false"}; !slices.Equal(alarms, want) {
		t.Errorf("alarms: got %q, want %q", alarms, want)
	}
	if f.Hidden != 0 || f.Breaks != 0 || !slices.Equal(f.Rooms, []string{compliancetest.Room}) || f.Overrides() != 1 {
		t.Errorf("got hidden %d, breaks %d, rooms %v, overrides %d", f.Hidden, f.Breaks, f.Rooms, f.Overrides())
	}
}

func TestProposalsOfAMonth(t *testing.T) {
	a := assess(t, recorded(t, compliancetest.Month(t)), november(t))
	for _, tt := range []struct {
		id                  string
		status              compliance.Status
		met, checked, total int
	}{
		{"INF.10.A1.1", compliance.Unmeasured, 0, 0, 0},
		{"INF.10.A3.1", compliance.Partly, 2, 3, 3},
		{"INF.10.A3.3", compliance.Partly, 3, 3, 3},
		{"INF.10.A8.1", compliance.Partly, 2, 3, 3}, // one had a gap
		{"ORP.1.A17.1", compliance.Partly, 1, 2, 3}, // radio was covered throughout in one of three; in another was a finding
		{"ORP.1.A17.2", compliance.Partly, 1, 3, 3},
		{"DET.4.19.1", compliance.Partly, 1, 2, 3}, // in the last an alarm has no answer
		{"DET.3.5.1", compliance.Partly, a.Figures.All.Count, a.Figures.All.Count, a.Figures.All.Count},
		{"HAUSREGEL.1.1", compliance.Partly, 1, 2, 3},
		{"HAUSREGEL.2.1", compliance.Partly, 2, 3, 3},
		{"HAUSREGEL.3.1", compliance.Partly, 2, 3, 3},
	} {
		p := part(t, a, tt.id)
		if g := p.Tally; p.Status != tt.status || g.Met != tt.met || g.Checked != tt.checked || g.Total != tt.total {
			t.Errorf("%s: got %s %d/%d/%d, want %s %d/%d/%d", tt.id, p.Status, g.Met, g.Checked, g.Total, tt.status, tt.met, tt.checked, tt.total)
		}
	}
	if p := part(t, a, "INF.10.A8.1"); p.Entries.Count == 0 || p.Entries.First == 0 || p.Entries.Last <= p.Entries.First {
		t.Errorf("INF.10.A8.1 rests on %+v", p.Entries)
	}
}

// TestYes: where everything is in order a house rule is Yes, and no requirement of the BSI is.
func TestYes(t *testing.T) {
	p := november(t)
	p.To = time.Date(2026, 11, 10, 0, 0, 0, 0, compliancetest.Zone(t))
	a := assess(t, recorded(t, compliancetest.Month(t)), p)
	for _, r := range a.Results {
		if yes := r.Status == compliance.Yes; yes != (r.Source == compliance.House) {
			t.Errorf("%s: got %s", r.ID, r.Status)
		}
	}
	if p := part(t, a, "INF.10.A3.1"); p.Status != compliance.Partly || p.Tally.Met != 1 {
		t.Errorf("INF.10.A3.1: got %s %+v, want teilweise, 1 of 1", p.Status, p.Tally)
	}
}

func TestNothing(t *testing.T) {
	a := assess(t, nil, november(t))
	for _, r := range a.Results {
		if r.Status != compliance.Unmeasured {
			t.Errorf("%s of an empty journal: got %s", r.ID, r.Status)
		}
	}
}

// TestNeverYesUnmeasured: whatever a unit writes, what is half measured or a matter of organisation is never Yes, Exempt is
// never proposed, and the counts stay in order.
func TestNeverYesUnmeasured(t *testing.T) {
	seen := map[compliance.Status]int{}
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		a := assess(t, walk(t, r), november(t))
		for _, res := range a.Results {
			seen[res.Status]++
			all := true
			for _, p := range res.Parts {
				c := p.Tally
				all = all && p.Status == compliance.Yes
				switch {
				case p.Status == compliance.Exempt:
					t.Fatalf("seed %d: %s is proposed as dispensable", seed, p.ID)
				case p.Status == compliance.Yes && (p.Measure != compliance.Full || c.Met != c.Total || c.Total == 0):
					t.Fatalf("seed %d: %s is ja with %+v, measured %d", seed, p.ID, c, p.Measure)
				case p.Measure == compliance.Organisational && p.Status != compliance.Unmeasured:
					t.Fatalf("seed %d: %s is %s, but a matter of organisation", seed, p.ID, p.Status)
				case c.Met < 0 || c.Met > c.Checked || c.Checked > c.Total:
					t.Fatalf("seed %d: %s: counts %+v", seed, p.ID, c)
				}
			}
			if (res.Status == compliance.Yes) != all {
				t.Fatalf("seed %d: %s is %s", seed, res.ID, res.Status)
			}
		}
		for _, s := range a.Figures.Sessions {
			if s.Sound.Covered > s.Length || s.Radio.Covered > s.Length || s.Sound.Covered < 0 || s.Length < 0 {
				t.Fatalf("seed %d: session %+v", seed, s)
			}
		}
	}
	for _, s := range []compliance.Status{compliance.Yes, compliance.Partly, compliance.No, compliance.Unmeasured} {
		if seen[s] == 0 {
			t.Errorf("no journal led to %s: the test shows nothing about it", s)
		}
	}
}

// walk is a journal of things that happen at random, not all of them in a sensible order, with a clock that may step back.
func walk(t *testing.T, r *rand.Rand) (out []compliance.Numbered) {
	s := compliancetest.New(t, time.Date(2026, 11, 1, 0, 0, 0, 0, compliancetest.Zone(t)))
	states := append(slices.Clone(session.States), "")
	kinds := detect.Kinds()
	for n := range r.IntN(120) {
		s.Wait(time.Duration(r.Int64N(int64(3*time.Hour))) - 10*time.Minute)
		s.Quality = []string{"synced", "synced", "synced", "unsynced", "scenario"}[r.IntN(5)]
		switch r.IntN(8) {
		case 0:
			s.Log("unit.started", nil)
		case 1:
			s.Log("unit.stopped", nil)
		case 2, 3:
			pick := func() session.State { return states[r.IntN(len(states))] }
			s.Log("session.changed", map[string]any{"from": pick(), "to": pick(), "on": []session.Kind{session.OnTick, session.OnConfirm}[r.IntN(2)],
				"points": compliancetest.Points([]string{"", "radio-covered", "sound-covered"}[r.IntN(3)])})
		case 4:
			s.Contact([]string{"a", "b"}[r.IntN(2)], []string{"window", "door"}[r.IntN(2)], []string{"open", "closed", "fault"}[r.IntN(3)])
		case 5:
			k := kinds[r.IntN(len(kinds))]
			s.Alarm(fmt.Sprint(n), k, append(k.Names(), "")[0], time.Duration(r.Int64N(int64(time.Hour))), []alarm.Verdict{"", alarm.FalseAlarm}[r.IntN(2)], "not-found")
		case 6:
			s.Log("selftest.done", []any{map[string]any{"heard": true}, "no object"}[r.IntN(2)])
		case 7:
			s.Do(session.Points(nil))
			if r.IntN(2) == 0 {
				s.Close("urgent", []string{"", "radio-covered", "windows-closed"}[r.IntN(3)])
				s.Wait(time.Duration(r.Int64N(int64(2 * time.Hour))))
				s.End()
			}
		}
	}
	for i, e := range s.Entries {
		out = append(out, compliance.Numbered{Seq: uint64(i + 1), Entry: e})
	}
	return out
}

// TestScenario: a demonstration shows nothing about the room's use, and what the unit could not see is not said to be wrong.
func TestScenario(t *testing.T) {
	entries := compliancetest.Month(t)[:12] // the first session; no entry follows its end
	for i := range entries {
		entries[i].Quality, entries[i].Policy = "scenario", ""
	}
	a := assess(t, recorded(t, entries), november(t))
	if len(a.Figures.Closed()) != 1 || a.Figures.Sessions[0].Ended.IsZero() {
		t.Fatalf("got sessions %+v, want one that has ended", a.Figures.Sessions)
	}
	for _, id := range []string{"INF.10.A3.1", "INF.10.A3.3", "INF.10.A4.3", "INF.10.A8.1", "OPS.1.1.5.A4.1", "DET.3.1.7.1"} {
		if p := part(t, a, id); p.Status != compliance.Unmeasured {
			t.Errorf("%s: got %s, %+v", id, p.Status, p.Tally)
		}
	}
}

// TestDeletedPayloads: an entry whose payload was deleted is counted and makes no claim.
func TestDeletedPayloads(t *testing.T) {
	entries := compliancetest.Month(t)
	for i := range entries {
		entries[i].Payload = nil
	}
	a := assess(t, recorded(t, entries), november(t))
	if len(a.Figures.Sessions) != 0 || a.Figures.Hidden == 0 {
		t.Errorf("got %d sessions, %d hidden entries", len(a.Figures.Sessions), a.Figures.Hidden)
	}
	for _, id := range []string{"INF.10.A3.1", "INF.10.A8.1", "HAUSREGEL.1.1"} {
		if p := part(t, a, id); p.Status != compliance.Unmeasured {
			t.Errorf("%s: got %s", id, p.Status)
		}
	}
}

// TestDeletedAlarms: where only the payloads of alarms and contacts are gone, sessions are still there, and nothing is said to
// have been in order because nobody can read any more what was not.
func TestDeletedAlarms(t *testing.T) {
	entries := compliancetest.Month(t)
	for i, e := range entries {
		if strings.HasPrefix(e.Kind, "alarm.") || e.Kind == "contact.changed" {
			entries[i].Payload = nil
		}
	}
	a := assess(t, recorded(t, entries), november(t))
	if n := len(a.Figures.Closed()); n != 3 || a.Figures.Sessions[1].Hidden == 0 || a.Figures.Sessions[0].Hidden != 0 {
		t.Errorf("got %d sessions, %+v", n, a.Figures.Sessions)
	}
	for id, checked := range map[string]int{"INF.10.A3.1": 0, "HAUSREGEL.1.1": 0, "ORP.1.A17.1": 1, "HAUSREGEL.3.1": 2} {
		if p := part(t, a, id); p.Tally.Checked != checked {
			t.Errorf("%s: got %+v, want %d examined", id, p.Tally, checked)
		}
	}
}

func TestCatalogueWith(t *testing.T) {
	base := compliance.Default()
	row := compliance.Requirement{ID: "APP.5.4.A7", Title: "Sichere Konfiguration von UCC", Level: "B", Source: compliance.Edition2023,
		Parts: []compliance.Part{{ID: "APP.5.4.A7.1", Text: compliance.Text{DE: "Warteraum", EN: "Lobby"}, Measure: compliance.Full,
			Measured: compliance.Text{DE: "Einstellung", EN: "setting"}, Evidence: []string{"conference.changed"},
			Judge: func(*compliance.Figures) compliance.Tally { return compliance.Tally{Met: 1, Checked: 1, Total: 1} }}}}
	lock := compliance.Requirement{ID: "SYS.2.1.A21", Parts: []compliance.Part{{ID: "SYS.2.1.A21.1", Text: compliance.Text{DE: "aus", EN: "off"},
		Measure: compliance.InPart, Measured: compliance.Text{DE: "Sperre", EN: "lock"}, Rest: compliance.Text{DE: "Rest", EN: "rest"},
		Evidence: []string{"lockdown.reported"}, Judge: row.Parts[0].Judge}}}
	more := base.With(row, lock)
	a, err := compliance.Assess(nil, november(t), more)
	if err != nil {
		t.Fatal(err)
	}
	if p := part(t, a, "APP.5.4.A7.1"); p.Status != compliance.Yes {
		t.Errorf("new row: got %s", p.Status)
	}
	if p := part(t, a, "SYS.2.1.A21.1"); p.Status != compliance.Partly {
		t.Errorf("row that takes a place: got %s", p.Status)
	}
	if len(more) != len(base)+1 {
		t.Errorf("got %d rows, want %d", len(more), len(base)+1)
	}
	if p := part(t, assess(t, nil, november(t)), "SYS.2.1.A21.1"); p.Measure != compliance.Organisational {
		t.Error("With has changed the table it was made from")
	}
}

func TestCatalogueIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*compliance.Requirement){
		"no title":            func(r *compliance.Requirement) { r.Title = "" },
		"no parts":            func(r *compliance.Requirement) { r.Parts = nil },
		"the same part twice": func(r *compliance.Requirement) { r.Parts = append(r.Parts, r.Parts[0]) },
		"judged, but organisational": func(r *compliance.Requirement) {
			r.Parts[0].Judge = func(*compliance.Figures) compliance.Tally { return compliance.Tally{} }
		},
		"measured without a judge": func(r *compliance.Requirement) { r.Parts[0].Measure = compliance.Full },
	} {
		c := compliance.Default()
		spoil(&c[0])
		if _, err := compliance.Assess(nil, november(t), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	p := november(t)
	if _, err := compliance.Assess(nil, compliance.Period{From: p.To, To: p.From}, compliance.Default()); err == nil {
		t.Error("a period that ends before it begins: accepted")
	}
}

// TestDroppedRequirements: what Edition 2023 dropped is not in the table, and the unit makes no VS-NfD claim.
func TestDroppedRequirements(t *testing.T) {
	for _, r := range compliance.Default() {
		if r.ID == "INF.10.A2" || r.ID == "INF.10.A10" || strings.HasPrefix(r.ID, "CON.11") {
			t.Errorf("%s is in the table", r.ID)
		}
	}
}
