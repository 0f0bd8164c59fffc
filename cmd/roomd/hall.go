package main

import (
	"log/slog"
	"maps"
	"time"

	"subrosa/cmd/roomd/internal/calendars"
	"subrosa/cmd/roomd/internal/hall"
	"subrosa/firmware/clock"
	"subrosa/firmware/handover"
	"subrosa/firmware/room"
	"subrosa/firmware/wall"
)

// openHall prepares what the room knows of its equipment, and who asks it.
func (u *unit) openHall(c Config, clk clock.Clock, p *room.Parts) (err error) {
	if p.AV, u.hall, p.Relays, err = hall.Build(c.AV, c.Panel.RelayNames()); err != nil {
		return err
	}
	u.hall.Clock, u.hall.Log = clk, u.log.With(slog.String("part", "hall"))
	p.Walk, err = handover.New(c.Handover)
	return err
}

// openDiary prepares who asks the calendars.
func (u *unit) openDiary(c Config, clk clock.Clock) error {
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return err
	}
	if u.diary, err = calendars.Build(c.Calendar, zone); err != nil {
		return err
	}
	u.diary.Clock, u.diary.Log = clk, u.log.With(slog.String("part", "calendar"))
	return nil
}

// words are those of the points, with the room's own devices and zones.
func words(c Config) map[string]wall.Text {
	w := room.Words()
	kinds, names := hall.Kinds(c.AV)
	maps.Copy(w, room.HallWords(kinds, names, c.Handover.Zones))
	return w
}
