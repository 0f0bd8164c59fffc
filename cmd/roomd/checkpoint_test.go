package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/clock"
	"subrosa/firmware/journal"
	"subrosa/firmware/keyring"
)

// TestNotary: what is published is signed by the unit's key, once for each size of the journal, and again if the
// outbox did not take it.
func TestNotary(t *testing.T) {
	dir := t.TempDir()
	key, err := keyring.Open(dir, "ratssaal-1", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var sent []published
	fail := errors.New("outbox is full")
	n := notary{journal: j, key: key, clock: clock.Wall{}, log: slog.New(slog.DiscardHandler), report: func(name string, data any) error {
		if name != "subrosa/v1/site/checkpoint/ratssaal-1" {
			t.Errorf("topic %s", name)
		}
		if fail != nil {
			return fail
		}
		sent = append(sent, data.(published))
		return nil
	}}
	add := func() {
		e := journal.Entry{Kind: "test.entry", Time: time.Now(), Quality: "synced", Payload: json.RawMessage(`1`)}
		if _, err := j.Append(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
	add()
	if err := n.sign(); !errors.Is(err, fail) {
		t.Errorf("got %v, want %v", err, fail)
	}
	fail = nil
	for range 2 {
		if err := n.sign(); err != nil {
			t.Fatal(err)
		}
	}
	add()
	if err := n.sign(); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 2 {
		t.Fatalf("%d were published, want 2", len(sent))
	}
	for i, p := range sent {
		if c, err := checkpoint.Open([]byte(p.Checkpoint), key.Public); err != nil || c.N != int64(i+1) || p.Time.IsZero() {
			t.Errorf("%d: %+v, %v", i, c, err)
		}
	}
}
