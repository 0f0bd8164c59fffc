// Package portaudio is the microphone and the loudspeaker: sound from and to the system's devices through PortAudio.
//
// On a unit a device is opened raw, an ALSA "hw:" device, which nothing resamples: the rate that is granted is the
// rate of the converter. Sound servers, plughw and plugins are only opened when Config.Shared asks for them.
//
// It needs cgo and portaudio19-dev. A build without (CGO_ENABLED=0, or the tag noportaudio) has the same
// functions, which answer with audio.ErrAbsent. Host libraries may write to standard error while devices are
// looked for.
package portaudio

import (
	"fmt"
	"slices"
	"strings"

	"subrosa/drivers/audio"
)

// MaxChannels is how many channels a stream may have.
const MaxChannels = 8

// maxPhysical is the highest number that Config.Map may name.
const maxPhysical = 64

// Config says which device to open, and how.
type Config struct {
	// Device is a device's name, the start of it if only one starts so, or "hw:1,0"; empty is the only raw one, with
	// Shared the system's default.
	Device string
	Format audio.Format // zero fields: 48 000 frames/s; as many channels as Map names, else one

	// Map has the physical channels to use, from 1, in the order in which they are wanted; nil: the first ones.
	Map []int

	// Shared also opens what is not raw ALSA: a sound server's device, plughw, a plugin. Something between may then
	// resample, and the granted rate is only what the front of it says.
	Shared bool
}

// Device is a device of the system.
type Device struct {
	Name    string
	System  string  // the host's interface to it: ALSA, JACK, …
	Rate    float64 // the rate it prefers, frames per second
	Inputs  int     // channels at most, 0: it captures nothing
	Outputs int     // likewise for playing
	Raw     bool    // raw ALSA: nothing resamples
	Default bool    // the system's, for capture
}

// Grant is what was opened in the end.
type Grant struct {
	Device string
	Rate   float64 // frames per second, as PortAudio says
	Raw    bool    // so nothing behind it resamples
}

func (g Grant) String() string {
	how := "raw"
	if !g.Raw {
		how = "shared: may be resampled"
	}
	return fmt.Sprintf("%s, %.6g Hz, %s", g.Device, g.Rate, how)
}

// complete fills in what was left open, and checks it.
func (c Config) complete() (Config, error) {
	if c.Format.Rate == 0 {
		c.Format.Rate = 48_000
	}
	if c.Format.Channels == 0 {
		c.Format.Channels = max(1, len(c.Map))
	}
	if c.Map == nil {
		for i := range c.Format.Channels {
			c.Map = append(c.Map, i+1)
		}
	}
	switch {
	case c.Format.Rate < 8_000 || c.Format.Rate > 768_000:
		return c, fmt.Errorf("%d Hz, want 8000 to 768000", c.Format.Rate)
	case c.Format.Channels != len(c.Map):
		return c, fmt.Errorf("a map of %d channels for %d", len(c.Map), c.Format.Channels)
	case len(c.Map) < 1 || len(c.Map) > MaxChannels:
		return c, fmt.Errorf("%d channels, want 1 to %d", len(c.Map), MaxChannels)
	}
	for i, ch := range c.Map {
		if ch < 1 || ch > maxPhysical {
			return c, fmt.Errorf("channel %d, want 1 to %d", ch, maxPhysical)
		}
		if slices.Contains(c.Map[:i], ch) {
			return c, fmt.Errorf("channel %d twice", ch)
		}
	}
	return c, nil
}

// physical is how many channels of the device have to be opened.
func (c Config) physical() int { return slices.Max(c.Map) }

// straight reports whether the channels are wanted as the device has them.
func (c Config) straight() bool {
	for i, ch := range c.Map {
		if ch != i+1 {
			return false
		}
	}
	return true
}

// pick copies the wanted channels out of frames of physical ones: dst holds len(src)/physical frames.
func pick(dst, src []float32, physical int, channels []int) {
	for c, ch := range channels {
		for i, j := c, ch-1; j < len(src); i, j = i+len(channels), j+physical {
			dst[i] = src[j]
		}
	}
}

// rawName reports whether PortAudio's name of an ALSA device is that of a raw one, "USB Audio: - (hw:1,0)".
func rawName(name string) bool {
	i := strings.LastIndex(name, "(")
	return i >= 0 && strings.HasPrefix(name[i:], "(hw:") && strings.HasSuffix(name, ")")
}

// named reports whether a device's name is the wanted one, and whether it may be meant by it.
func named(name, wanted string) (is, may bool) {
	is = name == wanted || strings.HasPrefix(wanted, "hw:") && strings.HasSuffix(name, "("+wanted+")")
	return is, is || strings.HasPrefix(name, wanted)
}

// spread is pick's way back: frames of the wanted channels into frames of physical ones, the others untouched.
func spread(dst, src []float32, physical int, channels []int) {
	for c, ch := range channels {
		for i, j := c, ch-1; i < len(src); i, j = i+len(channels), j+physical {
			dst[j] = src[i]
		}
	}
}
