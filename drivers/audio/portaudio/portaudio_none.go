//go:build !cgo || noportaudio

package portaudio

import (
	"fmt"

	"subrosa/drivers/audio"
)

var errBuild = fmt.Errorf("portaudio: %w: this build has no sound devices", audio.ErrAbsent)

// Open answers that there is no capture in this build.
func Open(Config) (audio.Source, error) { return nil, errBuild }

// OpenSink answers that there is no playback in this build.
func OpenSink(Config) (audio.Sink, error) { return nil, errBuild }

// Devices answers that there are no devices in this build.
func Devices() ([]Device, error) { return nil, errBuild }
