package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"subrosa/firmware/clock"
	"subrosa/firmware/compliance"
	"subrosa/firmware/journal"
)

// How often the keeper looks, real time; a session's summary is written that soon after its end.
const keepEvery = 5 * time.Second

// deleteEvery is how often payloads whose time is over are deleted, on the room's clock.
const deleteEvery = 24 * time.Hour

// keeper keeps the record in order: it sums up each session in an entry whose payload stays, and deletes the payloads of
// entries whose time is over, with a receipt.
type keeper struct {
	journal *journal.Journal
	stamp   func(*journal.Entry)
	clock   clock.Clock
	log     *slog.Logger
	days    int // that payloads are kept

	next      uint64 // sequence number of the entry that comes now
	collector compliance.Collector
	due       []compliance.Summary
	deleted   time.Time // when it was done last

	before  time.Time // time of the newest entry before this run; zero: there was none
	started time.Time // of this run, on a clock that does not step
}

// maxLeap is how far a clock without network time may be ahead of the record before nothing is deleted by it.
const maxLeap = 7 * 24 * time.Hour

// leapt reports whether the clock cannot be trusted with what deletion makes final: it has no network time, and says that far
// more time has passed since the record's last entry than the unit has run. A unit that was switched off for longer waits for
// network time, and says so.
func (k *keeper) leapt(now time.Time) bool {
	return k.clock.Quality() == "unsynced" && !k.before.IsZero() && now.Sub(k.before)-time.Since(k.started) > maxLeap
}

func newKeeper(j *journal.Journal, c Config, clk clock.Clock, log *slog.Logger) (*keeper, error) {
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return nil, err
	}
	k := &keeper{journal: j, clock: clk, log: log.With(slog.String("part", "keeper")), days: c.RetentionDays, collector: compliance.Collector{Zone: zone}, started: time.Now()}
	err = j.Read(max(j.Last().Seq, 1), func(_ uint64, e journal.Entry) error {
		k.before = e.Time
		return nil
	})
	if err != nil && !errors.Is(err, journal.ErrBroken) {
		return nil, err
	}
	return k, nil
}

// Run looks until ctx ends, and once more then: a unit that is switched off after a session has summed it up.
func (k *keeper) Run(ctx context.Context) error {
	for tick := time.Tick(keepEvery); ; {
		if err := k.look(); err != nil {
			k.log.Error("the record is not kept in order", "err", err)
		}
		select {
		case <-ctx.Done():
			return k.sumUp()
		case <-tick:
		}
	}
}

// look does what is due. What fails is tried again the next time.
func (k *keeper) look() error {
	if err := k.sumUp(); err != nil {
		return err
	}
	now := k.clock.Now()
	if now.Before(k.deleted) { // the clock went back: what was ahead counts no more
		k.deleted = time.Time{}
	}
	if now.Sub(k.deleted) < deleteEvery {
		return nil
	}
	if k.leapt(now) {
		k.deleted = now
		k.log.Warn("nothing is deleted: the clock has no network time and is far ahead of the record", "now", now, "record", k.before)
		return nil
	}
	before := now.AddDate(0, 0, -k.days)
	e := journal.Entry{Time: now}
	k.stamp(&e)
	n, err := k.journal.Delete(context.Background(), "retention", e, func(_ uint64, e journal.Entry) bool { return e.Time.Before(before) })
	if err != nil {
		return err
	}
	if k.deleted = now; n > 0 {
		k.log.Info("payloads deleted", "entries", n, "older_than_days", k.days)
	}
	return nil
}

// sumUp reads what is new and writes the summaries that are due.
func (k *keeper) sumUp() error {
	err := k.journal.Read(max(k.next, 1), func(seq uint64, e journal.Entry) error {
		if seq < k.next {
			return nil
		}
		k.next = seq + 1
		due := k.collector.Take(compliance.Numbered{Seq: seq, Entry: e})
		if e.Kind == compliance.KindSummary {
			k.due = nil // of an earlier run, which came to write it
		}
		k.due = append(k.due, due...)
		return nil
	})
	if err != nil {
		return err
	}
	for len(k.due) > 0 {
		b, err := json.Marshal(k.due[0])
		if err != nil {
			return err
		}
		e := journal.Entry{Kind: compliance.KindSummary, Requires: []string{"INF.10.A8"}, Time: k.clock.Now(), Permanent: true, Payload: b}
		k.stamp(&e)
		if _, err := k.journal.Append(context.Background(), e); err != nil {
			return err
		}
		k.due = k.due[1:]
	}
	return nil
}
