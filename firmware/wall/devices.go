package wall

import (
	"fmt"

	"subrosa/firmware/lockdown"
	"subrosa/firmware/session"
)

// phonesCard is how the lock stands, by state, with what a person can do. It knows counts, no devices and no names.
type phonesCard struct {
	Devices string
	Lines   []string
	Rows    []countRow
	Notes   []string
}

type countRow struct {
	Title, Do, Count string
	Good             bool
}

// wallPhones are the lines of the wall: while a session is prepared or held, and on what is left to give back.
func wallPhones(v *View) (out []Text) {
	l := v.Lockdown
	if l == nil || v.Session.State == session.Open && l.Phase != lockdown.Giving {
		return nil
	}
	for _, t := range l.Lines() {
		out = append(out, Text(t))
	}
	return out
}

// devices fills in who has checked in, and the lock.
func (p *chairPage) devices(h *Handler) {
	v, lang := p.View, p.Lang
	if v.Here != nil && h.opt.CheckIn != nil {
		p.Here = hereText(*v.Here).In(lang)
	}
	for _, t := range v.Call.Lines() {
		p.Call = append(p.Call, t.In(lang))
	}
	if t := v.Call.Declared(); t != (Text{}) {
		p.Call = append(p.Call, t.In(lang))
	}
	if k := v.Call.Key(); k != nil {
		p.Key = &keyCard{k.Fives, k.By.In(lang), k.Differ}
	}
	p.Program, p.Whole = v.Call.Program()
	l := v.Lockdown
	if l == nil {
		return
	}
	c := &phonesCard{}
	if l.Phase == lockdown.Locking || l.Phase == lockdown.Over {
		c.Devices = fmt.Sprintf(Text{"%d Dienstgeräte", "%d devices of the house"}.In(lang), l.Devices)
	}
	lines := l.Lines()
	if l.Phase == lockdown.Locking && l.Reached > 0 {
		lines = lines[1:] // the rows say the counts
		c.rows(lang, l)
	}
	for _, t := range lines {
		c.Lines = append(c.Lines, t.In(lang))
	}
	for _, f := range l.Faults {
		c.Notes = append(c.Notes, fmt.Sprintf("%s: %s", f.Conn, lockdown.FaultText(f.Why).In(lang)))
	}
	for _, q := range l.Postures {
		note := fmt.Sprintf(Text{"Dauerhaft (%s): %s", "Standing (%s): %s"}.In(lang), q.Conn, q.Text(v.At, h.opt.Location).In(lang))
		if q.Old {
			note += Text{" – veraltet", " – out of date"}.In(lang)
		}
		c.Notes = append(c.Notes, note)
	}
	if l.Phase == lockdown.Locking {
		c.Notes = append(c.Notes, Text{"Die Sperre endet spätestens um ", "The lock ends at the latest at "}.In(lang)+clockTime(lang, l.Until, v.At, h.opt.Location)+
			Text{". Private Geräte werden nicht angefasst.", ". Private devices are not touched."}.In(lang))
	}
	p.Phones = c
}

func (c *phonesCard) rows(lang string, l *lockdown.Status) {
	for _, q := range l.Parts() {
		r := countRow{Title: upper(q.Text.In(lang)), Do: q.Do.In(lang), Count: number(lang, int64(q.Count)), Good: q.Good}
		c.Rows = append(c.Rows, r)
	}
	if l.Microphones > 0 {
		c.Rows = append(c.Rows, countRow{Title: Text{"Mikrofon abschaltbar, davon aus", "Microphone can be switched off, of these off"}.In(lang),
			Count: fmt.Sprintf(Text{"%d von %d", "%d of %d"}.In(lang), l.MicrophonesOff, l.Microphones), Good: l.MicrophonesOff == l.Microphones})
	}
}
