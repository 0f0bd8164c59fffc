package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"subrosa/cmd/roomd/internal/board"
	"subrosa/cmd/roomd/internal/simulator"
	"subrosa/drivers/power"
	"subrosa/firmware/clock"
	"subrosa/firmware/panel"
	"subrosa/firmware/room"
	"subrosa/firmware/wall"
)

// panelUnit is what is wired to the unit, or its simulation. The table of its drivers is in internal/board.
type panelUnit struct {
	conf  Config
	log   *slog.Logger
	table []byte // calibration of the power detectors
	hw    board.Hardware
	sim   *simulator.Simulator // nil: what is wired is real
	board *board.Board
	bands *panel.Bands // nil: there are no power detectors
	clock clock.Clock
}

// newPanel prepares the panel. That hardware is missing is no error; a calibration that is not one is.
func newPanel(c Config, clk clock.Clock, log *slog.Logger) (*panelUnit, error) {
	p := &panelUnit{conf: c, log: log, clock: clk}
	var table power.Calibration
	if slices.Contains(c.Panel.Parts, "power") {
		var err error
		if p.table, err = os.ReadFile(c.Panel.Power.Calibration); err == nil {
			table, err = power.ParseCalibration(p.table)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // not there: the part says so, and the unit goes on
			return nil, fmt.Errorf("panel: %s: %w", c.Panel.Power.Calibration, err)
		}
		if p.bands, err = panel.NewBands(table.Channels, rand.Reader); err != nil {
			return nil, err
		}
	}
	if c.Panel.Simulated {
		log.Warn("lamp, button, contacts and all else that is wired are simulated", "page", "/simulator")
		p.sim = simulator.New(c.Panel, table)
		p.hw = p.sim
		return p, nil
	}
	if len(c.Panel.Parts) == 0 {
		p.hw = board.None{}
		return p, nil
	}
	var err error
	p.hw, err = board.Host()
	if err != nil {
		log.Error("panel: no hardware can be used", "err", err)
		p.hw = board.None{}
	}
	return p, nil
}

// open opens the parts. What they tell goes to the room, and to the page of a simulation.
func (p *panelUnit) open(r *room.Room) {
	where, err := time.LoadLocation(p.conf.Timezone)
	if err != nil {
		where = time.UTC // loadConfig has checked it
	}
	levels := func(l []power.Level) {
		for _, f := range p.bands.Take(p.clock.Now(), l) {
			r.Found(f)
		}
	}
	o := board.Options{Config: p.conf.Panel, Calibration: p.table, Hardware: p.hw, Log: p.log,
		Policy: panel.Policy{ShowsFindings: p.conf.WallShowsFindings, Reason: p.conf.Panel.SecondPress, Location: where},
		Facts:  r.Facts, Health: r.PanelHealth, Levels: levels, Dwell: p.clock.Now,
		Do: func(o wall.Order) error { return r.Do(context.Background(), o) }}
	if s := p.sim; s != nil {
		o.Facts = func(f panel.Facts) { r.Facts(f); s.Facts(f) }
		o.Health = func(part string, err error) { r.PanelHealth(part, err); s.Health(part, err) }
		o.Levels, o.Pressed = func(l []power.Level) { levels(l); s.Levels(l) }, s.Pressed
	}
	p.board = board.Open(o)
}

// show brings the board, and the page of a simulation, up to date.
func (p *panelUnit) show(v wall.View) {
	if p.board != nil { // the room may speak before its panel is open
		p.board.Show(v)
	}
	if p.sim != nil {
		p.sim.Show(v)
	}
}

// pages adds the simulation's page to those of the wall.
func (p *panelUnit) pages(w http.Handler) http.Handler {
	if p.sim == nil {
		return w
	}
	mux := http.NewServeMux()
	mux.Handle("/", w)
	sim := p.sim.Handler(p.conf.Name)
	mux.Handle("/simulator", sim)
	mux.Handle("/simulator/", sim)
	return mux
}
