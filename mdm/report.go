package mdm

import (
	"hash/maphash"
	"maps"
	"slices"
	"time"
)

// state says where the device stands with what is wanted of it.
func (d *device) state(now Clock, c *Config) State {
	switch {
	case d.left || d.caps.Can == 0:
		return Unmanaged
	case d.gone && (len(d.holders) > 0 || d.mayLock()):
		return Offline
	case len(d.holders) > 0:
		return d.locking(now, c)
	}
	switch {
	case d.known && d.ghost == "" && !d.underway(Lock) && !d.obs.Locked && d.obs.Evidence.Proves():
		return OpenVerified
	case !d.mayLock():
		return d.waiting(now, c, Unknown)
	case d.fails >= c.StuckAt:
		return Stuck
	}
	return Restoring
}

// underway reports whether a command that would make a proof void has not been answered.
func (d *device) underway(k Kind) bool { return d.pend != nil && d.pend.Kind == k }

// locking is state while somebody holds the device.
func (d *device) locking(now Clock, c *Config) State {
	off := d.obs.Standing | d.obs.Lock
	if d.obs.InForce != 0 {
		off = d.obs.InForce | (off &^ d.caps.Proves)
	}
	fresh := now.Mono-d.obsAt < 2*c.Relock || !d.caps.Best.Proves() // what nobody could look at for long is not proven any more
	done := d.known && fresh && !d.underway(Free) && d.obs.Standing.Has(d.want.Standing) && (d.want.Lock == 0 || d.matches())
	switch {
	case done && d.obs.Evidence.Proves():
		if off.Has(d.required) && off.Has((d.want.Standing|d.want.Lock)&d.caps.Proves) && d.obs.Fault == "" {
			if d.obs.Evidence == Signed {
				return Declared
			}
			return LockedVerified
		}
		return Partial
	case done:
		return LockedAcked
	case d.fails >= c.StuckAt && d.fault == "":
		return Stuck
	case d.fault == FaultRefused || d.fails > 0 && d.fault != "" && d.pend == nil:
		return Error
	case d.pend != nil && d.pend.busy:
		return NotNow
	case d.want.Lock != 0 && d.acked == d.wanted():
		return LockedAcked
	}
	return d.waiting(now, c, Pending)
}

// waiting is the state of a device that has not answered; else is its state while that is no wonder.
func (d *device) waiting(now Clock, c *Config, otherwise State) State {
	switch {
	case d.pend == nil || now.Mono-d.pend.sent < c.Offline:
		return otherwise
	case !d.heard:
		return Unknown
	case now.Mono-d.last >= c.Offline:
		return Offline
	}
	return otherwise
}

// Rooms lists the rooms that have ever wished for something.
func (k *Core) Rooms() []string { return slices.Sorted(maps.Keys(k.rooms)) }

// Report says how a room's wish stands. Its Version is left for the caller.
func (k *Core) Report(now Clock, room string) (Report, bool) {
	h := k.rooms[room]
	if h == nil {
		return Report{}, false
	}
	r := Report{DesiredVersion: h.Version, Session: h.Session, Mode: h.Mode, Counts: map[State]int{}, Evidence: NoEvidence, Limits: []string{},
		Since: h.Since.UTC(), Error: h.fault}
	limits := map[string]bool{}
	weakest := -1
	for _, id := range h.Devices {
		d := k.index[id]
		if d == nil {
			r.Counts[Unmanaged]++
			continue
		}
		s := d.state(now, &k.conf)
		r.Counts[s]++
		if s == LockedVerified || s == Declared || s == Partial {
			weakest = max(weakest, d.obs.Evidence.Rank())
		}
		for _, l := range d.caps.Limits {
			limits[l] = true
		}
		if d.caps.Can&Microphone != 0 {
			r.Microphones.Can++
			if d.known && d.obs.Evidence.Proves() && (d.obs.Standing|d.obs.Lock|d.obs.InForce)&Microphone != 0 && len(d.holders) > 0 {
				r.Microphones.Off++
			}
		}
		if r.Error == "" && (d.fault == FaultPush || d.fault == FaultCredentials || d.fault == FaultUnreachable || d.fault == FaultCert) {
			r.Error = d.fault
		}
	}
	if weakest >= 0 {
		r.Evidence = Ladder[weakest]
	}
	r.Limits = slices.AppendSeq(r.Limits, maps.Keys(limits))
	slices.Sort(r.Limits)
	return r, true
}

// Devices calls f with the report of each device that is held, or that a lock may be on, if it has changed; and once with false for
// those that are neither any more, and so have nothing to say. What f does not take, by returning false, it is called with again.
func (k *Core) Devices(now Clock, f func(id string, r DeviceReport, say bool) bool) {
	for _, d := range k.devices {
		if len(d.holders) == 0 && !d.mayLock() {
			if d.told != 0 && f(d.dev.ID, DeviceReport{}, false) {
				d.told = 0
			}
			continue
		}
		s := d.state(now, &k.conf)
		if s != d.shown {
			d.shown, d.since = s, now.Wall.UTC()
		}
		sum := d.sum(s)
		if sum == d.told {
			continue
		}
		r := DeviceReport{State: s, Evidence: NoEvidence, InForce: []string{}, Limits: append([]string{}, d.caps.Limits...), Holders: append([]string{}, d.holders...),
			Since: d.since, Error: d.fault}
		if d.pend != nil {
			r.Command = d.pend.ID
		}
		if d.known {
			r.Evidence, r.InForce = d.obs.Evidence, (d.obs.Standing | d.obs.Lock | d.obs.InForce).Names()
		}
		if f(d.dev.ID, r, true) {
			d.told = sum
		}
	}
}

var seed = maphash.MakeSeed()

// sum is a hash of all that a report of the device in the state says.
func (d *device) sum(s State) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	say := func(w string) { h.WriteString(w); h.WriteByte(0) } //nolint:errcheck // never fails
	say(string(s))
	say(d.fault)
	if d.pend != nil {
		say(d.pend.ID)
	}
	if d.known {
		off := d.obs.Standing | d.obs.Lock | d.obs.InForce
		say(string(d.obs.Evidence))
		h.WriteByte(byte(off))      //nolint:errcheck
		h.WriteByte(byte(off >> 8)) //nolint:errcheck
	}
	for _, w := range d.holders {
		say(w)
	}
	return h.Sum64() | 1
}

// Posture says on how many devices the standing posture is proven, and how old the oldest of these proofs is. Proofs older than
// Relook and half of it count no more.
func (k *Core) Posture(now Clock) Posture {
	p := Posture{Total: len(k.devices), Standing: k.conf.Standing.Names(), Counts: map[State]int{}, Evidence: NoEvidence, At: now.Wall.UTC().Truncate(time.Second)}
	weakest := -1
	for _, d := range k.devices {
		proven := !d.proved.IsZero() && now.Wall.Sub(d.proved) < k.conf.Relook*3/2 && d.caps.Can.Has(k.conf.Standing)
		switch {
		case proven:
			p.Off++
			if d.known && d.obs.Evidence == Signed || !d.known && d.caps.Best == Signed { // after a restart there is only what can be had
				p.Counts[Declared]++
			} else {
				p.Counts[LockedVerified]++
			}
			if d.proved.Before(p.At) {
				p.At = d.proved.Truncate(time.Second)
			}
			if d.known {
				weakest = max(weakest, d.obs.Evidence.Rank())
			}
		case d.left || d.caps.Can == 0:
			p.Counts[Unmanaged]++
		case !d.caps.Can.Has(k.conf.Standing):
			p.Counts[Partial]++
		case d.fault == FaultRefused:
			p.Counts[Error]++
		case d.known && d.obs.Evidence == Ack && d.obs.Standing.Has(k.conf.Standing):
			p.Counts[LockedAcked]++
		case d.pend != nil && d.pend.busy:
			p.Counts[NotNow]++
		default:
			p.Counts[d.waiting(now, &k.conf, Pending)]++
		}
	}
	if weakest >= 0 {
		p.Evidence = Ladder[weakest]
	}
	return p
}

// Sum adds up what the whole connector manages, for metrics.
func (k *Core) Sum(now Clock) map[State]int {
	out := map[State]int{}
	for _, d := range k.devices {
		out[d.state(now, &k.conf)]++
	}
	return out
}

// Unreturned counts devices that a lock may be on, although nobody holds them.
func (k *Core) Unreturned() (n int) {
	for _, d := range k.devices {
		if len(d.holders) == 0 && d.mayLock() && !d.left {
			n++
		}
	}
	return n
}
