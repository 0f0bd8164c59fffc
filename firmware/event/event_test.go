package event

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 21, 18, 30, 0, 123456789, time.FixedZone("CET", 3600))

type note struct {
	Version uint64 `json:"version"`
	Writer  string `json:"writer,omitempty"`
	Text    string `json:"text"`
}

func wrap(t testing.TB, data any) Event {
	t.Helper()
	e, err := Wrap("/unit/u", "de.subrosa.note.published.v1", "room/r/note", at, "n:1", data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRoundTrip(t *testing.T) {
	want := note{Version: 7, Writer: "console", Text: "Fenster <b> offen ä"}
	b, err := wrap(t, want).Encode()
	if err != nil {
		t.Fatal(err)
	}
	e, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !e.Time.Equal(at) || e.Time.Location() != time.UTC {
		t.Errorf("time = %v, want %v in UTC", e.Time, at)
	}
	got, err := Data[note](e)
	if err != nil || got != want {
		t.Errorf("data = %+v, %v, want %+v", got, err, want)
	}
	s, err := e.Stamp()
	if err != nil || s != (Stamp{7, "console"}) {
		t.Errorf("stamp = %+v, %v", s, err)
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	if _, err := Data[note](wrap(t, map[string]any{"txet": "x"})); err == nil {
		t.Error("an unknown field was taken")
	}
}

func TestWrapRefuses(t *testing.T) {
	for _, data := range []any{nil, 3, "x", []int{1}, func() {}, note{Text: strings.Repeat("x", MaxSize)}} {
		e, err := Wrap("/unit/u", "de.subrosa.note.published.v1", "room/r/note", at, "n:1", data)
		if err == nil {
			_, err = e.Encode()
		}
		if err == nil {
			t.Errorf("%T was taken", data)
		}
	}
	if _, err := Wrap("/unit/u", "note", "s", at, "1", note{}); err == nil {
		t.Error("a foreign type was taken")
	}
	if _, err := Wrap("/unit/u", "de.subrosa.a.b.v1", "s", time.Time{}, "1", note{}); err == nil {
		t.Error("no time was taken")
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, err := wrap(t, note{Version: 1}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(good, &m); err != nil {
		t.Fatal(err)
	}
	for key := range m {
		less := map[string]json.RawMessage{}
		for k, v := range m {
			if k != key {
				less[k] = v
			}
		}
		b, _ := json.Marshal(less)
		if _, err := Decode(b); err == nil {
			t.Errorf("an event without %s was taken", key)
		}
		b = append(bytes.TrimSuffix(bytes.Clone(good), []byte("}")), []byte(`,"`+key+`":"x"}`)...)
		if _, err := Decode(b); err == nil {
			t.Errorf("an event with %s twice was taken", key)
		}
		b = bytes.Replace(bytes.Clone(good), []byte(`"`+key+`"`), []byte(`"`+strings.ToUpper(key)+`"`), 1)
		if _, err := Decode(b); err == nil {
			t.Errorf("%s in capitals was taken", key)
		}
	}
	for name, b := range map[string][]byte{
		"empty":        nil,
		"null":         []byte("null"),
		"array":        []byte("[]"),
		"two":          append(bytes.Clone(good), good...),
		"cut":          good[:len(good)-1],
		"large":        append(bytes.Clone(good), bytes.Repeat([]byte(" "), MaxSize)...),
		"specversion":  bytes.Replace(good, []byte(`"1.0"`), []byte(`"0.3"`), 1),
		"type":         bytes.Replace(good, []byte("de.subrosa"), []byte("com.other"), 1),
		"content":      bytes.Replace(good, []byte("application/json"), []byte("text/plain"), 1),
		"control":      bytes.Replace(good, []byte("/unit/u"), []byte(`/unit/\u0000`), 1),
		"long subject": bytes.Replace(good, []byte("room/r"), bytes.Repeat([]byte("r"), maxAttribute), 1),
		"time":         bytes.Replace(good, []byte("2026-"), []byte("soon-"), 1),
		"data null":    bytes.Replace(good, []byte(`"data":{`), []byte(`"data":null,"x":{`), 1),
	} {
		if e, err := Decode(b); err == nil {
			t.Errorf("%s: got %+v, want an error", name, e)
		}
	}
	if _, err := Decode(bytes.Replace(good, []byte(`"id"`), []byte(`"traceparent":"00-1","id"`), 1)); err != nil {
		t.Errorf("an extension attribute was refused: %v", err)
	}
}

func TestNewer(t *testing.T) {
	for _, tt := range []struct {
		a, b Stamp
		want bool
	}{
		{Stamp{2, "a"}, Stamp{1, "z"}, true},
		{Stamp{1, "z"}, Stamp{2, "a"}, false},
		{Stamp{1, "wall"}, Stamp{1, "console"}, true},
		{Stamp{1, "console"}, Stamp{1, "wall"}, false},
		{Stamp{1, "x"}, Stamp{1, "x"}, false},
	} {
		if got := tt.a.Newer(tt.b); got != tt.want {
			t.Errorf("%v newer than %v: got %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	good, err := wrap(f, note{Version: 1, Text: "x"}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"specversion":"1.0","data":{"version":-1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		out, err := e.Encode()
		if err != nil {
			if len(b)*6 < MaxSize {
				t.Fatalf("decoded but not encodable: %v", err)
			}
			return
		}
		again, err := Decode(out)
		if err != nil {
			t.Fatalf("Decode(Encode): %v", err)
		}
		twice, err := again.Encode()
		if err != nil || !bytes.Equal(out, twice) {
			t.Fatalf("got %s, want %s (%v)", twice, out, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	good, err := wrap(b, note{Version: 1, Text: "x"}).Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(good); err != nil {
			b.Fatal(err)
		}
	}
}
