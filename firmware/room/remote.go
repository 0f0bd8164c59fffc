package room

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"subrosa/firmware/handover"
	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// remotely is what the room knows of those who attend from elsewhere.
type remotely struct {
	handover.Remote
	saved string
}

// remoteState is what survives a restart.
type remoteState struct {
	Format int                   `json:"format"`
	Remote handover.RemoteMemory `json:"remote"`
}

// remote returns the members that have checked in from elsewhere, in order.
func (r *Room) remote() (members []string) {
	for m, place := range r.p.Attendance.Where() {
		if place == roster.Home {
			members = append(members, m)
		}
	}
	slices.Sort(members)
	return members
}

// recallRemote takes over what the last run knew. What was said holds as long as the session is closed; on the way there
// it is to be said anew.
func (r *Room) recallRemote() {
	var st remoteState
	switch err := r.p.State.Load("remote", &st); {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil || st.Format != 1:
		r.p.Log.Error("what remote members said is unreadable: they are asked again", "format", st.Format, "err", err)
		return
	}
	s := r.p.Machine.State()
	if s == session.Open {
		r.remotely.End()
		r.saveRemote()
		return
	}
	r.remotely.Recall(st.Remote)
	if !s.Confidential() {
		r.remotely.Begin()
	}
}

// turnRemote does what a change of the session means for it.
func (r *Room) turnRemote(c session.Changed) {
	switch {
	case c.From == session.Open, c.To == session.Open:
		r.remotely.End()
	case c.To == session.Handover:
		r.remotely.Begin()
	default:
		return
	}
	r.saveRemote()
}

func (r *Room) saveRemote() {
	st := remoteState{Format: 1, Remote: r.remotely.Memory()}
	b, err := json.Marshal(st)
	if err != nil {
		panic(fmt.Sprintf("room: remote: %v", err)) // our own types
	}
	if string(b) == r.remotely.saved || r.remotely.saved == "" && len(st.Remote.Links)+len(st.Remote.Said) == 0 && r.p.Machine.State() != session.Open {
		return // nothing new, and no disk to wait for between two states
	}
	err = r.p.State.Save("remote", st)
	if r.check("state", "remote", err); err == nil {
		r.remotely.saved = string(b)
	}
}

var refusedRemote = &wall.Refusal{Text: wall.Text{DE: "Diese Person ist nicht von zu Hause angemeldet.", EN: "This person has not checked in from home."}}

// Declare takes the word of a member who attends from elsewhere that nobody else is in their room, or that somebody is.
// The member's page calls it, and the conference may: for who has proven to be that member. It waits for the room.
func (r *Room) Declare(ctx context.Context, member string, alone bool) error {
	return r.inRoom(ctx, func() error { return r.declared(member, alone) })
}

func (r *Room) declared(member string, alone bool) error {
	list := r.remote()
	if !slices.Contains(list, member) {
		return refusedRemote
	}
	if s := r.p.Machine.State(); !s.Step() && !s.Confidential() {
		return &wall.Refusal{Text: wall.Text{DE: "Die Übergabe hat noch nicht begonnen. Bitte dann bestätigen.", EN: "The handover has not begun yet. Please confirm then."}}
	}
	was, said := r.remotely.Said(member)
	r.remotely.Declare(r.p.Clock.Now(), member, alone)
	r.saveRemote()
	if !said || was.Alone != alone {
		yes, no := r.remotely.Tally(list)
		r.append("remote.declared", map[string]any{"alone": alone, "remote": len(list), "said": yes, "not_alone": no})
	}
	r.points()
	r.tell()
	return nil
}

// Declares returns how the pages reach it.
func (r *Room) Declares() wall.Declarer { return desk{r} }

// Declarer says for whom a link's secret speaks, and what they have said.
func (d desk) Declarer(ctx context.Context, secret string) (out wall.Declaring, err error) {
	err = d.r.inRoom(ctx, func() error {
		m, ok := d.r.remotely.Member(secret)
		if !ok || !slices.Contains(d.r.remote(), m) {
			return roster.ErrTicket
		}
		s := d.r.p.Machine.State()
		out = wall.Declaring{Member: m, Asked: s.Step() || s.Confidential(), Answer: d.answer(m)}
		return nil
	})
	return out, err
}

// Declare takes the word of whoever has the link.
func (d desk) Declare(ctx context.Context, secret string, alone bool) error {
	return d.r.inRoom(ctx, func() error {
		m, ok := d.r.remotely.Member(secret)
		if !ok {
			return roster.ErrTicket
		}
		return d.r.declared(m, alone)
	})
}

func (d desk) answer(member string) wall.Answered {
	switch s, ok := d.r.remotely.Said(member); {
	case !ok:
		return wall.NotSaid
	case s.Alone:
		return wall.SaidAlone
	}
	return wall.SaidNotAlone
}

// toldAlone returns what remote members have said. It may be called from any goroutine.
func (r *Room) toldAlone() map[string]wall.Answered {
	out := map[string]wall.Answered{}
	ctx, cancel := context.WithTimeout(context.Background(), orderWithin)
	defer cancel()
	err := r.inRoom(ctx, func() error {
		for _, m := range r.remote() {
			out[m] = desk{r}.answer(m)
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return out
}
