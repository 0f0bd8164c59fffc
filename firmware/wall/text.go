package wall

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"subrosa/firmware/session"
)

// labels are the words on the buttons, and what folds those away that end something.
var labels = map[Act]Text{
	Start:     {"Nichtöffentlichen Teil beginnen", "Start the closed part"},
	Confirm:   {"Trotzdem fortfahren", "Continue all the same"},
	Interrupt: {"Unterbrechen", "Interrupt"},
	Resume:    {"Fortsetzen", "Resume"},
	End:       {"Nichtöffentlichen Teil beenden", "End the closed part"},
}

// label depends on the state where the same event means something else to a person.
func label(a Act, s session.State) Text {
	switch {
	case a == End && s == session.Planned:
		return Text{"Planung aufheben", "Drop the plan"}
	case a == End && s.Step():
		return Text{"Übergabe abbrechen", "Cancel the handover"}
	case a == Confirm && s == session.Restoring:
		return Text{"Raum freigeben", "Give the room back"}
	}
	return labels[a]
}

// leads say in one line what the state asks of the chair.
func lead(r *session.Report) Text {
	switch {
	case r.Next == session.NextConfirm && r.State.Step():
		return Text{"Nicht alles ist nachgewiesen. Bitte beheben, oder mit Grund fortfahren.",
			"Not everything is proven. Please put it right, or continue with a reason."}
	case r.Next == session.NextConfirm && r.State == session.Interrupted:
		return Text{"Zum Fortsetzen fehlt noch ein Nachweis. Bitte beheben, oder mit Grund fortfahren.",
			"Something is not proven yet. Please put it right, or continue with a reason."}
	case r.Next == session.NextConfirm:
		return Text{"Nicht alles wurde zurückgestellt. Bitte prüfen, dann den Raum mit Grund freigeben.",
			"Not everything was put back. Please check, then give the room back with a reason."}
	case r.State == session.Open:
		return Text{"Ein Druck genügt: Der Raum wird geprüft und schließt von selbst.",
			"One press is enough: the room is checked and closes by itself."}
	case r.State == session.Planned:
		return Text{"Die Vorbereitung läuft. Ein Druck beginnt die Übergabe.",
			"Preparation is under way. One press starts the handover."}
	case r.State.Step():
		return Text{"Bitte warten. Sobald alles nachgewiesen ist, beginnt der nichtöffentliche Teil von selbst.",
			"Please wait. As soon as everything is proven the closed part begins by itself."}
	case r.State == session.Closed:
		return Text{"Der nichtöffentliche Teil läuft.", "The closed part is under way."}
	case r.State == session.Interrupted:
		return Text{"Der Raum bleibt nichtöffentlich, bis Sie fortsetzen oder beenden.",
			"The room stays closed until you resume or end."}
	case r.State == session.Restoring:
		return Text{"Der Raum wird für die Öffentlichkeit wiederhergestellt.", "The room is being restored for the public."}
	}
	return Text{}
}

// proposals are the titles of a suggestion.
var proposals = map[Act]Text{
	Start:     {"Vorschlag: nichtöffentlichen Teil beginnen", "Suggestion: start the closed part"},
	Confirm:   {"Vorschlag: mit Grund fortfahren", "Suggestion: continue with a reason"},
	Interrupt: {"Vorschlag: unterbrechen", "Suggestion: interrupt"},
	Resume:    {"Vorschlag: fortsetzen", "Suggestion: resume"},
	End:       {"Vorschlag: nichtöffentlichen Teil beenden", "Suggestion: end the closed part"},
}

var shares = [4]Text{
	{"nicht vorhanden", "absent"}, {"unter der Hälfte", "under half"}, {"das meiste", "most of it"}, {"alles", "all of it"},
}

func shareWord(n int) Text { return shares[min(max(n, 0), 3)] }

var links = map[Link]Text{
	LinkUp:   {"verbunden", "connected"},
	LinkDown: {"getrennt, Meldungen werden aufbewahrt", "disconnected, messages are kept"},
	LinkNone: {"nicht eingerichtet", "not set up"},
}

func bitsText(s Sensor) Text {
	return Text{
		"Der Sensor konnte in der letzten Stunde höchstens " + number("de", s.BitsLastHour) + " Bit abgeben; Sprache braucht etwa 39 bit/s.",
		"In the last hour the sensor could give away at most " + number("en", s.BitsLastHour) + " bits; speech takes about 39 bit/s.",
	}
}

// nextText returns what the wall says about the time to come, or nil.
func nextText(r *session.Report, at time.Time, loc *time.Location) *Text {
	switch {
	case r.State.Confidential() && r.To != nil && r.To.After(at):
		to := r.To.In(loc).Format("15:04")
		return &Text{"voraussichtlich bis " + to + " Uhr", "until about " + to}
	case r.State == session.Open && r.From != nil && r.From.After(at):
		from := r.From.In(loc).Format("15:04")
		return &Text{"Nichtöffentlicher Teil ab " + from + " Uhr", "Closed part from " + from}
	}
	return nil
}

// number writes n with its thousands apart: 1.234 in German, 1,234 in English.
func number(lang string, n int64) string {
	sep := "."
	if lang == "en" {
		sep = ","
	}
	s := strconv.FormatInt(n, 10)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + sep + s[i:]
	}
	if neg {
		s = "−" + s
	}
	return s
}

// decimal writes x with the decimals given: 18,5 in German, 18.5 in English.
func decimal(lang string, x float64, decimals int) string {
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	whole, frac, _ := strings.Cut(s, ".")
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil {
		minus := strings.HasPrefix(whole, "-") && n == 0 // -0.4
		whole = number(lang, n)
		if minus {
			whole = "−" + whole
		}
	}
	switch {
	case frac == "":
		return whole
	case lang == "en":
		return whole + "." + frac
	}
	return whole + "," + frac
}

// clockTime writes t in the way of the language, with the date where it is not that of ref.
func clockTime(lang string, t, ref time.Time, loc *time.Location) string {
	t, ref = t.In(loc), ref.In(loc)
	same := t.YearDay() == ref.YearDay() && t.Year() == ref.Year()
	switch {
	case lang == "en" && same:
		return t.Format("15:04")
	case lang == "en":
		return t.Format("2006-01-02 15:04")
	case same:
		return t.Format("15:04") + " Uhr"
	}
	return t.Format("02.01.2006, 15:04") + " Uhr"
}

func sinceText(lang string, t, ref time.Time, loc *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf(Text{"seit %s", "since %s"}.In(lang), clockTime(lang, t, ref, loc))
}
