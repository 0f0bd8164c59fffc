package sensor

import (
	"fmt"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
	"subrosa/firmware/record"
	"subrosa/firmware/sense"
)

// decode reads a record and checks that none was lost or doubled.
func (w *Watcher) decode(b [record.Size]byte) (record.Record, error) {
	r, err := record.Decode(&b)
	if err != nil {
		return r, fmt.Errorf("%w: %w", ErrGrammar, err)
	}
	if r.Type == record.Empty {
		return r, nil
	}
	if want := (w.seq + 1) & 15; r.Seq != want {
		return r, fmt.Errorf("%w: record %d, want %d", ErrGrammar, r.Seq, want)
	}
	w.seq = r.Seq
	return r, nil
}

// status takes the coarse state of the room.
func (w *Watcher) status(b [record.Size]byte, now time.Time) error {
	w.Meter.Status(now)
	w.statusAt = now
	w.spoken()
	r, err := w.decode(b)
	if err != nil {
		return err
	}
	if r.Type != record.StatusType {
		return fmt.Errorf("%w: %v answers a status poll", ErrGrammar, r.Type)
	}
	w.Events.Status(r.Status)
	return nil
}

// urgent takes news, the answer to p. Whatever is not empty fills a slot, also if it cannot be read.
func (w *Watcher) urgent(b [record.Size]byte, p poll, now time.Time) error {
	if b == [record.Size]byte{} {
		return nil
	}
	within := w.Meter.Fill(now, p.Closed || w.isClosed()) && p.Left > 0
	w.spoken()
	r, err := w.decode(b)
	if err != nil {
		return err
	}
	if !within {
		return fmt.Errorf("%w: %v with no slot left", ErrGrammar, r.Type)
	}
	switch r.Type {
	case record.Appeared, record.Gone:
		if !sensed(r.Finding.Kind) {
			return fmt.Errorf("%w: a finding of kind %v", ErrGrammar, r.Finding.Kind)
		}
		w.finding(&r, p.at)
	case record.Known:
		return w.known(r.Known, p.Closed)
	case record.Merged:
		if !sensed(r.Overflow.Kind) {
			return fmt.Errorf("%w: findings of kind %v", ErrGrammar, r.Overflow.Kind)
		}
		w.Events.Merged(r.Overflow.Kind, r.Overflow.Count)
	case record.Dying:
		if r.Cause == record.SoundFailed || r.Cause == record.RadioFailed {
			w.look.missing(now)
		}
		w.Events.Failing(r.Cause)
	default:
		return fmt.Errorf("%w: %v answers an urgent poll", ErrGrammar, r.Type)
	}
	return nil
}

// sensed reports whether a kind is one that sound and radio samples can show. Of the unit's health, of networks and of
// the building the sensor knows nothing.
func sensed(k detect.Kind) bool { return k.Sense() == detect.Acoustic || k.Sense() == detect.Radio }

// finding turns a record into a finding. A Gone without an Appeared is one that was over before its turn; an Appeared
// under a number that is open says that the earlier finding of that number is over.
func (w *Watcher) finding(r *record.Record, now time.Time) {
	x := &r.Finding
	ago := func(s float64) time.Time { return now.Add(-time.Duration(s * float64(time.Second))) }
	f := finding.Finding{Start: ago(x.StartAge)}
	if old, open := w.open[x.Number]; open {
		delete(w.open, x.Number)
		if r.Type == record.Gone && old.Kind == x.Kind {
			f = old
		} else {
			w.end(old, f.Start)
		}
	}
	f.Kind, f.Name, f.Alarm = x.Kind, x.Name, x.Alarm
	f.Hz, f.BwHz, f.LevelDB, f.SNRDB = x.Hz, x.BwHz, x.LevelDB, x.SNRDB
	f.Statistic, f.Threshold, f.Pfa, f.Confidence = x.Statistic, x.Threshold, x.Pfa, x.Confidence
	f.Coverage = shares[x.Coverage&3]
	f.Sense, f.Side, f.Cause = f.Kind.Sense(), finding.Unknown, finding.CauseOf(f.Kind, f.Name, f.Hz)
	if f.ID == "" {
		f.ID = finding.NewID(now, w.Rand)
	}
	if r.Type == record.Gone {
		w.end(f, ago(x.EndAge))
		return
	}
	w.open[x.Number] = f
	w.Events.Found(f)
}

// end tells that a finding is over.
func (w *Watcher) end(f finding.Finding, at time.Time) {
	if at.Before(f.Start) {
		at = f.Start
	}
	f.End = &at
	w.Events.Found(f)
}

// shares says in words how much was looked at while a finding was made.
var shares = [...]string{"not looked at", "partly looked at", "mostly looked at", "looked at"}

// known collects a learned baseline. One that nobody asked for would hide what listens: tampering.
func (w *Watcher) known(e record.Emitter, closed bool) error {
	if closed {
		return fmt.Errorf("%w: an entry of a baseline in a closed session", ErrGrammar)
	}
	if w.learning != over {
		return fmt.Errorf("%w: a baseline that nobody asked for", ErrGrammar)
	}
	if len(w.arriving) == 0 {
		w.expected = e.Count
	}
	if e.Index != len(w.arriving) || e.Count != w.expected || e.Count > sense.MaxBaseline {
		return fmt.Errorf("%w: entry %d of a baseline of %d, want %d of %d", ErrGrammar, e.Index, e.Count, len(w.arriving), w.expected)
	}
	if e.Count > 0 {
		w.arriving = append(w.arriving, sense.Emitter{Hz: e.Hz, BwHz: e.BwHz, LevelDB: e.LevelDB})
		w.Events.Learning(float64(len(w.arriving)) / float64(e.Count))
	}
	if len(w.arriving) == e.Count {
		w.learning = idle
		w.Events.Learned(w.arriving)
		w.arriving = nil
	}
	return nil
}
