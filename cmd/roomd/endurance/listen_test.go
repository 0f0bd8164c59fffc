package endurance_test

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/topic"
)

// listener is an ordinary MQTT subscriber that takes down every alarm message.
type listener struct {
	now func() time.Time

	mu       sync.Mutex
	messages int
	repeats  int // the same version again, as QoS 1 and retained messages do
	older    int // an older version after a younger one: a broker that lost its memory, until it is healed
	first    map[string]arrival
	highest  map[string]uint64
	data     map[string][]byte // id:version → data
	faults   []string
}

// arrival is the first message about an alarm.
type arrival struct {
	at    time.Time // scenario
	alarm alarm.Alarm
}

// listen subscribes to the room's alarms with the console's certificate, which may read everything.
func (h *house) listen() *listener {
	h.t.Helper()
	l := &listener{now: h.clock.Now, first: map[string]arrival{}, highest: map[string]uint64{}, data: map[string][]byte{}}
	h.client("console", func(c mqtt.Client) { c.Subscribe(topic.Alarm(roomID, "+"), 1, l.take) })
	return l
}

func (l *listener) take(_ mqtt.Client, m mqtt.Message) {
	at := l.now()
	if len(m.Payload()) == 0 {
		return
	}
	e, err := event.Decode(m.Payload())
	var a alarm.Alarm
	if err == nil {
		a, err = event.Data[alarm.Alarm](e)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages++
	if err != nil {
		l.faults = append(l.faults, fmt.Sprintf("%s: %v", m.Topic(), err))
		return
	}
	id := a.Finding.ID
	if _, ok := l.first[id]; !ok {
		l.first[id] = arrival{at, a}
	}
	key := fmt.Sprintf("%s:%d", id, a.Version)
	if before, ok := l.data[key]; ok {
		l.repeats++
		if !bytes.Equal(before, e.Data) {
			l.faults = append(l.faults, fmt.Sprintf("two contents of %s:\n\t%s\n\t%s", key, before, e.Data))
		}
	}
	l.data[key] = bytes.Clone(e.Data)
	if a.Version < l.highest[id] {
		l.older++
	}
	l.highest[id] = max(l.highest[id], a.Version)
}

// raised returns the first messages of alarms of a kind, by id.
func (l *listener) raised(kind string) map[string]arrival {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]arrival{}
	for id, a := range l.first {
		if a.alarm.Finding.Kind.String() == kind {
			out[id] = a
		}
	}
	return out
}

// versions returns the highest version seen of each alarm.
func (l *listener) versions() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]uint64{}
	for id, v := range l.highest {
		out[id] = v
	}
	return out
}
