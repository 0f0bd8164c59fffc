//go:build cgo && !noportaudio

package portaudio

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"

	"subrosa/drivers/audio"
)

// library guards the binding's own state, which is neither locked nor per stream.
var library sync.Mutex

// direction is what a stream does with a device.
type direction struct {
	noun     string
	channels func(*deviceInfo) int
	standard func() (*deviceInfo, error)
}

var (
	capture = direction{"capture", func(d *deviceInfo) int { return d.inputs },
		defaultInput}
	playback = direction{"playback", func(d *deviceInfo) int { return d.outputs },
		defaultOutput}
)

// plughw reports whether PortAudio is told, by its environment, to put a converter before every raw device.
func plughw() bool {
	v := os.Getenv("PA_ALSA_PLUGHW")
	return v != "" && v != "0"
}

// raw reports whether a device is raw ALSA.
func raw(d *deviceInfo) bool {
	return d.alsa && rawName(d.name) && !plughw()
}

// find returns the device that c means.
func (way direction) find(c Config) (*deviceInfo, error) {
	if c.Device == "" && c.Shared {
		d, err := way.standard()
		if errors.Is(err, errNoDevice) {
			return nil, fmt.Errorf("%w: no %s device", audio.ErrAbsent, way.noun)
		}
		return d, err
	}
	all, err := allDevices()
	if err != nil {
		return nil, err
	}
	var found, refused []*deviceInfo
	for _, d := range all {
		is, may := named(d.name, c.Device)
		switch {
		case !may || way.channels(d) == 0:
		case !c.Shared && !raw(d):
			refused = append(refused, d)
		case is:
			return d, nil
		default:
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("%d %s devices start with %q: %s", len(found), way.noun, c.Device, list(found))
	case len(refused) > 0 && c.Device != "":
		return nil, fmt.Errorf("%s is not raw ALSA (hw:): it may resample unseen; ask for a shared device if that is meant", list(refused))
	case c.Device == "":
		return nil, fmt.Errorf("%w: no raw %s device", audio.ErrAbsent, way.noun)
	}
	return nil, fmt.Errorf("%w: no %s device %q", audio.ErrAbsent, way.noun, c.Device)
}

func list(ds []*deviceInfo) string {
	var names []string
	for _, d := range ds {
		names = append(names, fmt.Sprintf("%q", d.name))
	}
	return strings.Join(names, ", ")
}

// granted checks that the stream runs as asked. It never leaves a stream open with its error.
func granted(s *stream, d *deviceInfo, rate int) (Grant, error) {
	g := Grant{Device: d.name, Raw: raw(d)}
	_, g.Rate = s.info()                                     // 0 if it is not told
	if math.Abs(g.Rate-float64(rate)) > 1e-3*float64(rate) { // a clock's own error is below that
		return g, errors.Join(fmt.Errorf("%g Hz was granted", g.Rate), s.close())
	}
	return g, nil
}

// environment is what host libraries read of it, where it says nothing else.
var environment = map[string]string{
	"JACK_NO_START_SERVER": "1",   // looking for devices is no reason to start a sound server
	"PULSE_LATENCY_MSEC":   "100", // PulseAudio otherwise moves two seconds at a time
}

// initialised calls f with the library running. When f fails, the library is left again.
func initialised[T any](f func() (T, error)) (T, error) {
	library.Lock()
	defer library.Unlock()
	var none T
	for name, value := range environment {
		if os.Getenv(name) == "" {
			os.Setenv(name, value)
		}
	}
	if err := paInitialize(); err != nil {
		return none, fmt.Errorf("portaudio: %w", err)
	}
	v, err := f()
	if err != nil {
		paTerminate()
		return none, fmt.Errorf("portaudio: %w", err)
	}
	return v, nil
}

// Devices lists the devices; none is not an error.
func Devices() ([]Device, error) {
	out, err := initialised(func() (out []Device, err error) {
		all, err := allDevices()
		if err != nil {
			return nil, err
		}
		standard, _ := defaultInput() // there may be none
		for _, d := range all {
			out = append(out, Device{Name: d.name, System: d.system, Rate: d.rate, Inputs: d.inputs, Outputs: d.outputs, Raw: raw(d),
				Default: standard != nil && d.index == standard.index})
		}
		return out, nil
	})
	if err == nil {
		library.Lock()
		defer library.Unlock()
		paTerminate()
	}
	return out, err
}
