package coreaudio

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"subrosa/cmd/agent/internal/warden"
	"subrosa/firmware/state"
	"subrosa/mdm"
)

// machine is endpoints made of variables.
type machine []Endpoint

func (m machine) List() ([]Endpoint, error) { return m, nil }

func (m machine) Mute(id string, on bool) error {
	for i := range m {
		if m[i].ID == id {
			m[i].Muted = on
			return nil
		}
	}
	return errors.New("no such endpoint")
}

func TestLockAndBack(t *testing.T) {
	m := machine{{"{0.0.1.00000000}.{a}", false}, {"{0.0.1.00000000}.{b}", true}}
	f, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	w, err := warden.Open(f, slog.New(slog.DiscardHandler), now, Microphones{m})
	if err != nil {
		t.Fatal(err)
	}
	d := mdm.DeviceDesired{Version: 1, Mode: mdm.Locked, Restrict: []string{"microphone"}, LeaseS: 60, HardEnd: now.Add(time.Hour)}
	if err := w.Take(now, d); err != nil {
		t.Fatal(err)
	}
	if r, err := w.Step(context.Background(), now); err != nil || r.State != mdm.LockedVerified || !m[0].Muted || !m[1].Muted {
		t.Errorf("locked: %+v, %v, %v", r, err, m)
	}
	if r, err := w.Step(context.Background(), now.Add(time.Minute)); err != nil || r.State != mdm.OpenVerified || m[0].Muted || !m[1].Muted {
		t.Errorf("after: %+v, %v, %v", r, err, m)
	}
	if err := (Microphones{m}).Set(context.Background(), "nothing", muted); err == nil {
		t.Error("muted what is not there")
	}
}
