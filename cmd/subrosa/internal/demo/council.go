package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/seal"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
	"subrosa/provisioning/policies"
)

// councilAV are the devices of the hall that the gateway switches; the first is the one that goes on streaming.
var councilAV = []string{"stream", "recorder", "hall-mic", "overflow"}

// councilScenario is an evening of a city council: the public part, the handover with a stream that is still on, the
// closed part with an open window, a phone, a decision of the chair and a power cut, and the way back. Each act waits for
// what must be seen before it; a run in which that does not come is not in order. The hall, its contacts and the phone
// are simulated below the drivers and at the gateway; what measures, decides and records is the real unit.
func councilScenario() scenario {
	return scenario{name: "council", lasts: 1800, unit: (*demo).councilUnit, acts: (*demo).council, strict: true, steps: []step{
		{"unit", "online", "", ""},
		{"session", "open", "", ""},
		{"session", "planned", "", ""},
		{"session", "handover", "", ""},
		{"alarm", "raised", "av-hot", "stream"},
		{"session", "sweep", "", ""},
		{"session", "arming", "", ""},
		{"session", "closed", "", ""},
		{"session", "interrupted", "", ""}, // the window
		{"session", "closed", "", ""},
		{"alarm", "raised", "occupied-band", phoneBand},
		{"session", "interrupted", "", ""},          // the phone
		{"alarm", "raised", "sensor-dead", "panel"}, // a contact's wire
		{"session", "closed", "", ""},               // by the chair's decision
		{"alarm", "acknowledged", "occupied-band", phoneBand},
		{"unit", "offline", "", ""}, // the power cut
		{"unit", "online", "", ""},
		{"session", "interrupted", "", ""},
		{"session", "closed", "", ""},
		{"session", "restoring", "", ""},
		{"session", "open", "", ""},
	}, may: []step{
		// Without power the relay lets the hearing loop go: it is on until the unit holds it again.
		{"alarm", "raised", "av-hot", "hearing-loop"},
		// In a scenario that runs faster, what the broker or the gateway takes a moment for has taken a minute.
		{"alarm", "raised", "av-hot", "recorder"}, {"alarm", "raised", "av-hot", "hall-mic"}, {"alarm", "raised", "av-hot", "overflow-speaker"},
		{"alarm", "raised", "sensor-dead", "broker"},
	}}
}

// phoneBand is where the simulated phone transmits: seen by a power detector, since a tuner does not reach it.
const phoneBand = "gsm1800-ul"

// councilUnit is what the unit's file has beyond the others: the hall's devices, the walk, and the rules of a city
// council, less one: this room has no loudspeaker by which its microphone could be proven.
func (d *demo) councilUnit() (map[string]any, error) {
	b, err := policies.Get("city-council")
	if err != nil {
		return nil, err
	}
	var p map[string]any
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("demo: policy: %w", err)
	}
	rules, _ := p["rules"].([]any)
	p["rules"] = slices.DeleteFunc(rules, func(r any) bool { m, _ := r.(map[string]any); return m["id"] == "hears" })
	if b, err = json.MarshalIndent(p, "", "  "); err != nil {
		return nil, fmt.Errorf("demo: policy: %w", err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "unit", "policy.json"), b, 0o600); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	var av []map[string]any
	for _, id := range councilAV {
		av = append(av, map[string]any{"id": id, "mqtt": true, "stale_seconds": 600})
	}
	av = append(av, map[string]any{"id": "hearing-loop", "relay": "hearing-loop", "stale_seconds": 600})
	rec := func(name string) string { return filepath.Join("..", "recordings", name) }
	before := -startUp.Seconds() * d.Speed
	return map[string]any{"policy": "policy.json", "av": av,
		"handover": map[string]any{"gallery": true, "phones": true, "zones": []map[string]any{
			{"id": "links", "name": "Reihe 1 bis 3"}, {"id": "rechts", "name": "Besucherplätze"}}},
		"sound": map[string]any{"source": "feed", "feed": map[string]any{"rate": 48000, "items": []map[string]any{
			{"file": rec("meeting_16000.flac"), "at_s": before, "loop": true, "gain_db": 6}}}},
		"radio": map[string]any{"source": "feed", "feed": map[string]any{"rate": radioRate, "centre_hz": radioCentre, "items": []map[string]any{
			{"file": rec("air_synthetic.cu8"), "at_s": before, "loop": true}}}},
	}, nil
}

func (d *demo) council(round int) []act {
	t0 := float64(round) * d.scenario.lasts
	state := func(s session.State) func() bool { return func() bool { return d.seen.session().State == s } }
	proven := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { p, ok := d.seen.point(n); return !ok || !p.Proven })
	}
	press := func(a wall.Act) func(context.Context) error {
		return func(ctx context.Context) error { return d.chair.press(ctx, a, d.seen.session().State) }
	}
	acts := []act{
		{at: t0 + 4, ready: state(session.Open), must: "the room is public", do: func(context.Context) error {
			from := d.clock.Now().Add(10 * time.Minute)
			return d.seen.plan(from, from.Add(2*time.Hour))
		}},
		{at: t0 + 130, ready: state(session.Planned), must: "the closed part is planned", do: press(wall.Start)}, // by then the power detectors know their floor
		{ready: func() bool {
			stream, ok := d.seen.point("stream-off")
			return state(session.Handover)() && ok && !stream.Proven && proven("recorder-off", "hall-mic-off", "overflow-off", "hearing-loop-off", "sensor-alive", "journal-writes")
		}, must: "the handover, with the stream still on and all other equipment proven off", do: d.walkThrough},
		{ready: func() bool {
			left := d.seen.left()
			return state(session.Handover)() && slices.Equal(left, []string{"stream-off"})
		}, must: "the stream is all that keeps the room from closing", do: func(context.Context) error { d.hall.turn("stream", "off"); return nil }},
	}
	if seal.Probe() != nil { // a kernel that cannot seal the sensor: the rules of a council let the chair decide
		acts = append(acts, act{ready: func() bool { return d.seen.session().Next == session.NextConfirm }, must: "the chair is asked about the unsealed sensor",
			do: func(ctx context.Context) error {
				return d.chair.reason(ctx, wall.Confirm, d.seen.session().State, "accepted")
			}})
	}
	return append(append(acts, d.closedPart(state, press)...), d.wayBack(state, press)...)
}

// walkThrough is what people do in the handover.
func (d *demo) walkThrough(ctx context.Context) error {
	s := d.seen.session().State
	return errors.Join(
		d.chair.tick(ctx, s, "gallery-cleared", "checked-by-hand"),
		d.clerk.tick(ctx, s, "seats-links", "checked-by-hand"),
		d.clerk.tick(ctx, s, "seats-rechts", "checked-by-hand"),
		d.clerk.count(ctx, s, 12), d.chair.move(ctx, "locker", "12"))
}

// closedPart has a window, a phone, a decision and a power cut.
func (d *demo) closedPart(state func(session.State) func() bool, press func(wall.Act) func(context.Context) error) []act {
	proposed := func() bool {
		v, err := d.chair.view(context.Background())
		return err == nil && v.Proposal != nil && v.Proposal.Act == wall.Interrupt && v.Proposal.By == "unit"
	}
	interrupt := func(why session.Reason) func(context.Context) error {
		return func(ctx context.Context) error {
			return d.chair.reason(ctx, wall.Interrupt, d.seen.session().State, why)
		}
	}
	move := func(pairs ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			for i := 0; i < len(pairs); i += 2 {
				if err := d.chair.move(ctx, pairs[i], pairs[i+1]); err != nil {
					return err
				}
			}
			return nil
		}
	}
	phone := func() bool { _, ok := d.seen.alarm("occupied-band"); return ok }
	flagged := func() bool { return d.seen.session().Has(session.Override) }
	windows := func() bool { return !slices.Contains(d.seen.left(), "windows-closed") }
	return []act{
		{ready: state(session.Closed), must: "closed, by itself, once everything is proven", do: move("contact-window-1", "open")},
		{ready: func() bool { return state(session.Closed)() && proposed() }, must: "the unit proposes to interrupt for the window", do: interrupt("window-open")},
		{ready: state(session.Interrupted), must: "interrupted for the window", do: move("contact-window-1", "closed")},
		{ready: func() bool { return state(session.Interrupted)() && windows() && len(d.seen.left()) == 0 }, must: "the window is closed again", do: press(wall.Resume)},
		{ready: state(session.Closed), must: "closed again", do: move("power-0", "-15")}, // a phone in a call, some metres away
		{ready: func() bool { return phone() && proposed() }, must: "the phone is found, told to the chair and an interruption proposed", do: interrupt("finding")},
		{ready: state(session.Interrupted), must: "interrupted for the phone", do: move("power-0", "-70", "contact-window-2", "cut")}, // it is switched off; a contact's wire breaks
		{ready: func() bool { return slices.Contains(d.seen.left(), "windows-closed") }, must: "the broken contact is unproven, and not taken for closed", do: press(wall.Resume)},
		{ready: func() bool { return d.seen.session().Next == session.NextConfirm }, must: "going on takes the chair's decision", do: func(ctx context.Context) error {
			return d.chair.reason(ctx, wall.Confirm, d.seen.session().State, "technical-fault")
		}},
		{ready: func() bool { return state(session.Closed)() && flagged() }, must: "closed by the chair's decision, and marked so", do: func(ctx context.Context) error {
			a, ok := d.seen.alarm("occupied-band")
			if !ok {
				return errors.New("demo: the alarm is gone before it was answered")
			}
			return d.chair.answer(ctx, a.Finding.ID, alarm.Explained, "put-away")
		}},
		{ready: func() bool { return !phone() }, must: "the finding is answered", do: d.powerCut},
		{ready: state(session.Interrupted), must: "interrupted after the power cut", do: nil},
		{ready: func() bool { return state(session.Interrupted)() && len(d.seen.left()) == 0 }, must: "everything is proven anew after the power cut", do: press(wall.Resume)},
	}
}

// powerCut ends the unit as a pulled plug does, waits for the broker to notice, and gives the power back. What is wired
// to the unit has then forgotten that it was moved: the wire is mended, the phones are still in the locker.
func (d *demo) powerCut(ctx context.Context) error {
	if err := d.unit.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	<-d.unit.done
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for !d.seen.offline(unitID) {
		select {
		case <-ctx.Done():
			return errors.New("demo: the broker does not tell that the unit is gone")
		case <-time.After(20 * time.Millisecond):
		}
	}
	<-d.clock.After(outage)
	if err := d.startUnit(ctx); err != nil {
		return err
	}
	return d.chair.move(ctx, "locker", "12")
}

// outage is longer than a session takes without being interrupted.
const outage = time.Minute

// wayBack ends the session and sees every device as it was before the next public item.
func (d *demo) wayBack(state func(session.State) func() bool, press func(wall.Act) func(context.Context) error) []act {
	return []act{
		{ready: state(session.Closed), must: "closed after the power cut", do: press(wall.End)},
		{ready: func() bool { return state(session.Open)() && d.hall.all("on") }, must: "public, and all equipment on as before", do: nil},
	}
}

// offline reports whether the unit's last word is its last will.
func (o *observer) offline(unit string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, told := range o.last {
		if strings.HasSuffix(name, "/unit/"+unit+"/online") {
			return told == "offline"
		}
	}
	return false
}
