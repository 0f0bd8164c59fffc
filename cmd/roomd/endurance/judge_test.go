package endurance_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/topic"
)

// judge compares journal, store and broker once they have come to rest.
func (h *house) judge(l *listener) {
	t := h.t
	t.Helper()
	var c chronicle
	var faults []string
	within(20*time.Second, func() bool {
		c = h.chronicle()
		faults = h.compare(c)
		return len(faults) == 0
	})
	for _, f := range append(faults, c.faults...) {
		t.Error(f)
	}
	seen := l.versions()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.faults {
		t.Error(f)
	}
	var late []float64
	kinds := map[string]int{}
	for id, a := range c.last {
		kinds[a.Finding.Kind.String()+" "+a.Finding.Name]++
		if seen[id] != a.Version {
			t.Errorf("a subscriber has version %d of alarm %s, want the journal's %d", seen[id], id, a.Version)
		}
		if f, ok := l.first[id]; ok {
			late = append(late, max(0, f.at.Sub(f.alarm.Raised).Seconds()))
		}
	}
	for id := range seen {
		if _, ok := c.last[id]; !ok {
			t.Errorf("a subscriber has alarm %s, the journal does not", id)
		}
	}
	t.Logf("%d alarms raised in %d journal entries: %v", len(c.last), c.count, kinds)
	t.Logf("messages at a subscriber: %d, of them %d repeats of a version and %d of an older one; after de-duplication %d alarms; from raised to seen, scenario: %s",
		l.messages, l.repeats, l.older, len(seen), spread(late))
	if len(c.last) == 0 {
		t.Error("no alarm was raised: nothing is proven")
	}
}

// compare returns how the console's store and the broker's retained state differ from the journal.
func (h *house) compare(c chronicle) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	store, rows, err := h.stored()
	if err != nil {
		return []string{err.Error()}
	}
	if rows != len(store) {
		fault("store: %d rows for %d alarms", rows, len(store))
	}
	held := h.retained()
	for id, n := range c.raised {
		if n != 1 {
			fault("journal: alarm %s was raised %d times", id, n)
		}
	}
	for id, a := range c.last {
		if got, ok := store[id]; !ok {
			fault("lost: alarm %s (%s %s, %s) is not in the console", id, a.Finding.Kind, a.Finding.Name, a.State)
		} else if d := differ(a, got.alarm); d != "" || got.version != a.Version {
			fault("console: alarm %s, version %d: %s", id, got.version, d)
		}
		if got, ok := held[id]; !ok {
			fault("broker: alarm %s is not retained", id)
		} else if d := differ(a, got); d != "" {
			fault("broker: alarm %s: %s", id, d)
		}
	}
	for id := range store {
		if _, ok := c.last[id]; !ok {
			fault("console: alarm %s is not in the journal", id)
		}
	}
	for id := range held {
		if _, ok := c.last[id]; !ok {
			fault("broker: alarm %s is not in the journal", id)
		}
	}
	slices.Sort(faults)
	return faults
}

// differ describes how an alarm differs from the journal's, "" if not at all. The entry that raises an alarm does not
// hold the time of its own writing.
func differ(want, got alarm.Alarm) string {
	if want.Raised.IsZero() {
		got.Raised = want.Raised
	}
	w, err := json.Marshal(want)
	g, err2 := json.Marshal(got)
	if err != nil || err2 != nil || string(w) != string(g) {
		return fmt.Sprintf("got %s, want %s", g, w)
	}
	return ""
}

// retained asks the broker anew for every alarm it holds.
func (h *house) retained() map[string]alarm.Alarm {
	h.t.Helper()
	var mu sync.Mutex
	out := map[string]alarm.Alarm{}
	c := h.client("console", func(mqtt.Client) {})
	defer c.Disconnect(0)
	tok := c.Subscribe(topic.Alarm(roomID, "+"), 1, func(_ mqtt.Client, m mqtt.Message) {
		e, err := event.Decode(m.Payload())
		if err != nil || !strings.Contains(m.Topic(), "/alarm/") {
			return
		}
		if a, err := event.Data[alarm.Alarm](e); err == nil {
			mu.Lock()
			out[a.Finding.ID] = a
			mu.Unlock()
		}
	})
	if !tok.WaitTimeout(patience) || tok.Error() != nil {
		h.t.Fatalf("subscription: %v", tok.Error())
	}
	// The broker sends what it retains before it answers the next subscription's end: wait for the unit's presence.
	last := make(chan struct{}, 1)
	c.Subscribe(topic.Online(unitID), 1, func(mqtt.Client, mqtt.Message) {
		select {
		case last <- struct{}{}:
		default:
		}
	})
	select {
	case <-last:
	case <-time.After(5 * time.Second):
	}
	mu.Lock()
	defer mu.Unlock()
	return out
}
