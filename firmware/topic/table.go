package topic

import "strings"

// Role of a peer on the broker, as its certificate says.
type Role string

const (
	Unit      Role = "unit"      // a room's unit: its wall page and chair's page write through it
	Console   Role = "console"   // the site's console
	Gateway   Role = "gateway"   // building or AV gateway of named rooms
	MDMBridge Role = "mdmbridge" // MDM connectors
	Agent     Role = "agent"     // one laptop
	Confd     Role = "confd"     // the conference of named rooms, when it runs outside the unit
)

// Roles lists all of them.
var Roles = []Role{Unit, Console, Gateway, MDMBridge, Agent, Confd}

// Row of the table: one pattern of topics.
type Row struct {
	Pattern  string   // below Root, placeholders in braces
	Writers  []Role   // each for its own ids only
	Readers  []Role   // each for its own ids only, unless Shared; the writers read what they wrote, too
	Shared   bool     // readers may read it for all ids
	Retained bool     // and then empty payload = forgotten
	QoS      byte     // 0 or 1
	Noun     string   // CloudEvents type: de.subrosa.<noun>.<verb>.v1
	Verbs    []string // first: the ordinary one
	About    string   // what it carries, one line

	segs []segment
}

type segment struct{ word, param string } // one of the two

// EventType returns the CloudEvents type of the row's messages with the given verb, "" for the ordinary one.
func (r *Row) EventType(verb string) string {
	if verb == "" {
		verb = r.Verbs[0]
	}
	return "de.subrosa." + r.Noun + "." + verb + ".v1"
}

// Params returns the placeholders' names in order.
func (r *Row) Params() []string {
	var out []string
	for _, s := range r.segs {
		if s.param != "" {
			out = append(out, s.param)
		}
	}
	return out
}

// Table of all topics. Desired states are wishes with versions (the higher wins, ties go to the greater
// writer's name); reported states are what is.
var Table = []Row{
	{Pattern: "unit/{unit}/online", Writers: []Role{Unit}, Readers: []Role{Console}, Retained: true, QoS: 1,
		Noun: "unit", Verbs: []string{"online", "offline"}, About: "unit reachable; last will"},
	{Pattern: "unit/{unit}/health", Writers: []Role{Unit}, Readers: []Role{Console}, Retained: true, QoS: 1,
		Noun: "health", Verbs: []string{"reported"}, About: "self-tests, restarts, bits that left the sensor"},
	{Pattern: "unit/{unit}/coverage", Writers: []Role{Unit}, Readers: []Role{Console}, Retained: true, QoS: 1,
		Noun: "coverage", Verbs: []string{"reported"}, About: "what the unit can and cannot see"},
	{Pattern: "unit/{unit}/levels", Writers: []Role{Unit}, Readers: []Role{Console}, Retained: false, QoS: 0,
		Noun: "levels", Verbs: []string{"reported"}, About: "coarse third-octaves and band levels"},
	{Pattern: "unit/{unit}/baseline/desired", Writers: []Role{Console, Unit}, Readers: []Role{Unit}, Retained: true, QoS: 1,
		Noun: "baseline", Verbs: []string{"desired"}, About: "learn the surroundings"},
	{Pattern: "unit/{unit}/baseline/reported", Writers: []Role{Unit}, Readers: []Role{Console}, Retained: true, QoS: 1,
		Noun: "baseline", Verbs: []string{"reported"}, About: "age and progress of the baseline"},

	{Pattern: "room/{room}/session/desired", Writers: []Role{Console, Unit}, Readers: []Role{Unit}, Retained: true, QoS: 1,
		Noun: "session", Verbs: []string{"desired"}, About: "session wanted by console or chair"},
	{Pattern: "room/{room}/session/reported", Writers: []Role{Unit}, Readers: []Role{Console, Gateway, Confd}, Retained: true, QoS: 1,
		Noun: "session", Verbs: []string{"reported"}, About: "session as it is"},
	{Pattern: "room/{room}/alarm/{id}", Writers: []Role{Unit}, Readers: []Role{Console, Gateway}, Retained: true, QoS: 1,
		Noun: "alarm", Verbs: []string{"changed"}, About: "finding with its state; emptied after retention"},
	{Pattern: "room/{room}/ack/{id}", Writers: []Role{Console, Unit}, Readers: []Role{Unit}, Retained: true, QoS: 1,
		Noun: "ack", Verbs: []string{"given"}, About: "a person's answer to an alarm, by role; emptied with its alarm"},
	{Pattern: "room/{room}/roster", Writers: []Role{Console, Unit}, Readers: []Role{Unit, Confd, MDMBridge, Console}, Retained: true, QoS: 1,
		Noun: "roster", Verbs: []string{"published"}, About: "who may attend: ids and roles only; the unit adds and removes for a session"},
	{Pattern: "room/{room}/policy/desired", Writers: []Role{Console}, Readers: []Role{Unit}, Retained: true, QoS: 1,
		Noun: "policy", Verbs: []string{"desired"}, About: "hash of the policy to follow"},
	{Pattern: "room/{room}/policy/reported", Writers: []Role{Unit}, Readers: []Role{Console}, Retained: true, QoS: 1,
		Noun: "policy", Verbs: []string{"reported"}, About: "hash of the policy followed, and how many rules have each verdict"},
	{Pattern: "room/{room}/av/{device}/desired", Writers: []Role{Unit}, Readers: []Role{Console, Gateway}, Retained: true, QoS: 1,
		Noun: "av", Verbs: []string{"desired"}, About: "what the unit asks of stream, recorder, hall-mic, hearing-loop, overflow"},
	{Pattern: "room/{room}/av/{device}/reported", Writers: []Role{Gateway}, Readers: []Role{Unit, Console}, Retained: true, QoS: 1,
		Noun: "av", Verbs: []string{"reported"}, About: "what the building says of them"},
	{Pattern: "room/{room}/contact/{name}", Writers: []Role{Unit, Gateway}, Readers: []Role{Unit, Console}, Retained: true, QoS: 1,
		Noun: "contact", Verbs: []string{"reported"}, About: "window or door"},

	{Pattern: "room/{room}/lockdown/desired", Writers: []Role{Unit}, Readers: []Role{MDMBridge, Console}, Retained: true, QoS: 1,
		Noun: "lockdown", Verbs: []string{"desired"}, About: "lock attendees' devices down, with lease and hard end"},
	{Pattern: "room/{room}/lockdown/{conn}/reported", Writers: []Role{MDMBridge}, Readers: []Role{Unit, Console}, Retained: true, QoS: 1,
		Noun: "lockdown", Verbs: []string{"reported"}, About: "what a connector could prove: counts"},
	{Pattern: "room/{room}/lockdown/{conn}/checklist", Writers: []Role{MDMBridge}, Readers: []Role{Unit, Console}, Retained: true, QoS: 1,
		Noun: "checklist", Verbs: []string{"published"}, About: "devices of the session that somebody has to look at, by pseudonym; emptied when there is none"},
	{Pattern: "room/{room}/lockdown/{conn}/signed", Writers: []Role{Unit}, Readers: []Role{MDMBridge, Console}, Retained: true, QoS: 1,
		Noun: "checklist", Verbs: []string{"signed"}, About: "what chair or clerk declare of them; proves nothing"},
	{Pattern: "device/{dev}/lockdown/desired", Writers: []Role{MDMBridge}, Readers: []Role{Agent, Console}, Retained: true, QoS: 1,
		Noun: "device-lockdown", Verbs: []string{"desired"}, About: "wish for one device with an agent"},
	{Pattern: "device/{dev}/lockdown/reported", Writers: []Role{Agent, MDMBridge}, Readers: []Role{MDMBridge, Console}, Retained: true, QoS: 1,
		Noun: "device-lockdown", Verbs: []string{"reported"}, About: "what one device proves"},
	{Pattern: "device/{dev}/online", Writers: []Role{Agent}, Readers: []Role{MDMBridge, Console}, Retained: true, QoS: 1,
		Noun: "device", Verbs: []string{"online", "offline"}, About: "agent reachable; last will"},
	{Pattern: "mdm/{conn}/online", Writers: []Role{MDMBridge}, Readers: []Role{Unit, Console}, Shared: true, Retained: true, QoS: 1,
		Noun: "mdm", Verbs: []string{"online", "offline"}, About: "connector reachable; last will"},
	{Pattern: "mdm/{conn}/posture", Writers: []Role{MDMBridge}, Readers: []Role{Unit, Console}, Shared: true, Retained: true, QoS: 1,
		Noun: "posture", Verbs: []string{"reported"}, About: "standing posture: counts with a date"},

	{Pattern: "room/{room}/conference/desired", Writers: []Role{Unit}, Readers: []Role{Confd, Console}, Retained: true, QoS: 1,
		Noun: "conference", Verbs: []string{"desired"}, About: "what the session allows the conference"},
	{Pattern: "room/{room}/conference/reported", Writers: []Role{Confd}, Readers: []Role{Unit, Console}, Retained: true, QoS: 1,
		Noun: "conference", Verbs: []string{"reported"}, About: "level, state, seats, code label, checksum of the program; no names"},
	{Pattern: "room/{room}/conference/declared", Writers: []Role{Confd}, Readers: []Role{Unit, Console}, Retained: true, QoS: 1,
		Noun: "conference", Verbs: []string{"declared"}, About: "who of those elsewhere has said to be alone in their room: ids; empty after the call"},

	{Pattern: "site/approvals", Writers: []Role{Console}, Readers: []Role{Unit}, Shared: true, Retained: true, QoS: 1,
		Noun: "approvals", Verbs: []string{"published"}, About: "approved emitters with expiry"},
	{Pattern: "site/policy/{hash}", Writers: []Role{Console}, Readers: []Role{Unit}, Shared: true, Retained: true, QoS: 1,
		Noun: "policy", Verbs: []string{"published"}, About: "a policy file under its hash"},
	{Pattern: "site/checkpoint/{unit}", Writers: []Role{Unit}, Readers: []Role{Unit, Console}, Shared: true, Retained: true, QoS: 1,
		Noun: "checkpoint", Verbs: []string{"published"}, About: "journal checkpoint for witnesses"},
}

func init() {
	for i := range Table {
		for s := range strings.SplitSeq(Table[i].Pattern, "/") {
			if name, ok := strings.CutPrefix(s, "{"); ok {
				Table[i].segs = append(Table[i].segs, segment{param: strings.TrimSuffix(name, "}")})
			} else {
				Table[i].segs = append(Table[i].segs, segment{word: s})
			}
		}
	}
}
