// Package board runs what is wired to the unit: lamp, chair's button, relays, contacts, sensors of occupancy, power
// detectors, locker and screen. It opens the drivers on the machine's buses, or on a simulation of them, and carries
// values between them and firmware/panel, on a goroutine of its own.
//
// A part that is absent or broken is told once and the rest goes on; nothing here is waited for by what listens.
package board

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"subrosa/drivers/button"
	"subrosa/drivers/contact"
	"subrosa/drivers/power"
	"subrosa/firmware/panel"
	"subrosa/firmware/wall"
)

// Hardware is where pins and buses come from: Host, or a simulation.
type Hardware interface {
	Pin(name string) gpio.PinIO // nil where there is none
	// SPI, I2C and Line wrap ErrAbsent where there is none.
	SPI(port string, clock physic.Frequency) (conn.Conn, error)
	I2C(bus string) (i2c.Bus, error)
	Line(device string, baud int) (io.ReadCloser, error)
	Close() error
}

// ErrAbsent says that the machine has no such bus or line.
var ErrAbsent = errors.New("not on this machine")

// Options of a Board. The functions must not wait; all may be nil.
type Options struct {
	Config      Config
	Calibration []byte // of the power detectors
	Hardware    Hardware
	Policy      panel.Policy
	Log         *slog.Logger
	Facts       func(panel.Facts)                      // called with what has changed
	Health      func(part string, err error)           // called when a part fails, or works again
	Levels      func([]power.Level)                    // called with every dwell of the power detectors
	Do          func(wall.Order) error                 // carries out a press; called on a goroutine of its own, may wait
	Pressed     func(p button.Press, ordered wall.Act) // called with every press; ordered "": nothing
	Now         func() time.Time                       // nil: time.Now
	Dwell       func() time.Time                       // by which power detectors dwell: the room's time, also in a scenario; nil: Now
}

// tick is the pace of the fastest part: the button.
const tick = 10 * time.Millisecond

// Board is what is wired. Open, then Run once.
type Board struct {
	o      Options
	parts  []*running
	chair  panel.Chair
	facts  panel.Facts
	told   panel.Facts
	scene  panel.Scene
	power  []power.Channel
	senses map[string]sense // of occupancy

	mu    sync.Mutex
	view  *wall.View // nil: none yet
	shown time.Time
	taken []error // results of presses that were ordered
	wait  sync.WaitGroup
}

// running is an opened part.
type running struct {
	part
	name  string
	every time.Duration
	due   time.Time
	fault string
}

// part is one driver, or several of a kind, as the board sees it.
type part interface {
	step(b *Board, now time.Time) error // reads into b.facts, shows b.scene
	Close() error
}

// Open opens the parts of the configuration. It never fails: what cannot be opened is told to Health.
func Open(o Options) *Board {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dwell == nil {
		o.Dwell = o.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Board{o: o}
	b.facts.Contacts = o.Config.contacts()
	for _, d := range drivers {
		if !o.Config.has(d.name) {
			continue
		}
		p, err := d.open(b)
		if err != nil {
			if errors.Is(err, d.absent) {
				o.Log.Warn("panel: not here", "part", d.name, "err", err)
			} else {
				o.Log.Error("panel: broken", "part", d.name, "err", err)
			}
			b.health(d.name, err)
			b.unreadable(d.name)
			continue
		}
		b.health(d.name, nil)
		b.parts = append(b.parts, &running{part: p, name: d.name, every: d.every})
	}
	return b
}

// unreadable marks the contacts of a part that could not be opened: what was published of them before holds no more.
func (b *Board) unreadable(part string) {
	for i, c := range b.facts.Contacts {
		if part == "lines" && c.Supervised || part == "switches" && !c.Supervised {
			b.facts.Contacts[i].State = contact.Cut
		}
	}
}

func (b *Board) health(part string, err error) {
	if b.o.Health != nil {
		b.o.Health(part, err)
	}
}

// Channels are those of the power detectors, nil when there are none.
func (b *Board) Channels() []power.Channel { return b.power }

// Show takes what the pages show. It may be called from any goroutine and does not wait.
func (b *Board) Show(v wall.View) {
	b.mu.Lock()
	b.view, b.shown = &v, b.o.Now()
	b.mu.Unlock()
}

// staleAfter is for how long a View is believed without a new one, as on the wall.
const staleAfter = time.Minute

// current returns the View to show, nil when there is none that is believed.
func (b *Board) current(now time.Time) *wall.View {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.view == nil || now.Sub(b.shown) > staleAfter {
		return nil
	}
	return b.view
}

// Run works until ctx ends; then every output is off.
func (b *Board) Run(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			err := b.close()
			b.wait.Wait()
			return err
		case <-t.C:
			b.step(b.o.Now())
		}
	}
}

func (b *Board) close() error {
	var errs []error
	for _, p := range b.parts {
		errs = append(errs, p.Close())
	}
	errs = append(errs, b.o.Hardware.Close())
	if err := errors.Join(errs...); err != nil {
		b.o.Log.Warn("panel: closing", "err", err)
	}
	return nil // nothing depends on it
}

// step lets every part that is due do its work.
func (b *Board) step(now time.Time) {
	b.scene = panel.Scene{} // claims nothing: dark lamp, and the screen says so
	if v := b.current(now); v != nil {
		b.scene = panel.NewScene(*v, b.facts, b.o.Policy)
	}
	for _, p := range b.parts {
		if now.Before(p.due) {
			continue
		}
		p.due = now.Add(p.every)
		b.judge(p, p.step(b, now))
	}
	if !b.facts.Equal(b.told) {
		b.told = b.facts.Clone()
		if b.o.Facts != nil {
			b.o.Facts(b.told)
		}
	}
}

// judge tells what is new about a part.
func (b *Board) judge(p *running, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == p.fault {
		return
	}
	if (text == "") != (p.fault == "") {
		b.o.Log.Warn("panel", "part", p.name, "err", err)
		b.health(p.name, err)
	}
	p.fault = text
}

// press brings a press to the room.
func (b *Board) press(now time.Time, p button.Press) {
	v := b.current(now)
	if v == nil || b.o.Do == nil {
		return
	}
	o, ok := b.chair.Press(now, p, *v, b.facts, b.o.Policy)
	b.o.Log.Info("panel: button", "press", p, "order", o.Act)
	if b.o.Pressed != nil {
		b.o.Pressed(p, o.Act)
	}
	if !ok {
		return
	}
	b.wait.Go(func() {
		err := b.o.Do(o)
		if err != nil {
			b.o.Log.Warn("panel: not done", "order", o.String(), "err", err)
		}
		b.mu.Lock()
		b.taken = append(b.taken, err)
		b.mu.Unlock()
	})
}

// answered returns how the button says what became of a press; nil for nothing.
func (b *Board) answered() button.Pattern {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.taken) == 0 {
		return nil
	}
	err := b.taken[0]
	b.taken = b.taken[1:]
	if err != nil {
		return panel.RefusedPattern
	}
	return panel.TakenPattern
}
