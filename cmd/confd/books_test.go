package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"subrosa/firmware/journal"
)

// written is a unit's journal as this program sees it.
type written struct {
	rooms []string
	err   error
}

func (w *written) Append(_ context.Context, e journal.Entry) (journal.Receipt, error) {
	w.rooms = append(w.rooms, e.Room)
	return journal.Receipt{}, w.err
}

// TestEntriesOfNoRoom: what bears on every room, such as a lock-out, is once in the own journal and in each unit's as of its
// room, also where one of them does not answer; what bears on one room is in that room's alone.
func TestEntriesOfNoRoom(t *testing.T) {
	own, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("the unit does not answer")
	c, d := &written{}, &written{err: down}
	b := books{by: map[string]journal.Appender{"a": own, "b": own, "c": c, "d": d}, open: []*journal.Journal{own}}
	defer b.close()
	e := journal.Entry{Kind: "conference.locked", Time: time.Now(), Quality: "unsynced"}
	if _, err := b.Append(t.Context(), e); !errors.Is(err, down) {
		t.Errorf("got %v, want to be told of the unit that does not answer", err)
	}
	for _, room := range []string{"b", "c"} {
		e.Room = room
		if _, err := b.Append(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	var rooms []string
	if err := own.Read(1, func(_ uint64, e journal.Entry) error {
		if e.Kind == "conference.locked" {
			rooms = append(rooms, e.Room)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rooms, []string{"", "b"}) || !slices.Equal(c.rooms, []string{"c", "c"}) || !slices.Equal(d.rooms, []string{"d"}) {
		t.Errorf("in the own journal entries of %q, at the units %q and %q; want one of no room and b's, twice c's, once d's", rooms, c.rooms, d.rooms)
	}
}
