// Package portaudio is the microphone: sound from the system's capture devices through PortAudio.
//
// It needs cgo and portaudio19-dev. A build without (CGO_ENABLED=0, or the tag noportaudio) has the same
// functions, which answer with audio.ErrAbsent. Host libraries may write to standard error while devices are
// looked for.
package portaudio

import "subrosa/drivers/audio"

// Config says which sound to open.
type Config struct {
	// Device is a device's name, or the start of it if only one starts so; empty is the system's default.
	Device string
	Format audio.Format // zero fields: 48 000 frames/s, one channel
}

// Device is a capture device.
type Device struct {
	Name     string
	System   string  // the host's interface to it: ALSA, JACK, …
	Rate     float64 // the rate it prefers, frames per second
	Channels int     // at most
	Default  bool
}

func (c Config) withDefaults() Config {
	if c.Format.Rate == 0 {
		c.Format.Rate = 48_000
	}
	if c.Format.Channels == 0 {
		c.Format.Channels = 1
	}
	return c
}
