// Package journaltest is the conformance suite of journals: what callers of journal.Appender and journal.Reader
// count on, whatever stands behind them.
package journaltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"subrosa/firmware/journal"
)

// Journal is what is tested.
type Journal interface {
	journal.Appender
	journal.Reader
	io.Closer
}

// Run tests the journal that open opens. Within one subtest open is called several times with the same folder,
// each time after the one before was closed, and must find again what was recorded.
func Run(t *testing.T, open func(t *testing.T, dir string) Journal) {
	t.Helper()
	for _, tt := range []struct {
		name string
		test func(t *testing.T, open func() Journal)
	}{
		{"reads back", readsBack},
		{"survives reopening", survives},
		{"reads from", readsFrom},
		{"refuses what is no entry", refuses},
		{"ended context", endedContext},
		{"concurrent", concurrent},
		{"does not retain the payload", retains},
		{"closed", closed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.test(t, func() Journal { return open(t, dir) })
		})
	}
}

// Entry returns a valid entry that differs for each n.
func Entry(n int) journal.Entry {
	return journal.Entry{
		Kind: "test.entry", Time: time.Date(2026, 11, 21, 18, 30, n%60, 5, time.UTC), Quality: "scenario",
		Requires: []string{"INF.10.A8"}, Coverage: "Schall 2,5–24 kHz <geprüft> & \u2028 mehr", Policy: "sha256:00ff",
		Software: "v0.2.0", Unsealed: n%2 == 1, Payload: json.RawMessage(fmt.Sprintf(`{"n":%d,"text":"<&>"}`, n)),
	}
}

func add(t *testing.T, j Journal, n int) journal.Receipt {
	t.Helper()
	r, err := j.Append(context.Background(), Entry(n))
	if err != nil {
		t.Fatalf("Append %d: %v", n, err)
	}
	return r
}

func read(t *testing.T, j Journal, from uint64) (seqs []uint64, entries []journal.Entry) {
	t.Helper()
	if err := j.Read(from, func(seq uint64, e journal.Entry) error {
		seqs, entries = append(seqs, seq), append(entries, e)
		return nil
	}); err != nil {
		t.Fatalf("Read: %v", err)
	}
	return seqs, entries
}

// number returns the n that an entry was made from.
func number(t *testing.T, e journal.Entry) int {
	t.Helper()
	var p struct{ N int }
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		t.Fatalf("payload %s: %v", e.Payload, err)
	}
	return p.N
}

func readsBack(t *testing.T, open func() Journal) {
	j := open()
	defer j.Close()
	hashes := map[string]bool{}
	for n := range 20 {
		r := add(t, j, n)
		if r.Seq != uint64(n+1) || len(r.Hash) != 64 || hashes[r.Hash] {
			t.Errorf("receipt %d: got %+v", n, r)
		}
		hashes[r.Hash] = true
	}
	seqs, entries := read(t, j, 1)
	if len(entries) != 20 {
		t.Fatalf("got %d entries, want 20", len(entries))
	}
	for n, e := range entries {
		want := Entry(n)
		var a, b any
		if json.Unmarshal(e.Payload, &a) != nil || json.Unmarshal(want.Payload, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("entry %d: payload %s, want %s", n, e.Payload, want.Payload)
		}
		if len(e.Commit) != 64 {
			t.Errorf("entry %d: commits to %q", n, e.Commit)
		}
		e.Payload, want.Payload, e.Commit = nil, nil, ""
		if !reflect.DeepEqual(e, want) || seqs[n] != uint64(n+1) {
			t.Errorf("entry %d (%d):\ngot  %+v\nwant %+v", n, seqs[n], e, want)
		}
	}
}

func survives(t *testing.T, open func() Journal) {
	for n := range 5 {
		j := open()
		if r := add(t, j, n); r.Seq != uint64(n+1) {
			t.Errorf("after %d reopenings: got seq %d, want %d", n, r.Seq, n+1)
		}
		if _, entries := read(t, j, 0); len(entries) != n+1 {
			t.Errorf("after %d reopenings: got %d entries, want %d", n, len(entries), n+1)
		}
		if err := j.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
}

func readsFrom(t *testing.T, open func() Journal) {
	j := open()
	defer j.Close()
	for n := range 9 {
		add(t, j, n)
	}
	for from := range uint64(12) {
		want := max(0, 9-max(0, int(from)-1))
		if seqs, _ := read(t, j, from); len(seqs) != want || want > 0 && seqs[0] != max(1, from) {
			t.Errorf("Read(%d): got %v, want %d entries", from, seqs, want)
		}
	}
	stop := errors.New("enough")
	calls := 0
	if err := j.Read(3, func(uint64, journal.Entry) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("Read with a failing fn: got error %v after %d calls, want %v after 1", err, calls, stop)
	}
}

func refuses(t *testing.T, open func() Journal) {
	j := open()
	defer j.Close()
	for what, damage := range map[string]func(*journal.Entry){
		"no kind":          func(e *journal.Entry) { e.Kind = "" },
		"kind with spaces": func(e *journal.Entry) { e.Kind = "a person left" },
		"no time":          func(e *journal.Entry) { e.Time = time.Time{} },
		"no quality":       func(e *journal.Entry) { e.Quality = "" },
		"payload":          func(e *journal.Entry) { e.Payload = json.RawMessage(`{"a":`) },
		"two lines":        func(e *journal.Entry) { e.Coverage = "a\nb" },
		"requirement":      func(e *journal.Entry) { e.Requires = []string{"free text here"} },
		"too large":        func(e *journal.Entry) { e.Payload, _ = json.Marshal(strings.Repeat("x", journal.MaxEntry)) },
	} {
		e := Entry(1)
		damage(&e)
		if _, err := j.Append(context.Background(), e); !errors.Is(err, journal.ErrEntry) {
			t.Errorf("%s: got %v, want an error that wraps ErrEntry", what, err)
		}
	}
	if r := add(t, j, 1); r.Seq != 1 {
		t.Errorf("a refused entry took a number: the next is %d", r.Seq)
	}
}

func endedContext(t *testing.T, open func() Journal) {
	j := open()
	defer j.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := j.Append(ctx, Entry(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if seqs, _ := read(t, j, 1); len(seqs) != 0 {
		t.Errorf("got entries %v, want none", seqs)
	}
}

func concurrent(t *testing.T, open func() Journal) {
	j := open()
	const workers, each = 8, 25
	receipts := make([]journal.Receipt, workers*each)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				r, err := j.Append(context.Background(), Entry(w*each+i))
				if err != nil {
					t.Errorf("Append: %v", err)
				}
				receipts[w*each+i] = r
			}
		})
	}
	for range 5 { // reading meanwhile sees whole entries in order
		next := uint64(1)
		if err := j.Read(1, func(seq uint64, _ journal.Entry) error {
			if seq != next {
				t.Errorf("read %d, want %d", seq, next)
			}
			next++
			return nil
		}); err != nil {
			t.Errorf("Read: %v", err)
		}
	}
	wg.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open()
	defer j.Close()
	seqs, entries := read(t, j, 1)
	if len(seqs) != workers*each {
		t.Fatalf("got %d entries, want %d", len(seqs), workers*each)
	}
	for i, e := range entries {
		if n := number(t, e); receipts[n].Seq != seqs[i] {
			t.Errorf("entry %d: the receipt says %d, the journal %d", n, receipts[n].Seq, seqs[i])
		}
	}
}

func retains(t *testing.T, open func() Journal) {
	j := open()
	defer j.Close()
	e := Entry(7)
	if _, err := j.Append(context.Background(), e); err != nil {
		t.Fatal(err)
	}
	for i := range e.Payload {
		e.Payload[i] = 'x'
	}
	if _, entries := read(t, j, 1); len(entries) != 1 || number(t, entries[0]) != 7 {
		t.Errorf("got %v, want entry 7", entries)
	}
}

func closed(t *testing.T, open func() Journal) {
	j := open()
	add(t, j, 1)
	for range 2 {
		if err := j.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if _, err := j.Append(context.Background(), Entry(2)); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Append after Close: got %v, want an error that wraps ErrClosed", err)
	}
}
