package room

import (
	"strings"

	"subrosa/firmware/av"
	"subrosa/firmware/handover"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// walk describes the walk-through for the pages: nil unless the room is on its way to closed, or interrupted.
func (r *Room) walk() *wall.Walk {
	s := r.session.State
	if !s.Step() && s != session.Interrupted {
		return nil
	}
	now := r.p.Clock.Now()
	measured := map[string]session.Point{} // without what people have confirmed
	for _, p := range r.hallPoints(now) {
		measured[p.Name] = p
	}
	w := &wall.Walk{}
	for _, p := range r.session.Points {
		m, ours := measured[p.Name]
		if !ours {
			continue
		}
		step := wall.Step{Point: p}
		if !p.Proven {
			for _, role := range []session.Role{session.Chair, session.Clerk} {
				if handover.May(role, m) {
					step.May = append(step.May, role)
				}
			}
		}
		if strings.HasPrefix(p.Name, handover.Seats) {
			step.Until, step.Zone = r.p.Walk.Until(), strings.TrimPrefix(p.Name, handover.Seats)
		}
		if p.Name == handover.Phones && r.facts.Slots > 0 {
			step.Counts, step.Have, step.Want = true, r.facts.Phones, r.p.Walk.Heads()
		}
		w.Steps = append(w.Steps, step)
	}
	if len(w.Steps) == 0 {
		return nil
	}
	return w
}

// recording is what the lamp of the same name says: it is on in the public part, too.
func (r *Room) recording() (out []wall.Text) {
	recorder, stream := r.p.AV.Recording(r.p.Clock.Now())
	if recorder {
		out = append(out, wall.Text{DE: "Aufzeichnung läuft", EN: "Recording"})
	}
	if stream {
		out = append(out, wall.Text{DE: "Livestream läuft", EN: "Live stream on"})
	}
	return out
}

// HallWords are the names of the points of a room's own devices and zones, by slug. Names are German or proper names, so
// that both languages show them.
func HallWords(devices map[string]av.Kind, names map[string]string, zones []handover.Zone) map[string]wall.Text {
	words, known := map[string]wall.Text{}, Words()
	for id, kind := range devices {
		t := known[string(kind)+"-off"]
		if n := names[id]; n != "" {
			t = wall.Text{DE: t.DE + ": " + n, EN: t.EN + ": " + n}
		}
		words[av.Device{ID: id}.Point()] = t
	}
	for _, z := range zones {
		words[handover.Seats+z.ID] = wall.Text{DE: "Unter den Sitzen: " + z.Name, EN: "Under the seats: " + z.Name}
	}
	return words
}
