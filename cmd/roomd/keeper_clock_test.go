package main

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"subrosa/firmware/journal"
)

// stepping is a clock that is set by hand.
type stepping struct {
	now     time.Time
	quality string
}

func (s *stepping) Now() time.Time                         { return s.now }
func (s *stepping) After(d time.Duration) <-chan time.Time { return time.After(d) }
func (s *stepping) Quality() string                        { return s.quality }

// TestKeeperClockSteps: a clock that leaps ahead without network time deletes nothing; once the time is known, or the clock is
// right again, what is due goes, and no more.
func TestKeeperClockSteps(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { j.Close() }()
	today := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, age := range []int{40, 31, 29, 0} { // days
		e := journal.Entry{Kind: "test.entry", Time: today.AddDate(0, 0, -age), Quality: "synced", Payload: json.RawMessage(`{"x":1}`)}
		if _, err := j.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() (n int) {
		t.Helper()
		if err := j.Read(1, func(_ uint64, e journal.Entry) error {
			if e.Kind == "test.entry" && len(e.Payload) > 0 {
				n++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	c := defaults() // 30 days
	clk := &stepping{today.AddDate(14, 0, 0), "unsynced"}
	k, err := newKeeper(j, c, clk, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	k.stamp = func(e *journal.Entry) { e.Quality = clk.quality }
	look := func(want int, what string) {
		t.Helper()
		if err := k.look(); err != nil {
			t.Fatal(err)
		}
		if n := kept(); n != want {
			t.Errorf("%s: %d kept, want %d", what, n, want)
		}
	}
	look(4, "fourteen years ahead without network time")
	clk.now = today.AddDate(-26, 0, 0)
	look(4, "at an empty battery's year")
	clk.now = today.Add(time.Hour)
	look(2, "right again, though unsynced")
	clk.now, clk.quality = today.AddDate(0, 2, 0), "synced"
	look(0, "two months later by network time")
}
