package wall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
)

const patience = 15 * time.Second // with Options.Do

var pageRoles = []session.Role{session.Chair, session.Clerk}

// chairPage is the page of the chair, and with fewer buttons of the clerk.
type chairPage struct {
	page
	Role        session.Role
	RoleWord    string
	Word        string
	Kind        string
	Since       string
	NoticeLines []string
	Note        string // answer to the last press
	CanAct      bool
	Decides     bool
	Lead        string
	Presses     []press
	Proposal    *proposalCard
	Told        []noticeCard
	Open        []alarmCard
	Answered    []alarmCard
	Answers     []answerGroup
	Agenda      []agendaCard
	AgendaShown bool
	AgendaNote  string
	Walk        []walkLine
	Walked      string
	Unproven    []string // named beside the second press
	Points      []pointLine
	Proven      string
	Senses      []senseLine
	BitsLine    string
	UnitLine    string
	UnitFacts   []fact
	Here        string // who has checked in; "": no roster
	Phones      *phonesCard
	Paper       []paperLine // points that a person has to look at
	Call        []string    // the conference
	Key         *keyCard
	Program     string // checksum of its program: the beginning
	Whole       string // and all of it
}

// press is a button with what must be chosen before it.
type press struct {
	ID, Label, Class string
	Act, Proposes    Act
	Seen             session.State
	Fold             string // not "": the button is one tap further away
	ReasonLabel      string
	Choose           string
	Reasons          []choice
}

type choice struct{ Value, Text string }

type fact struct{ Label, Value string }

type keyCard struct {
	Fives  []string
	By     string
	Differ bool
}

type answerGroup struct {
	Label   string
	Reasons []choice
}

type pointLine struct {
	Title, State, Detail string
	Proven               bool
}

type senseLine struct {
	Sense, ShareWord, Sees string
	Share                  int
	Cannot                 []string
}

type proposalCard struct {
	Title, Why string
	Press      *press
}

func (h *Handler) chairPage(role session.Role, lang, note string) chairPage {
	v, stale := h.view()
	p := chairPage{page: h.page(lang, v, stale), Role: role, Note: note}
	p.CanAct = h.opt.Do != nil && !stale
	p.Decides = p.CanAct && role == session.Chair
	p.RoleWord = roleText(role).In(lang)
	p.Word = p.Look.Word.In(lang)
	p.Title = fmt.Sprintf("%s · %s", p.Word, v.Room)
	if stale {
		return p
	}
	p.head(h)
	p.alarms(h)
	p.notices(h)
	p.buttons()
	p.agenda(h)
	p.points(h)
	p.senses()
	p.unit(h)
	p.devices(h)
	p.paper(h)
	if n := len(p.Open); n > 0 {
		p.Title = fmt.Sprintf("(%d) %s", n, p.Title)
	}
	return p
}

func (p *chairPage) head(h *Handler) {
	s := &p.View.Session
	if s.Kind != "" {
		p.Kind = h.word(s.Kind).In(p.Lang)
	}
	if s.Level != "" && s.State != session.Open {
		p.Kind += ", " + h.word(s.Level).In(p.Lang)
	}
	p.Since = sinceText(p.Lang, s.Since, p.View.At, h.opt.Location)
	if t := nextText(s, p.View.At, h.opt.Location); t != nil {
		p.Since += " · " + t.In(p.Lang)
	}
	if p.Look.Note != (Text{}) {
		p.NoticeLines = append(p.NoticeLines, p.Look.Note.In(p.Lang))
	}
}

func (p *chairPage) alarms(h *Handler) {
	for i := range p.View.Alarms {
		a := &p.View.Alarms[i]
		c := newAlarmCard(p.Lang, a, p.View.At, h.opt.Location)
		if isOpen(a) {
			p.Open = append(p.Open, c)
		} else {
			p.Answered = append(p.Answered, c)
		}
	}
	for _, v := range alarm.Verdicts() {
		g := answerGroup{Label: v.Text(p.Lang)}
		for _, r := range alarm.Reasons(alarm.Verdict(v.Slug)) {
			g.Reasons = append(g.Reasons, choice{v.Slug + "/" + r.Slug, r.Text(p.Lang)})
		}
		p.Answers = append(p.Answers, g)
	}
}

func (p *chairPage) buttons() {
	v := p.View
	p.Lead = lead(&v.Session).In(p.Lang)
	if !p.CanAct {
		return
	}
	for _, a := range offered(v, p.Role) {
		p.Presses = append(p.Presses, p.press(a))
	}
	for _, a := range proposable(v, p.Role) {
		b := p.press(a)
		b.Act, b.Proposes, b.Reasons, b.Fold = Propose, a, nil, ""
		b.ID, b.Class = "propose-"+string(a), ""
		b.Label = proposals[a].In(p.Lang)
		p.Presses = append(p.Presses, b)
	}
	if q := v.Proposal; q != nil {
		c := &proposalCard{Title: proposals[q.Act].In(p.Lang), Why: q.Why.In(p.Lang)}
		for _, a := range offered(v, session.Chair) {
			if a == q.Act {
				b := p.press(a)
				b.ID, b.Fold = "accept-"+string(a), ""
				c.Press = &b
			}
		}
		p.Proposal = c
	}
}

// press returns the button for a. What starts or goes on is large; what pauses or ends lies one tap deeper, so
// that no thumb ends a session.
func (p *chairPage) press(a Act) press {
	s := p.View.Session.State
	b := press{ID: "reason-" + string(a), Act: a, Seen: s, Label: label(a, s).In(p.Lang), Class: "main"}
	for _, r := range reasonsOf(a) {
		b.Reasons = append(b.Reasons, choice{string(r), upper(Text(r.Words()).In(p.Lang))})
	}
	b.ReasonLabel = Text{"Grund", "Reason"}.In(p.Lang)
	b.Choose = Text{"Grund wählen …", "Choose a reason …"}.In(p.Lang)
	if a == End || a == Interrupt || a == Confirm && p.View.Session.Next != session.NextConfirm {
		b.Fold = b.Label + " …"
		if a == End {
			b.Class = "end"
		}
	}
	return b
}

func (p *chairPage) points(h *Handler) {
	p.Walk = h.walkLines(p.View, p.Lang, p.Role)
	done := 0
	for _, l := range p.Walk {
		if l.Proven {
			done++
		}
	}
	p.Walked = fmt.Sprintf(Text{"%d von %d erledigt", "%d of %d done"}.In(p.Lang), done, len(p.Walk))
	left, n := 0, 0
	for _, q := range p.View.Session.Points {
		if !q.Proven && !q.Accepted && p.View.Session.Next == session.NextConfirm {
			p.Unproven = append(p.Unproven, h.word(q.Name).In(p.Lang))
		}
		if p.View.find(q.Name) != nil {
			continue // it is a step of the walk
		}
		n++
		l := pointLine{Title: h.word(q.Name).In(p.Lang), Proven: q.Proven}
		l.State = Text{"nachgewiesen", "proven"}.In(p.Lang)
		if q.By != "" {
			l.State = stepState(&Step{Point: q}).In(p.Lang)
		}
		if !q.Proven {
			left++
			l.State = Text{"nicht nachgewiesen", "not proven"}.In(p.Lang)
			if q.Accepted {
				l.State = Text{"nicht nachgewiesen, von der Sitzungsleitung hingenommen", "not proven, accepted by the chair"}.In(p.Lang)
			}
		}
		if q.Detail != "" {
			l.Detail = h.word(q.Detail).In(p.Lang)
		}
		if !q.At.IsZero() {
			l.Detail += ": " + clockTime(p.Lang, q.At, p.View.At, h.opt.Location)
		}
		p.Points = append(p.Points, l)
	}
	slices.SortStableFunc(p.Points, func(a, b pointLine) int {
		return cmp.Compare(rank(a.Proven), rank(b.Proven)) // what is left to do comes first
	})
	p.Proven = fmt.Sprintf(Text{"%d von %d nachgewiesen", "%d of %d proven"}.In(p.Lang), n-left, n)
}

func rank(proven bool) int {
	if proven {
		return 1
	}
	return 0
}

func (p *chairPage) senses() {
	for _, c := range p.View.Coverage {
		l := senseLine{Sense: c.Sense.In(p.Lang), Sees: c.Sees.In(p.Lang), Share: c.Share, ShareWord: shareWord(c.Share).In(p.Lang)}
		for _, t := range c.Cannot {
			l.Cannot = append(l.Cannot, t.In(p.Lang))
		}
		p.Senses = append(p.Senses, l)
	}
	p.BitsLine = bitsText(p.View.Sensor).In(p.Lang)
}

func (p *chairPage) unit(h *Handler) {
	u, lang := &p.View.Unit, p.Lang
	p.UnitLine = Text{"Leitstelle ", "console "}.In(lang) + links[u.MQTT].In(lang)
	seal := Text{"versiegelt", "sealed"}
	if p.View.Session.Has(session.Unsealed) {
		seal = Text{"nicht versiegelt", "not sealed"}
	}
	p.UnitFacts = []fact{
		{Text{"Gerät", "Unit"}.In(lang), u.ID},
		{Text{"Programmstand", "Software"}.In(lang), u.Software},
		{Text{"Sensor", "Sensor"}.In(lang), seal.In(lang)},
		{Text{"Leitstelle", "Console"}.In(lang), links[u.MQTT].In(lang)},
		{Text{"Wartende Meldungen", "Messages waiting"}.In(lang), number(lang, int64(u.Outbox))},
		{Text{"Stand", "As of"}.In(lang), clockTime(lang, p.View.At, p.View.At, h.opt.Location)},
	}
	if c := p.View.Sensor.BitsCeiling; c > 0 {
		p.UnitFacts = append(p.UnitFacts, fact{Text{"Obergrenze je Stunde", "Ceiling per hour"}.In(lang), number(lang, c) + " Bit"})
	}
}

func (h *Handler) chair(w http.ResponseWriter, r *http.Request) {
	role, err := h.role(r)
	if err != nil {
		h.render(w, r, http.StatusForbidden, "pair.html", h.pairPage(r, ""))
		return
	}
	h.render(w, r, http.StatusOK, "chair.html", h.chairPage(role, language(r), ""))
}

func (h *Handler) chairEvents(w http.ResponseWriter, r *http.Request) {
	if _, err := h.role(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	lang := language(r)
	h.stream(w, r, true, func() (frame, error) {
		role, err := h.role(r) // again each time: the key may have changed
		if err != nil {
			return frame{}, err
		}
		p := h.chairPage(role, lang, "")
		return h.frame(p.page, p, "chair-", "top", "alarms", "notices", "proposal", "action", "agenda", "walk", "points", "phones", "paper", "done", "measure", "unit")
	})
}

// do carries out an order and shows the page again.
func (h *Handler) do(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	role, err := h.role(r)
	if err != nil {
		h.render(w, r, http.StatusForbidden, "pair.html", h.pairPage(r, ""))
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, "form could not be read", http.StatusBadRequest)
		return
	}
	if err := h.perform(r, role); err != nil {
		lang := language(r)
		h.render(w, r, http.StatusConflict, "chair.html", h.chairPage(role, lang, err.Text.In(lang)))
		return
	}
	http.Redirect(w, r, "/leitung", http.StatusSeeOther)
}

func (h *Handler) perform(r *http.Request, role session.Role) *Refusal {
	v, stale := h.view()
	if stale || h.opt.Do == nil {
		return failed
	}
	o, err := h.order(r, v, role)
	if err == nil {
		// A press that has arrived is carried out even if the phone has lost the network since.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), patience)
		err = h.opt.Do(ctx, o)
		cancel()
	}
	if err == nil {
		h.log.Info("wall: done", "order", o.String())
		return nil
	}
	h.log.Warn("wall: not done", "order", o.String(), "err", err)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal
	}
	return failed
}
