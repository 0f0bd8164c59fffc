package wall

import (
	"strings"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/finding"
)

// alarmCard is an alarm as the chair reads it: the likely innocent cause, then what was measured, then what to do.
type alarmCard struct {
	ID, Cause, Why, Advice, Ack string
	Figures                     []fact
}

var sides = map[finding.Side]Text{
	finding.Inside:  {"im Raum", "in the room"},
	finding.Outside: {"außerhalb", "outside"},
	finding.Unknown: {"nicht bestimmbar", "cannot be told"},
}

func newAlarmCard(lang string, a *alarm.Alarm, at time.Time, loc *time.Location) alarmCard {
	f := &a.Finding
	c := alarmCard{ID: f.ID, Advice: f.Advice(lang)}
	c.Cause = Text{"Ursache noch offen", "Cause still open"}.In(lang)
	if why := f.Why(lang); why != "" {
		c.Cause = Text{"Mögliche harmlose Ursache: ", "Possible harmless cause: "}.In(lang) + strings.TrimSuffix(why, ".")
	}
	c.Why = strings.Join([]string{f.Title(lang), spanText(lang, f, at, loc), a.State.Text(lang)}, " · ")
	if a.Ack != nil {
		c.Ack = a.Ack.Text(lang)
	}
	c.Figures = figures(lang, a)
	return c
}

// spanText says since when, or from when to when.
func spanText(lang string, f *finding.Finding, at time.Time, loc *time.Location) string {
	if f.End == nil {
		return sinceText(lang, f.Start, at, loc)
	}
	start, end := clockTime(lang, f.Start, at, loc), clockTime(lang, *f.End, at, loc)
	if start == end {
		return Text{"um ", "at "}.In(lang) + start
	}
	return strings.TrimSuffix(start, " Uhr") + Text{" bis ", " to "}.In(lang) + end
}

// figures are what was measured, for whoever asks.
func figures(lang string, a *alarm.Alarm) (out []fact) {
	f := &a.Finding
	add := func(t Text, value string) { out = append(out, fact{t.In(lang), value}) }
	if f.Hz > 0 {
		add(Text{"Frequenz", "Frequency"}, finding.Hertz(lang, f.Hz))
	}
	if f.BwHz > 0 {
		add(Text{"Bandbreite", "Bandwidth"}, finding.Hertz(lang, f.BwHz))
	}
	if f.Sense != detect.Health {
		add(Text{"Signal zu Rauschen", "Signal to noise"}, decimal(lang, f.SNRDB, 1)+" dB")
		add(Text{"Pegel", "Level"}, decimal(lang, f.LevelDB, 1)+" dB")
	}
	if f.Threshold > 0 {
		add(Text{"Messgröße / Schwelle", "Statistic / threshold"}, decimal(lang, f.Statistic, 2)+" / "+decimal(lang, f.Threshold, 2))
	}
	if f.Confidence > 0 {
		add(Text{"Sicherheit", "Confidence"}, decimal(lang, 100*f.Confidence, 0)+" %")
	}
	if t, ok := sides[f.Side]; ok {
		add(Text{"Ort", "Place"}, t.In(lang))
	}
	if a.Merged > 0 {
		add(Text{"Weitere gleiche", "Further alike"}, number(lang, int64(a.Merged)))
	}
	if f.Coverage != "" {
		add(Text{"Abdeckung", "Coverage"}, f.Coverage)
	}
	add(Text{"Kennung", "Identifier"}, f.ID)
	return out
}

func kindText(k detect.Kind) Text { return Text{finding.KindText("de", k), finding.KindText("en", k)} }
