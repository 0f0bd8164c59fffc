// Package notebook lets confd write into the room unit's journal over a Unix socket, for a journal has one writer.
//
//	confd: Remote.Append ── POST /journal, one JSON entry ──► roomd: Handler ── journal.Append ──► on disk ──► 204
//
// The handler takes entries of the conference's kinds only, with payloads of the size that those have.
package notebook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"subrosa/firmware/journal"
)

const (
	prefix   = "conference." // of kinds that are taken
	maxEntry = 4 << 10
)

// note is an entry on its way.
type note struct {
	Kind     string          `json:"kind"`
	Requires []string        `json:"requires,omitempty"`
	Time     time.Time       `json:"time"`
	Quality  string          `json:"quality"`
	Room     string          `json:"room"`
	Payload  json.RawMessage `json:"payload,omitempty"`
}

// Decode reads an entry as it comes over the socket.
func Decode(b []byte) (journal.Entry, error) {
	var n note
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return journal.Entry{}, fmt.Errorf("notebook: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return journal.Entry{}, errors.New("notebook: more after the entry")
	}
	if !strings.HasPrefix(n.Kind, prefix) || len(n.Kind) > 64 || len(n.Requires) > 16 {
		return journal.Entry{}, fmt.Errorf("notebook: kind %.70q: only %s… is written here", n.Kind, prefix)
	}
	return journal.Entry{Kind: n.Kind, Requires: n.Requires, Time: n.Time, Quality: n.Quality, Room: n.Room, Payload: n.Payload}, nil
}

// Handler writes what comes into j. Who may connect, the socket's folder says.
func Handler(j journal.Appender, room string) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /journal", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEntry))
		var e journal.Entry
		if err == nil {
			e, err = Decode(b)
		}
		if err == nil && e.Room != room {
			err = fmt.Errorf("notebook: room %.70q is not this unit's", e.Room)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if _, err := j.Append(r.Context(), e); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return m
}

// Remote is a journal.Appender that writes through a unit's socket.
type Remote struct{ client *http.Client }

// Dial returns the journal behind a Unix socket. It connects with each entry, so that a unit may restart.
func Dial(path string) *Remote {
	return &Remote{&http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}}
}

// Append returns when the unit's journal has the entry on disk. The receipt is empty: the unit keeps it.
func (r *Remote) Append(ctx context.Context, e journal.Entry) (journal.Receipt, error) {
	b, err := json.Marshal(note{Kind: e.Kind, Requires: e.Requires, Time: e.Time, Quality: e.Quality, Room: e.Room, Payload: e.Payload})
	if err != nil {
		return journal.Receipt{}, fmt.Errorf("notebook: %w", err)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://unit/journal", bytes.NewReader(b))
	if err != nil {
		return journal.Receipt{}, fmt.Errorf("notebook: %w", err)
	}
	a, err := r.client.Do(q)
	if err != nil {
		return journal.Receipt{}, fmt.Errorf("notebook: the unit's journal cannot be reached: %w", err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(io.LimitReader(a.Body, 512))
		return journal.Receipt{}, fmt.Errorf("notebook: the unit has not written the entry: %s", bytes.TrimSpace(text))
	}
	return journal.Receipt{}, nil
}
