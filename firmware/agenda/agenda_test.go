package agenda

import (
	"testing"
	"time"

	"subrosa/drivers/calendar"
)

func TestOffers(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	at := func(h float64) time.Time { return now.Add(time.Duration(h * float64(time.Hour))) }
	var es []Entry
	for _, m := range []calendar.Meeting{
		{ID: "public", Start: at(1), End: at(3), Public: calendar.Yes},
		{ID: "mixed", Start: at(9), End: at(12), Closed: at(11), Public: calendar.Mixed},
		{ID: "unsaid", Start: at(2), Public: calendar.Unknown},
		{ID: "over", Start: at(-5), End: at(-1), Public: calendar.No, Closed: at(-5)},
		{ID: "runs", Start: at(-1), End: at(1), Public: calendar.No, Closed: at(-1)},
		{ID: "tomorrow", Start: at(30), End: at(31), Public: calendar.No},
		{ID: "wrong end", Start: at(3), End: at(2), Public: calendar.No, Closed: at(3)},
		{ID: "days", Start: at(4), End: at(80), Public: calendar.No, Closed: at(4)},
		{ID: "mixed", Start: at(9), End: at(12), Closed: at(11), Public: calendar.Mixed},
		{ID: "no time", Public: calendar.No},
	} {
		es = append(es, Entry{m, "nonpublic", "nonpublic"})
	}
	type want struct {
		id       string
		from, to time.Time
		guessed  Guess
	}
	wants := []want{{"runs", at(-1), at(1), 0}, {"unsaid", at(2), at(5), GuessedFrom | GuessedTo}, {"wrong end", at(3), at(6), GuessedTo},
		{"days", at(4), at(16), 0}, {"mixed", at(11), at(12), 0}}
	got := Offers(es, now)
	if len(got) != len(wants) {
		t.Fatalf("got %+v", got)
	}
	for i, w := range wants {
		if g := got[i]; g.ID != w.id || !g.From.Equal(w.from) || !g.To.Equal(w.to) || g.Guessed != w.guessed {
			t.Errorf("got %+v, want %+v", g, w)
		}
	}
	if _, ok := Find(got, "public"); ok {
		t.Error("a public meeting is offered")
	}
	if o, ok := Find(got, "mixed"); !ok || o.ID != "mixed" {
		t.Error("not found")
	}
}
