package topic_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/finding"
	"subrosa/firmware/report"
	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// document is docs/asyncapi.yaml, which is kept in the part of YAML that is JSON.
type document struct {
	AsyncAPI string `json:"asyncapi"`
	Channels map[string]struct {
		Address  string `json:"address"`
		Messages map[string]struct {
			Ref string `json:"$ref"`
		} `json:"messages"`
		Parameters map[string]json.RawMessage `json:"parameters"`
		Writers    []topic.Role               `json:"x-writers"`
		Readers    []topic.Role               `json:"x-readers"`
	} `json:"channels"`
	Operations map[string]struct {
		Action  string `json:"action"`
		Channel struct {
			Ref string `json:"$ref"`
		} `json:"channel"`
		Bindings struct {
			MQTT struct {
				QoS    byte `json:"qos"`
				Retain bool `json:"retain"`
			} `json:"mqtt"`
		} `json:"bindings"`
	} `json:"operations"`
	tree map[string]any
}

func read(t *testing.T) document {
	t.Helper()
	b, err := os.ReadFile("../../docs/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &d.tree); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAsyncAPI(t *testing.T) {
	d := read(t)
	if d.AsyncAPI != "3.0.0" {
		t.Errorf("asyncapi %q", d.AsyncAPI)
	}
	if len(d.Channels) != len(topic.Table) || len(d.Operations) != len(topic.Table) {
		t.Errorf("%d channels, %d operations, the table has %d topics", len(d.Channels), len(d.Operations), len(topic.Table))
	}
	for i := range topic.Table {
		r := &topic.Table[i]
		key := strings.NewReplacer("{", "", "}", "", "/", "-").Replace(r.Pattern)
		c, ok := d.Channels[key]
		if !ok {
			t.Errorf("no channel for %s", r.Pattern)
			continue
		}
		if c.Address != topic.Root+"/"+r.Pattern {
			t.Errorf("%s: address %s", key, c.Address)
		}
		if !slices.Equal(c.Writers, r.Writers) || !slices.Equal(c.Readers, r.Readers) {
			t.Errorf("%s: writers %v, readers %v, want %v, %v", key, c.Writers, c.Readers, r.Writers, r.Readers)
		}
		var params []string
		for p := range c.Parameters {
			params = append(params, p)
		}
		if want := r.Params(); !sameSet(params, want) {
			t.Errorf("%s: parameters %v, want %v", key, params, want)
		}
		o := d.Operations["write-"+key]
		if o.Channel.Ref != "#/channels/"+key || o.Action != "send" || o.Bindings.MQTT.QoS != r.QoS || o.Bindings.MQTT.Retain != r.Retained {
			t.Errorf("%s: operation %+v, want QoS %d, retained %v", key, o, r.QoS, r.Retained)
		}
		for _, v := range r.Verbs {
			if !strings.Contains(fmt.Sprint(d.payload(t, key)), r.EventType(v)) {
				t.Errorf("%s: no message of type %s", key, r.EventType(v))
			}
		}
	}
}

func TestAsyncAPIReferences(t *testing.T) {
	d := read(t)
	n := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				n++
				if d.resolve(ref) == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, w := range v {
				walk(w)
			}
		case []any:
			for _, w := range v {
				walk(w)
			}
		}
	}
	walk(d.tree)
	if n < len(topic.Table) {
		t.Errorf("only %d references", n)
	}
}

// TestAsyncAPIFields compares the schemas with the program's types, field by field.
func TestAsyncAPIFields(t *testing.T) {
	d := read(t)
	for name, v := range map[string]any{
		"cloudevent": event.Event{}, "alarm": alarm.Alarm{}, "finding": finding.Finding{}, "answer": alarm.Ack{},
		"session-reported": session.Report{}, "session-desired": session.Desired{}, "point": session.Point{},
		"health": report.Health{}, "coverage": report.Coverage{}, "levels": report.Levels{}, "baseline-reported": report.Baseline{}, "av": report.AV{},
		"policy-reported": report.Policy{}, "lockdown-desired": mdm.Desired{}, "lockdown-reported": mdm.Report{},
		"checklist": mdm.Checklist{}, "checklist-point": mdm.Point{}, "signatures": mdm.Signatures{}, "signature": mdm.Signature{},
		"device-lockdown-desired": mdm.DeviceDesired{}, "device-lockdown-reported": mdm.DeviceReport{}, "posture": mdm.Posture{}, "device-presence": mdm.Presence{},
	} {
		got, _ := d.resolve("#/components/schemas/" + name).(map[string]any)
		props, _ := got["properties"].(map[string]any)
		var have, want []string
		for p := range props {
			have = append(have, p)
		}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			want = append(want, tag)
		}
		if !sameSet(have, want) {
			t.Errorf("schema %s has\n%v, type %T\n%v", name, have, v, want)
		}
	}
}

func TestAsyncAPIMessages(t *testing.T) {
	d := read(t)
	now := time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)
	m := session.New(now, session.Default)
	for _, e := range []session.Event{
		session.Plan(session.Clerk, now, now.Add(time.Hour), "council", "nonpublic"), session.Start(session.Chair),
		session.Points([]session.Point{{Name: "stream", Detail: "on"}}), session.Confirm(session.Chair, "urgent"),
	} {
		if _, err := m.Apply(now, e); err != nil {
			t.Fatal(err)
		}
	}
	rep := m.Report()
	rep.Version = 3
	a := alarm.Alarm{
		Finding: finding.Finding{ID: "01JD8Z6V0QKX5T3S9W2R7M4NBC", Kind: detect.Burst, Sense: detect.Radio, Side: finding.Unknown, Start: now, End: &now},
		Room:    "r", State: alarm.Raised, Version: 1, Raised: now, Changed: now,
		Ack: &alarm.Ack{Role: "chair", Verdict: alarm.Explained, Reason: "microphone", At: now},
	}
	good := map[string]any{
		"room-room-alarm-id":          a,
		"room-room-session-reported":  rep,
		"room-room-session-desired":   session.Desired{Version: 1, Writer: "console", Role: session.Chair, State: session.Closed},
		"unit-unit-health":            report.Health{Version: 1, OK: true, Checks: []report.Check{{Name: "microphone", OK: true, Since: now}}},
		"unit-unit-coverage":          report.Coverage{Version: 1, Senses: []report.Sense{{Sense: "acoustic", HiHz: 24000, Share: 3}}},
		"unit-unit-levels":            report.Levels{Thirds: []report.Third{{Hz: 2500, DB: -60}}, Bands: []report.Band{{Name: "ism433", DB: -50}}},
		"unit-unit-baseline-reported": report.Baseline{Version: 1, State: "none"},
		"room-room-policy-reported": report.Policy{Version: 1, Hash: strings.Repeat("0a", 32), Verdicts: map[string]int{"ok": 3, "violated": 1},
			Reminders: []report.Reminder{{Rule: "clock", DE: "Die Uhr ist abgeglichen.", EN: "The clock is synchronised.", Since: now}}},
		"room-room-ack-id": struct {
			event.Stamp
			alarm.Ack
		}{event.Stamp{Version: 1, Writer: "wall"}, *a.Ack},
		"room-room-lockdown-desired": mdm.Desired{Version: 1, Session: "s", Mode: mdm.Locked, Restrict: []string{"microphone?"}, LeaseS: 300, HardEnd: now, Devices: []string{"d-1"}},
		"room-room-lockdown-conn-reported": mdm.Report{Version: 1, Mode: mdm.Open, Counts: map[mdm.State]int{mdm.Stuck: 1}, Limits: []string{},
			Evidence: mdm.NoEvidence},
		"room-room-lockdown-conn-checklist": mdm.Checklist{Version: 1, Points: []mdm.Point{{Device: "d-1", Command: "sr-d-1-2-lock", Kind: mdm.PointLock, Platform: "ios",
			Off: []string{"assistant"}, Until: now}}},
		"room-room-lockdown-conn-signed": mdm.Signatures{Version: 1, Signed: []mdm.Signature{{Device: "d-1", Command: "sr-d-1-2-lock", Role: "chair", Done: true, At: now}}},
		"device-dev-lockdown-desired":    mdm.DeviceDesired{Version: 1, Mode: mdm.Open, Standing: []string{"assistant"}, Restrict: []string{}},
		"device-dev-lockdown-reported":   mdm.DeviceReport{Version: 1, State: mdm.Stuck, Evidence: mdm.AgentSays, InForce: []string{}, Limits: []string{}, Holders: []string{}},
		"device-dev-online":              mdm.Presence{Version: 1, Online: true},
		"mdm-conn-posture":               mdm.Posture{Version: 1, At: now, Evidence: mdm.ProfileList, Standing: []string{}, Counts: map[mdm.State]int{}},
		"room-room-roster":               map[string]any{"version": 1, "writer": "unit:u1", "members": []roster.Member{{ID: "m-1", Role: roster.Roles()[0], From: now}}},
	}
	for key, data := range good {
		if err := d.check(t, key, data); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	rep.State = "ajar"
	a.Version = 0
	for key, data := range map[string]any{
		"room-room-alarm-id": a, "room-room-session-reported": rep, "room-room-roster": map[string]any{"version": 1},
		"unit-unit-online": map[string]any{"version": 1, "online": "yes"}, "room-room-contact-name": map[string]any{"version": 1, "state": "open", "by": "Meier"},
	} {
		if err := d.check(t, key, data); err == nil {
			t.Errorf("%s: %+v is in order by the document", key, data)
		}
	}
}

// payload returns the schema of the channel's message.
func (d document) payload(t *testing.T, key string) any {
	t.Helper()
	m, ok := d.resolve(d.Channels[key].Messages["event"].Ref).(map[string]any)
	if !ok {
		t.Fatalf("%s has no message", key)
	}
	return m["payload"]
}

// check wraps data as the channel's event and holds it against the schema.
func (d document) check(t *testing.T, key string, data any) error {
	t.Helper()
	for i := range topic.Table {
		r := &topic.Table[i]
		if d.Channels[key].Address != topic.Root+"/"+r.Pattern {
			continue
		}
		e, err := event.Wrap("/unit/u", r.EventType(""), r.Pattern, time.Unix(1e9, 0), "x", data)
		if err != nil {
			t.Fatal(err)
		}
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		return d.valid(d.payload(t, key), v, "$")
	}
	t.Fatalf("no topic for channel %s", key)
	return nil
}

func (d document) resolve(ref string) any {
	var v any = d.tree
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

// valid is the part of JSON Schema that the document uses.
func (d document) valid(schema, v any, at string) error {
	s, ok := schema.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: no schema", at)
	}
	if ref, ok := s["$ref"].(string); ok {
		return d.valid(d.resolve(ref), v, at)
	}
	for _, sub := range list(s["allOf"]) {
		if err := d.valid(sub, v, at); err != nil {
			return err
		}
	}
	if typ := s["type"]; typ != nil && !slices.ContainsFunc(append(list(typ), typ), func(typ any) bool { return isType(typ, v) }) {
		return fmt.Errorf("%s: %v is no %v", at, v, typ)
	}
	if c, ok := s["const"]; ok && c != v {
		return fmt.Errorf("%s: %v, want %v", at, v, c)
	}
	if e := list(s["enum"]); e != nil && !slices.Contains(e, v) {
		return fmt.Errorf("%s: %v is none of %v", at, v, e)
	}
	switch v := v.(type) {
	case string:
		if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
			return fmt.Errorf("%s: %q does not match %s", at, v, p)
		}
		if _, err := time.Parse(time.RFC3339, v); s["format"] == "date-time" && err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	case float64:
		lo, has := s["minimum"].(float64)
		hi, bounded := s["maximum"].(float64)
		if has && v < lo || bounded && v > hi {
			return fmt.Errorf("%s: %v is out of range", at, v)
		}
	case []any:
		for i, w := range v {
			if err := d.valid(s["items"], w, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case map[string]any:
		return d.validObject(s, v, at)
	}
	return nil
}

func (d document) validObject(s, v map[string]any, at string) error {
	for _, r := range list(s["required"]) {
		if _, ok := v[r.(string)]; !ok {
			return fmt.Errorf("%s: %s is missing", at, r)
		}
	}
	props, _ := s["properties"].(map[string]any)
	for k, w := range v {
		sub, ok := props[k]
		if !ok {
			if s["additionalProperties"] == false {
				return fmt.Errorf("%s: %s is not in the document", at, k)
			}
			continue
		}
		if err := d.valid(sub, w, at+"."+k); err != nil {
			return err
		}
	}
	return nil
}

func list(v any) []any { l, _ := v.([]any); return l }

func isType(typ, v any) bool {
	f, number := v.(float64)
	switch typ {
	case "object":
		_, ok := v.(map[string]any)
		return ok
	case "array":
		_, ok := v.([]any)
		return ok
	case "string":
		_, ok := v.(string)
		return ok
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "null":
		return v == nil
	case "integer":
		return number && f == float64(int64(f))
	}
	return typ == "number" && number
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	sort.Strings(a)
	sort.Strings(b)
	return slices.Equal(a, b)
}
