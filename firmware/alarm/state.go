package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/journal"
)

// Snapshot is a Tracker at rest. It is JSON and holds everything but the configuration.
type Snapshot struct {
	Tracks []track  `json:"tracks"`
	Raises []raise  `json:"raises,omitempty"`
	Done   []string `json:"done,omitempty"`
}

// Snapshot returns the tracker at rest. It shares nothing with the tracker that the tracker writes to.
func (t *Tracker) Snapshot() Snapshot {
	s := Snapshot{Tracks: make([]track, len(t.tracks))}
	for i, tr := range t.tracks {
		s.Tracks[i] = *tr
		s.Tracks[i].Alarm = tr.Alarm.clone()
		s.Tracks[i].Finding = Alarm{Finding: tr.Finding}.clone().Finding
		s.Tracks[i].Keys = append([]Key(nil), tr.Keys...)
		s.Tracks[i].Open = append([]string(nil), tr.Open...)
	}
	s.Raises = append(s.Raises, t.raises...)
	s.Done = append(s.Done, t.done...)
	return s
}

// Restore puts a tracker back to s. The next version of each alarm jumps above every version that may have been
// delivered without reaching a file.
func (t *Tracker) Restore(s Snapshot) error {
	seen := map[string]bool{}
	tracks := make([]*track, 0, len(s.Tracks))
	for i := range s.Tracks {
		tr := s.Tracks[i]
		a := &tr.Alarm
		if err := errors.Join(a.Finding.Validate(), tr.Finding.Validate()); err != nil {
			return fmt.Errorf("alarm: snapshot: %w", err)
		}
		if seen[a.Finding.ID] || a.Finding.ID != tr.Finding.ID || a.Version == 0 || len(tr.Keys) == 0 || !holds(states, string(a.State)) {
			return fmt.Errorf("alarm: snapshot: alarm %s is not one", a.Finding.ID)
		}
		seen[a.Finding.ID] = true
		tr.Jump = true
		tracks = append(tracks, &tr)
	}
	t.tracks, t.raises, t.done = tracks, s.Raises, s.Done
	return nil
}

// replay takes over an alarm out of the journal that the snapshot does not know in this version.
func (t *Tracker) replay(at time.Time, r Record) {
	a := r.Alarm.clone()
	if a.Raised.IsZero() {
		a.Raised = at
	}
	tr := t.byAlarm(a.Finding.ID)
	if tr == nil {
		tr = &track{Keys: []Key{KeyOf(a.Finding)}, Since: at, Last: at, Touched: at}
		t.tracks = append(t.tracks, tr)
		if a.Finding.Kind.Sense() != detect.Health {
			t.raises = append(t.raises, raise{at, a.Finding.Kind})
		}
	} else if tr.Alarm.Version >= a.Version && !tr.Alarm.Raised.IsZero() {
		return
	}
	if v := tr.Alarm.Version; v > a.Version {
		tr.Alarm.Raised = a.Raised // a younger version was saved unrecorded
	} else {
		tr.Alarm, tr.Finding, tr.Merged, tr.Touched = a, a.clone().Finding, a.Merged, at
	}
	tr.Jump = true
}

// resume ends every finding after a time in which nobody listened, and lets the time until an alarm is cleared
// begin anew.
func (t *Tracker) resume(now time.Time) []Change {
	changes := t.EndAll(now, nil)
	for _, tr := range t.tracks {
		if tr.Alarm.State == Cleared {
			continue
		}
		tr.Last = now
		if tr.Finding.End == nil { // out of the journal, which does not know what is open
			end := now.UTC().Round(time.Millisecond)
			if end.Before(tr.Finding.Start) {
				end = tr.Finding.Start
			}
			tr.Finding.End = &end
			changes = append(changes, tr.change(now, WasCounted))
		}
	}
	return changes
}

const stateFormat = 1

// stateFile is a Book at rest.
type stateFile struct {
	Format  int        `json:"format"`
	Seq     uint64     `json:"seq"` // last journal entry that is in Tracker
	Tracker Snapshot   `json:"tracker"`
	Record  []*pending `json:"record,omitempty"`
	Deliver []string   `json:"deliver,omitempty"`
	Forget  []string   `json:"forget,omitempty"`
}

// migrations[n] rewrites a state file of format n+1 as format n+2.
var migrations []func([]byte) ([]byte, error)

// errYounger is returned for a state file of a format that this program does not know.
var errYounger = errors.New("written by a younger program")

func decodeState(b []byte) (stateFile, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return stateFile{}, err
	}
	if head.Format < 1 {
		return stateFile{}, fmt.Errorf("format %d", head.Format)
	}
	if head.Format > stateFormat {
		return stateFile{}, fmt.Errorf("format %d, this program knows %d: %w", head.Format, stateFormat, errYounger)
	}
	for _, migrate := range migrations[head.Format-1:] {
		var err error
		if b, err = migrate(b); err != nil {
			return stateFile{}, err
		}
	}
	var s stateFile
	err := json.Unmarshal(b, &s)
	return s, err
}

// restore reads the state file, then the journal from where the file ends.
func (b *Book) restore(ctx context.Context) error {
	if err := b.readState(); err != nil {
		return err
	}
	from := b.seq
	err := b.cfg.Journal.Read(from+1, func(seq uint64, e journal.Entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.seq = seq
		if !strings.HasPrefix(e.Kind, "alarm.") {
			return nil
		}
		var r Record
		if err := json.Unmarshal(e.Payload, &r); err != nil {
			return nil // deleted after its retention, or of a younger program
		}
		if r.Alarm.Finding.Validate() != nil || r.Alarm.Version == 0 || !holds(states, string(r.Alarm.State)) {
			return nil
		}
		b.tracker.replay(e.Time, r)
		b.overtake(r.Alarm)
		return nil
	})
	if errors.Is(err, journal.ErrBroken) { // what could be read is taken over
		b.report("journal", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("alarm: %w", err)
	}
	return nil
}

// overtake drops what waits for the journal if the journal has it after all, and has it delivered.
func (b *Book) overtake(a Alarm) {
	id := a.Finding.ID
	for i, p := range b.record {
		if tr := b.tracker.byAlarm(id); p.ID == id && tr.Alarm.Version <= a.Version {
			b.record = append(b.record[:i], b.record[i+1:]...)
			break
		}
	}
	for _, d := range b.deliver {
		if d == id {
			return
		}
	}
	b.deliver = append(b.deliver, id)
}

func (b *Book) readState() error {
	raw, err := os.ReadFile(b.cfg.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var s stateFile
	if err == nil {
		s, err = decodeState(raw)
	}
	if err == nil {
		err = b.tracker.Restore(s.Tracker)
	}
	if errors.Is(err, errYounger) {
		return fmt.Errorf("alarm: %s: %w", b.cfg.Path, err)
	}
	if err != nil {
		err = fmt.Errorf("alarm: %s: %w", b.cfg.Path, err)
		b.report("state", errors.Join(err, os.Rename(b.cfg.Path, b.cfg.Path+".spoilt")))
		return nil
	}
	b.seq, b.record, b.deliver, b.forget = s.Seq, s.Record, s.Deliver, s.Forget
	for _, p := range b.record {
		if tr := b.tracker.byAlarm(p.ID); tr != nil {
			p.Shown = tr.Alarm.Version // perhaps
		}
	}
	return nil
}

// writeState saves the book if anything has changed since.
func (b *Book) writeState() {
	if b.saved {
		return
	}
	raw, err := json.Marshal(stateFile{stateFormat, b.seq, b.tracker.Snapshot(), b.record, b.deliver, b.forget})
	if err == nil {
		b.step("before state")
		err = b.replaceFile(raw)
	}
	if err != nil {
		err = fmt.Errorf("alarm: %w", err)
	}
	b.report("state", err)
	b.saved = err == nil
}

// replaceFile writes the state file under another name, syncs it, and renames it.
func (b *Book) replaceFile(raw []byte) error {
	tmp := b.cfg.Path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	b.step("state written")
	if err == nil {
		err = b.sync(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	b.step("before rename")
	if err := os.Rename(tmp, b.cfg.Path); err != nil {
		return err
	}
	b.step("after rename")
	dir, err := os.Open(filepath.Dir(b.cfg.Path))
	if err != nil {
		return err
	}
	return errors.Join(b.sync(dir), dir.Close())
}
