// Package av is the hall's own equipment during a closed session: the public's stream, the recorder of the minutes, hall
// microphones, hearing loop and the loudspeakers of other rooms. It brings together what different ways of proof say of
// each device, remembers how it was before, and tells when it is as it was again. It is pure: time is an argument.
//
//	gateway, relay, PJLink, HTTP, network, call ──► Desk.Read ──► State: on, off, unknown, not measured
//	                                            │
//	          Points (handover)   Hot (alarm)   Asks (what the building shall do)   Left (before `open`)
//
// A device is off when every way of proof it has says so, and each lately. It is on when any of them says so. All else is
// unknown, and a device without a way of proof is not measured: neither is ever told as off.
package av

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"subrosa/firmware/session"
)

// State of a device.
type State string

const (
	On         State = "on"
	Off        State = "off"
	Unknown    State = "unknown"        // no answer, an old one, or one that tells nothing
	Unmeasured State = "not-measurable" // there is no way of proof
)

// Kind is what a device does.
type Kind string

const (
	Stream      Kind = "stream"       // the public's live stream
	Recorder    Kind = "recorder"     // of sound for the minutes
	HallMic     Kind = "hall-mic"     // microphones of the hall's loudspeakers
	HearingLoop Kind = "hearing-loop" // induction loop, or its radio
	Overflow    Kind = "overflow"     // loudspeakers or a screen in another room
)

// Kinds lists them in the order of the walk-through.
var Kinds = []Kind{Stream, Recorder, HallMic, HearingLoop, Overflow}

// Finding returns the kind's name as findings of the kind av-hot spell it.
func (k Kind) Finding() string {
	if k == Overflow {
		return "overflow-speaker"
	}
	return string(k)
}

// Proof is a way of proof.
type Proof string

const (
	MQTT    Proof = "mqtt"    // the building's or AV gateway says so
	Relay   Proof = "relay"   // the unit's own relay, with its contact read back
	PJLink  Proof = "pjlink"  // the device's own status
	HTTP    Proof = "http"    // the device's own status
	Network Proof = "network" // whether a stream is served on the room's network
	Call    Proof = "call"    // the room's conference says whether it lets public streams in or out
)

// Device is one device of the hall.
type Device struct {
	ID     string  // as in its topic
	Kind   Kind    //
	Proofs []Proof // none: not measured
	// Stale is after which time a reading counts no more.
	Stale time.Duration
}

// Switched reports whether the unit itself can have the device switched: by the gateway, or by its relay.
func (d Device) Switched() bool {
	return slices.Contains(d.Proofs, MQTT) || slices.Contains(d.Proofs, Relay)
}

// Point is the name of the device's point of the session.
func (d Device) Point() string { return d.ID + "-off" }

// Reading is what one way of proof said.
type Reading struct {
	State State     // On, Off or Unknown
	Why   string    // slug: refused, no-answer, rtsp-served, …
	At    time.Time // when it was so
}

// Status is what is known of a device.
type Status struct {
	Device
	State State
	Why   string    // slug of the reading that decides, "" if nothing says more
	By    Proof     // whose it is
	At    time.Time // of that reading; zero: none
}

const (
	maxDevices = 16
	maxAhead   = time.Minute // by which the clock of who reports may be ahead
)

// Desk holds the devices of a room. It is not safe for concurrent use.
type Desk struct {
	devices  []Device
	readings map[string]map[Proof]Reading
	memory   Memory
}

// Memory is what survives a restart.
type Memory struct {
	// Before is how each device was when the handover began; nil: no session is on its way.
	Before map[string]State `json:"before,omitempty"`
	// Began is when that was.
	Began time.Time `json:"began,omitzero"`
}

// New returns a desk that knows nothing of its devices yet.
func New(devices []Device) (*Desk, error) {
	if len(devices) > maxDevices {
		return nil, fmt.Errorf("av: %d devices, at most %d", len(devices), maxDevices)
	}
	d := &Desk{readings: map[string]map[Proof]Reading{}}
	for i, dev := range devices {
		switch {
		case !slug(dev.ID):
			return nil, fmt.Errorf("av: device %q: want a-z, 0-9 and -, at most 32", dev.ID)
		case !slices.Contains(Kinds, dev.Kind):
			return nil, fmt.Errorf("av: device %s: no kind %q; there are %v", dev.ID, dev.Kind, Kinds)
		case slices.ContainsFunc(devices[:i], func(o Device) bool { return o.ID == dev.ID }):
			return nil, fmt.Errorf("av: device %s is there twice", dev.ID)
		case dev.Stale <= 0:
			return nil, fmt.Errorf("av: device %s: stale after %v, want more than 0", dev.ID, dev.Stale)
		}
		d.devices = append(d.devices, dev)
		d.readings[dev.ID] = map[Proof]Reading{}
	}
	slices.SortStableFunc(d.devices, func(a, b Device) int { return slices.Index(Kinds, a.Kind) - slices.Index(Kinds, b.Kind) })
	return d, nil
}

// slug leaves room for "-off" in a name of 64.
func slug(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Devices returns the devices in the order of the walk-through.
func (d *Desk) Devices() []Device { return d.devices }

// ErrDevice is wrapped by Read for a device, or a way of proof of it, that is not configured.
var ErrDevice = errors.New("av: no such device, or it is not proven so")

// Read takes what one way of proof says. A reading from the future counts as one of now, unless it is from far ahead:
// then it tells nothing.
func (d *Desk) Read(now time.Time, id string, by Proof, r Reading) error {
	i := slices.IndexFunc(d.devices, func(v Device) bool { return v.ID == id })
	if i < 0 || !slices.Contains(d.devices[i].Proofs, by) {
		return fmt.Errorf("%w: %.40q by %.16q", ErrDevice, id, by)
	}
	if r.State != On && r.State != Off {
		r.State = Unknown
	}
	if r.At.After(now) {
		if r.At.Sub(now) > maxAhead {
			r.State, r.Why = Unknown, "clock-ahead"
		}
		r.At = now
	}
	d.readings[id][by] = r
	return nil
}

// Status returns what is known of each device now, in the order of the walk-through.
func (d *Desk) Status(now time.Time) []Status {
	out := make([]Status, 0, len(d.devices))
	for _, dev := range d.devices {
		out = append(out, d.status(now, dev))
	}
	return out
}

func (d *Desk) status(now time.Time, dev Device) Status {
	s := Status{Device: dev, State: Unmeasured}
	for i, by := range dev.Proofs {
		r, ok := d.readings[dev.ID][by]
		switch {
		case !ok:
			r = Reading{State: Unknown, Why: "no-answer"}
		case now.Sub(r.At) > dev.Stale:
			r.State, r.Why = Unknown, "stale"
		}
		if i == 0 || weight(r.State) > weight(s.State) {
			s.State, s.Why, s.By, s.At = r.State, r.Why, by, r.At
		}
	}
	return s
}

// weight orders states by which of several readings decides.
func weight(s State) int { return slices.Index([]State{Off, Unknown, On}, s) }

// Points are the devices' points of the handover. Detail says what was measured: on, off, unknown, not-measurable, or why
// it is not known.
func (d *Desk) Points(now time.Time) (out []session.Point) {
	for _, s := range d.Status(now) {
		p := session.Point{Name: s.Point(), Step: session.Handover, Proven: s.State == Off, Detail: string(s.State)}
		if s.Why == "stale" {
			p.Detail = "stale"
		}
		out = append(out, p)
	}
	return out
}
