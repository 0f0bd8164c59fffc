package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"subrosa/firmware/panel"
	"subrosa/firmware/room"
	"subrosa/firmware/topic"
)

// Contact is a window or door that the building's gateway watches; docs/gateways.md.
type Contact struct {
	Name         string `json:"name"`          // id, as in its topic
	Guards       string `json:"guards"`        // window, door or leave
	StaleSeconds int    `json:"stale_seconds"` // after which its last report counts no more; 0: 300
}

const defaultContactStale = 300

// buildingContacts checks the contacts. Names that the panel uses for its own are taken.
func (c *Config) buildingContacts() (out []room.BuildingContact, err error) {
	taken := c.Panel.ContactNames()
	var errs []error
	for _, x := range c.Contacts {
		if x.StaleSeconds == 0 {
			x.StaleSeconds = defaultContactStale
		}
		bad := topic.CheckID(x.Name)
		switch {
		case bad != nil:
		case slices.Contains(taken, x.Name):
			bad = errors.New("another contact, or one of the panel, has this name")
		case x.Guards != panel.Window && x.Guards != panel.Door && x.Guards != panel.Leave:
			bad = fmt.Errorf("guards %q, want window, door or leave", x.Guards)
		case x.StaleSeconds < 10 || x.StaleSeconds > 86400:
			bad = fmt.Errorf("stale_seconds %d, want 10 to 86400", x.StaleSeconds)
		}
		if bad != nil {
			errs = append(errs, fmt.Errorf("contacts: %q: %w", x.Name, bad))
		}
		taken = append(taken, x.Name)
		out = append(out, room.BuildingContact{Name: x.Name, Guards: x.Guards, Stale: time.Duration(x.StaleSeconds) * time.Second})
	}
	return out, errors.Join(errs...)
}
