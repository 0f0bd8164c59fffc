package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/export"
	"subrosa/firmware/handover"
	"subrosa/firmware/journal"
)

func newPaperCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "paper",
		Short: "Print what hangs or is kept in the room: session sheet, cards for the look under the seats",
		Example: `  subrosa paper session --state /var/lib/subrosa --room ratssaal --out blatt.pdf
  subrosa paper zones --config unit.json --url https://ratssaal.raum.example:8443 --out karten.pdf`,
		Args: cobra.ArbitraryArgs,
		RunE: helpOnly,
	}
	cmd.AddCommand(newPaperSession(), newPaperZones())
	return cmd
}

func newPaperSession() *cobra.Command {
	var about export.About
	var state, out string
	cmd := stateFlag(&cobra.Command{
		Use:   "session --room ID --out FILE.pdf",
		Short: "A session sheet with the journal's head as a QR code",
		Long: `Writes a sheet (PDF, German) for one session: what people have seen to, and the head that the unit signed last as a QR
code. Whoever keeps the sheet can later prove that nothing before it was rewritten: "subrosa verify --checkpoint" takes
the code's text, scanned or typed. Print one before and one after a session. The unit may run meanwhile.`,
		Example: "  subrosa paper session --state /var/lib/subrosa --room ratssaal --name Ratssaal --out blatt.pdf",
		Args:    exactly(0),
		RunE: func(*cobra.Command, []string) error {
			if about.Room == "" || out == "" {
				return usage(errors.New("--room and --out are needed"))
			}
			key, err := loadKey(state)
			if err != nil {
				return err
			}
			head, err := lastHead(state, key.Unit)
			if err != nil {
				return exit{exitInput, err}
			}
			pin, err := checkpoint.PinOf(key.Public)
			if err != nil {
				return err
			}
			about.Fingerprint = pin.String()
			b, err := export.SessionSheet(about, head, time.Now())
			if err != nil {
				return err
			}
			return replaceFile(out, b)
		},
	}, &state)
	fl := cmd.Flags()
	fl.StringVar(&about.Room, "room", "", "id of the `room`")
	fl.StringVar(&about.Name, "name", "", "name of the room, for people")
	fl.StringVar(&about.Organisation, "organisation", "", "name of the city or body")
	fl.StringVar(&out, "out", "", "the `file` to write")
	return cmd
}

// lastHead is the head that the unit signed last.
func lastHead(state, unit string) (c checkpoint.Checkpoint, err error) {
	b, err := journal.LastCheckpoint(filepath.Join(state, "journal"))
	if err == nil && b == nil {
		err = fmt.Errorf("%s: %w; the unit signs within a minute of its start", state, journal.ErrUnsigned)
	}
	if err != nil {
		return c, err
	}
	if c, err = checkpoint.Parse(b); err == nil && c.Origin != unit {
		err = fmt.Errorf("%s: the checkpoint is of %s, the key of %s", state, c.Origin, unit)
	}
	return c, err
}

func newPaperZones() *cobra.Command {
	var config, address, out string
	cmd := &cobra.Command{
		Use:   "zones --config unit.json --url URL --out FILE.pdf",
		Short: "Cards with QR codes for the look under the seats",
		Long: `Writes cards (PDF, German) to cut out, one for each zone of the room (handover.zones in unit.json), six on a page. A
card's code opens the zone's page on the paired device of chair or clerk; to everybody else it is of no use.`,
		Example: "  subrosa paper zones --config unit.json --url https://ratssaal.raum.example:8443 --out karten.pdf",
		Args:    exactly(0),
		RunE: func(*cobra.Command, []string) error {
			if config == "" || address == "" || out == "" {
				return usage(errors.New("--config, --url and --out are needed"))
			}
			base, err := url.Parse(address)
			if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || strings.Trim(base.Path, "/") != "" {
				return usage(fmt.Errorf("--url %q: want the address of the unit's pages, such as https://ratssaal.raum.example:8443", address))
			}
			room, zones, err := zonesOf(config, base)
			if err != nil {
				return exit{exitInput, err}
			}
			b, err := export.ZoneSheet(room, zones, time.Now())
			if err != nil {
				return exit{exitInput, fmt.Errorf("%s: %w", config, err)}
			}
			return replaceFile(out, b)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&config, "config", "", "the unit's `file`")
	fl.StringVar(&address, "url", "", "address of the unit's pages, as devices in the room reach it")
	fl.StringVar(&out, "out", "", "the `file` to write")
	return cmd
}

// zonesOf reads the zones out of a unit's file; what else is in it, roomd checks.
func zonesOf(name string, base *url.URL) (room string, out []export.Zone, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", nil, err
	}
	var c struct {
		Room, Name string
		Handover   handover.Config
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return "", nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := c.Handover.Check(); err != nil {
		return "", nil, fmt.Errorf("%s: %w", name, err)
	}
	if c.Name == "" {
		c.Name = c.Room
	}
	for _, z := range c.Handover.Zones {
		out = append(out, export.Zone{Name: z.Name, URL: base.JoinPath("leitung", "platz", z.ID).String()})
	}
	return c.Name, out, nil
}
