package call

import (
	"bytes"
	"strings"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// CodesDiffer is the label where devices of one epoch computed different codes: they are in different groups.
const CodesDiffer = "differ"

// codeOf takes the code that a chair's or the hall's device computes. It holds for this epoch only.
func (c *Call) codeOf(s *Seat, m *signal.Code) {
	if !c.member(s.id) || !bytes.Equal(m.Group, c.group.ID) || m.Epoch != c.group.Epoch() || s.who.Role != roster.Room && s.who.Role != roster.Chair {
		return
	}
	switch {
	case c.code == CodesDiffer: // and stays so in this epoch
		return
	case c.code != "" && !strings.HasSuffix(c.code, " "+m.Code):
		c.code = CodesDiffer
	case s.who.Role == roster.Room:
		c.code = "room " + m.Code
		return
	case c.code == "":
		c.code = "chair " + m.Code
		return
	default:
		return
	}
	c.warn(s, "code", signal.Text{
		DE: "Zwei Geräte zeigen verschiedene Raumschlüssel. Bitte sprechen Sie nicht weiter und rufen Sie die Geschäftsstelle an.",
		EN: "Two devices show different room codes. Please stop talking and call the clerk."})
}

// warn tells s, chair and clerk, and the journal, of what is no matter of media.
func (c *Call) warn(s *Seat, why string, text signal.Text) {
	c.cry(s, &signal.Alarm{Participant: s.id, Why: why, Text: text})
	c.note(KindAlarm, map[string]any{"why": why, "role": string(s.who.Role)})
}

// cry sends an alarm to whom it is about, and to chair and clerk.
func (c *Call) cry(s *Seat, m *signal.Alarm) {
	l := signal.NewLetter(m)
	s.post(l)
	for _, o := range c.seats {
		if o != s && !o.lobby && level.May(o.who.Role, level.Admit) {
			o.post(l)
		}
	}
}
