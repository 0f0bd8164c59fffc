package mdm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Clock is one moment on two clocks: Mono only grows and counts within one run of the program, Wall is what people agree on.
type Clock struct {
	Mono time.Duration
	Wall time.Time
}

// Config of a Core.
type Config struct {
	Standing  Set           // off on every device, always
	Wake      time.Duration // an unanswered command: wake the device again after this, then after twice as long …
	WakeMax   time.Duration // … up to this
	Offline   time.Duration // unanswered and unheard for so long: offline
	Lost      time.Duration // unanswered for so long although the device was awake three times: the answer is lost
	Retry     time.Duration // after a refusal, doubled up to …
	RetryMax  time.Duration
	Relook    time.Duration // proofs of the standing posture are renewed
	Relock    time.Duration // proofs of a lock are renewed
	Settle    time.Duration // no event comes later than this; between two looks after a lost answer
	Forget    time.Duration // a room's list of devices is deleted so long after its lock at the latest
	StuckAt   int           // attempts
	MaxUnsent int           // commands handed out in one pass
}

// Default is for people with telephones.
var Default = Config{
	Standing: Assistant, Wake: time.Minute, WakeMax: 10 * time.Minute, Offline: 3 * time.Minute, Lost: 3 * time.Minute, Retry: 15 * time.Second,
	RetryMax: 10 * time.Minute, Relook: 20 * time.Hour, Relock: 15 * time.Minute, Settle: 20 * time.Second, Forget: 24 * time.Hour, StuckAt: 6, MaxUnsent: 1000,
}

// Check reports what is impossible.
func (c Config) Check() error {
	for _, d := range []time.Duration{c.Wake, c.WakeMax, c.Offline, c.Lost, c.Retry, c.RetryMax, c.Relook, c.Relock, c.Settle, c.Forget} {
		if d <= 0 {
			return errors.New("mdm: every time must be above 0")
		}
	}
	if c.StuckAt <= 0 || c.MaxUnsent <= 0 || c.Standing&^All != 0 || c.WakeMax < c.Wake || c.RetryMax < c.Retry {
		return errors.New("mdm: stuck_at and max_unsent must be above 0, and the longest pauses not below the shortest")
	}
	return nil
}

// Core is the reconciler of one connector. It is level-triggered: Step compares what is wanted of each device with what the
// device was seen to be, and says the one next thing to do. It does no I/O and is not safe for concurrent use.
//
// A device has at most one unanswered command, so a Free is never queued behind a Lock that has not been answered: the answer
// "nothing to take back" would be followed by the Lock. Answers of commands before the last one lead to a new look. A command
// whose answer is lost (the device was awake three times, and nothing came) is kept as a ghost until two looks have passed.
type Core struct {
	conf    Config
	caps    func(Device) Caps
	devices []*device
	index   map[string]*device
	rooms   map[string]*holder
	changed map[string]bool // ids whose Record is to be kept
	held    map[string]bool // rooms whose Holding is to be kept
}

// New returns a Core over the devices given, which it keeps and never changes.
func New(c Config, devices []Device, caps func(Device) Caps) (*Core, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	k := &Core{conf: c, caps: caps, index: make(map[string]*device, len(devices)), rooms: map[string]*holder{}, changed: map[string]bool{}, held: map[string]bool{}}
	kinds := map[string]*Caps{}
	for i := range devices {
		d := &devices[i]
		if err := CheckID(d.ID); err != nil {
			return nil, err
		}
		if k.index[d.ID] != nil {
			return nil, fmt.Errorf("mdm: device %s is listed twice", d.ID)
		}
		e := &device{dev: d, caps: shared(kinds, caps(*d))}
		k.devices = append(k.devices, e)
		k.index[d.ID] = e
	}
	return k, nil
}

// shared returns the one Caps that says the same: there are few kinds, and many devices.
func shared(kinds map[string]*Caps, c Caps) *Caps {
	name := fmt.Sprintf("%+v", c)
	if kinds[name] == nil {
		kinds[name] = &c
	}
	return kinds[name]
}

// holder is what one room wants. A room has one holder at a time; a session that outlasts its plan comes as a new one.
type holder struct {
	Holding
	lease time.Duration // on Clock.Mono
	hard  time.Duration
	fault string
	name  string // room/session
}

// Holding is a holder as it is kept on disk.
type Holding struct {
	Room     string    `json:"room"`
	Version  uint64    `json:"version"`
	Session  string    `json:"session"`
	Mode     Mode      `json:"mode"`
	Required Set       `json:"required"`
	Optional Set       `json:"optional"`
	LeaseS   int       `json:"lease_s"`
	LeaseEnd time.Time `json:"lease_end"` // by the wall; counts after a restart only, and then for one lease at most
	HardEnd  time.Time `json:"hard_end"`
	Devices  []string  `json:"devices,omitempty"`
	Since    time.Time `json:"since"`
	Over     string    `json:"over"` // session that has come to its hard end, or was released here
	OverAt   time.Time `json:"over_at,omitzero"`
}

// Errors of Wish.
var (
	ErrStale = errors.New("mdm: this wish, or a newer one, was taken before")
	ErrClock = errors.New("mdm: the room's clock and ours differ by more than two minutes")
	ErrOver  = errors.New("mdm: this session is over: its hard end has passed, or it was released here")
)

// Wish takes a room's wish, made at the time its envelope says. The lease counts from receipt.
func (k *Core) Wish(now Clock, room string, d Desired, made time.Time) error {
	if err := errors.Join(CheckID(room), d.Check()); err != nil {
		return fmt.Errorf("mdm: wish of %.64q: %w", room, err)
	}
	h := k.rooms[room]
	if h == nil {
		h = &holder{Holding: Holding{Room: room, Mode: Open, Since: now.Wall}}
		k.rooms[room] = h
	}
	if d.Version <= h.Version {
		return ErrStale
	}
	lease := time.Duration(d.LeaseS) * time.Second
	switch age := now.Wall.Sub(made); {
	case d.Mode == Open:
		k.held[room] = true
		h.Version, h.fault = d.Version, ""
		k.open(now, h)
		return nil
	case age < -skew || age > lease+skew: // older than its lease: of a unit that is gone, or has a wrong clock
		h.fault = FaultClock
		return ErrClock
	}
	k.held[room] = true
	h.fault = ""
	h.Version = d.Version
	if d.Session == h.Over {
		return ErrOver
	}
	if d.Session != h.Session || h.Mode != Locked {
		if d.Session != h.Session {
			h.Over, h.HardEnd, h.hard = "", time.Time{}, 0
		}
		h.Session, h.Mode, h.Since = d.Session, Locked, now.Wall
	}
	h.Required, h.Optional, _ = ParseSet(d.Restrict)
	h.LeaseS, h.lease, h.LeaseEnd = d.LeaseS, now.Mono+lease, now.Wall.Add(lease)
	from := now.Wall
	if made.After(from) {
		from = made
	}
	hard := now.Mono + min(d.HardEnd.Sub(from), MaxHard)
	if h.HardEnd.IsZero() || d.HardEnd.Before(h.HardEnd) {
		h.HardEnd = d.HardEnd.UTC()
	}
	if h.hard == 0 || hard < h.hard {
		h.hard = hard
	}
	h.setDevices(d.Devices)
	return nil
}

func (h *holder) setDevices(ids []string) {
	h.Devices = slices.Clone(ids)
	slices.Sort(h.Devices)
	h.Devices = slices.Compact(h.Devices)
}

// open ends the room's lock. Its devices stay listed until they are back, or for Forget.
func (k *Core) open(now Clock, h *holder) {
	if h.Mode == Locked {
		h.Mode, h.OverAt = Open, now.Wall
	}
}

// Forgotten takes that the room's topic was emptied: no wish is left that could be renewed. A lock goes on until its lease ends.
func (k *Core) Forgotten(string) {}

// Release gives everything back, and takes no wish of the sessions that hold now.
func (k *Core) Release(now Clock) {
	for room, h := range k.rooms {
		if h.Mode == Locked {
			h.Over = h.Session
			k.open(now, h)
			k.held[room] = true
		}
	}
}

// live reports whether the holder locks, and ends it when it does not any more.
func (k *Core) live(now Clock, h *holder) bool {
	if h.Mode != Locked {
		if len(h.Devices) > 0 && (now.Wall.Sub(h.OverAt) > k.conf.Forget || k.returned(h)) {
			h.Devices = nil
			k.held[h.Room] = true
		}
		return false
	}
	if now.Mono >= h.hard || now.Mono >= h.lease {
		if now.Mono >= h.hard {
			h.Over = h.Session
		}
		k.open(now, h)
		k.held[h.Room] = true
		return false
	}
	return true
}

// returned reports whether all of the room's devices are as the standing posture wants them, or are wanted elsewhere.
func (k *Core) returned(h *holder) bool {
	for _, id := range h.Devices {
		if d := k.index[id]; d != nil && !d.left && d.want.Lock == 0 && d.mayLock() {
			return false
		}
	}
	return true
}

// Listed returns the devices of the room's session, and of the last one until they are back.
func (k *Core) Listed(room string) []string {
	if h := k.rooms[room]; h != nil {
		return h.Devices
	}
	return nil
}

// Held reports whether any room's lock holds the device, as of the last Step.
func (k *Core) Held(id string) bool {
	d := k.index[id]
	return d != nil && len(d.holders) > 0
}

// Action is one thing to do: send Command, or wake the device if Command.ID is empty.
type Action struct {
	Device  Device
	Command Command
}

// Step returns what to do now. Keep what Changed returns on disk before anything of it is done.
func (k *Core) Step(now Clock) []Action {
	for _, d := range k.devices {
		d.want = Want{Standing: k.conf.Standing & d.caps.Can}
		d.required, d.holders = 0, d.holders[:0]
	}
	for _, h := range k.rooms {
		if !k.live(now, h) {
			continue
		}
		h.name = h.Room + "/" + h.Session
		for _, id := range h.Devices {
			if d := k.index[id]; d != nil {
				d.hold(h, now)
			}
		}
	}
	var out []Action
	for _, d := range k.devices {
		if len(d.holders) > 1 {
			slices.Sort(d.holders)
		}
		if len(out) >= k.conf.MaxUnsent {
			continue
		}
		if a, ok := d.next(now, &k.conf); ok {
			if a.Command.ID != "" {
				k.changed[d.dev.ID] = true
			}
			out = append(out, a)
		}
	}
	return out
}

// hold adds a holder's wish.
func (d *device) hold(h *holder, now Clock) {
	d.holders = append(d.holders, h.name)
	d.required |= h.Required
	if d.caps.Slow {
		return
	}
	if lock := (h.Required | h.Optional) & d.caps.Can &^ d.want.Standing; lock != 0 {
		d.want.Lock |= lock
		if h.HardEnd.After(d.want.Until) {
			d.want.Until = h.HardEnd
		}
		d.want.Lease = max(d.want.Lease, h.lease-now.Mono)
	}
}

// Sent takes what became of handing out a command or a wake.
func (k *Core) Sent(now Clock, a Action, err error) {
	d := k.index[a.Device.ID]
	if d == nil || err == nil && a.Command.ID == "" {
		return
	}
	if d.sent(now, &k.conf, a.Command, err) {
		k.changed[d.dev.ID] = true
	}
}

// Take takes an event. It reports whether it concerned a device of this connector.
func (k *Core) Take(now Clock, e Event) bool {
	d := k.index[e.Device]
	if d == nil || e.Command != "" && !strings.HasPrefix(e.Command, "sr-"+d.dev.ID+"-") {
		return false
	}
	if d.take(now, &k.conf, e) {
		k.changed[e.Device] = true
	}
	return true
}

// Device returns the device of the id, as the bridge's list has it.
func (k *Core) Device(id string) (Device, bool) {
	if d := k.index[id]; d != nil {
		return *d.dev, true
	}
	return Device{}, false
}

// Changed calls f with what must reach the disk, and forgets that it had changed.
func (k *Core) Changed(device func(Record), room func(Holding)) {
	for id := range k.changed {
		device(k.index[id].record())
	}
	for id := range k.held {
		h := k.rooms[id].Holding
		h.Devices = slices.Clone(h.Devices)
		room(h)
	}
	clear(k.changed)
	clear(k.held)
}

// Restore takes what was kept, before the first Step. Commands whose fate is unknown are sent again under the same id. A lease
// counts on, by the wall's clock, and never for more than one lease.
func (k *Core) Restore(now Clock, records []Record, rooms []Holding) error {
	for _, r := range records {
		if d := k.index[r.ID]; d != nil {
			d.restore(now, r, k.conf.Relook)
		} // else it was taken off the list: nothing can be done about it any more
	}
	for _, r := range rooms {
		if err := CheckID(r.Room); err != nil {
			return err
		}
		lease := time.Duration(r.LeaseS) * time.Second
		left := max(0, min(r.LeaseEnd.Sub(now.Wall), lease))
		k.rooms[r.Room] = &holder{Holding: r, lease: now.Mono + left, hard: now.Mono + max(0, min(r.HardEnd.Sub(now.Wall), MaxHard))}
	}
	return nil
}
