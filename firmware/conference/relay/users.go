package relay

import (
	"net"
	"sync"
	"time"

	"github.com/pion/turn/v5"
)

const (
	maxOwn     = 4                // allocations of one participant: UDP and TCP, of two networks
	settleTime = 30 * time.Second // for a TCP connection to have an allocation
)

// user is a participant whose credentials hold.
type user struct {
	since  time.Time
	relays map[*narrow]bool
}

// know remembers who sits; r.mu is held. Those of whom nobody has said that they went go with their credentials.
func (r *Relay) know(participant string) {
	now := time.Now()
	for id, u := range r.users {
		if now.Sub(u.since) > Life && len(u.relays) == 0 {
			delete(r.users, id)
		}
	}
	u := r.users[participant]
	if u == nil {
		u = &user{relays: map[*narrow]bool{}}
		r.users[participant] = u
	}
	u.since = now
}

// End ends a participant's credentials, and at once all that was allocated with them.
func (r *Relay) End(participant string) {
	r.mu.Lock()
	u := r.users[participant]
	delete(r.users, participant)
	var gone []*narrow
	if u != nil {
		for n := range u.relays {
			gone = append(gone, n)
		}
	}
	r.mu.Unlock()
	for _, n := range gone {
		n.Close() // what reads from it ends the allocation
	}
}

// auth takes a user's name if its time is not over and its participant sits.
func (r *Relay) auth() turn.AuthHandler {
	rest := turn.LongTermTURNRESTAuthHandler(r.secret, silent)
	return func(a *turn.RequestAttributes) (string, []byte, bool) {
		id, key, ok := rest(a)
		r.mu.Lock()
		defer r.mu.Unlock()
		if !ok || r.users[id] == nil {
			return "", nil, false
		}
		return id, key, true
	}
}

// quota reports whether a participant may have one more allocation.
func (r *Relay) quota(id, _ string, _ net.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := r.users[id]
	return u != nil && len(u.relays) < maxOwn
}

// settles has TCP connections of TURN end that have no allocation: those that never get one, and those whose allocation ends.
func (r *Relay) settles() turn.EventHandler {
	return turn.EventHandler{
		OnAllocationCreated: func(from, _ net.Addr, _, _, _ string, _ net.Addr, _ int) {
			if c := r.visitor(from); c != nil {
				c.timer.Stop()
			}
		},
		OnAllocationDeleted: func(from, _ net.Addr, _, _, _ string) {
			if c := r.visitor(from); c != nil {
				c.Conn.Close()
			}
		},
	}
}

func (r *Relay) visitor(from net.Addr) *visitor {
	if _, ok := from.(*net.TCPAddr); !ok {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.visitors[from.String()]
}

// visitor is a TCP connection of TURN.
type visitor struct {
	net.Conn
	r     *Relay
	timer *time.Timer
	once  sync.Once
}

func (r *Relay) visit(c net.Conn, settle time.Duration) *visitor {
	v := &visitor{Conn: c, r: r}
	r.mu.Lock()
	r.visitors[c.RemoteAddr().String()] = v
	v.timer = time.AfterFunc(settle, func() { c.Close() })
	r.mu.Unlock()
	return v
}

// Close ends it.
func (v *visitor) Close() error {
	v.once.Do(func() {
		v.timer.Stop()
		v.r.mu.Lock()
		defer v.r.mu.Unlock()
		if k := v.RemoteAddr().String(); v.r.visitors[k] == v {
			delete(v.r.visitors, k)
		}
	})
	return v.Conn.Close()
}
