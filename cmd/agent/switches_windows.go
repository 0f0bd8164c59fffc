package main

import (
	"log/slog"

	"subrosa/cmd/agent/internal/coreaudio"
	"subrosa/cmd/agent/internal/registry"
	"subrosa/cmd/agent/internal/warden"
)

// switches of this platform: microphones, and the policies for voice assistants.
func switches(_ *slog.Logger) []warden.Switch {
	return []warden.Switch{coreaudio.Microphones{Endpoints: coreaudio.Machine{}}, registry.Policies{Hive: registry.Machine{}}}
}
