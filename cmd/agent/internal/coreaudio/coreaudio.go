// Package coreaudio mutes every capture endpoint of Windows (Core Audio, IAudioEndpointVolume::SetMute).
//
// The logic is tried on endpoints made of variables. The calls below it (endpoints_windows.go) are built and have never run.
package coreaudio

import (
	"context"
	"time"

	"subrosa/cmd/agent/internal/warden"
	"subrosa/mdm"
)

// Limit is the slug for what endpoints do not rule: programs that hold a device alone (exclusive mode of some drivers).
const Limit = "exclusive-mode-not-covered"

// Endpoint is one microphone.
type Endpoint struct {
	ID    string
	Muted bool
}

// Endpoints are those of a machine.
type Endpoints interface {
	List() ([]Endpoint, error)
	Mute(id string, on bool) error
}

// Microphones is the Switch.
type Microphones struct{ Endpoints Endpoints }

const (
	muted = "muted"
	open  = "open"
)

// Name is "sound".
func (Microphones) Name() string { return "sound" }

// Covers microphones.
func (Microphones) Covers() mdm.Set { return mdm.Microphone }

// Limits names exclusive mode.
func (Microphones) Limits() []string { return []string{Limit} }

// List returns the active endpoints.
func (m Microphones) List(context.Context) ([]warden.Item, error) {
	es, err := m.Endpoints.List()
	var out []warden.Item
	for _, e := range es {
		it := warden.Item{ID: e.ID, Value: open, Off: muted, Serves: mdm.Microphone}
		if e.Muted {
			it.Value = muted
		}
		out = append(out, it)
	}
	return out, err
}

// Set mutes one or opens it.
func (m Microphones) Set(_ context.Context, id, value string) error {
	return m.Endpoints.Mute(id, value == muted)
}

// Watch looks twice a second.
func (Microphones) Watch(ctx context.Context, changed func()) error {
	t := time.NewTicker(500 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			changed()
		}
	}
}
