package audiotest

import (
	"fmt"
	"sync"

	"subrosa/drivers/audio"
)

// Plug is one time that a device is looked for: it is there and does what Steps say, or opening it fails with Err.
type Plug struct {
	Steps []Step
	Err   error
}

// Out is a device that is not plugged in.
func Out() Plug { return Plug{Err: fmt.Errorf("audiotest: %w: pulled out", audio.ErrAbsent)} }

// In is a device that is plugged in and does what the steps say.
func In(steps ...Step) Plug { return Plug{Steps: steps} }

// Device is a capture device that comes and goes: each Open answers with the next Plug, the last one for ever.
type Device struct {
	format audio.Format

	mu    sync.Mutex
	plugs []Plug
	opens int
}

// NewDevice makes a device. It panics without a Plug.
func NewDevice(f audio.Format, plugs ...Plug) *Device {
	if len(plugs) == 0 {
		panic("audiotest: a device without a plug")
	}
	return &Device{format: f, plugs: plugs}
}

// Open looks for the device.
func (d *Device) Open() (audio.Source, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.plugs[min(d.opens, len(d.plugs)-1)]
	d.opens++
	if p.Err != nil {
		return nil, p.Err
	}
	return Play(d.format, p.Steps...), nil
}

// Opens returns how often it was looked for.
func (d *Device) Opens() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opens
}
