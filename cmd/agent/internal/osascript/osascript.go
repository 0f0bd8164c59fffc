// Package osascript turns the input volume of macOS to nothing, through the scripting additions of the system (AppleScript
// Language Guide, "get volume settings", "set volume"). Siri and dictation on a Mac are switched off by its management, not here.
//
// The logic is tried on a volume made of a variable; it has never run on macOS.
package osascript

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"subrosa/cmd/agent/internal/warden"
	"subrosa/mdm"
)

// Limit is the slug: only the input chosen at the moment is turned down, not every microphone.
const Limit = "chosen-input-only"

// Run runs one script and returns what it says.
type Run func(ctx context.Context, script string) (string, error)

// Execute is Run on this machine.
func Execute(ctx context.Context, script string) (string, error) {
	out, err := exec.CommandContext(ctx, "/usr/bin/osascript", "-e", script).Output()
	if err != nil {
		return "", fmt.Errorf("osascript: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Input is the Switch.
type Input struct{ Run Run }

const id = "input-volume"

// Name is "sound".
func (Input) Name() string { return "sound" }

// Covers microphones.
func (Input) Covers() mdm.Set { return mdm.Microphone }

// Limits names the one input.
func (Input) Limits() []string { return []string{Limit} }

// List asks for the volume. An input without one ("missing value") cannot be turned down, and is an error rather than off.
func (i Input) List(ctx context.Context) ([]warden.Item, error) {
	out, err := i.Run(ctx, "input volume of (get volume settings)")
	if err != nil {
		return nil, err
	}
	if v, err := strconv.Atoi(out); err != nil || v < 0 || v > 100 {
		return nil, errors.New("osascript: the input chosen has no volume")
	}
	return []warden.Item{{ID: id, Value: out, Off: "0", Serves: mdm.Microphone}}, nil
}

// Set turns the volume to value.
func (i Input) Set(ctx context.Context, item, value string) error {
	v, err := strconv.Atoi(value)
	if item != id || err != nil || v < 0 || v > 100 {
		return fmt.Errorf("osascript: %.20q to %.20q: cannot be", item, value)
	}
	_, err = i.Run(ctx, "set volume input volume "+strconv.Itoa(v))
	return err
}

// Watch looks every two seconds.
func (Input) Watch(ctx context.Context, changed func()) error {
	t := time.NewTicker(2 * time.Second)
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
