package session

import (
	"fmt"
	"time"
)

// Text in the two languages of every page.
type Text struct{ DE, EN string }

// Sign is the shape that says the state: an open rose is public, a closed bud confidential.
type Sign string

const (
	Rose        Sign = "rose"
	RoseClock   Sign = "rose-clock"
	RoseRing    Sign = "rose-ring" // ring of progress
	RoseOpening Sign = "rose-opening"
	Bud         Sign = "bud"
	BudDot      Sign = "bud-dot"      // with reservations
	BudOpenBar  Sign = "bud-open-bar" // by exception
	BudBar      Sign = "bud-bar"      // interrupted
)

// Lamp is the pattern of the lamp at the door.
type Lamp string

const (
	SoftWhite   Lamp = "soft-white"
	WhiteBreath Lamp = "white-breath" // slow
	White       Lamp = "white"
	AmberMoving Lamp = "amber-moving"
	AmberBlink  Lamp = "amber-blink" // 1 Hz
	DeepRose    Lamp = "deep-rose"   // steady
	RoseDot     Lamp = "deep-rose-dot"
	RoseAmber   Lamp = "deep-rose-amber-dot"
)

// Appearance is how a session shows itself on wall, pages and lamp: never by colour alone.
type Appearance struct {
	Word   Text // the state, legible from six metres
	Note   Text // second line: why the unit is restricted, "" if it is not
	Sign   Sign
	Lamp   Lamp
	Wrench bool // degraded or unsealed: a wrench beside the sign, an amber dot on the lamp
}

type look struct {
	state State
	when  string // "", unproven, override: the last that fits
	word  Text
	sign  Sign
	lamp  Lamp
}

// looks is the table; words of planned, handover and interrupted are completed by Look.
var looks = []look{
	{Open, "", Text{"Öffentlich", "Public"}, Rose, SoftWhite},
	{Planned, "", Text{"Nichtöffentlich ab", "Closed from"}, RoseClock, WhiteBreath},
	{Handover, "", Text{"Übergabe", "Handover"}, RoseRing, AmberMoving},
	{Sweep, "", Text{"Raum wird geprüft …", "Checking the room …"}, RoseRing, AmberMoving},
	{Arming, "", Text{"Gleich nichtöffentlich …", "Closing …"}, RoseRing, AmberMoving},
	{Closed, "", Text{"Nichtöffentlich", "Closed session"}, Bud, DeepRose},
	{Closed, "unproven", Text{"Nichtöffentlich · mit Einschränkungen", "Closed session · with reservations"}, BudDot, RoseDot},
	{Closed, "override", Text{"Nichtöffentlich · Ausnahme durch Sitzungsleitung", "Closed session · exception by the chair"}, BudOpenBar, RoseAmber},
	{Interrupted, "", Text{"Unterbrochen", "Interrupted"}, BudBar, AmberBlink},
	{Restoring, "", Text{"Wird wiederhergestellt", "Restoring"}, RoseOpening, White},
}

// Words of the flags, as second line.
var flagWords = map[Flag]Text{
	Degraded: {"Gerät eingeschränkt", "Unit degraded"},
	Unsealed: {"Gerät eingeschränkt: Sensor nicht versiegelt", "Unit degraded: sensor not sealed"},
}

// reasonWords are the pick-lists' words.
var reasonWords = map[Reason]Text{
	"checked-by-hand": {"von Hand geprüft", "checked by hand"},
	"not-present":     {"nicht vorhanden", "not present"},
	"technical-fault": {"technische Störung", "technical fault"},
	"urgent":          {"Eilbedürftigkeit", "urgent"},
	"accepted":        {"vom Gremium hingenommen", "accepted by the assembly"},
	"break":           {"Pause", "break"},
	"window-open":     {"Fenster offen", "window open"},
	"door-open":       {"Tür offen", "door open"},
	"person-enters":   {"Zutritt", "someone enters"},
	"finding":         {"Befund wird geklärt", "finding being looked into"},
	"technical":       {"technische Störung", "technical fault"},
	PowerLost:         {"Stromausfall", "power loss"},
}

// Words returns the reason in both languages, the slug itself if it is unknown.
func (r Reason) Words() Text {
	if t, ok := reasonWords[r]; ok {
		return t
	}
	return Text{string(r), string(r)}
}

// Look returns how the reported session shows itself. loc is where the room stands.
func Look(r Report, loc *time.Location) Appearance {
	when := ""
	switch {
	case r.Has(Override):
		when = "override"
	case len(r.Unproven()) > 0:
		when = "unproven"
	}
	var a Appearance
	for _, l := range looks {
		if l.state == r.State && (l.when == "" || l.when == when) {
			a = Appearance{Word: l.word, Sign: l.sign, Lamp: l.lamp}
		}
	}
	a.Word = complete(a.Word, r, loc)
	for _, f := range []Flag{Degraded, Unsealed} {
		if r.Has(f) {
			a.Note, a.Wrench = flagWords[f], true
		}
	}
	return a
}

func complete(w Text, r Report, loc *time.Location) Text {
	switch {
	case r.State == Planned && r.From != nil:
		at := r.From.In(loc).Format("15:04")
		return Text{w.DE + " " + at, w.EN + " " + at}
	case r.State == Handover && r.Left() == 1:
		return Text{w.DE + ": noch 1 Punkt", w.EN + ": 1 point left"}
	case r.State == Handover && r.Left() > 1:
		return Text{fmt.Sprintf("%s: noch %d Punkte", w.DE, r.Left()), fmt.Sprintf("%s: %d points left", w.EN, r.Left())}
	case r.State == Interrupted && r.Reason != "":
		t := r.Reason.Words()
		return Text{w.DE + ": " + t.DE, w.EN + ": " + t.EN}
	}
	return w
}
