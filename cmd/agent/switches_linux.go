package main

import (
	"log/slog"

	"subrosa/cmd/agent/internal/pulse"
	"subrosa/cmd/agent/internal/warden"
)

// switches of this platform: the sound server of the user's session, PulseAudio or PipeWire with pipewire-pulse.
func switches(_ *slog.Logger) []warden.Switch { return []warden.Switch{pulse.Server{}} }
