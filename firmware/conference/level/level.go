// Package level is the table of what a conference may do, by how confidential the session is: who comes in, with how
// many factors, past whom, and what may leave the call. It is pure; confd asks it and docs/conference-access.md prints it.
//
// A level that is unknown has the rules of the strictest one.
package level

import (
	"slices"
	"strings"

	"subrosa/firmware/roster"
)

// Level is how confidential a session is, by the slugs of the policy's kinds.
type Level string

// Levels, the least confidential first.
const (
	Public       Level = "public"
	Internal     Level = "internal"
	Nonpublic    Level = "nonpublic"
	Confidential Level = "confidential"
)

// Text is a text for people.
type Text struct{ DE, EN string }

// Rule is one row of the table.
type Rule struct {
	Level     Level
	Encrypted bool // end to end, always; otherwise by default, and off only for a stream in or out
	// ChairSigned: members take in only whom the chair's device has signed.
	ChairSigned bool
	Guests      bool // who has an invite and is not on the roster may come, past the lobby
	Gateways    bool // telephone and other systems: encryption ends there, and everyone sees it
	Lobby       Lobby
	Factors     Factors
	Recording   bool // visible, and only while everyone consents
	Streams     bool // WHIP in, WHEP out
	Declaration bool // who is elsewhere declares that nobody else is in the room
}

// Lobby says who waits until chair or clerk lets them in. The room's own unit, the chair and the clerk
// never wait.
type Lobby string

const (
	LobbyGuests Lobby = "guests" // guests and gateways
	LobbyAll    Lobby = "all"    // everybody else, too
)

// Factors says how people show who they are.
type Factors string

const (
	OneFactor  Factors = "one"     // an invite, the city's sign-in or a passkey
	TwoFactors Factors = "two"     // a passkey; or one of the others and a one-time code
	Passkey    Factors = "passkey" // a passkey; a one-time code beside another only where the chair has consented
)

// Rules is the table.
var Rules = []Rule{
	{Level: Public, Guests: true, Gateways: true, Lobby: LobbyGuests, Factors: OneFactor, Recording: true, Streams: true},
	{Level: Internal, Encrypted: true, ChairSigned: true, Guests: true, Gateways: true, Lobby: LobbyGuests, Factors: OneFactor, Recording: true},
	{Level: Nonpublic, Encrypted: true, ChairSigned: true, Guests: true, Lobby: LobbyAll, Factors: TwoFactors, Declaration: true},
	{Level: Confidential, Encrypted: true, ChairSigned: true, Lobby: LobbyAll, Factors: Passkey, Declaration: true},
}

// For returns the rule of a level; that of Confidential for one that is unknown.
func For(l Level) Rule {
	for _, r := range Rules {
		if r.Level == l {
			return r
		}
	}
	return Rules[len(Rules)-1]
}

// Factor is one way in which somebody has shown who they are.
type Factor string

const (
	Invite      Factor = "invite"      // held a single-use link
	SSO         Factor = "sso"         // signed in with the city
	SSOStrong   Factor = "sso-strong"  // the same, and the city vouches for a second factor there
	PasskeyUsed Factor = "passkey"     // with the device's own check of the person
	Code        Factor = "totp"        // a one-time code
	Certificate Factor = "certificate" // of a unit, by mutual TLS
)

// Valid reports whether f is a factor.
func (f Factor) Valid() bool {
	return slices.Contains([]Factor{Invite, SSO, SSOStrong, PasskeyUsed, Code, Certificate}, f)
}

// Person is what the decision about somebody needs to know.
type Person struct {
	Role     roster.Role
	OnRoster bool // now, with this role
	Factors  []Factor
	Consent  bool // the chair has consented to a one-time code in place of a passkey, for this member and room
}

// Reason is why somebody may not come in, out of a list; "" with those who may.
type Reason string

const (
	NotOnRoster   Reason = "not-on-roster"
	NoGuests      Reason = "no-guests"
	NoGateways    Reason = "no-gateways"
	NeedsSecond   Reason = "needs-second-factor"
	NeedsPasskey  Reason = "needs-passkey"
	NotIdentified Reason = "not-identified"
)

// Reasons lists them.
var Reasons = []Reason{NotOnRoster, NoGuests, NoGateways, NeedsSecond, NeedsPasskey, NotIdentified}

// Text says the reason and what to do.
func (r Reason) Text() Text {
	return map[Reason]Text{
		NotOnRoster:   {"Sie stehen für diese Sitzung nicht auf der Teilnahmeliste. Bitte wenden Sie sich an die Geschäftsstelle.", "You are not on the roster of this session. Please ask the clerk."},
		NoGuests:      {"In dieser Stufe nehmen nur Personen von der Teilnahmeliste teil. Bitte wenden Sie sich an die Geschäftsstelle.", "At this level only people on the roster take part. Please ask the clerk."},
		NoGateways:    {"Telefon und fremde Systeme sind in dieser Stufe ausgeschlossen, denn dort endet die Verschlüsselung. Bitte nehmen Sie im Browser teil.", "Telephones and other systems are shut out at this level, for encryption ends there. Please take part in a browser."},
		NeedsSecond:   {"Für diese Stufe sind zwei Faktoren nötig: bitte melden Sie sich mit Passkey an oder geben Sie den Einmalcode ein.", "This level needs two factors: please use your passkey or enter the one-time code."},
		NeedsPasskey:  {"Für diese Stufe ist ein Passkey nötig. Ersatzweise genügt ein Einmalcode, wenn die Sitzungsleitung zustimmt. Noch nichts eingerichtet? Die Geschäftsstelle gibt Ihnen einen Link dafür.", "This level needs a passkey. A one-time code will do if the chair consents. Nothing set up yet? The clerk gives you a link for it."},
		NotIdentified: {"Bitte melden Sie sich an.", "Please sign in."},
	}[r]
}

// Verdict is what the table says about somebody.
type Verdict struct {
	May    bool
	Lobby  bool   // waits until chair or clerk lets them in
	Reason Reason // why not
}

// Decide says whether a person may take part at this level.
func (r Rule) Decide(p Person) Verdict {
	if reason := r.refuse(p); reason != "" {
		return Verdict{Reason: reason}
	}
	return Verdict{May: true, Lobby: r.waits(p)}
}

func (r Rule) refuse(p Person) Reason {
	switch {
	case !p.Role.Valid() || len(p.Factors) == 0:
		return NotIdentified
	case p.Role == roster.Gateway && !r.Gateways:
		return NoGateways
	case p.Role == roster.Room: // a unit is known by its certificate, not by the roster
		if !slices.Contains(p.Factors, Certificate) {
			return NotIdentified
		}
		return ""
	case p.OnRoster:
	case p.Role != roster.Guest && p.Role != roster.Gateway:
		return NotOnRoster
	case !r.Guests:
		return NoGuests
	}
	return r.weak(p)
}

// weak says what a person's factors lack.
func (r Rule) weak(p Person) Reason {
	if slices.Contains(p.Factors, PasskeyUsed) || p.Role == roster.Gateway && slices.Contains(p.Factors, Certificate) {
		return ""
	}
	first := slices.ContainsFunc(p.Factors, func(f Factor) bool { return f == Invite || f == SSO || f == SSOStrong })
	second := slices.Contains(p.Factors, Code)
	switch {
	case !first:
		return NotIdentified // a code alone shows nothing: its secret is no identity
	case r.Factors == OneFactor:
		return ""
	case r.Factors == TwoFactors && (second || slices.Contains(p.Factors, SSOStrong)):
		return ""
	case r.Factors == TwoFactors:
		return NeedsSecond
	case second && p.Consent:
		return ""
	}
	return NeedsPasskey
}

func (r Rule) waits(p Person) bool {
	switch p.Role {
	case roster.Chair, roster.Clerk, roster.Room: // on the roster, or with a certificate: refuse has seen to that
		return false
	case roster.Guest, roster.Gateway:
		return true
	}
	return r.Lobby == LobbyAll || !p.OnRoster
}

// Right is something that a role may do in a conference.
type Right string

const (
	Admit     Right = "admit"      // let in from the lobby, remove
	SignAdmit Right = "sign-admit" // sign who is taken into the encrypted group
	Consent   Right = "consent"    // to a one-time code in place of a passkey
	InviteOut Right = "invite"     // make, list and revoke invites
	Moderate  Right = "moderate"   // the speaking list, asking for silence
	End       Right = "end"        // the call
	Speak     Right = "speak"      // camera, microphone, screen, hand
)

// Rights lists them.
var Rights = []Right{Admit, SignAdmit, Consent, InviteOut, Moderate, End, Speak}

var rights = map[roster.Role][]Right{
	roster.Chair:       {Admit, SignAdmit, Consent, InviteOut, Moderate, End, Speak},
	roster.Clerk:       {Admit, InviteOut, Moderate, Speak},
	roster.Councillor:  {Speak},
	roster.Staff:       {Speak},
	roster.Guest:       {Speak},
	roster.Interpreter: {Speak},
	roster.Gateway:     {Speak},
	roster.Room:        {Speak},
}

// May reports whether a role has a right.
func May(role roster.Role, right Right) bool { return slices.Contains(rights[role], right) }

// Table writes the rules as a table of Markdown, in German, as docs/conference-access.md has it.
func Table() string {
	rows := []struct {
		name string
		say  func(Rule) string
	}{
		{"Ende-zu-Ende-Verschlüsselung", func(r Rule) string { return pick(r.Encrypted, "immer", "voreingestellt") }},
		{"Aufnahme in die Gruppe nur mit Unterschrift der Sitzungsleitung", func(r Rule) string { return pick(r.ChairSigned, "ja", "nein") }},
		{"Gäste ohne Eintrag auf der Teilnahmeliste", func(r Rule) string { return pick(r.Guests, "ja, über den Vorraum", "nein") }},
		{"Telefon und fremde Systeme (Gateway)", func(r Rule) string { return pick(r.Gateways, "ja, sichtbar gekennzeichnet", "nein") }},
		{"Vorraum", func(r Rule) string {
			return pick(r.Lobby == LobbyAll, "alle außer Sitzungsleitung, Geschäftsstelle und Saal", "Gäste und Gateways")
		}},
		{"Anmeldung", func(r Rule) string {
			return map[Factors]string{OneFactor: "ein Faktor", TwoFactors: "zwei Faktoren", Passkey: "Passkey; Einmalcode nur mit Zustimmung der Sitzungsleitung"}[r.Factors]
		}},
		{"Aufzeichnung", func(r Rule) string { return pick(r.Recording, "sichtbar, mit Einwilligung aller", "nicht angeboten") }},
		{"Übertragung (WHIP, WHEP)", func(r Rule) string { return pick(r.Streams, "ja", "nein") }},
		{"Erklärung „keine Dritten im Raum“", func(r Rule) string { return pick(r.Declaration, "ja", "nein") }},
	}
	var b strings.Builder
	b.WriteString("| | öffentlich `public` | intern `internal` | nichtöffentlich `nonpublic` | vertraulich `confidential` |\n|---|---|---|---|---|\n")
	for _, row := range rows {
		b.WriteString("| " + row.name + " |")
		for _, r := range Rules {
			b.WriteString(" " + row.say(r) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func pick(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}
