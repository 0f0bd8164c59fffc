package page

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"subrosa/cmd/console/internal/access"
	"subrosa/cmd/console/internal/fleet"
	"subrosa/cmd/console/internal/store"
	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
)

func (h *Handler) getRooms(w http.ResponseWriter, r *http.Request, _ access.Who) {
	lang := h.lang(r)
	p := struct {
		frame
		Rooms []show
	}{frame: h.frame(r, in(lang, texts["rooms"]), "rooms")}
	open := 0
	for _, room := range h.fleet.Rooms() {
		s := h.newShow(lang, room)
		open += len(s.Open)
		p.Rooms = append(p.Rooms, s)
	}
	p.Announce = alarmCount(lang, open)
	h.render(w, r, http.StatusOK, "rooms", p)
}

func alarmCount(lang string, n int) string {
	switch n {
	case 0:
		return in(lang, texts["alarms.0"])
	case 1:
		return in(lang, texts["alarms.1"])
	}
	return fmt.Sprintf("%d %s", n, in(lang, texts["alarms.n"]))
}

// spans are what the charts can show, in minutes; the first is the default.
var spans = []int{15, 60, 360, 1440}

// minutes is the span of the charts that a request asks for.
func minutes(r *http.Request) int {
	if n, err := strconv.Atoi(r.URL.Query().Get("m")); err == nil && slices.Contains(spans, n) {
		return n
	}
	return spans[0]
}

func (h *Handler) getRoom(w http.ResponseWriter, r *http.Request, who access.Who) {
	room, ok := h.fleet.Room(r.PathValue("room"))
	if !ok {
		h.fail(w, r, http.StatusNotFound, "err.gone")
		return
	}
	p, err := h.roomPage(r, room, who)
	if err != nil {
		h.broken(w, r, err)
		return
	}
	h.render(w, r, http.StatusOK, "room", p)
}

// mayLearn reports whether the unit would take an order to learn: not on the way to a closed session, nor in one.
func mayLearn(r *session.Report) bool {
	return r == nil || r.State == session.Open || r.State == session.Planned
}

func (h *Handler) roomPage(r *http.Request, room fleet.Room, who access.Who) (*roomPage, error) {
	lang := h.lang(r)
	p := &roomPage{
		frame: h.frame(r, h.roomName(room.ID), "rooms"), show: h.newShow(lang, room), Minutes: minutes(r), Answers: answersIn(lang),
		Lock: newLockView(lang, room.ID, h.roomName(room.ID), room.Lock, room.Members), MayRoster: who.Role.May(access.Session),
		Meeting: newMeetingView(lang, room.Meeting),
		MayAck:  who.Role.May(access.Ack), MayLearn: who.Role.May(access.Baseline) && mayLearn(room.Session),
	}
	p.Announce = p.Name + ": " + p.Word + ". " + alarmCount(lang, len(p.Open))
	end := h.Now()
	if room.Session != nil {
		p.Acts = who.Allowed(room.Session.State)
		p.Acts = slices.DeleteFunc(p.Acts, func(k session.Kind) bool { return k == session.OnConfirm || k == session.OnResume })
		p.addForms(lang, h.loc, end)
	}
	var err error
	if p.Steps, err = h.Store.Steps(r.Context(), room.ID, 40); err != nil {
		return nil, err
	}
	for _, u := range room.Units {
		t, err := h.newTrack(lang, u, time.Duration(p.Minutes)*time.Minute)
		if err != nil {
			return nil, err
		}
		if t.Last.After(end) || len(p.Steps) > 0 && end.Sub(p.Steps[len(p.Steps)-1].At) > 24*time.Hour && !t.Last.IsZero() {
			end = t.Last // the unit's clock is a scenario's
		}
		p.Tracks = append(p.Tracks, t)
	}
	p.Steps = recent(p.Steps, end.Add(-24*time.Hour))
	p.Timeline = timelineSVG(p.Steps, end, in(lang, texts["timeline"]))
	slices.Reverse(p.Steps)
	return p, nil
}

// recent leaves out the steps that ended before from.
func recent(steps []store.Step, from time.Time) []store.Step {
	for len(steps) > 1 && steps[1].At.Before(from) {
		steps = steps[1:]
	}
	return steps
}

const formTime = "2006-01-02T15:04"

func (p *roomPage) addForms(lang string, loc *time.Location, now time.Time) {
	next := now.In(loc).Truncate(15 * time.Minute).Add(30 * time.Minute)
	p.From, p.To = next.Format(formTime), next.Add(90*time.Minute).Format(formTime)
	for _, k := range kinds {
		p.Kinds = append(p.Kinds, option{k.Slug, in(lang, texts[k.Key])})
	}
	for _, l := range levels {
		p.Levels = append(p.Levels, option{l.Slug, in(lang, texts[l.Key])})
	}
	for _, r := range session.InterruptReasons {
		p.Reasons = append(p.Reasons, option{string(r), in(lang, Text(r.Words()))})
	}
}

// Has reports whether the page offers act.
func (p *roomPage) Has(act string) bool { return slices.Contains(p.Acts, session.Kind(act)) }

// EndKey names the button that ends: it means another thing before the session has begun.
func (p *roomPage) EndKey() string {
	switch {
	case p.Report.State == session.Planned:
		return "act.drop"
	case p.Report.State.Step():
		return "act.cancel"
	}
	return "act.end"
}

var errInput = errors.New("page: input is incomplete")

// desired reads the form of an action.
func (h *Handler) desired(r *http.Request, who access.Who) (session.Desired, session.Kind, error) {
	f := r.PostForm
	kind := session.Kind(f.Get("act"))
	d := session.Desired{Role: who.As(kind)}
	switch kind {
	case session.OnPlan:
		from, err1 := time.ParseInLocation(formTime, f.Get("from"), h.loc)
		to, err2 := time.ParseInLocation(formTime, f.Get("to"), h.loc)
		if err1 != nil || err2 != nil || !to.After(from) || to.Sub(from) > 24*time.Hour {
			return d, kind, errInput
		}
		from, to = from.UTC(), to.UTC()
		d.State, d.From, d.To = session.Planned, &from, &to
	case session.OnStart:
		d.State = session.Closed
	case session.OnInterrupt:
		d.State, d.Reason = session.Interrupted, session.Reason(f.Get("reason"))
		if !slices.Contains(session.InterruptReasons, d.Reason) {
			return d, kind, errInput
		}
	case session.OnEnd:
		d.State = session.Open
	default:
		return d, kind, errInput
	}
	if kind == session.OnPlan || kind == session.OnStart {
		d.Kind, d.Level = f.Get("kind"), f.Get("level")
		if !listed(kinds, d.Kind) || !listed(levels, d.Level) {
			return d, kind, errInput
		}
	}
	return d, kind, nil
}

func listed(list []struct{ Slug, Key string }, slug string) bool {
	return slices.ContainsFunc(list, func(o struct{ Slug, Key string }) bool { return o.Slug == slug })
}

func (h *Handler) postSession(w http.ResponseWriter, r *http.Request, who access.Who) {
	id := r.PathValue("room")
	room, ok := h.fleet.Room(id)
	if !ok {
		h.fail(w, r, http.StatusNotFound, "err.gone")
		return
	}
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, http.StatusBadRequest, "err.input")
		return
	}
	d, kind, err := h.desired(r, who)
	switch {
	case err != nil:
		h.fail(w, r, http.StatusUnprocessableEntity, "err.input")
		return
	case d.Role == "":
		h.fail(w, r, http.StatusForbidden, "err.right")
		return
	case room.Session == nil || !slices.Contains(who.Allowed(room.Session.State), kind):
		h.fail(w, r, http.StatusConflict, "err.state")
		return
	}
	h.order(w, r, who, order{
		audit: store.Audit{What: "session." + string(kind), Target: id, Detail: string(d.Reason)}, back: "/rooms/" + id + "?done=session",
		do: func() error { return h.Commands.Desire(r.Context(), h.Now(), id, d) },
	})
}

// order is something that a person asks of a unit.
type order struct {
	audit store.Audit
	back  string
	do    func() error
}

// order sends o and records it. What the broker did not take was not done, and is not recorded as done.
func (h *Handler) order(w http.ResponseWriter, r *http.Request, who access.Who, o order) {
	err := o.do()
	switch {
	case errors.Is(err, fleet.ErrUnknown):
		h.fail(w, r, http.StatusNotFound, "err.gone")
		return
	case errors.Is(err, fleet.ErrBroker):
		h.Log.Error("order not sent", "what", o.audit.What, "err", err)
		h.fail(w, r, http.StatusBadGateway, "err.broker")
		return
	case errors.Is(err, alarm.ErrAck):
		h.fail(w, r, http.StatusUnprocessableEntity, "err.input")
		return
	case err != nil:
		h.broken(w, r, err)
		return
	}
	o.audit.At, o.audit.Role, o.audit.Account = h.Now(), string(who.Role), who.Account
	if err := h.Store.Append(r.Context(), o.audit); err != nil {
		h.broken(w, r, err)
		return
	}
	h.Log.Info("order sent", "what", o.audit.What, "target", o.audit.Target, "role", who.Role)
	http.Redirect(w, r, o.back, http.StatusSeeOther)
}

func (h *Handler) postAck(w http.ResponseWriter, r *http.Request, who access.Who) {
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, http.StatusBadRequest, "err.input")
		return
	}
	room, id := r.PathValue("room"), r.PathValue("id")
	verdict, reason, _ := strings.Cut(r.PostForm.Get("answer"), "/")
	a := alarm.Ack{Role: who.Role.Answering(), Verdict: alarm.Verdict(verdict), Reason: reason}
	h.order(w, r, who, order{
		audit: store.Audit{What: "alarm.answered", Target: room + "/" + id, Detail: verdict + "/" + reason}, back: "/rooms/" + room + "?done=ack",
		do: func() error { return h.Commands.Answer(r.Context(), h.Now(), room, id, a) },
	})
}

func (h *Handler) postLearn(w http.ResponseWriter, r *http.Request, who access.Who) {
	unit := r.PathValue("unit")
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, http.StatusBadRequest, "err.input")
		return
	}
	back := "/units"
	if room := r.PostForm.Get("room"); room != "" {
		if _, ok := h.fleet.Room(room); ok {
			back = "/rooms/" + room + "?done=learn"
		}
	}
	h.order(w, r, who, order{
		audit: store.Audit{What: "baseline.learn", Target: unit}, back: back,
		do: func() error { return h.Commands.Learn(r.Context(), h.Now(), unit) },
	})
}

func (h *Handler) getBands(w http.ResponseWriter, r *http.Request, _ access.Who) {
	room, ok := h.fleet.Room(r.PathValue("room"))
	unit := r.PathValue("unit")
	if !ok || !slices.ContainsFunc(room.Units, func(u fleet.Unit) bool { return u.ID == unit }) {
		http.NotFound(w, r)
		return
	}
	over := time.Duration(minutes(r)) * time.Minute
	t, err := h.fleet.Track(unit, over)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	if err := writeBands(w, t, over); err != nil {
		h.Log.Error("band history cannot be drawn", "err", err)
	}
}
