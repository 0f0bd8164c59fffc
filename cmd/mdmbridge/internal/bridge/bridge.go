package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// Site is the MQTT side: a *shadow.Shadow.
type Site interface {
	Report(name string, data any) error
	Forget(name string) error
	Watch(filter string, f func(shadow.Message)) error
}

// Options of a Connector.
type Options struct {
	ID      string
	Config  mdm.Config
	Devices []mdm.Device
	Backend mdm.Backend
	Store   *Store
	Site    Site // nil: without a broker, to give back only
	Log     *slog.Logger
	Pass    time.Duration // at least between two passes; default 250 ms
	Hands   int           // commands handed out at the same time; default 16
	Health  time.Duration // between two questions whether the management can be worked with; default 30 s
}

// Connector is one management and its devices. Everything of the Core is done in Run's goroutine.
type Connector struct {
	opt    Options
	core   *mdm.Core
	began  time.Time
	wishes chan wish
	words  chan word
	events chan mdm.Event
	done   chan outcome
	faults chan string
	orders chan func(mdm.Clock)
	hands  chan struct{}
	fault  string // of the management or the store

	unsaved struct {
		devices map[string]mdm.Record
		rooms   map[string]mdm.Holding
	}
	paper   *paper            // nil: no checklist
	said    map[string]uint64 // what was last published, by topic: a hash, for there can be many
	self    map[string]bool   // devices that report by themselves
	postAt  time.Time
	mu      sync.Mutex
	figures Figures
}

type wish struct {
	room string
	made time.Time
	data json.RawMessage
}

type outcome struct {
	action mdm.Action
	err    error
}

// Figures are what metrics and health show.
type Figures struct {
	States     map[mdm.State]int
	Posture    mdm.Posture
	Fault      string
	Commands   uint64
	Wakes      uint64
	Events     uint64
	Refused    uint64 // wishes
	Passes     uint64
	Pass       time.Duration // the last
	Longest    time.Duration
	Unreturned int
	At         time.Time
}

// New takes up what the store has kept.
func New(o Options) (*Connector, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Pass <= 0 {
		o.Pass = 250 * time.Millisecond
	}
	if o.Hands <= 0 {
		o.Hands = 16
	}
	if o.Health <= 0 {
		o.Health = 30 * time.Second
	}
	core, err := mdm.New(o.Config, o.Devices, o.Backend.Caps)
	if err != nil {
		return nil, err
	}
	c := &Connector{opt: o, core: core, began: time.Now(), wishes: make(chan wish, 256), words: make(chan word, 16), events: make(chan mdm.Event, 4096), done: make(chan outcome, 256),
		faults: make(chan string, 1), orders: make(chan func(mdm.Clock)), hands: make(chan struct{}, o.Hands), said: map[string]uint64{}}
	c.self = map[string]bool{}
	for _, d := range o.Devices {
		if o.Backend.Caps(d).Self {
			c.self[d.ID] = true
		}
	}
	c.unsaved.devices, c.unsaved.rooms = map[string]mdm.Record{}, map[string]mdm.Holding{}
	records, rooms, err := o.Store.Load()
	if err != nil {
		return nil, err
	}
	if err := core.Restore(c.clock(), records, rooms); err != nil {
		return nil, err
	}
	if o.Site != nil {
		if err := o.Site.Watch(topic.LockdownDesired(topic.Any), c.wish); err != nil {
			return nil, err
		}
		if err := c.watchPaper(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Connector) clock() mdm.Clock {
	now := time.Now()
	return mdm.Clock{Mono: now.Sub(c.began), Wall: now}
}

// wish takes a message from the broker.
func (c *Connector) wish(m shadow.Message) {
	if m.Data != nil {
		c.wishes <- wish{m.Topic.Room(), m.Time, m.Data}
	}
}

// Run works until ctx ends. It needs no ending of its own: what counts is on disk before it is done.
func (c *Connector) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	failed := make(chan error, 1)
	wg.Go(func() {
		failed <- c.opt.Backend.Run(ctx, func(e mdm.Event) {
			select {
			case c.events <- e:
			case <-ctx.Done():
			}
		})
	})
	wg.Go(func() { c.doctor(ctx) })
	t := time.NewTicker(c.opt.Pass)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("bridge: %s: %w", c.opt.ID, err)
		case w := <-c.wishes:
			c.take(w)
		case w := <-c.words:
			c.declared(w)
		case e := <-c.events:
			c.core.Take(c.clock(), e)
			c.count(func(f *Figures) { f.Events++ })
		case o := <-c.done:
			c.core.Sent(c.clock(), o.action, o.err)
		case s := <-c.faults:
			c.fault = s
		case f := <-c.orders:
			f(c.clock())
		case <-t.C:
			c.pass(ctx, &wg)
		}
	}
}

func (c *Connector) count(f func(*Figures)) {
	c.mu.Lock()
	f(&c.figures)
	c.mu.Unlock()
}

// Figures returns what is known now.
func (c *Connector) Figures() Figures {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.figures
}

// Release gives everything back, and takes no wish of the sessions that hold now.
func (c *Connector) Release(ctx context.Context) {
	select {
	case c.orders <- func(now mdm.Clock) {
		c.core.Release(now)
		c.opt.Log.Warn("everything is given back, on order", "conn", c.opt.ID)
	}:
	case <-ctx.Done():
	}
}

// take takes a room's wish.
func (c *Connector) take(w wish) {
	d, err := mdm.ReadDesired(w.data)
	if err == nil {
		err = c.core.Wish(c.clock(), w.room, d, w.made)
	}
	if err != nil && !errors.Is(err, mdm.ErrStale) {
		c.count(func(f *Figures) { f.Refused++ })
		c.opt.Log.Warn("wish refused", "conn", c.opt.ID, "room", w.room, "err", err)
	}
}

// doctor asks the management how it is.
func (c *Connector) doctor(ctx context.Context) {
	last := ""
	for {
		ask, stop := context.WithTimeout(ctx, c.opt.Health)
		err := c.opt.Backend.Health(ask)
		stop()
		if ctx.Err() != nil {
			return
		}
		if slug := mdm.Slug(err); slug != last {
			c.opt.Log.Warn("management", "conn", c.opt.ID, "fault", slug, "err", err)
			last = slug
		}
		select {
		case c.faults <- mdm.Slug(err):
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(c.opt.Health):
		case <-ctx.Done():
			return
		}
	}
}

// pass compares, keeps, hands out, and tells.
func (c *Connector) pass(ctx context.Context, wg *sync.WaitGroup) {
	now := c.clock()
	acts := c.core.Step(now)
	took := c.clock().Mono - now.Mono
	if err := c.save(); err != nil {
		c.opt.Log.Error("nothing is sent: what it is to be remembered by cannot be written", "conn", c.opt.ID, "err", err)
		for _, a := range acts {
			if a.Command.ID != "" {
				c.core.Sent(now, a, &mdm.Fault{Slug: mdm.FaultState, Unsent: true, Err: err})
			}
		}
		c.fault = mdm.FaultState
		acts = nil
	} else if c.fault == mdm.FaultState {
		c.fault = ""
	}
	if len(acts) > 0 {
		wg.Go(func() { c.handOut(ctx, wg, acts) })
	}
	c.tell(now)
	c.count(func(f *Figures) {
		for _, a := range acts {
			if a.Command.ID != "" {
				f.Commands++
			} else {
				f.Wakes++
			}
		}
		f.Passes++
		f.Pass, f.Longest = took, max(f.Longest, took)
	})
}

// save puts on disk what has changed, and what could not be put there before.
func (c *Connector) save() error {
	c.core.Changed(func(r mdm.Record) { c.unsaved.devices[r.ID] = r }, func(h mdm.Holding) { c.unsaved.rooms[h.Room] = h })
	devices := make([]mdm.Record, 0, len(c.unsaved.devices))
	for _, r := range c.unsaved.devices {
		devices = append(devices, r)
	}
	rooms := make([]mdm.Holding, 0, len(c.unsaved.rooms))
	for _, h := range c.unsaved.rooms {
		rooms = append(rooms, h)
	}
	if err := c.opt.Store.Save(devices, rooms); err != nil {
		return err
	}
	clear(c.unsaved.devices)
	clear(c.unsaved.rooms)
	return nil
}

// handOut gives actions to the backend, Hands at a time.
func (c *Connector) handOut(ctx context.Context, wg *sync.WaitGroup, acts []mdm.Action) {
	for _, a := range acts {
		select {
		case c.hands <- struct{}{}:
		case <-ctx.Done():
			return
		}
		wg.Go(func() {
			defer func() { <-c.hands }()
			one, stop := context.WithTimeout(ctx, 30*time.Second)
			defer stop()
			var err error
			if a.Command.ID != "" {
				err = c.opt.Backend.Send(one, a.Device, a.Command)
			} else {
				err = c.opt.Backend.Wake(one, a.Device)
			}
			select {
			case c.done <- outcome{a, err}:
			case <-ctx.Done():
			}
		})
	}
}

// maxDevice topics are published one by one; a bridge of more devices reports counts only.
const maxDevice = 12_000

// tell publishes what has changed.
func (c *Connector) tell(now mdm.Clock) {
	if c.opt.Site == nil {
		if now.Wall.Sub(c.postAt) >= time.Second {
			c.postAt = now.Wall
			c.sum(now)
		}
		return
	}
	for _, room := range c.core.Rooms() {
		r, _ := c.core.Report(now, room)
		if r.Error == "" {
			r.Error = c.fault
		}
		c.publish(topic.LockdownReported(room, c.opt.ID), r)
	}
	if c.paper != nil {
		c.checklists()
	}
	if now.Wall.Sub(c.postAt) < time.Second {
		return
	}
	c.postAt = now.Wall
	c.sum(now)
	if p := c.Figures().Posture; p.Off > 0 || p.Total > 0 {
		c.publish(topic.MDMPosture(c.opt.ID), p)
	}
	if len(c.opt.Devices) > maxDevice {
		return
	}
	c.core.Devices(now, func(id string, r mdm.DeviceReport, say bool) bool {
		if c.self[id] { // its agent does
			return true
		}
		name := topic.DeviceLockdownReported(id)
		var err error
		if say {
			err = c.opt.Site.Report(name, r)
		} else {
			err = c.opt.Site.Forget(name)
		}
		if errors.Is(err, shadow.ErrUnsaved) {
			err = nil
		}
		c.complain(name, err)
		return err == nil
	})
}

func (c *Connector) sum(now mdm.Clock) {
	states, posture, left := c.core.Sum(now), c.core.Posture(now), c.core.Unreturned()
	if posture.Off == 0 {
		posture.At = now.Wall.UTC().Truncate(time.Minute)
	}
	c.count(func(f *Figures) {
		f.States, f.Posture, f.Fault, f.Unreturned, f.At = states, posture, c.fault, left, now.Wall
	})
}

var seed = maphash.MakeSeed()

// publish reports data unless the same was said before.
func (c *Connector) publish(name string, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		c.complain(name, err)
		return
	}
	sum := maphash.Bytes(seed, b) | 1
	if c.said[name] == sum {
		return
	}
	if err := c.opt.Site.Report(name, data); err != nil && !errors.Is(err, shadow.ErrUnsaved) {
		c.complain(name, err)
		return
	}
	c.said[name] = sum
}

func (c *Connector) complain(name string, err error) {
	if err != nil {
		c.opt.Log.Warn("not reported", "conn", c.opt.ID, "topic", name, "err", err)
	}
}
