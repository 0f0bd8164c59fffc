package compliance

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/compliance/compliancetest"
	"subrosa/firmware/journal"
)

// withSummaries is a month's journal into which the unit has written a summary at each session's end.
func withSummaries(t *testing.T) (entries []Numbered) {
	t.Helper()
	c := Collector{Zone: compliancetest.Zone(t)}
	seq := uint64(0)
	add := func(e journal.Entry) Numbered {
		seq++
		n := Numbered{Seq: seq, Entry: e}
		entries = append(entries, n)
		return n
	}
	for _, e := range compliancetest.Month(t) {
		for _, s := range c.Take(add(e)) {
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), compliancetest.Coverage) {
				t.Errorf("the summary holds more than counts: %s", b)
			}
			add(journal.Entry{Kind: KindSummary, Time: e.Time, Quality: e.Quality, Permanent: true, Payload: b})
		}
	}
	return entries
}

// TestFiguresOutlastRetention: with every payload deleted that may be, the figures of sessions are what they were, and
// nothing is said to have been in order.
func TestFiguresOutlastRetention(t *testing.T) {
	entries := withSummaries(t)
	zone := compliancetest.Zone(t)
	period := Period{From: time.Date(2026, 11, 1, 0, 0, 0, 0, zone), To: time.Date(2026, 12, 1, 0, 0, 0, 0, zone)}
	before := read(entries, period)
	if len(before.Sessions) == 0 {
		t.Fatal("no sessions")
	}
	for i, s := range before.Sessions {
		if !s.Summed && s.over {
			t.Errorf("session %d has no summary", i)
		}
	}
	var after []Numbered
	for _, e := range entries {
		if !e.Permanent {
			e.Payload = nil
		}
		after = append(after, e)
	}
	got := read(after, period)
	if len(got.Sessions) != len(before.Sessions) {
		t.Fatalf("%d sessions, before %d", len(got.Sessions), len(before.Sessions))
	}
	l1, s1, r1 := before.Total()
	l2, s2, r2 := got.Total()
	if l1 != l2 || s1 != s2 || r1 != r2 || before.Overrides() != got.Overrides() {
		t.Errorf("got %v %v %v and %d overrides, before %v %v %v and %d", l2, s2, r2, got.Overrides(), l1, s1, r1, before.Overrides())
	}
	told := 0
	for _, a := range before.Alarms {
		if a.Session != "" && a.Finding.Alarm {
			told++
		}
	}
	if got.Older.Told != told || len(got.Alarms) != 0 {
		t.Errorf("%d findings are told of, and %d alarms, want %d and none", got.Older.Told, len(got.Alarms), told)
	}
	for i, s := range got.Sessions {
		if s.Hidden == 0 {
			t.Errorf("session %d hides nothing although its entries are gone", i)
		}
		if s.Kind != before.Sessions[i].Kind || !s.Began.Equal(before.Sessions[i].Began) || len(s.Interruptions) != len(before.Sessions[i].Interruptions) {
			t.Errorf("session %d: %+v, before %+v", i, s, before.Sessions[i])
		}
	}
}

// TestCollectorIsSmall: a unit that runs for years without a session holds no more than it needs.
func TestCollectorIsSmall(t *testing.T) {
	c := Collector{Zone: time.UTC}
	e := journal.Entry{Kind: "contact.changed", Payload: json.RawMessage(`{"name":"window-1","guards":"window","state":"open"}`)}
	for i := range 3 * enough {
		if c.Take(Numbered{Seq: uint64(i), Entry: e}) != nil {
			t.Fatal("a summary of nothing")
		}
	}
	if len(c.entries) > enough {
		t.Errorf("%d entries are held", len(c.entries))
	}
}
