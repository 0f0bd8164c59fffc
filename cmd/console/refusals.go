package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"subrosa/cmd/console/internal/broker"
	"subrosa/cmd/console/internal/store"
)

// refusals writes down what the broker refused: the first time at once, a peer that goes on once every quiet
// with the number since.
type refusals struct {
	st  *store.Store
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	seen map[string]*refusal
}

type refusal struct {
	at    time.Time
	since int
}

const (
	quiet    = 10 * time.Second
	maxPeers = 1024
)

func newRefusals(st *store.Store, log *slog.Logger, now func() time.Time) *refusals {
	return &refusals{st: st, log: log, now: now, seen: map[string]*refusal{}}
}

func (rs *refusals) note(r broker.Refusal) {
	n := rs.count(r)
	if n == 0 {
		return
	}
	rs.log.Warn("broker refused", "peer", r.Peer, "what", r.What, "topic", r.Topic, "times", n, "err", r.Err)
	role, _, _ := strings.Cut(r.Peer, ":")
	target := strings.TrimSpace(r.Peer + " " + r.Topic)
	if r.Peer == "" {
		target = "" // an address says nothing that could be proven
	}
	a := store.Audit{At: rs.now(), Role: role, What: "broker.refused", Target: target, Detail: r.What}
	if err := rs.st.Append(context.Background(), a); err != nil {
		rs.log.Error("refusal cannot be recorded", "err", err)
	}
}

// count returns how many refusals to write down now, 0 for none.
func (rs *refusals) count(r broker.Refusal) int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	key := r.Peer + "\x00" + r.What
	s := rs.seen[key]
	if s == nil {
		if len(rs.seen) >= maxPeers {
			clear(rs.seen)
		}
		s = &refusal{}
		rs.seen[key] = s
	}
	s.since++
	if now := rs.now(); s.at.IsZero() || now.Sub(s.at) >= quiet {
		n := s.since
		s.at, s.since = now, 0
		return n
	}
	return 0
}
