package access

import (
	"net"
	"sync"
	"time"
)

// Failure counts wrong attempts of one account or address.
type Failure struct {
	Count int       `json:"count"`
	Last  time.Time `json:"last"`
	Until time.Time `json:"until,omitzero"` // locked
}

const (
	accountTries = 5
	addressTries = 20
	firstLock    = time.Minute
	longestLock  = time.Hour
	forgetAfter  = 24 * time.Hour
	maxAddresses = 4096
)

// Locked says until when an account or an address is locked out.
type Locked struct{ Until time.Time }

func (l *Locked) Error() string {
	return "access: locked until " + l.Until.UTC().Format(time.RFC3339)
}

// next counts one more failure at now. From the given number of tries on, each locks twice as long as the one before:
// 1 min, 2 min, … 1 h.
func (f Failure) next(now time.Time, tries int) Failure {
	if now.Sub(f.Last) >= forgetAfter {
		f = Failure{}
	}
	f.Count++
	f.Last = now
	if over := f.Count - tries; over >= 0 {
		lock := longestLock
		if over < 6 {
			lock = min(firstLock<<over, longestLock)
		}
		f.Until = now.Add(lock)
	}
	return f
}

// addresses counts failures by address, in memory alone: what an address guesses at has 256 bits, or is locked by account.
type addresses struct {
	mu sync.Mutex
	by map[string]Failure
}

// overflow is where addresses are counted together when there are too many of them.
const overflow = "overflow"

// place is the address as it is counted: a host owns its /64.
func place(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return ip.Mask(net.CIDRMask(64, 128)).String()
	}
	return host
}

func (a *addresses) key(remote string) string {
	k := place(remote)
	if _, known := a.by[k]; !known && len(a.by) >= maxAddresses {
		return overflow
	}
	return k
}

// check returns *Locked if the address is locked out.
func (a *addresses) check(now time.Time, remote string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.by[a.key(remote)]; now.Before(f.Until) {
		return &Locked{f.Until}
	}
	return nil
}

// failed counts, and reports whether this one locked the address. Success does not clear the count: one good invite must
// not whitewash guesses at others.
func (a *addresses) failed(now time.Time, remote string) (locked bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = map[string]Failure{}
	}
	if len(a.by) >= maxAddresses {
		for k, f := range a.by {
			if now.Sub(f.Last) >= forgetAfter {
				delete(a.by, k)
			}
		}
	}
	k := a.key(remote)
	f := a.by[k].next(now, addressTries)
	a.by[k] = f
	return now.Before(f.Until)
}
