package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"subrosa/firmware/compliance"
	"subrosa/firmware/compliance/compliancetest"
	"subrosa/firmware/journal"
)

// at is a clock that stands.
type at struct{ time.Time }

func (a at) Now() time.Time                         { return a.Time }
func (a at) After(d time.Duration) <-chan time.Time { return time.After(d) }
func (at) Quality() string                          { return "synced" }

// TestKeeper sums up sessions once, also across restarts, and deletes details when their time is over, with a receipt;
// summaries stay and an export still counts.
func TestKeeper(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Options{SegmentBytes: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	zone := compliancetest.Zone(t)
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, zone)
	c := defaults()
	start := func(now time.Time) *keeper {
		k, err := newKeeper(j, c, at{now}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		k.stamp = func(e *journal.Entry) { e.Quality = "synced" }
		return k
	}
	k := start(now)
	c.RetentionDays = 60
	k.days = c.RetentionDays
	for i, e := range compliancetest.Month(t) {
		if _, err := j.Append(context.Background(), e); err != nil {
			t.Fatal(err)
		}
		if i%7 == 0 { // it looks when it looks, and is started again at times
			if err := k.look(); err != nil {
				t.Fatal(err)
			}
		}
		if i%31 == 30 {
			k = start(now)
		}
	}
	for range 2 {
		if err := k.look(); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (summaries, receipts, payloads int) {
		if err := j.Read(1, func(_ uint64, e journal.Entry) error {
			switch {
			case e.Kind == compliance.KindSummary:
				summaries++
				var s compliance.Summary
				if !e.Permanent || json.Unmarshal(e.Payload, &s) != nil || s.Session.Began.IsZero() {
					t.Errorf("summary %s", e.Payload)
				}
			case e.Kind == journal.KindDeleted:
				receipts++
			case len(e.Payload) > 0 && !e.Permanent:
				payloads++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return summaries, receipts, payloads
	}
	want := 0
	for _, e := range compliancetest.Month(t) {
		var m struct{ From, To string }
		if e.Kind == "session.changed" && json.Unmarshal(e.Payload, &m) == nil && m.To == "open" && m.From != "planned" {
			want++
		}
	}
	if s, r, p := count(); s != want || r != 0 || p == 0 {
		t.Fatalf("%d summaries, %d receipts, %d payloads; want %d, 0, some", s, r, p, want)
	}
	if err := start(now.AddDate(0, 3, 0)).look(); err != nil {
		t.Fatal(err)
	}
	if s, r, p := count(); s != want || r == 0 || p != 0 {
		t.Errorf("after three months %d summaries, %d receipts, %d payloads; want %d, some, 0", s, r, p, want)
	}
}
