//go:build !linux && !windows && !darwin

package main

import (
	"log/slog"

	"subrosa/cmd/agent/internal/warden"
)

// switches of a platform that this program does not know.
func switches(log *slog.Logger) []warden.Switch {
	log.Error("nothing can be switched off on this platform")
	return nil
}
