package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
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

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestSaysWhyNot: a broker that is not there, and one that refuses, are in the log from the first attempt on, with the reason.
func TestSaysWhyNot(t *testing.T) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer refusing.Close()
	go func() {
		for {
			c, err := refusing.Accept()
			if err != nil {
				return
			}
			if _, err := io.ReadFull(c, make([]byte, 2)); err == nil {
				c.Write([]byte{0x20, 2, 0, 5}) //nolint:errcheck // CONNACK: not authorized
			}
			io.Copy(io.Discard, c) //nolint:errcheck // until it goes
			c.Close()
		}
	}()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for want, at := range map[string]string{"not Authorized": refusing.Addr().String(), "connection refused": gone.Addr().String()} {
		log := &lines{}
		l, err := New(Options{Broker: "tcp://" + at, Device: "d-1", Log: slog.New(slog.NewTextHandler(log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); l.Run(ctx) }()
		tick := time.NewTicker(10 * time.Millisecond)
		for end := time.Now().Add(8 * time.Second); !strings.Contains(log.String(), want) && time.Now().Before(end); {
			<-tick.C
		}
		tick.Stop()
		stop()
		<-done
		if got := log.String(); strings.Count(got, want) != 1 {
			t.Errorf("want %q once, got %q", want, got)
		}
	}
}

// TestSaysSeldom: the same reason every ten minutes, another at once.
func TestSaysSeldom(t *testing.T) {
	var c complaint
	t0 := time.Date(2026, 11, 28, 18, 0, 0, 0, time.UTC)
	for i, tt := range []struct {
		after time.Duration
		err   string
		want  bool
	}{{0, "read 127.0.0.1:4001: reset", true}, {2 * time.Second, "read 127.0.0.1:4002: reset", false}, {4 * time.Second, "not Authorized", true},
		{quietFor, "not Authorized", false}, {quietFor + 4*time.Second, "not Authorized", true}} {
		if got := c.due(t0.Add(tt.after), errors.New(tt.err)); got != tt.want {
			t.Errorf("%d: said %v, want %v", i, got, tt.want)
		}
	}
}
