package broker

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/topic"
)

// TestStalledReaderHoldsUpNobody: a gateway subscribes and never reads again; the unit's messages are still
// acknowledged, and the gateway is dropped.
func TestStalledReaderHoldsUpNobody(t *testing.T) {
	b, err := Open(Options{Path: filepath.Join(t.TempDir(), "broker.db"), DevListen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	raw, err := net.Dial("tcp", b.DevAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	filter := topic.Alarm("a", topic.Any)
	connect := append([]byte{0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x82, 0, 60, 0, 1, 'g', 0, 10}, "gateway::a"...)
	connect[1] = byte(len(connect) - 2)
	sub := append([]byte{0x82, 0, 0, 1, 0, byte(len(filter))}, append([]byte(filter), 1)...)
	sub[1] = byte(len(sub) - 2)
	if _, err := raw.Write(append(connect, sub...)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4+5)
	if _, err := io.ReadFull(raw, answer); err != nil || !bytes.Equal(answer, []byte{0x20, 2, 0, 0, 0x90, 3, 0, 1, 1}) {
		t.Fatalf("CONNACK and SUBACK: got % x, %v", answer, err)
	}
	u := devClient(t, b.DevAddr().String(), "unit:a-1:a", "u", true, nil)
	big := strings.Repeat("x", 60<<10)
	for i := 0; b.Stats().Slow == 0; i++ {
		if i > 1000 {
			t.Fatal("60 MB sent and the stalled client is still there")
		}
		wait(t, u.Publish(topic.Alarm("a", "x"), 1, true, big), "publish beside a stalled reader")
	}
	wait(t, u.Publish(topic.Alarm("a", "y"), 1, true, "small"), "publish after it")
}

func TestQueuedCloseFlushes(t *testing.T) {
	here, there := net.Pipe()
	q := newQueued(here, 100, func() {})
	if n, err := q.Write([]byte("goodbye")); n != 7 || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Read(make([]byte, 1)); err == nil {
		t.Error("reading goes on after Close")
	}
	if _, err := q.Write([]byte("x")); err == nil {
		t.Error("writing goes on after Close")
	}
	there.SetReadDeadline(time.Now().Add(patience))
	if got, err := io.ReadAll(there); string(got) != "goodbye" || err != nil {
		t.Errorf("the peer got %q, %v", got, err)
	}
}

func TestQueuedLimit(t *testing.T) {
	here, _ := net.Pipe() // nobody reads
	slow := 0
	q := newQueued(here, 10, func() { slow++ })
	if _, err := q.Write(make([]byte, 11)); err != errSlow || slow != 1 {
		t.Errorf("got %v, slow %d; want %v, 1", err, slow, errSlow)
	}
	if _, err := q.Write([]byte{1}); err != errSlow || slow != 1 {
		t.Errorf("afterwards: got %v, slow %d", err, slow)
	}
}
