package link

import (
	"testing"
	"time"

	"subrosa/firmware/event"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

func wish(t testing.TB) []byte {
	subject := topic.DeviceLockdownDesired("d-1")[len(topic.Root)+1:]
	row, err := topic.Parse(topic.DeviceLockdownDesired("d-1"))
	if err != nil {
		t.Fatal(err)
	}
	ev, err := event.Wrap("/mdmbridge/agent", row.EventType(""), subject, time.Date(2026, 11, 28, 18, 0, 0, 0, time.UTC), subject+":1",
		mdm.DeviceDesired{Version: 1, Mode: mdm.Open, Standing: []string{"assistant"}, Restrict: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := ev.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecode(t *testing.T) {
	d, sent, err := Decode(wish(t))
	if err != nil || d.Version != 1 || d.Mode != mdm.Open || sent.Hour() != 18 {
		t.Errorf("%+v, %v, %v", d, sent, err)
	}
	for _, bad := range []string{"", "{}", "[]", `{"version":1}`} {
		if _, _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%q was taken for a wish", bad)
		}
	}
}

func TestOnlyForADevice(t *testing.T) {
	if _, err := New(Options{Broker: "tcp://127.0.0.1:1", Device: "../d"}); err == nil {
		t.Error("made for no device's id")
	}
	l, err := New(Options{Broker: "tcp://127.0.0.1:1", Device: "d-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Report(time.Now(), mdm.DeviceReport{State: mdm.Unknown}); err == nil {
		t.Error("a report without version was taken")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(wish(f))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, _, err := Decode(b)
		if err == nil && d.Check() != nil {
			t.Errorf("unchecked: %+v", d)
		}
	})
}
