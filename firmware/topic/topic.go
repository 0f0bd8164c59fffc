// Package topic names every MQTT topic of a site: who may write it, who may read it, what it carries. One
// table serves the units, the console, the broker's access control, docs/asyncapi.yaml and the tests.
//
// A topic is Root followed by literal words and ids. Ids are [a-z0-9-]{1,64}: nothing that MQTT or a file
// system could take for something else.
package topic

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Root of all topics.
const Root = "subrosa/v1"

// Any stands for every id when a constructor is to give a subscription filter: Alarm("ratssaal", Any).
const Any = "+"

// MaxID is the length of the longest id, in bytes.
const MaxID = 64

// CheckID returns an error unless id is [a-z0-9-]{1,64}.
func CheckID(id string) error {
	switch {
	case id == "":
		return errors.New("topic: id is empty")
	case len(id) > MaxID:
		return fmt.Errorf("topic: id %.16q… has %d characters, at most %d", id, len(id), MaxID)
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return fmt.Errorf("topic: id %q: only a-z, 0-9 and - are allowed", id)
		}
	}
	return nil
}

// Topic is a parsed topic: its row of the table and the ids at the row's placeholders.
type Topic struct {
	*Row
	ids [2]string // in the pattern's order; no pattern has more than two placeholders
}

// Parse returns the topic that s names, with all ids checked. Filters (with + or #) are not topics.
func Parse(s string) (Topic, error) {
	rest, ok := strings.CutPrefix(s, Root+"/")
	if !ok {
		return Topic{}, fmt.Errorf("topic: %.80q does not begin with %s/", s, Root)
	}
	if len(rest) > maxTopic {
		return Topic{}, fmt.Errorf("topic: %.80q… is longer than any topic", s)
	}
	segs := strings.Split(rest, "/")
	var bad error
	for i := range Table {
		t := Topic{Row: &Table[i]}
		if !t.match(segs) {
			continue
		}
		if bad = t.checkIDs(); bad == nil {
			return t, nil
		}
	}
	if bad != nil {
		return Topic{}, fmt.Errorf("%w (in %.200q)", bad, s)
	}
	return Topic{}, fmt.Errorf("topic: no topic has the form of %.80q", s)
}

// maxTopic bounds what Parse splits; the longest topic has two ids and 40 bytes of words.
const maxTopic = 2*MaxID + 64

func (t *Topic) match(segs []string) bool {
	if len(segs) != len(t.segs) {
		return false
	}
	n := 0
	for i, want := range t.segs {
		if want.param == "" {
			if segs[i] != want.word {
				return false
			}
			continue
		}
		t.ids[n] = segs[i]
		n++
	}
	return true
}

func (t *Topic) checkIDs() error {
	n := 0
	for _, s := range t.segs {
		if s.param == "" {
			continue
		}
		if err := CheckID(t.ids[n]); err != nil {
			return fmt.Errorf("{%s}: %w", s.param, err)
		}
		n++
	}
	return nil
}

// ID returns the id at the placeholder named param ("room", "unit", "id", …), "" if the topic has none.
func (t Topic) ID(param string) string {
	if t.Row == nil {
		return ""
	}
	n := 0
	for _, s := range t.segs {
		switch s.param {
		case "":
		case param:
			return t.ids[n]
		default:
			n++
		}
	}
	return ""
}

// Room returns the topic's room id, "" if it has none.
func (t Topic) Room() string { return t.ID("room") }

// Unit returns the topic's unit id, "" if it has none.
func (t Topic) Unit() string { return t.ID("unit") }

// String returns the topic as it goes over the wire.
func (t Topic) String() string {
	if t.Row == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(Root)
	n := 0
	for _, s := range t.segs {
		b.WriteByte('/')
		if s.param == "" {
			b.WriteString(s.word)
			continue
		}
		b.WriteString(t.ids[n])
		n++
	}
	return b.String()
}

// The constructors do not check ids, so that they can make filters with Any too. An id that is not valid is
// escaped and gives a topic that Parse, MayWrite and shadow.Report refuse: it can never become another topic.

// Online of a unit; also its last will.
func Online(unit string) string { return join("unit", unit, "online") }

// Health of a unit: self-tests, restarts, bits that left the sensor.
func Health(unit string) string { return join("unit", unit, "health") }

// Coverage of a unit: what it can and cannot see.
func Coverage(unit string) string { return join("unit", unit, "coverage") }

// Levels of a unit, coarse; QoS 0 and not retained.
func Levels(unit string) string { return join("unit", unit, "levels") }

// BaselineDesired asks a unit to learn its surroundings.
func BaselineDesired(unit string) string { return join("unit", unit, "baseline", "desired") }

// BaselineReported tells how far it is.
func BaselineReported(unit string) string { return join("unit", unit, "baseline", "reported") }

// SessionDesired is what the console or the chair wants the room's session to be.
func SessionDesired(room string) string { return join("room", room, "session", "desired") }

// SessionReported is what it is.
func SessionReported(room string) string { return join("room", room, "session", "reported") }

// Alarm with the given finding id, which topics hold in lower case.
func Alarm(room, id string) string { return join("room", room, "alarm", strings.ToLower(id)) }

// Ack is a person's answer to the alarm with the given finding id.
func Ack(room, id string) string { return join("room", room, "ack", strings.ToLower(id)) }

// FindingID returns the id of the alarm that the topic, an Alarm or Ack, is about, as findings spell it.
func (t Topic) FindingID() string { return strings.ToUpper(t.ID("id")) }

// Roster of a room: who may attend, as ids and roles.
func Roster(room string) string { return join("room", room, "roster") }

// PolicyDesired is the policy a room shall follow.
func PolicyDesired(room string) string { return join("room", room, "policy", "desired") }

// PolicyReported is the policy it follows.
func PolicyReported(room string) string { return join("room", room, "policy", "reported") }

// AVDesired is what the unit asks of a stream, recorder, microphone, loop or speaker.
func AVDesired(room, device string) string { return join("room", room, "av", device, "desired") }

// AVReported is what the building says about it.
func AVReported(room, device string) string { return join("room", room, "av", device, "reported") }

// Contact of a window or door.
func Contact(room, name string) string { return join("room", room, "contact", name) }

// LockdownDesired is the room's wish that attendees' devices be locked down.
func LockdownDesired(room string) string { return join("room", room, "lockdown", "desired") }

// LockdownReported is what the connector conn could prove for the room: counts.
func LockdownReported(room, conn string) string {
	return join("room", room, "lockdown", conn, "reported")
}

// LockdownChecklist is what somebody has to look at on the devices of the room's session, as the connector conn lists it.
func LockdownChecklist(room, conn string) string {
	return join("room", room, "lockdown", conn, "checklist")
}

// LockdownSigned is what was declared of them at the room's unit.
func LockdownSigned(room, conn string) string { return join("room", room, "lockdown", conn, "signed") }

// DeviceLockdownDesired is the wish for one device with an agent.
func DeviceLockdownDesired(dev string) string { return join("device", dev, "lockdown", "desired") }

// DeviceLockdownReported is what that device proves.
func DeviceLockdownReported(dev string) string { return join("device", dev, "lockdown", "reported") }

// DeviceOnline of a laptop's agent; also its last will.
func DeviceOnline(dev string) string { return join("device", dev, "online") }

// MDMOnline of a connector; also its last will.
func MDMOnline(conn string) string { return join("mdm", conn, "online") }

// MDMPosture is the standing posture a connector could prove, as counts with a date.
func MDMPosture(conn string) string { return join("mdm", conn, "posture") }

// ConferenceDesired is what the unit allows the room's conference to be.
func ConferenceDesired(room string) string { return join("room", room, "conference", "desired") }

// ConferenceDeclared is what those who take part from elsewhere have said of their own room.
func ConferenceDeclared(room string) string { return join("room", room, "conference", "declared") }

// ConferenceReported is what it is.
func ConferenceReported(room string) string { return join("room", room, "conference", "reported") }

// Approvals are the site's approvals of known emitters, with expiry.
func Approvals() string { return join("site", "approvals") }

// Policy is the policy with the given hash (64 hexadecimal digits).
func Policy(hash string) string { return join("site", "policy", hash) }

// Checkpoint is the latest journal checkpoint of a unit, for witnesses.
func Checkpoint(unit string) string { return join("site", "checkpoint", unit) }

func join(segs ...string) string {
	var b strings.Builder
	b.WriteString(Root)
	for _, s := range segs {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s)) // escapes / and #, leaves Any and all ids as they are
	}
	return b.String()
}
