package whip

import (
	"net"
	"sync"
	"time"
)

// rate counts new streams by address, in memory alone: at most perMinute in any minute that begins with the first.
type rate struct {
	mu sync.Mutex
	by map[string]minute
}

type minute struct {
	from time.Time
	n    int
}

const (
	perMinute    = 30
	maxAddresses = 4096
)

// take counts one of an address, and says for how long it must wait; 0 not at all. A host owns its /64.
func (r *rate) take(now time.Time, remote string) time.Duration {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		host = ip.Mask(net.CIDRMask(64, 128)).String()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]minute{}
	}
	if len(r.by) >= maxAddresses {
		for k, m := range r.by {
			if now.Sub(m.from) >= time.Minute {
				delete(r.by, k)
			}
		}
		if _, known := r.by[host]; !known && len(r.by) >= maxAddresses {
			host = "overflow"
		}
	}
	m := r.by[host]
	if now.Sub(m.from) >= time.Minute {
		m = minute{from: now}
	}
	m.n++
	r.by[host] = m
	if m.n > perMinute {
		return m.from.Add(time.Minute).Sub(now)
	}
	return 0
}
