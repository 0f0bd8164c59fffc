package mdm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Limits of what is taken from the broker.
const (
	MaxDevices = 2000            // in one room's wish
	MaxLease   = time.Hour       // of one wish
	MaxHard    = 12 * time.Hour  // from the moment a wish is made to its hard end
	maxID      = 64              // of ids, as everywhere on the broker
	maxSession = 128             // of a holder's name
	maxCount   = 1_000_000       // of devices
	maxList    = 64              // of limits and holders
	skew       = 2 * time.Minute // between two clocks, tolerated
)

// Mode of a wish.
type Mode string

// Modes.
const (
	Locked Mode = "locked"
	Open   Mode = "open"
)

// State of one device, as a connector reports it.
type State string

// States. "Off" is LockedVerified alone; Declared and LockedAcked are claims; OpenVerified is as the standing posture wants it.
const (
	Unmanaged      State = "unmanaged"       // the connector does not know it, or it has left the management
	Unknown        State = "unknown"         // asked, and never heard of
	Pending        State = "pending"         // asked, on the way
	Offline        State = "offline"         // asked, and not heard of for long
	NotNow         State = "notnow"          // screen locked: to be unlocked once
	LockedAcked    State = "locked-acked"    // the device, or only its management, has taken the command
	LockedVerified State = "locked-verified" // the device says that all that is asked is off
	Declared       State = "locked-declared" // a person has looked and says so; no device and no management does
	Partial        State = "partial"         // some of what is asked is off; the platform can no more
	Error          State = "error"           // the device or its management refuses
	Restoring      State = "restoring"       // not wanted any more, and not yet proven to be taken back
	OpenVerified   State = "open-verified"   // the device says that no lock of ours is on it
	Stuck          State = "stuck"           // reached again and again, and does not get where it should
)

// States lists them all.
var States = []State{Unmanaged, Unknown, Pending, Offline, NotNow, LockedAcked, LockedVerified, Declared, Partial, Error, Restoring, OpenVerified, Stuck}

// Evidence on which a state rests, best first.
type Evidence string

// Evidence. AgentSays is what an agent measured on its own machine; Signed is a person's word.
const (
	DDMStatus    Evidence = "ddm-status"      // Apple: the device reports the declaration as active and valid
	Restrictions Evidence = "restrictions"    // Apple: the device lists the restriction as in force
	Applied      Evidence = "applied-version" // Android: the device reports our policy and version as applied
	AgentSays    Evidence = "agent"
	ProfileList  Evidence = "profile-list" // Apple: the device lists our profile
	Signed       Evidence = "signed"       // somebody has looked and signed
	Ack          Evidence = "ack"          // the command was acknowledged; proves nothing about now
	NoEvidence   Evidence = "none"
)

// Ladder lists the evidence from best to none.
var Ladder = []Evidence{DDMStatus, Restrictions, Applied, AgentSays, ProfileList, Signed, Ack, NoEvidence}

// Rank is the place on the ladder, 0 the best.
func (e Evidence) Rank() int {
	if i := slices.Index(Ladder, e); i >= 0 {
		return i
	}
	return len(Ladder) - 1
}

// Proves reports whether the evidence is the device's or a person's own word about what is in force. A person's is counted apart, as
// Declared.
func (e Evidence) Proves() bool { return e.Rank() <= Signed.Rank() }

// Faults of a connector or of a device, as slugs in reports.
const (
	FaultUnreachable = "unreachable"       // the management does not answer
	FaultCredentials = "credentials"       // it does not know us
	FaultCert        = "certificate"       // its certificate, or ours, is not in order
	FaultPush        = "push"              // it has the command, and cannot wake devices
	FaultWebhook     = "webhook-signature" // somebody sends us answers with a wrong signature
	FaultAnswer      = "answer"            // it answers what it should not
	FaultClock       = "clock-skew"        // the room's clock and ours differ by more than two minutes
	FaultState       = "state"             // our own memory cannot be written
	FaultSlow        = "too-slow"          // it cannot lock and open within a session
	FaultRefused     = "refused"           // the device says no
	FaultCircumvent  = "circumvented"      // somebody has undone it on the device
	LimitMicrophone  = "microphone-not-lockable"
	LimitNoProof     = "not-provable" // the management takes commands, and never tells what became of them
	LimitNoLease     = "no-lease"     // the device cannot give itself back when everything else is dead
)

// Desired is the data of room/{room}/lockdown/desired.
type Desired struct {
	Version  uint64    `json:"version"`
	Session  string    `json:"session"` // the holder: different for every lock
	Mode     Mode      `json:"mode"`
	Restrict []string  `json:"restrict"` // "?" at the end: where the platform can
	LeaseS   int       `json:"lease_s"`
	HardEnd  time.Time `json:"hard_end"`
	Devices  []string  `json:"devices"` // pseudonyms
}

// Count of microphones.
type Count struct {
	Can int `json:"can"` // could be switched off
	Off int `json:"off"` // are, by the device's own word
}

// Report is the data of room/{room}/lockdown/{conn}/reported. Version counts reports; DesiredVersion is that of the wish acted
// upon. Devices that the connector does not manage are counted as unmanaged: another connector may.
type Report struct {
	Version        uint64        `json:"version"`
	DesiredVersion uint64        `json:"desired_version"`
	Session        string        `json:"session"`
	Mode           Mode          `json:"mode"`
	Counts         map[State]int `json:"counts"`
	Microphones    Count         `json:"microphones"`
	Evidence       Evidence      `json:"evidence"` // the weakest on which "off" rests
	Limits         []string      `json:"limits"`
	Since          time.Time     `json:"since"`
	Error          string        `json:"error"` // slug; "": none
}

// DeviceDesired is the data of device/{dev}/lockdown/desired, for agents. With mode open only Standing is to be off. An agent
// opens by itself when the lease, counted on its own clock from receipt, or HardEnd is over.
type DeviceDesired struct {
	Version  uint64    `json:"version"`
	Command  string    `json:"command"` // echoed in the report
	Mode     Mode      `json:"mode"`
	Standing []string  `json:"standing"` // off, always
	Restrict []string  `json:"restrict"` // off, on top
	LeaseS   int       `json:"lease_s"`
	HardEnd  time.Time `json:"hard_end,omitzero"`
}

// DeviceReport is the data of device/{dev}/lockdown/reported.
type DeviceReport struct {
	Version        uint64    `json:"version"`
	DesiredVersion uint64    `json:"desired_version"` // of the wish acted upon; 0: none
	Command        string    `json:"command"`
	State          State     `json:"state"`
	Evidence       Evidence  `json:"evidence"`
	InForce        []string  `json:"in_force"` // off, as far as can be told
	Limits         []string  `json:"limits"`
	Holders        []string  `json:"holders"` // room/session; empty in an agent's reports
	Since          time.Time `json:"since"`
	Error          string    `json:"error"` // slug; "": none
}

// Posture is the data of mdm/{conn}/posture: on how many of the devices managed the standing posture is proven, or declared. At is
// the moment of the oldest word that still counts.
type Posture struct {
	Version  uint64        `json:"version"`
	Off      int           `json:"off"` // proven and declared; Declared tells them apart
	Total    int           `json:"total"`
	At       time.Time     `json:"at"`
	Standing []string      `json:"standing"` // what is to be off
	Counts   map[State]int `json:"counts"`   // locked-verified: off; locked-declared: off by a person's word
	Evidence Evidence      `json:"evidence"` // the weakest that counts
}

// Declared is how many of Off are so by a person's word only. Where the counts do not tell and the weakest evidence is a person's word,
// nothing is taken as proven.
func (p Posture) Declared() int {
	if n := p.Counts[Declared]; n > 0 || p.Counts[LockedVerified] > 0 {
		return min(n, p.Off)
	}
	if p.Evidence.Rank() >= Signed.Rank() {
		return p.Off
	}
	return 0
}

// Presence is the data of device/{dev}/online: whether the device's agent is connected. Its last will is the same with online false.
type Presence struct {
	Version uint64 `json:"version"`
	Online  bool   `json:"online"`
}

// Check reports what cannot be.
func (p Presence) Check() error {
	if p.Version == 0 {
		return errors.New("version is missing")
	}
	return nil
}

// ReadPresence reads and checks whether an agent is connected.
func ReadPresence(b []byte) (Presence, error) { return read[Presence](b, "presence") }

// ReadDesired reads and checks a room's wish.
func ReadDesired(b []byte) (Desired, error) { return read[Desired](b, "wish") }

// ReadReport reads and checks what a connector reports for a room.
func ReadReport(b []byte) (Report, error) { return read[Report](b, "report") }

// ReadDeviceDesired reads and checks the wish for one device.
func ReadDeviceDesired(b []byte) (DeviceDesired, error) {
	return read[DeviceDesired](b, "device's wish")
}

// ReadDeviceReport reads and checks what is reported of one device.
func ReadDeviceReport(b []byte) (DeviceReport, error) {
	return read[DeviceReport](b, "device's report")
}

// ReadPosture reads and checks a standing posture.
func ReadPosture(b []byte) (Posture, error) { return read[Posture](b, "posture") }

type checked interface{ Check() error }

// read decodes strictly: one object, no unknown field, nothing behind it.
func read[T checked](b []byte, what string) (T, error) {
	var v, zero T
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return zero, fmt.Errorf("mdm: %s: %w", what, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return zero, fmt.Errorf("mdm: %s: more after its end", what)
	}
	if err := v.Check(); err != nil {
		return zero, fmt.Errorf("mdm: %s: %w", what, err)
	}
	return v, nil
}

// Check reports what a connector would not act upon.
func (d Desired) Check() error {
	switch {
	case d.Version == 0:
		return errors.New("version is missing")
	case d.Mode != Locked && d.Mode != Open:
		return fmt.Errorf("mode %.20q, want locked or open", d.Mode)
	case len(d.Session) > maxSession:
		return errors.New("the session's name is too long")
	case d.Mode == Locked && d.Session == "":
		return errors.New("locked without a session")
	case d.Mode == Locked && (d.LeaseS <= 0 || d.LeaseS > int(MaxLease/time.Second)):
		return fmt.Errorf("lease_s %d, want 1 to %d", d.LeaseS, int(MaxLease/time.Second))
	case d.Mode == Locked && !sane(d.HardEnd):
		return errors.New("locked without a hard end")
	case len(d.Devices) > MaxDevices:
		return fmt.Errorf("%d devices, at most %d", len(d.Devices), MaxDevices)
	}
	for _, id := range d.Devices {
		if err := CheckID(id); err != nil {
			return err
		}
	}
	_, _, err := ParseSet(d.Restrict)
	return err
}

// Check reports what cannot be.
func (r Report) Check() error {
	if r.Mode != Locked && r.Mode != Open {
		return fmt.Errorf("mode %.20q, want locked or open", r.Mode)
	}
	if r.Microphones.Off > r.Microphones.Can || r.Microphones.Off < 0 || r.Microphones.Can > maxCount {
		return fmt.Errorf("microphones: %d of %d off", r.Microphones.Off, r.Microphones.Can)
	}
	return errors.Join(checkCounts(r.Counts), checkEvidence(r.Evidence), checkWords(append(slices.Clone(r.Limits), r.Error)))
}

// Check reports what an agent would not act upon.
func (d DeviceDesired) Check() error {
	switch {
	case d.Version == 0:
		return errors.New("version is missing")
	case d.Mode != Locked && d.Mode != Open:
		return fmt.Errorf("mode %.20q, want locked or open", d.Mode)
	case len(d.Command) > maxSession:
		return errors.New("the command's id is too long")
	case d.Mode == Locked && (d.LeaseS <= 0 || d.LeaseS > int(MaxLease/time.Second)):
		return fmt.Errorf("lease_s %d, want 1 to %d", d.LeaseS, int(MaxLease/time.Second))
	case d.Mode == Locked && !sane(d.HardEnd):
		return errors.New("locked without a hard end")
	}
	_, _, err := ParseSet(append(slices.Clone(d.Standing), d.Restrict...))
	return err
}

// Check reports what cannot be.
func (r DeviceReport) Check() error {
	if !slices.Contains(States, r.State) {
		return fmt.Errorf("no state is called %.30q", r.State)
	}
	if len(r.Command) > maxSession || len(r.Holders) > maxList {
		return errors.New("the command's id, or the list of holders, is too long")
	}
	_, _, err := ParseSet(r.InForce)
	return errors.Join(err, checkEvidence(r.Evidence), checkWords(append(slices.Clone(r.Limits), r.Error)))
}

// Check reports what cannot be.
func (p Posture) Check() error {
	switch {
	case p.Off < 0 || p.Off > p.Total || p.Total > maxCount:
		return fmt.Errorf("%d of %d off", p.Off, p.Total)
	case p.Off > 0 && p.At.IsZero():
		return errors.New("without a date it says nothing")
	}
	_, _, err := ParseSet(p.Standing)
	return errors.Join(err, checkCounts(p.Counts), checkEvidence(p.Evidence))
}

func sane(t time.Time) bool { return t.Year() > 2000 && t.Year() < 9999 }

func checkCounts(m map[State]int) error {
	for s, n := range m {
		if !slices.Contains(States, s) || n < 0 || n > maxCount {
			return fmt.Errorf("count %d of state %.30q", n, s)
		}
	}
	return nil
}

func checkEvidence(e Evidence) error {
	if !slices.Contains(Ladder, e) {
		return fmt.Errorf("no evidence is called %.30q", e)
	}
	return nil
}

func checkWords(list []string) error {
	if len(list) > maxList {
		return errors.New("the list of limits is too long")
	}
	for _, w := range list {
		if w != "" {
			if err := CheckID(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckID returns an error unless id is [a-z0-9-]{1,64}, as on the broker.
func CheckID(id string) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("mdm: id %.70q has %d characters, want 1 to %d", id, len(id), maxID)
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return fmt.Errorf("mdm: id %.70q: only a-z, 0-9 and - are allowed", id)
		}
	}
	return nil
}
