package main

import (
	"log/slog"

	"subrosa/cmd/agent/internal/osascript"
	"subrosa/cmd/agent/internal/warden"
)

// switches of this platform: the input volume. Siri is its management's.
func switches(_ *slog.Logger) []warden.Switch {
	return []warden.Switch{osascript.Input{Run: osascript.Execute}}
}
