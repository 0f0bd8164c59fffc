package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// scenario is what a run shows, and what must be seen of it.
type scenario struct {
	name   string
	lasts  float64                             // scenario seconds, after which it begins again
	until  float64                             // by then everything has been seen, or it will not be
	unit   func(*demo) (map[string]any, error) // keys of the unit's file beside those that all have
	acts   func(d *demo, round int) []act
	steps  []step
	may    []step // what a run may show besides
	strict bool   // an act that cannot be done is an error
	phones bool   // there are a roster and a synthetic device management
}

// scenarios are those there are, the default first.
func scenarios() []scenario { return []scenario{roomScenario(), councilScenario()} }

// Scenarios returns their names.
func Scenarios() (names []string) {
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return names
}

func scenarioOf(name string) (scenario, error) {
	for _, s := range scenarios() {
		if name == s.name || name == "" {
			return s, nil
		}
	}
	return scenario{}, fmt.Errorf("demo: no scenario %.40q; there are %s", name, strings.Join(Scenarios(), ", "))
}

// act is something that people do in the scene, at its time or once what they wait for can be seen.
type act struct {
	at    float64
	ready func() bool
	do    func(context.Context) error
	must  string // what is waited for, in words, where a run is not in order without it
}

// roomScenario is one room and one session, for people to look at.
func roomScenario() scenario {
	return scenario{name: "room", lasts: period, until: onceUntil, unit: (*demo).layRoster, acts: (*demo).scene, steps: expectedSteps[:], phones: true}
}

func (d *demo) scene(round int) []act {
	t0 := float64(round) * period
	in := func(states ...session.State) func() bool {
		return func() bool { return slices.Contains(states, d.seen.session().State) }
	}
	press := func(a wall.Act) func(context.Context) error {
		return func(ctx context.Context) error { return d.chair.press(ctx, a, d.seen.session().State) }
	}
	beacon := func() bool { _, ok := d.seen.alarm("ultrasonic-beacon"); return ok }
	return []act{
		{at: t0 + planAt, ready: in(session.Open), do: func(context.Context) error {
			from := d.clock.Now().Add(10 * time.Minute)
			return d.seen.plan(from, from.Add(2*time.Hour))
		}},
		{at: t0 + pressAt, ready: in(session.Planned), do: press(wall.Start)},
		{at: t0 + answerAt, ready: beacon, do: func(ctx context.Context) error {
			a, _ := d.seen.alarm("ultrasonic-beacon")
			return d.chair.answer(ctx, a.Finding.ID, alarm.Explained, "exercise")
		}},
		{at: t0 + endAt, ready: in(session.Closed), do: press(wall.End)},
	}
}
