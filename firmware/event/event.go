// Package event is the envelope of every MQTT message: CloudEvents 1.0 in structured JSON mode
// (https://github.com/cloudevents/spec, "JSON Event Format"), with the attributes subrosa uses.
package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxSize of an encoded event, in bytes. Encode never exceeds it, Decode refuses more.
const MaxSize = 64 << 10

// maxAttribute bounds each context attribute, in bytes.
const maxAttribute = 256

// Prefix of every type: de.subrosa.<noun>.<verb>.v1.
const Prefix = "de.subrosa."

// Event is one message. Data is a JSON object; what is in it, docs/asyncapi.yaml says for each topic.
type Event struct {
	SpecVersion     string          `json:"specversion"` // 1.0
	ID              string          `json:"id"`          // unique within Source; a repeat is the same event
	Source          string          `json:"source"`      // /unit/ratssaal-1
	Type            string          `json:"type"`        // de.subrosa.alarm.changed.v1
	Subject         string          `json:"subject"`     // the topic below the root
	Time            time.Time       `json:"time"`        // UTC, RFC 3339
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// Wrap puts data, which must encode to a JSON object, into an envelope.
func Wrap(source, typ, subject string, at time.Time, id string, data any) (Event, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("event: data of %s: %w", subject, err)
	}
	e := Event{
		SpecVersion: "1.0", ID: id, Source: source, Type: typ, Subject: subject,
		Time: at.UTC(), DataContentType: "application/json", Data: b,
	}
	return e, e.check()
}

// Encode returns the event's JSON.
func (e Event) Encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("event: %s: %w", e.Subject, err)
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("event: %s: %d bytes, at most %d", e.Subject, len(b), MaxSize)
	}
	return b, nil
}

// Decode returns the event in b. It refuses what is too large, is not one JSON object, lacks or repeats a
// required attribute, or has data that are not a JSON object. Extension attributes are passed over, as
// CloudEvents asks.
func Decode(b []byte) (Event, error) {
	if len(b) > MaxSize {
		return Event{}, fmt.Errorf("event: %d bytes, at most %d", len(b), MaxSize)
	}
	if err := checkKeys(b); err != nil {
		return Event{}, err
	}
	var e Event
	if err := json.Unmarshal(b, &e); err != nil {
		return Event{}, fmt.Errorf("event: %w", err)
	}
	if err := e.check(); err != nil {
		return Event{}, err
	}
	return e, nil
}

// checkKeys refuses keys given twice or in another case: encoding/json would take both, other readers the
// other one.
func checkKeys(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return errors.New("event: not a JSON object")
	}
	seen := make(map[string]bool, 8)
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return fmt.Errorf("event: %w", err)
		}
		key, _ := tok.(string)
		low := strings.ToLower(key)
		if key != low || seen[low] {
			return fmt.Errorf("event: attribute %.40q is given twice or not in lower case", key)
		}
		seen[low] = true
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return fmt.Errorf("event: attribute %.40q: %w", key, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("event: more after the end of the object")
	}
	return nil
}

func (e Event) check() error {
	if e.SpecVersion != "1.0" {
		return fmt.Errorf("event: specversion %.16q, want 1.0", e.SpecVersion)
	}
	for _, a := range []struct{ name, value string }{
		{"id", e.ID}, {"source", e.Source}, {"type", e.Type}, {"subject", e.Subject},
	} {
		switch {
		case a.value == "":
			return fmt.Errorf("event: attribute %s is missing", a.name)
		case len(a.value) > maxAttribute:
			return fmt.Errorf("event: attribute %s has %d bytes, at most %d", a.name, len(a.value), maxAttribute)
		case !utf8.ValidString(a.value) || strings.ContainsFunc(a.value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return fmt.Errorf("event: attribute %s holds control characters", a.name)
		}
	}
	if !strings.HasPrefix(e.Type, Prefix) {
		return fmt.Errorf("event: type %.60q does not begin with %s", e.Type, Prefix)
	}
	if e.Time.IsZero() || e.Time.Year() < 1 || e.Time.Year() > 9999 {
		return errors.New("event: attribute time is missing or out of range")
	}
	if e.DataContentType != "application/json" {
		return fmt.Errorf("event: datacontenttype %.40q, want application/json", e.DataContentType)
	}
	if d := bytes.TrimLeft(e.Data, " \t\r\n"); len(d) == 0 || d[0] != '{' {
		return errors.New("event: data is not a JSON object")
	}
	return nil
}

// Data decodes the event's data strictly: an unknown field is an error.
func Data[T any](e Event) (T, error) {
	var v T
	d := json.NewDecoder(bytes.NewReader(e.Data))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, fmt.Errorf("event: data of %s: %w", e.Subject, err)
	}
	return v, nil
}

// Stamp is what the data of every versioned topic begin with.
type Stamp struct {
	Version uint64 `json:"version"`
	Writer  string `json:"writer"` // of desired states, "" elsewhere
}

// Newer reports whether s replaces o: the higher version wins, ties go to the greater writer's name.
func (s Stamp) Newer(o Stamp) bool {
	if s.Version != o.Version {
		return s.Version > o.Version
	}
	return s.Writer > o.Writer
}

// Stamp returns the version and writer in the event's data; both are zero where it has none.
func (e Event) Stamp() (Stamp, error) {
	var s Stamp
	if err := json.Unmarshal(e.Data, &s); err != nil {
		return Stamp{}, fmt.Errorf("event: data of %s: %w", e.Subject, err)
	}
	return s, nil
}
