package shadow

import (
	"context"
	"fmt"
	"time"
)

// record hands r to the saving goroutine. name is the topic that waits for it, "" if none does.
func (s *Shadow) record(r record, name string) {
	s.batch = appendRecord(s.batch, r)
	s.seq++
	if name == "" {
		return
	}
	if e := s.box.get(name); e != nil {
		e.seq = s.seq
	}
	s.fresh = append(s.fresh, name)
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// awaitSaved waits until the disk took or refused record seq. s.mu is held.
func (s *Shadow) awaitSaved(seq uint64) error {
	for s.done < seq && !s.closed {
		s.saving.Wait()
	}
	if s.saved >= seq {
		return nil
	}
	if s.diskErr != nil {
		return fmt.Errorf("%w: %w", ErrUnsaved, s.diskErr)
	}
	return ErrUnsaved
}

// save is the goroutine that writes the log: everything that came meanwhile with one fsync.
func (s *Shadow) save(ctx context.Context) {
	idle := time.NewTicker(s.tune.idleSave)
	defer idle.Stop()
	pause := s.tune.saveRetry
	var retry <-chan time.Time
	for {
		select {
		case <-s.nudge:
		case <-idle.C:
			if retry != nil {
				continue
			}
		case <-retry:
		case <-ctx.Done():
			s.saveOnce()
			return
		}
		if s.saveOnce() {
			pause, retry = s.tune.saveRetry, nil
			continue
		}
		retry = time.After(pause)
		pause = min(2*pause, 30*time.Second)
	}
}

// saveOnce writes what has come and lets it be sent, whether the disk took it or not: an alarm must not wait
// for a full disk.
func (s *Shadow) saveOnce() bool {
	s.mu.Lock()
	batch, fresh, seq := s.batch, s.fresh, s.seq
	s.batch, s.fresh = nil, nil
	s.mu.Unlock()

	err := s.disk.save(batch)
	if err != nil && s.disk.anew || err == nil && s.disk.good > compactAt {
		if all, upTo := s.everything(err != nil); all != nil {
			rerr := s.disk.rewrite(all)
			if err != nil {
				err = rerr
			}
			if rerr == nil {
				seq = max(seq, upTo)
			}
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if (err == nil) != (s.diskErr == nil) {
		if err != nil {
			s.opt.Log.Error("outbox is not on disk, kept in memory", "err", err)
		} else {
			s.opt.Log.Info("outbox is on disk again")
		}
	}
	s.diskErr = err
	s.done = max(s.done, seq)
	if err == nil {
		s.saved = max(s.saved, seq)
	}
	for _, name := range fresh {
		if e := s.box.get(name); e != nil && e.seq <= seq {
			e.ready = true
			s.box.enqueue(e)
		}
	}
	s.saving.Broadcast()
	s.wakeSender()
	return err == nil
}

// frame is about what a record takes beside its topic and its event, in bytes.
const frame = 110

// everything returns the whole state as records; nil if writing it anew is not worth it, for it would take more than a quarter of
// the log, and is not forced. Records that wait in s.batch are part of it; that they are appended again does no harm.
func (s *Shadow) everything(forced bool) (all []record, upTo uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := 0
	for name, e := range s.box.entries {
		size += frame + len(name) + len(e.payload)
	}
	for name := range s.box.desired {
		size += frame + len(name)
	}
	if !forced && int64(size) >= s.disk.good/4 {
		return nil, 0
	}
	all = make([]record, 0, len(s.box.entries)+len(s.box.desired))
	for _, e := range s.box.entries {
		all = append(all, e.putRecord())
	}
	for name, st := range s.box.desired {
		all = append(all, record{Topic: name, Version: st.Version, Writer: st.Writer, Taken: true})
	}
	return all, s.seq
}
