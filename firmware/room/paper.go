package room

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
	"subrosa/mdm"
)

// paper is what connectors without a management want somebody to look at, and what chair and clerk have declared.
type paper struct {
	lists map[string][]mdm.Point // by connector
	kept  declarations
}

// declarations survive a restart until their connector has taken them. They hold pseudonyms of devices, so they go when their points do.
type declarations struct {
	Format int                        `json:"format"`
	Signed map[string][]mdm.Signature `json:"signed"` // by connector
}

// maxLists bounds the connectors that are listened to.
const maxLists = 32

func (r *Room) openPaper() {
	p := &r.devices.paper
	p.lists = map[string][]mdm.Point{}
	err := r.p.State.Load("signed", &p.kept)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && p.kept.Format != 1 {
		r.p.Log.Error("what was declared of devices is unreadable: they are asked about again", "err", err)
		p.kept = declarations{}
	}
	p.kept.Format = 1
	if p.kept.Signed == nil {
		p.kept.Signed = map[string][]mdm.Signature{}
	}
}

// listedPoints takes a connector's checklist.
func (r *Room) listedPoints(m shadow.Message) {
	conn, p := m.Topic.ID("conn"), &r.devices.paper
	if m.Data == nil {
		delete(p.lists, conn)
	} else {
		l, err := mdm.ReadChecklist(m.Data)
		if _, known := p.lists[conn]; err == nil && !known && len(p.lists) >= maxLists {
			err = errors.New("too many connectors")
		}
		if err != nil {
			r.p.Log.Warn("checklist refused", "topic", m.Topic.String(), "err", err)
			return
		}
		p.lists[conn] = l.Points
	}
	if n := len(p.kept.Signed[conn]); n > 0 {
		if left := r.unsettled(conn); len(left) < n {
			r.declare(conn, left)
		}
	}
	r.tell()
}

// unsettled are the declarations of which the connector still lists the point.
func (r *Room) unsettled(conn string) (out []mdm.Signature) {
	for _, s := range r.devices.paper.kept.Signed[conn] {
		if slices.ContainsFunc(r.devices.paper.lists[conn], func(p mdm.Point) bool { return p.Command == s.Command }) {
			out = append(out, s)
		}
	}
	return out
}

// declare keeps the declarations and sends them to the connector.
func (r *Room) declare(conn string, list []mdm.Signature) {
	p := &r.devices.paper
	if len(list) == 0 {
		delete(p.kept.Signed, conn)
		list = []mdm.Signature{}
	} else {
		p.kept.Signed[conn] = list
	}
	r.check("state", "signed", r.p.State.Save("signed", p.kept))
	r.check("outbox", "signed", r.p.Site.Report(topic.LockdownSigned(r.p.Room, conn), mdm.Signatures{Signed: list}))
}

// signed takes what chair or clerk declare at the page. The journal says who by role, of which connector and what: no device.
func (r *Room) signed(o wall.Order) error {
	gone := &wall.Refusal{Text: wall.Text{DE: "Dieser Punkt ist nicht mehr offen.", EN: "This point is no longer open."}}
	if o.Role != session.Chair && o.Role != session.Clerk {
		return gone
	}
	i := slices.IndexFunc(r.devices.paper.lists[o.Conn], func(p mdm.Point) bool { return p.Command == o.Command })
	list := r.unsettled(o.Conn)
	if i < 0 || len(list) >= mdm.MaxPoints || slices.ContainsFunc(list, func(s mdm.Signature) bool { return s.Command == o.Command }) {
		return gone
	}
	p := r.devices.paper.lists[o.Conn][i]
	r.declare(o.Conn, append(list, mdm.Signature{Device: p.Device, Command: p.Command, Role: string(o.Role), Done: !o.Refused, At: r.p.Clock.Now().UTC().Truncate(time.Second)}))
	r.appendFor(assistantRules, "lockdown.declared", map[string]any{"connector": o.Conn, "kind": p.Kind, "off": p.Off, "role": o.Role, "done": !o.Refused})
	return nil
}

// checklist is what the page shows, connector by connector.
func (r *Room) checklist() (out []wall.CheckPoint) {
	p := &r.devices.paper
	for _, conn := range slices.Sorted(maps.Keys(p.lists)) {
		for _, q := range p.lists[conn] {
			c := wall.CheckPoint{Point: q, Conn: conn}
			for _, s := range p.kept.Signed[conn] {
				if s.Command == q.Command {
					c.Signed, c.Done, c.At = session.Role(s.Role), s.Done, s.At
				}
			}
			out = append(out, c)
		}
	}
	return out
}
