package main

import (
	"crypto/rand"
	"math"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"subrosa/cmd/console/internal/fleet"
	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/finding"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
)

const patience = 20 * time.Second

// until polls f, which looks at a running console, up to the deadline.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !f(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// mockUnit publishes what a room's unit would, without measuring anything.
type mockUnit struct {
	t          testing.TB
	c          paho.Client
	id, room   string
	version    uint64
	wish, acks chan event.Event
}

func newUnit(t testing.TB, addr, id, room string) *mockUnit {
	t.Helper()
	u := &mockUnit{t: t, id: id, room: room, wish: make(chan event.Event, 16), acks: make(chan event.Event, 16)}
	o := paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetUsername("unit:" + id + ":" + room).SetAutoReconnect(false).SetProtocolVersion(4)
	u.c = paho.NewClient(o)
	u.wait(u.c.Connect())
	t.Cleanup(func() { u.c.Disconnect(0) })
	for filter, to := range map[string]chan event.Event{topic.SessionDesired(room): u.wish, topic.Ack(room, topic.Any): u.acks, topic.BaselineDesired(id): u.wish} {
		u.wait(u.c.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) {
			if e, err := event.Decode(m.Payload()); err == nil {
				to <- e
			}
		}))
	}
	return u
}

func (u *mockUnit) wait(tok paho.Token) {
	u.t.Helper()
	if !tok.WaitTimeout(patience) || tok.Error() != nil {
		u.t.Fatalf("unit %s: %v", u.id, tok.Error())
	}
}

func (u *mockUnit) send(at time.Time, name string, data any) {
	u.t.Helper()
	tp, err := topic.Parse(name)
	if err != nil {
		u.t.Fatal(err)
	}
	e, err := event.Wrap("/unit/"+u.id, tp.EventType(""), name[len(topic.Root)+1:], at, rand.Text(), data)
	if err != nil {
		u.t.Fatal(err)
	}
	b, err := e.Encode()
	if err != nil {
		u.t.Fatal(err)
	}
	u.wait(u.c.Publish(name, tp.QoS, tp.Retained, b))
}

func (u *mockUnit) report(at time.Time, r session.Report) {
	u.version++
	r.Version = u.version
	r.Since = at
	u.send(at, topic.SessionReported(u.room), r)
}

func (u *mockUnit) presence(at time.Time, sealed bool) {
	u.send(at, topic.Online(u.id), fleet.Online{Version: 1, Online: true, Software: "0.1.0", Sealed: sealed})
	u.send(at, topic.Health(u.id), report.Health{Version: 1, OK: true, BitsLastHour: 4212, Restarts: 1, Checks: []report.Check{
		{Name: "microphone", OK: true, Since: at}, {Name: "receiver", OK: true, Since: at}, {Name: "journal", OK: true, Since: at}, {Name: "clock", OK: sealed, Since: at},
	}})
	u.send(at, topic.Coverage(u.id), report.Coverage{Version: 1, Senses: []report.Sense{
		{Sense: "acoustic", LoHz: 2500, HiHz: 24000, Share: 3, Cannot: []string{"above-range"}},
		{Sense: "radio", LoHz: 24e6, HiHz: 1766e6, Share: 2}, {Sense: "ble", Share: 0}, {Sense: "wifi", Share: 0},
	}})
	learned := at.Add(-30 * 24 * time.Hour)
	u.send(at, topic.BaselineReported(u.id), report.Baseline{Version: 1, State: "ready", Progress: 1, Learned: &learned, Emitters: 37})
}

var bandNames = []string{"ism433", "ism868", "gsm900-ul", "lte20-ul", "fm", "dab", "tetra", "hall-mic"}

// levels are a smooth made-up pattern of second i.
func (u *mockUnit) levels(at time.Time, i int) {
	l := report.Levels{}
	for k := range 10 {
		hz := 2500 * math.Pow(2, float64(k)/3)
		l.Thirds = append(l.Thirds, report.Third{Hz: math.Round(hz), DB: -62 - 3*float64(k) + 6*math.Sin(float64(i)/30+float64(k))})
	}
	for k, n := range bandNames {
		db := -84 + 9*math.Sin(float64(i)/(20+7*float64(k))+float64(k))
		if (i+13*k)%97 < 4 {
			db += 30
		}
		l.Bands = append(l.Bands, report.Band{Name: n, DB: db})
	}
	u.send(at, topic.Levels(u.id), l)
}

func makeAlarm(room string, at time.Time, kind detect.Kind, name string, hz float64) alarm.Alarm {
	return alarm.Alarm{
		Room: room, State: alarm.Raised, Version: 1, Raised: at, Changed: at,
		Finding: finding.Finding{
			ID: finding.NewID(at, rand.Reader), Kind: kind, Name: name, Alarm: true, Sense: kind.Sense(), Side: finding.Unknown, Start: at,
			Hz: hz, BwHz: 420, LevelDB: -48.2, SNRDB: 14.3, Statistic: 23.8, Threshold: 11.2, Pfa: 1e-7, Confidence: 0.93,
			Coverage: "2.5 to 24 kHz looked at", Cause: finding.CauseOf(kind, name, hz),
		},
	}
}

func (u *mockUnit) alarm(a alarm.Alarm) {
	u.send(a.Changed, topic.Alarm(u.room, lower(a.Finding.ID)), a)
}

func lower(id string) string {
	b := []byte(id)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
