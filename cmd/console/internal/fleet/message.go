package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
)

// Data of the units' topics beside those of package report. Fields that are not known here are passed over, so
// that a newer unit can still be read.

// Online is the data of unit/{unit}/online.
type Online struct {
	Version  uint64 `json:"version"`
	Online   bool   `json:"online"`
	Software string `json:"software"`
	Sealed   bool   `json:"sealed"`
}

// learn is the data of unit/{unit}/baseline/desired.
type learn struct {
	event.Stamp
	Learn bool `json:"learn"`
}

// answer is the data of room/{room}/ack/{id}.
type answer struct {
	event.Stamp
	alarm.Ack
}

// Bounds of what is kept; more than this no honest unit sends.
const (
	maxThirds = 10
	maxBands  = 8
	maxList   = 64  // checks, senses, points, clauses
	maxText   = 400 // bytes of each string
)

var errTooMuch = errors.New("more entries, or longer ones, than a message may have")

func decode[T any](e event.Event) (T, error) {
	var v T
	if err := json.Unmarshal(e.Data, &v); err != nil {
		return v, fmt.Errorf("data: %w", err)
	}
	return v, nil
}

func short(texts ...string) bool {
	for _, t := range texts {
		if len(t) > maxText || strings.ContainsFunc(t, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return false
		}
	}
	return true
}

func level(db float64) bool { return db >= -400 && db <= 400 && !math.IsNaN(db) }

func checkOnline(o Online) error {
	if !short(o.Software) {
		return errTooMuch
	}
	return nil
}

func checkHealth(h report.Health) error {
	if len(h.Checks) > maxList || h.BitsLastHour < 0 || h.BitsLastHour > 1e9 || h.Restarts < 0 {
		return errTooMuch
	}
	for _, c := range h.Checks {
		if c.Name == "" || !short(c.Name, c.Note) {
			return errTooMuch
		}
	}
	return nil
}

func checkCoverage(c report.Coverage) error {
	if len(c.Senses) > maxList {
		return errTooMuch
	}
	for _, s := range c.Senses {
		if s.Share < 0 || s.Share > 3 || s.LoHz < 0 || s.HiHz < s.LoHz || s.HiHz > 1e12 {
			return fmt.Errorf("sense %.20q: share or frequencies out of range", s.Sense)
		}
		if s.Sense == "" || len(s.Cannot) > maxList || !short(s.Sense) || !short(s.Cannot...) {
			return errTooMuch
		}
	}
	return nil
}

func checkLevels(l report.Levels) error {
	if len(l.Thirds) > maxThirds || len(l.Bands) > maxBands || l.Open < 0 {
		return errTooMuch
	}
	for _, t := range l.Thirds {
		if !level(t.DB) || !(t.Hz > 0 && t.Hz < 1e6) {
			return errors.New("a third-octave is out of range")
		}
	}
	for _, b := range l.Bands {
		if !level(b.DB) || b.Name == "" || !short(b.Name) {
			return errors.New("a band is out of range")
		}
	}
	return nil
}

func checkBaseline(b report.Baseline) error {
	if b.State != "none" && b.State != "learning" && b.State != "ready" {
		return fmt.Errorf("baseline state %.20q is not one", b.State)
	}
	if !(b.Progress >= 0 && b.Progress <= 1) || b.Emitters < 0 {
		return errors.New("baseline progress out of range")
	}
	return nil
}

func checkReport(r session.Report) error {
	known := false
	for _, s := range session.States {
		known = known || r.State == s
	}
	if !known {
		return fmt.Errorf("session state %.20q is not one", r.State)
	}
	if len(r.Points) > maxList || len(r.Flags) > maxList || !short(r.Kind, r.Level, string(r.Reason), string(r.Next)) {
		return errTooMuch
	}
	for _, p := range r.Points {
		if !short(p.Name, p.Detail) {
			return errTooMuch
		}
	}
	for _, f := range r.Flags {
		if !short(string(f)) {
			return errTooMuch
		}
	}
	return nil
}

func checkPolicy(p report.Policy) error {
	if len(p.Reminders) > maxList || !short(p.Hash) {
		return errTooMuch
	}
	for _, r := range p.Reminders {
		if r.Rule == "" || !short(r.Rule, r.DE, r.EN) {
			return errTooMuch
		}
	}
	return nil
}

func checkAlarm(a alarm.Alarm, room, id string) error {
	if err := a.Finding.Validate(); err != nil {
		return err
	}
	switch {
	case a.Room != room || !strings.EqualFold(a.Finding.ID, id):
		return errors.New("alarm does not belong to its topic")
	case a.State != alarm.Raised && a.State != alarm.Held && a.State != alarm.Cleared:
		return fmt.Errorf("alarm state %.20q is not one", a.State)
	case a.Version == 0 || a.Version > math.MaxInt64 || a.Merged < 0:
		return errors.New("alarm version out of range")
	}
	if a.Ack != nil {
		return a.Ack.Validate()
	}
	return nil
}
