package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"subrosa/firmware/clock"
	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/state"
	"subrosa/firmware/wall"
)

// Roster says where the list of those who may attend comes from, and how long what belongs to one session is kept.
type Roster struct {
	File      string  `json:"file"`       // CSV, read at each start; "": the console's list
	KeepHours float64 `json:"keep_hours"` // after a session: check-ins, loans and those added for it; 0: deleted at once
	HomeBase  string  `json:"home_base"`  // address under which a gateway passes /anmelden on from the internet; "": that of the pages
}

// maxKeep is how long personal data of a session is kept at most: what is to be proven is in the journal without it.
const maxKeep = 30 * 24 * time.Hour

func (r *Roster) check() error {
	if r.KeepHours < 0 || r.keep() > maxKeep {
		return fmt.Errorf("keep_hours %g, want 0 to %g", r.KeepHours, maxKeep.Hours())
	}
	if r.HomeBase == "" {
		return nil
	}
	u, err := url.Parse(r.HomeBase)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("home_base is no address such as https://anmeldung.raum.example")
	}
	return nil
}

func (r *Roster) keep() time.Duration { return time.Duration(r.KeepHours * float64(time.Hour)) }

// openRoster takes up the list as it was, and what the file says of it.
func openRoster(c Config, folder state.Folder, clk clock.Clock) (*roster.Attendance, time.Duration, error) {
	list, err := roster.Load(folder.Path("roster"))
	if err != nil {
		return nil, 0, err
	}
	a := roster.NewAttendance(list)
	if c.Roster.File == "" {
		return a, c.Roster.keep(), nil
	}
	where, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return nil, 0, fmt.Errorf("config: timezone: %w", err)
	}
	f, err := os.Open(c.Roster.File)
	if err != nil {
		return nil, 0, fmt.Errorf("config: roster: %w", err)
	}
	defer f.Close()
	members, err := roster.ReadCSV(f, where)
	if err != nil {
		return nil, 0, fmt.Errorf("config: roster: %s: %w", c.Roster.File, err)
	}
	_, err = list.Replace(clk.Now(), members)
	return a, c.Roster.keep(), err
}

// checkIn passes what the pages ask on to the room, which is made after them.
type checkIn struct{ u *unit }

func (c checkIn) desk() wall.CheckIn { return c.u.room.CheckIn() }

func (c checkIn) Attendees() wall.Attendees { return c.desk().Attendees() }
func (c checkIn) Ticket(ctx context.Context, role session.Role, member string, place roster.Place) (string, time.Time, error) {
	return c.desk().Ticket(ctx, role, member, place)
}
func (c checkIn) Look(token string) (wall.Invitation, error) { return c.desk().Look(token) }
func (c checkIn) Redeem(ctx context.Context, token string, devices []string, private int) error {
	return c.desk().Redeem(ctx, token, devices, private)
}
func (c checkIn) Remove(ctx context.Context, role session.Role, member string) error {
	return c.desk().Remove(ctx, role, member)
}
func (c checkIn) Admit(ctx context.Context, role session.Role, as roster.Role) (string, error) {
	return c.desk().Admit(ctx, role, as)
}
func (c checkIn) Lend(ctx context.Context, role session.Role, member, device string) error {
	return c.desk().Lend(ctx, role, member, device)
}
func (c checkIn) Declarer(ctx context.Context, secret string) (wall.Declaring, error) {
	return c.u.room.Declares().Declarer(ctx, secret)
}
func (c checkIn) Declare(ctx context.Context, secret string, alone bool) error {
	return c.u.room.Declares().Declare(ctx, secret, alone)
}
