package mdm

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxPoints of one room's checklist, and of its signatures: an event has to fit into 64 KiB. What is beyond comes when others are done.
const MaxPoints = 128

// What a point of a checklist asks for: kinds of commands, by name.
const (
	PointStand = "stand" // off, always
	PointLock  = "lock"  // off for the session
	PointFree  = "free"  // may be on again
)

var pointKinds = []string{PointStand, PointLock, PointFree}

// Point is one thing that somebody has to do on a device, and to declare. Command names it: a declaration is of this and no other.
type Point struct {
	Device   string    `json:"device"`
	Command  string    `json:"command"`
	Kind     string    `json:"kind"` // stand, lock, free
	Platform string    `json:"platform"`
	Off      []string  `json:"off"` // to be off; with free: what was
	Until    time.Time `json:"until,omitzero"`
}

// Checklist is the data of room/{room}/lockdown/{conn}/checklist: what somebody has to look at on the devices of the room's
// session, and of the last one until they are back.
type Checklist struct {
	Version uint64  `json:"version"`
	Points  []Point `json:"points"`
	More    int     `json:"more"` // points beyond MaxPoints
}

// Signature says that somebody of the role has looked at the device at that time, and whether it is as the point wants it. It is
// a declaration: it proves nothing.
type Signature struct {
	Device  string    `json:"device"`
	Command string    `json:"command"`
	Role    string    `json:"role"` // chair, clerk
	Done    bool      `json:"done"`
	At      time.Time `json:"at"`
}

// Signatures is the data of room/{room}/lockdown/{conn}/signed: the unit's word, and that of no other.
type Signatures struct {
	Version uint64      `json:"version"`
	Signed  []Signature `json:"signed"`
}

// SigningRoles are those a unit can vouch for: who has its page.
var SigningRoles = []string{"chair", "clerk"}

// ReadChecklist reads and checks a room's checklist.
func ReadChecklist(b []byte) (Checklist, error) { return read[Checklist](b, "checklist") }

// ReadSignatures reads and checks what was declared at a room's unit.
func ReadSignatures(b []byte) (Signatures, error) { return read[Signatures](b, "signatures") }

// Check reports what nobody could answer.
func (c Checklist) Check() error {
	if len(c.Points) > MaxPoints || c.More < 0 || c.More > maxCount {
		return fmt.Errorf("%d points and %d more, at most %d", len(c.Points), c.More, MaxPoints)
	}
	seen := map[string]bool{}
	for _, p := range c.Points {
		switch {
		case !slices.Contains(pointKinds, p.Kind):
			return fmt.Errorf("no point is of kind %.20q", p.Kind)
		case seen[p.Command]:
			return fmt.Errorf("point %.64q is there twice", p.Command)
		case p.Platform != "" && CheckID(p.Platform) != nil:
			return fmt.Errorf("platform %.64q", p.Platform)
		}
		seen[p.Command] = true
		_, opt, err := ParseSet(p.Off)
		if err := errors.Join(err, CheckID(p.Device), checkCommand(p.Command)); err != nil {
			return err
		}
		if opt != 0 {
			return fmt.Errorf("%s: nothing is optional here", opt)
		}
	}
	return nil
}

// Check reports what is no declaration.
func (s Signatures) Check() error {
	if len(s.Signed) > MaxPoints {
		return fmt.Errorf("%d signatures, at most %d", len(s.Signed), MaxPoints)
	}
	for _, g := range s.Signed {
		if err := errors.Join(CheckID(g.Device), checkCommand(g.Command)); err != nil {
			return err
		}
		if !slices.Contains(SigningRoles, g.Role) {
			return fmt.Errorf("role %.30q, want one of %v", g.Role, SigningRoles)
		}
		if !sane(g.At) {
			return errors.New("signed at no time")
		}
	}
	return nil
}

// checkCommand: an id like any other, with room for a device's.
func checkCommand(id string) error {
	if len(id) > maxSession {
		return fmt.Errorf("the command's id has %d characters, at most %d", len(id), maxSession)
	}
	for part := id; part != ""; {
		n := min(len(part), maxID)
		if err := CheckID(part[:n]); err != nil {
			return err
		}
		part = part[n:]
	}
	if id == "" {
		return errors.New("the command's id is missing")
	}
	return nil
}
