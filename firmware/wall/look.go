package wall

import (
	"html/template"
	"strings"
	"time"

	"subrosa/firmware/session"
	"subrosa/firmware/wall/sign"
)

// tone is the colour world of a page; the style sheet knows each by name.
type tone string

const (
	toneOpen        tone = "open"        // soft white
	toneHandover    tone = "handover"    // amber
	toneClosed      tone = "closed"      // deep rose
	toneInterrupted tone = "interrupted" // strong amber
	toneStale       tone = "stale"       // grey: nothing is claimed
)

var tones = map[session.State]tone{
	session.Open: toneOpen, session.Planned: toneOpen, session.Restoring: toneOpen,
	session.Handover: toneHandover, session.Sweep: toneHandover, session.Arming: toneHandover,
	session.Closed: toneClosed, session.Interrupted: toneInterrupted,
}

// look is how a state appears: the same thing said by word, shape and colour.
type look struct {
	Word Text
	Note Text
	Tone tone
	Lamp session.Lamp // drawn as a band of light along the edge
	sign sign.Name
	opt  sign.Options
}

var staleLook = look{
	Word: Text{"Anzeige nicht aktuell", "Display not current"},
	Tone: toneStale, Lamp: "off", sign: sign.Wrench,
}

// lookOf returns the look of the session. Stale, or a state that is not known, claims nothing.
func lookOf(r session.Report, stale bool, loc *time.Location) look {
	t, known := tones[r.State]
	if stale || !known {
		return staleLook
	}
	a := session.Look(r, loc)
	l := look{Word: Text(a.Word), Note: Text(a.Note), Tone: t, Lamp: a.Lamp}
	l.sign, l.opt = figure(a.Sign, r)
	if a.Wrench && l.opt.Badge == "" {
		l.opt.Badge = sign.Wrench
	}
	return l
}

// figure translates the name of a sign into what is drawn.
func figure(s session.Sign, r session.Report) (sign.Name, sign.Options) {
	switch s {
	case session.Rose:
		return sign.Rose, sign.Options{}
	case session.RoseClock:
		return sign.Rose, sign.Options{Badge: sign.Clock}
	case session.RoseRing:
		return sign.Rose, sign.Options{Steps: max(len(r.Points), 1), Done: len(r.Points) - len(r.Unproven())}
	case session.RoseOpening:
		return sign.Opening, sign.Options{}
	case session.Bud:
		return sign.Bud, sign.Options{}
	case session.BudDot:
		return sign.Bud, sign.Options{Badge: sign.Dot}
	case session.BudOpenBar:
		return sign.Bud, sign.Options{Badge: sign.OpenBar}
	case session.BudBar:
		return sign.Bud, sign.Options{Badge: sign.Bar}
	}
	return sign.Wrench, sign.Options{}
}

// Main and Rest are the word before and after its middle dot: the state itself, large as ever, and its reservation.
func (l look) Main() Text { m, _ := l.split(); return m }

// Rest is empty where there is no reservation.
func (l look) Rest() Text { _, r := l.split(); return r }

func (l look) split() (main, rest Text) {
	main.DE, rest.DE, _ = strings.Cut(l.Word.DE, " · ")
	main.EN, rest.EN, _ = strings.Cut(l.Word.EN, " · ")
	return main, rest
}

func (l look) svg() template.HTML { return sign.SVG(l.sign, l.opt) }
