package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
)

// observer is an ordinary MQTT client with the console's right to read everything and to ask for sessions.
type observer struct {
	client mqtt.Client
	now    func() time.Time
	start  time.Time
	seen   chan Event

	mu     sync.Mutex
	last   map[string]string // topic → what was told of it
	report session.Report
	alarms map[string]alarm.Alarm
}

// observe connects, and calls seen events in order on o.seen.
func observe(ctx context.Context, broker string, conf *tls.Config, start time.Time, now func() time.Time) (*observer, error) {
	o := &observer{now: now, start: start, seen: make(chan Event, 1024), last: map[string]string{}, alarms: map[string]alarm.Alarm{}}
	opt := mqtt.NewClientOptions().AddBroker(broker).SetTLSConfig(conf).SetClientID("demo-" + rand.Text()[:8]).
		SetOrderMatters(true).SetAutoReconnect(true).SetConnectRetry(true).SetConnectRetryInterval(200 * time.Millisecond)
	opt.SetOnConnectHandler(func(c mqtt.Client) { c.Subscribe(topic.Root+"/#", 1, o.message) })
	o.client = mqtt.NewClient(opt)
	token := o.client.Connect()
	select {
	case <-token.Done():
		return o, token.Error()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (o *observer) message(_ mqtt.Client, m mqtt.Message) {
	t, err := topic.Parse(m.Topic())
	if err != nil || len(m.Payload()) == 0 {
		return
	}
	e, err := event.Decode(m.Payload())
	if err != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	at := o.now()
	out := Event{T: math.Round(at.Sub(o.start).Seconds()*1000) / 1000, Time: at.Round(time.Millisecond)}
	switch m.Topic() {
	case topic.Online(t.Unit()):
		var d struct {
			Online bool `json:"online"`
		}
		if json.Unmarshal(e.Data, &d) != nil {
			return
		}
		out.Event, out.State = "unit", map[bool]string{true: "online", false: "offline"}[d.Online]
	case topic.SessionReported(t.Room()):
		if o.report, err = event.Data[session.Report](e); err != nil {
			return
		}
		out.Event, out.State = "session", string(o.report.State)
		if o.report.State == session.Planned && o.report.From != nil {
			out.Detail = o.report.From.Format(time.RFC3339)
		}
	default:
		a, err := event.Data[alarm.Alarm](e)
		if err != nil || m.Topic() != topic.Alarm(t.Room(), a.Finding.ID) {
			return
		}
		o.alarms[a.Finding.ID] = a
		out.Event, out.State, out.ID = "alarm", string(a.State), a.Finding.ID
		out.Kind, out.Name, out.Cause = a.Finding.Kind.String(), a.Finding.Name, string(a.Finding.Cause)
		if a.Ack != nil {
			out.State, out.Detail = "acknowledged", string(a.Ack.Verdict)+"/"+a.Ack.Reason
		}
	}
	if told := out.State + out.ID; o.last[m.Topic()] != told {
		o.last[m.Topic()] = told
		select {
		case o.seen <- out:
		default: // nobody reads: the demo is ending
		}
	}
}

// session returns the last report of the room.
func (o *observer) session() session.Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.report
}

// alarm returns the youngest alarm of a kind that nobody has answered.
func (o *observer) alarm(kind string) (alarm.Alarm, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var best alarm.Alarm
	for _, a := range o.alarms {
		if a.Finding.Kind.String() == kind && a.Ack == nil && a.Finding.ID > best.Finding.ID {
			best = a
		}
	}
	return best, best.Finding.ID != ""
}

// describe says what was seen last, for the error of a run that went wrong.
func (o *observer) describe() string {
	r := o.session()
	var open []string
	for _, p := range r.Points {
		if !p.Proven {
			open = append(open, fmt.Sprintf("%s (%s)", p.Name, p.Detail))
		}
	}
	return fmt.Sprintf("session %s, next %s, flags %v, not proven %v", r.State, r.Next, r.Flags, open)
}

// point returns a point of the session as the room reports it.
func (o *observer) point(name string) (session.Point, bool) {
	for _, p := range o.session().Points {
		if p.Name == name {
			return p, true
		}
	}
	return session.Point{}, false
}

// left are the points that are neither proven nor accepted, in the handover only its own.
func (o *observer) left() (names []string) {
	r := o.session()
	for _, p := range r.Points {
		later := r.State == session.Handover && p.Step != "" && p.Step != session.Handover
		if !p.Proven && !p.Accepted && !later {
			names = append(names, p.Name)
		}
	}
	return names
}

// plan asks for a session, as a calendar would.
func (o *observer) plan(from, to time.Time) error {
	d := session.Desired{Version: o.session().DesiredVersion + 1, Writer: "demo", Role: session.Clerk, State: session.Planned,
		Kind: "council", Level: "nonpublic", From: &from, To: &to}
	name := topic.SessionDesired(roomID)
	t, err := topic.Parse(name)
	if err != nil {
		return err
	}
	e, err := event.Wrap("/console", t.EventType(""), name[len(topic.Root)+1:], o.now(), rand.Text(), d)
	if err != nil {
		return err
	}
	b, err := e.Encode()
	if err != nil {
		return err
	}
	token := o.client.Publish(name, 1, true, b)
	if !token.WaitTimeout(5 * time.Second) {
		return errors.New("demo: the broker does not acknowledge the plan")
	}
	if token.Error() != nil {
		return fmt.Errorf("demo: plan: %w", token.Error())
	}
	return nil
}
