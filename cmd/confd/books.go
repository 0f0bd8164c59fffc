package main

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"time"

	"subrosa/firmware/conference/call"
	"subrosa/firmware/conference/notebook"
	"subrosa/firmware/journal"
)

// books are the journals that entries of each room go to.
type books struct {
	by    map[string]journal.Appender
	open  []*journal.Journal
	queue chan journal.Entry
}

func openBooks(c Config, dir string) (books, error) {
	b := books{by: map[string]journal.Appender{}, queue: make(chan journal.Entry, 1024)}
	var own *journal.Journal
	for _, r := range c.Rooms {
		if r.Journal != "" {
			b.by[r.ID] = notebook.Dial(r.Journal)
			continue
		}
		if own == nil {
			var err error
			if own, err = journal.Open(filepath.Join(dir, "journal"), journal.Options{Now: time.Now}); err != nil {
				return b, err
			}
			b.open = append(b.open, own)
		}
		b.by[r.ID] = own
	}
	return b, nil
}

// Append writes an entry of a room, or of none.
func (b books) Append(ctx context.Context, e journal.Entry) (journal.Receipt, error) {
	if j := b.by[e.Room]; j != nil {
		return j.Append(ctx, e)
	}
	return journal.Receipt{}, b.everywhere(ctx, e)
}

// everywhere writes an entry of no room, such as that an address was locked out of the sign-in of all: once into the own
// journal, and into each unit's as of its room, for a unit takes no other.
func (b books) everywhere(ctx context.Context, e journal.Entry) error {
	var errs []error
	for _, j := range b.open {
		_, err := j.Append(ctx, e)
		errs = append(errs, err)
	}
	for room, j := range b.by {
		if _, own := j.(*journal.Journal); own {
			continue
		}
		e.Room = room
		_, err := j.Append(ctx, e)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// note has an entry written soon: calls do not wait for a disk.
func (b books) note(room, kind string, payload map[string]any) {
	p, err := json.Marshal(payload)
	if err != nil {
		return
	}
	select {
	case b.queue <- journal.Entry{Kind: kind, Time: time.Now(), Quality: "unsynced", Room: room, Requires: requires[kind], Payload: p}:
	default: // a flood of alarms; the counters have them
	}
}

var requires = map[string][]string{call.KindBegan: {"vk-e2ee"}, call.KindEnded: {"vk-e2ee"}, call.KindAlarm: {"vk-e2ee"}, call.KindRegroup: {"vk-e2ee"},
	call.KindRemoved: {"vk-roles"}, call.KindLevel: {"vk-roles"}, call.KindStream: {"vk-roles"}, kindRoster: {"vk-roles"}, kindFile: {"vk-roles"}}

// run writes what is noted until ctx ends.
func (b books) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			for {
				select {
				case e := <-b.queue:
					b.write(e)
				default:
					return nil
				}
			}
		case e := <-b.queue:
			b.write(e)
		}
	}
}

func (b books) write(e journal.Entry) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = b.Append(ctx, e) // a unit that restarts misses an entry; counters have it
}

func (b books) close() error {
	for _, j := range b.open {
		if err := j.Close(); err != nil {
			return err
		}
	}
	return nil
}
