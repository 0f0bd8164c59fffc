package room

import (
	"encoding/json"
	"slices"
	"time"

	"subrosa/firmware/av"
	"subrosa/firmware/policy"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// call is what the room knows of its conference.
type call struct {
	sent string    // desired as published, JSON
	left time.Time // when the hall's button was pressed last
	now  *report.Conference
	code time.Time       // when a code of the running call was told last; zero: none of it
	said report.Declared // by those who take part from elsewhere
}

// allowCall says what the session allows the conference: its level. Whether a public call that runs may go on in a session that
// has become stricter, the chair says in the call.
func (r *Room) allowCall() {
	d := report.ConferenceDesired{Allowed: true, Level: string(r.kind(r.p.Machine.State())), Session: string(r.p.Machine.State()), HallLeft: r.call.left}
	if d.Level == "" { // not known: the strictest
		d.Level = "confidential"
	}
	b, err := json.Marshal(d)
	if err != nil || string(b) == r.call.sent {
		return
	}
	r.call.sent = string(b)
	r.check("outbox", "conference", r.p.Site.Report(topic.ConferenceDesired(r.p.Room), d))
}

// leaveCall has the hall leave the conference: somebody has pressed its button.
func (r *Room) leaveCall() {
	r.call.left = r.p.Clock.Now().UTC()
	r.allowCall()
}

// conference takes what the conference says of itself.
func (r *Room) conference(m shadow.Message) {
	if m.Data == nil {
		r.call.now, r.call.code = nil, time.Time{}
		r.callStreams(nil)
		r.tell()
		return
	}
	c, err := report.ReadConference(m.Data)
	if err != nil {
		r.p.Log.Warn("report of the conference refused", "err", err)
		return
	}
	r.call.now = &c
	switch {
	case c.State != "running":
		r.call.code = time.Time{}
	case c.CodeLabel != "":
		r.call.code = c.At
	}
	r.callStreams(c.Streams)
	r.tell()
}

// conferenceDeclared takes what those who take part from elsewhere have said of their rooms. Who has checked in from home has said it to the
// room as well, as on their own page; a word of before the handover counts for nothing there.
func (r *Room) conferenceDeclared(m shadow.Message) {
	var d report.Declared
	if m.Data != nil {
		var err error
		if d, err = report.ReadDeclared(m.Data); err != nil {
			r.p.Log.Warn("declarations of the conference refused", "err", err)
			return
		}
	}
	before := r.call.said
	r.call.said = d
	for _, s := range d.Said {
		if slices.ContainsFunc(before.Said, func(b report.Said) bool { return b.Member == s.Member && b.Alone == s.Alone }) {
			continue
		}
		if err := r.declared(s.Member, s.Alone); err != nil {
			r.p.Log.Debug("declaration in the conference: not one of a member at home, or too early", "err", err)
		}
	}
	yes, no := d.Tally()
	wasYes, wasNo := before.Tally()
	if d.Asked > 0 && (yes != wasYes || no != wasNo || d.Asked != before.Asked) && r.p.Machine.State() != session.Open {
		r.append("conference.declared", map[string]any{"asked": d.Asked, "alone": yes, "not_alone": no})
	}
	r.tell()
}

const (
	callStale = 90 * time.Second // the conference says every 30 s how its call stands
	codeAwait = 20 * time.Second // for which a change of keys may go without a code
)

// gatherCall takes the conference's word on its own call for the facts of the policy. It is a word and no measurement of this unit's, so
// one that speaks for the call counts only if it is fresh and its process is sealed; one that speaks against it always counts while
// it is fresh. That a call is encrypted is said by the device of a chair or of the hall too: by the code that it computed of its keys.
func (r *Room) gatherCall(f *policy.Facts) {
	c, now := r.call.now, r.p.Clock.Now()
	if c == nil || c.At.IsZero() || now.Sub(c.At) > callStale || c.At.Sub(now) > maxAhead {
		return
	}
	if plain := c.Plain || c.Streams != nil && !c.Streams.Off(); plain || c.State != "idle" && c.State != "closed" {
		f.Must("conference_off", false)
		switch {
		case plain, c.CodeLabel == report.CodesDiffer:
			f.Must("conference_encrypted", false)
		case c.Sealed && !r.call.code.IsZero() && (c.CodeLabel != "" || now.Sub(r.call.code) <= codeAwait):
			f.Must("conference_encrypted", true)
		}
		return
	}
	if c.Sealed {
		f.Must("conference_off", true)
	}
}

// callStreams takes the conference's word on its own public streams for the equipment that is proven so.
func (r *Room) callStreams(s *report.Streams) {
	reading := av.Reading{State: av.Unknown, Why: "no-answer", At: r.p.Clock.Now()}
	if s != nil {
		reading = av.Reading{State: av.On, At: s.At}
		if s.Off() {
			reading.State = av.Off
		}
	}
	for _, d := range r.p.AV.Devices() {
		if slices.Contains(d.Proofs, av.Call) {
			r.equipment(d.ID, av.Call, reading)
		}
	}
}

// showCall is the conference's line on the pages; nil if there is nothing to say.
func (r *Room) showCall() *wall.Call {
	c := r.call.now
	if c == nil || c.State == "idle" && r.p.Machine.State() == session.Open || c.State == "closed" {
		return nil
	}
	shown := &wall.Call{State: c.State, Level: c.Level, Seats: c.Seats, Code: c.CodeLabel, Bundle: c.Bundle}
	if s := r.p.Machine.State(); s.Step() || s.Confidential() {
		shown.Asked = r.call.said.Asked
		shown.Alone, shown.NotAlone = r.call.said.Tally()
	}
	if !r.p.Site.Status().Connected { // the epoch may have changed without a word to this unit
		shown.Code = ""
	}
	return shown
}
