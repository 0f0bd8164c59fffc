package board

import (
	"errors"
	"fmt"
	"io"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"subrosa/drivers/button"
	"subrosa/drivers/contact"
	"subrosa/drivers/display"
	"subrosa/drivers/lamp"
	"subrosa/drivers/locker"
	"subrosa/drivers/mcp3208"
	"subrosa/drivers/occupancy"
	"subrosa/drivers/power"
	"subrosa/drivers/relay"
	"subrosa/firmware/panel"
)

// drivers is the table of parts. absent is the error that says: not on this unit.
var drivers = []struct {
	name   string
	absent error
	every  time.Duration
	open   func(*Board) (part, error)
}{
	{"button", button.ErrAbsent, tick, openButton},
	{"lamp", lamp.ErrAbsent, 40 * time.Millisecond, openLamp},
	{"relays", relay.ErrAbsent, 20 * time.Millisecond, openRelays},
	{"lines", mcp3208.ErrAbsent, 20 * time.Millisecond, openLines},
	{"switches", contact.ErrAbsent, 20 * time.Millisecond, openSwitches},
	{"pir", occupancy.ErrAbsent, 100 * time.Millisecond, openPIR},
	{"radar", occupancy.ErrAbsent, 100 * time.Millisecond, openRadar},
	{"power", mcp3208.ErrAbsent, tick, openPower},
	{"locker", locker.ErrAbsent, 100 * time.Millisecond, openLocker},
	{"screen", display.ErrAbsent, 200 * time.Millisecond, openScreen},
}

// Parts are the names of all parts.
func Parts() (names []string) {
	for _, d := range drivers {
		names = append(names, d.name)
	}
	return names
}

// input and output return a pin as the narrow value a driver takes; nil stays nil.
func (b *Board) input(name string) gpio.PinIn {
	if p := b.o.Hardware.Pin(name); name != "" && p != nil {
		return p
	}
	return nil
}

func (b *Board) output(name string) gpio.PinOut {
	if p := b.o.Hardware.Pin(name); name != "" && p != nil {
		return p
	}
	return nil
}

// spi returns a port, nil where there is none.
func (b *Board) spi(port string, clock physic.Frequency) (conn.Conn, error) {
	c, err := b.o.Hardware.SPI(port, clock)
	if errors.Is(err, ErrAbsent) {
		return nil, nil
	}
	return c, err
}

func (b *Board) converter(port string) (*mcp3208.Dev, error) {
	c, err := b.spi(port, mcp3208.Clock)
	if err != nil {
		return nil, err
	}
	return mcp3208.New(c)
}

type buttonPart struct{ *button.Dev }

func openButton(b *Board) (part, error) {
	c := b.o.Config.Button
	d, err := button.New(b.input(c.Pin), b.output(c.Light), b.output(c.Motor), button.DefaultOpts)
	return buttonPart{d}, err
}

func (p buttonPart) step(b *Board, now time.Time) error {
	v := b.current(now)
	if v == nil {
		p.Show(button.Dark)
	} else {
		light, pattern := b.chair.Tell(now, *v)
		p.Show(light)
		if pattern == nil {
			pattern = b.answered()
		}
		if pattern != nil {
			p.Vibrate(now, pattern)
		}
	}
	press, err := p.Step(now)
	if press != button.None {
		b.press(now, press)
	}
	return err
}

type lampPart struct {
	*lamp.Dev
	row  []lamp.RGB // of the door, and behind it of the recording lamp
	door int
}

func openLamp(b *Board) (part, error) {
	c := b.o.Config.Lamp
	bus, err := b.spi(c.Port, c.Chip.Clock())
	if err != nil {
		return nil, err
	}
	o := lamp.DefaultOpts
	o.Lights, o.Cap = c.Lights+c.Recording, c.Cap
	d, err := lamp.New(bus, c.Chip, o)
	return &lampPart{d, make([]lamp.RGB, max(0, c.Lights+c.Recording)), max(0, c.Lights)}, err
}

func (p *lampPart) step(b *Board, now time.Time) error {
	b.scene.Lamp(p.row[:p.door], now)
	b.scene.Record(p.row[p.door:], now)
	return p.Show(p.row)
}

type relaysPart struct {
	devs []*relay.Dev
	conf []Relay
}

func openRelays(b *Board) (part, error) {
	p := &relaysPart{conf: b.o.Config.Relays}
	for _, c := range p.conf {
		var feedback gpio.PinIn
		if c.Contact != "" {
			if feedback = b.input(c.Contact); feedback == nil {
				return nil, errors.Join(p.Close(), fmt.Errorf("relay: %s: contact %s: %w", c.Name, c.Contact, relay.ErrAbsent))
			}
		}
		d, err := relay.New(b.output(c.Pin), feedback, relay.DefaultOpts)
		if err != nil {
			return nil, errors.Join(p.Close(), fmt.Errorf("%s: %w", c.Name, err))
		}
		p.devs = append(p.devs, d)
	}
	return p, nil
}

func (p *relaysPart) step(b *Board, now time.Time) error {
	var errs []error
	if len(b.facts.Relays) != len(p.devs) {
		b.facts.Relays = make([]panel.Relay, len(p.devs))
	}
	for i, d := range p.devs {
		if b.scene.Session.State != "" { // while nothing is known they stay as they are
			d.Set(b.scene.Relay(p.conf[i].While))
		}
		err := d.Step(now)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.conf[i].Name, err))
		}
		b.facts.Relays[i] = panel.Relay{Name: p.conf[i].Name, On: d.On(), Read: p.conf[i].Contact != "" && d.Settled(), Fault: err != nil}
	}
	return errors.Join(errs...)
}

func (p *relaysPart) Close() error {
	var errs []error
	for _, d := range p.devs {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}

// reader is a contact of either kind.
type reader interface {
	Step(now time.Time) (contact.State, error)
}

// contactsPart reads contacts into the facts, from the place of the first of them on.
type contactsPart struct {
	at   int
	devs []reader
}

func (p *contactsPart) step(b *Board, now time.Time) error {
	var errs []error
	for i, d := range p.devs {
		s, err := d.Step(now)
		if err != nil {
			s = contact.Cut // it cannot be told any more
			errs = append(errs, fmt.Errorf("%s: %w", b.facts.Contacts[p.at+i].Name, err))
		}
		b.facts.Contacts[p.at+i].State = s
	}
	return errors.Join(errs...)
}

func (p *contactsPart) Close() error { return nil }

func openLines(b *Board) (part, error) {
	adc, err := b.converter(b.o.Config.Lines.Port)
	if err != nil {
		return nil, err
	}
	p := &contactsPart{}
	for _, l := range b.o.Config.Lines.Lines {
		d, err := contact.NewSupervised(adc, l.Input, contact.DefaultLimits, contact.DefaultHold)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Name, err)
		}
		p.devs = append(p.devs, d)
	}
	return p, nil
}

func openSwitches(b *Board) (part, error) {
	p := &contactsPart{at: len(b.facts.Contacts) - len(b.o.Config.Switches)}
	for _, s := range b.o.Config.Switches {
		d, err := contact.NewDry(b.input(s.Pin), gpio.Low, contact.DefaultHold)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		p.devs = append(p.devs, d)
	}
	return p, nil
}

// occupied takes what one sensor says; works is false while it says nothing. Without one that works nothing is known.
func (b *Board) occupied(sensor string, yes, works bool) {
	if b.senses == nil {
		b.senses = map[string]sense{}
	}
	b.senses[sensor] = sense{yes, works}
	b.facts.Occupied, b.facts.Senses = false, false
	for _, s := range b.senses {
		b.facts.Senses = b.facts.Senses || s.works
		b.facts.Occupied = b.facts.Occupied || s.yes
	}
}

type sense struct{ yes, works bool }

type pirPart struct{ *occupancy.PIR }

func openPIR(b *Board) (part, error) {
	d, err := occupancy.NewPIR(b.input(b.o.Config.PIR.Pin), occupancy.DefaultHold)
	return pirPart{d}, err
}

func (p pirPart) step(b *Board, now time.Time) error {
	b.occupied("pir", p.Step(now), true)
	return nil
}

func (p pirPart) Close() error { return nil }

type radarPart struct {
	*occupancy.Radar
	line io.Closer
}

func openRadar(b *Board) (part, error) {
	line, err := b.o.Hardware.Line(b.o.Config.Radar.Line, occupancy.Baud)
	if errors.Is(err, ErrAbsent) {
		return nil, fmt.Errorf("radar: %s: %w", b.o.Config.Radar.Line, occupancy.ErrAbsent)
	}
	if err != nil {
		return nil, err
	}
	r := occupancy.NewRadar(b.o.Now(), occupancy.DefaultHold)
	b.wait.Go(func() { _ = r.Listen(line, b.o.Now) }) // its end is seen by Step
	return &radarPart{r, line}, nil
}

func (p *radarPart) step(b *Board, now time.Time) error {
	_, occupied, err := p.Step(now)
	b.occupied("radar", occupied, err == nil)
	return err
}

func (p *radarPart) Close() error { return p.line.Close() }

type powerPart struct {
	*power.Bank
	levels []power.Level
	since  time.Time
}

const dwell = time.Second

func openPower(b *Board) (part, error) {
	adc, err := b.converter(b.o.Config.Power.Port)
	if err != nil {
		return nil, err
	}
	table, err := power.ParseCalibration(b.o.Calibration)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.o.Config.Power.Calibration, err)
	}
	d, err := power.New(adc, table)
	if err != nil {
		return nil, err
	}
	b.power = d.Channels()
	return &powerPart{Bank: d}, nil
}

func (p *powerPart) step(b *Board, _ time.Time) error {
	now := b.o.Dwell()
	err := p.Sample(now)
	if p.since.IsZero() {
		p.since = now
	}
	if now.Sub(p.since) >= dwell {
		p.since = now
		p.levels = p.Dwell(p.levels[:0])
		if b.o.Levels != nil {
			b.o.Levels(p.levels)
		}
	}
	return err
}

func (p *powerPart) Close() error { return nil }

type lockerPart struct{ *locker.Dev }

func openLocker(b *Board) (part, error) {
	c := b.o.Config.Locker
	d, err := locker.New(b.output(c.Load), b.output(c.Clock), b.input(c.Data), c.Slots, locker.DefaultHold)
	return lockerPart{d}, err
}

func (p lockerPart) step(b *Board, now time.Time) error {
	n, known, err := p.Step(now)
	b.facts.Slots, b.facts.Phones = 0, 0
	if known && err == nil {
		b.facts.Slots, b.facts.Phones = p.Slots(), n
	}
	return err
}

func (p lockerPart) Close() error { return nil }

type screenPart struct{ *display.Dev }

func openScreen(b *Board) (part, error) {
	c := b.o.Config.Screen
	bus, err := b.o.Hardware.I2C(c.Bus)
	if errors.Is(err, ErrAbsent) {
		bus, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := display.New(bus, c.Address)
	return screenPart{d}, err
}

func (p screenPart) step(b *Board, _ time.Time) error {
	return p.Show(b.scene.Lines()...)
}
