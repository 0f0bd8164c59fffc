package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// format of the snapshot. A new one comes with the step that migrates the old.
const format = 1

type snapshot struct {
	Format int `json:"format"`
	memory
}

// Snapshot returns what Restore needs, as JSON. Persist it before a change is published.
func (m *Machine) Snapshot() ([]byte, error) {
	b, err := json.Marshal(snapshot{Format: format, memory: m.mem})
	if err != nil {
		return nil, fmt.Errorf("session: snapshot: %w", err)
	}
	return b, nil
}

// Restore returns the machine that Snapshot described. Apply PowerLoss to it with the time it was away; after a
// power loss the session resumes in the safer state:
//
//	open, planned              the same; nothing confidential was going on
//	handover, sweep, arming    handover again: proofs and confirmations are void
//	closed, short gap          closed; every point is unproven until it is told again
//	closed, longer than Gap    interrupted by power-loss: confidential, but nobody watched; the chair resumes
//	interrupted, restoring     the same, points unproven
//
// A snapshot that cannot be read is an error; then Lost is the safer state.
func Restore(b []byte, c Config) (*Machine, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var s snapshot
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("session: restore: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("session: restore: more after the end of the snapshot")
	}
	if s.Format != format {
		return nil, fmt.Errorf("session: restore: format %d, this program reads %d", s.Format, format)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("session: restore: %w", err)
	}
	return &Machine{conf: c, mem: s.memory}, nil
}

// Lost returns a machine for a room of which nothing is known any more: it may have been closed, so it is
// interrupted until a person decides.
func Lost(now time.Time, c Config) *Machine {
	return &Machine{conf: c, mem: memory{State: Interrupted, Since: now, Reason: PowerLost}}
}

func (s memory) check() error {
	if !slices.Contains(States, s.State) {
		return fmt.Errorf("no state is called %.32q", s.State)
	}
	if s.State == Planned && s.Schedule == nil {
		return errors.New("planned without a plan")
	}
	if p := s.Schedule; p != nil && (!p.From.IsZero() || s.State == Open || s.State == Planned) {
		if err := checkSchedule(Event{Kind: OnPlan, Schedule: *p}); err != nil {
			return err
		}
	}
	for i, f := range s.Flags {
		if !slices.Contains(Flags, f) || slices.Contains(s.Flags[:i], f) {
			return fmt.Errorf("flag %.32q is unknown or there twice", f)
		}
	}
	if slices.Contains(s.Flags, Override) && (s.State == Open || s.State == Planned || s.State == Handover) {
		return fmt.Errorf("override in %s", s.State)
	}
	if len(s.Accepted) > 16*maxPoints {
		return fmt.Errorf("%d accepted points", len(s.Accepted))
	}
	return checkPoints(Event{Kind: OnPoints, Points: s.Points})
}
