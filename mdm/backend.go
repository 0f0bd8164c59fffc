package mdm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Device is one device that a connector manages, as the bridge's list of devices has it.
type Device struct {
	ID           string `json:"id"`        // pseudonym, [a-z0-9-]
	Enrolment    string `json:"enrolment"` // its name in the management
	Platform     string `json:"platform"`  // ios ipados macos android windows linux
	OS           string `json:"os"`        // version, "26.4"
	Supervised   bool   `json:"supervised"`
	UserEnrolled bool   `json:"user_enrolled"` // privately owned, enrolled by its user
}

// Kind of a command. There are these four and no other.
type Kind uint8

// Kinds.
const (
	Look  Kind = iota + 1 // say what is in force
	Stand                 // put the standing posture on
	Lock                  // put the lock on, or replace it by this one
	Free                  // take the lock back, leave the standing posture
)

func (k Kind) String() string {
	switch k {
	case Look:
		return "look"
	case Stand:
		return "stand"
	case Lock:
		return "lock"
	case Free:
		return "free"
	}
	return "kind " + fmt.Sprint(uint8(k))
}

// Want is what a device shall be like.
type Want struct {
	Standing Set       // off, always
	Lock     Set       // off, on top; empty: no lock
	Until    time.Time // hard end of the lock; zero without one
	Lease    time.Duration
}

// Tag tells two locks from each other: a device that can say which lock is on it says this, 32 hexadecimal digits of which the
// first four are the Set. "" without a lock.
func (w Want) Tag() string {
	return tag(w.Lock, fmt.Appendf(nil, "subrosa lock %d %d", w.Lock, w.Until.Unix()))
}

func tag(s Set, of []byte) string {
	if s == 0 {
		return ""
	}
	sum := sha256.Sum256(of)
	return fmt.Sprintf("%04x", uint16(s)) + hex.EncodeToString(sum[:14])
}

// TagSet returns the Set that a tag begins with; ok is false for what is no tag.
func TagSet(tag string) (s Set, ok bool) {
	b, err := hex.DecodeString(tag)
	if err != nil || len(b) != 16 {
		return 0, false
	}
	s = Set(b[0])<<8 | Set(b[1])
	return s, s != 0 && s&^All == 0
}

// StandingTag is Tag for the standing posture.
func (w Want) StandingTag() string {
	return tag(w.Standing, fmt.Appendf(nil, "subrosa standing %d", w.Standing))
}

// Command to one device. The same ID is the same command: to send it again must do nothing.
type Command struct {
	ID    string // sr-<device>-<generation>-<kind>
	Kind  Kind
	Round int  // of Look, from 0: Observed.More asks for the next
	Want  Want // as it is to be in the end; a backend reads the part that the kind needs
}

// Caps is what can be done with a device.
type Caps struct {
	Can    Set      // can be switched off
	Proves Set      // of these the device tells whether they are off
	Best   Evidence // that can be had; NoEvidence: commands are taken and nothing is told
	Lease  bool     // the device gives itself back at Want.Until
	Renew  bool     // the lock is to be sent again within Want.Lease
	Slow   bool     // not fit for a session: the standing posture only
	Self   bool     // reports on device/{dev}/lockdown/reported by itself
	Limits []string // slugs for reports
}

// Observed is what a device says of itself.
type Observed struct {
	Standing Set      // off by our standing posture
	Lock     Set      // off by our lock
	Locked   bool     // a lock of ours is on it, whatever it holds
	Tag      string   // of the lock; "" if it cannot be told
	InForce  Set      // off, whoever did it; in rounds after the first only this and Evidence count
	Evidence Evidence // on which all this rests
	More     bool     // ask for the next round
	Fault    string   // slug: FaultCircumvent; "": none
}

// EventKind is what happened.
type EventKind uint8

// Event kinds.
const (
	Awake  EventKind = iota + 1 // the device has spoken with its management
	Acked                       // the command was carried out
	Busy                        // not now: the screen is locked; the management asks again
	Failed                      // the device, or its management, refuses the command
	Joined                      // enrolled, or enrolled anew: whatever was queued is gone
	Left                        // not managed any more
	Gone                        // not there now, by the management's own word: no need to wait until it is
)

// Event about one device. Events may come late, twice, in any order, or never.
type Event struct {
	Device   string // pseudonym
	Kind     EventKind
	Command  string    // of Acked, Busy, Failed; "": unasked, an Observed of a device that reports by itself
	Observed *Observed // of Acked looks and unasked reports
	Detail   string    // for the log: no personal data
}

// Backend is one device management. All methods may be called at the same time.
type Backend interface {
	// Caps is pure.
	Caps(Device) Caps
	// Send hands the command over, and does not wait for the device. An error that Is ErrUnsent says that the command certainly
	// reached nobody; any other that it may have.
	Send(ctx context.Context, d Device, c Command) error
	// Wake asks the device to come for what waits for it.
	Wake(ctx context.Context, d Device) error
	// Run emits events until ctx ends. emit does not block for long.
	Run(ctx context.Context, emit func(Event)) error
	// Health asks the management whether it can be worked with. The error is a *Fault.
	Health(ctx context.Context) error
}

// ErrUnsent is wrapped by errors of Send after which nobody has the command.
var ErrUnsent = errors.New("not sent")

// Fault is an error with a slug for reports.
type Fault struct {
	Slug   string
	Unsent bool // nobody has the command
	Err    error
}

func (f *Fault) Error() string { return f.Slug + ": " + f.Err.Error() }

// Unwrap gives the cause, and ErrUnsent.
func (f *Fault) Unwrap() []error {
	if f.Unsent {
		return []error{f.Err, ErrUnsent}
	}
	return []error{f.Err}
}

// Slug of an error for reports: that of the Fault in it, else FaultUnreachable.
func Slug(err error) string {
	var f *Fault
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return f.Slug
	}
	return FaultUnreachable
}

// Keeper keeps one value per device for a backend, such as the policy a device had before. Keep returns when the value is on
// disk: call it before the first command that makes the value the former one.
type Keeper interface {
	Keep(device, value string) error
	Kept(device string) (value string, ok bool, err error)
	Drop(device string) error
}
