package main

import (
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"subrosa/firmware/roster"
)

func newRosterCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "roster",
		Short: "Make the list of who may attend, without names",
		Long: `Make the list of who may attend, without names.

The list that rooms get holds pseudonyms: no name, address or identifier of a directory. The key that pseudonyms
are made with stays where this command runs; without it nobody can go back from a pseudonym to a person.`,
		Example: `  subrosa roster scim --key roster.key --role Ratsmitglied=councillor --out liste.csv users.json
  subrosa roster id --key roster.key --device 00008030-001A2D3C`,
		Args: cobra.ArbitraryArgs,
		RunE: helpOnly,
	}
	c.AddCommand(newRosterSCIMCommand(), newRosterIDCommand())
	return c
}

func newRosterSCIMCommand() *cobra.Command {
	var key, out string
	var roles []string
	c := &cobra.Command{
		Use:   "scim --key FILE [--role VALUE=ROLE …] [--out FILE] USERS.json",
		Short: "Turn a directory's answer to SCIM 2.0 GET /Users into the CSV that rooms take",
		Long: `Turn a directory's answer to SCIM 2.0 GET /Users (RFC 7644) into the CSV that rooms take.

Identifiers become pseudonyms while they are read; names and addresses are not even decoded. Users that are not
active, or have none of the roles, are left out and counted. The key is made when the file is not there.`,
		Example: `  subrosa roster scim --key roster.key --role Ratsmitglied=councillor --out liste.csv users.json`,
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := pseudonyms(key)
			if err != nil {
				return exit{exitInput, err}
			}
			conf := roster.SCIM{Pseudonyms: p, Roles: map[string]roster.Role{}}
			for _, r := range roles {
				value, role, ok := strings.Cut(r, "=")
				if !ok || value == "" {
					return usage(fmt.Errorf("--role %q: want VALUE=ROLE, such as Ratsmitglied=councillor", r))
				}
				conf.Roles[value] = roster.Role(role)
			}
			f, err := os.Open(args[0])
			if err != nil {
				return exit{exitInput, err}
			}
			defer f.Close()
			members, skipped, err := roster.ReadSCIM(f, conf)
			if err != nil {
				return exit{exitInput, err}
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d members; left out: %d not active, %d without a role\n", len(members), skipped.Inactive, skipped.NoRole)
			return writeRoster(cmd.OutOrStdout(), out, members)
		},
	}
	c.Flags().StringVar(&key, "key", "", "`file` of the key that pseudonyms are made with; made with mode 0600 if it is not there")
	c.Flags().StringArrayVar(&roles, "role", nil, "map a value of the attribute roles to one of chair, clerk, councillor, staff, guest, interpreter")
	c.Flags().StringVar(&out, "out", "", "write to this `file`; default standard output")
	return c
}

func newRosterIDCommand() *cobra.Command {
	var key string
	var device bool
	c := &cobra.Command{
		Use:   "id --key FILE [--device] IDENTIFIER…",
		Short: "Print the pseudonym of a person or device, for whoever holds the key",
		Long: `Print the pseudonym of a person, by the id that the directory has for them, or of a device, by the id that
the device management has for it: what a connector needs to know which device is meant.`,
		Example: `  subrosa roster id --key roster.key 2819c223-7f76-453a
  subrosa roster id --key roster.key --device 00008030-001A2D3C`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("want an identifier"))
			}
			p, err := pseudonyms(key)
			if err != nil {
				return exit{exitInput, err}
			}
			for _, id := range args {
				pseudonym := p.Member(id)
				if device {
					pseudonym = p.Device(id)
				}
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), pseudonym); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&key, "key", "", "`file` of the key that pseudonyms are made with")
	c.Flags().BoolVar(&device, "device", false, "of a device")
	return c
}

// pseudonyms reads the key, and makes it first if it is not there.
func pseudonyms(path string) (p roster.Pseudonyms, err error) {
	if path == "" {
		return p, errors.New("--key is missing: a file for the key that pseudonyms are made with")
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		b = make([]byte, roster.KeyBytes)
		if _, err = io.ReadFull(rand.Reader, b); err == nil {
			err = os.WriteFile(path, b, 0o600)
		}
	}
	if err != nil {
		return p, err
	}
	return roster.NewPseudonyms(b)
}

// writeRoster writes what ReadCSV reads.
func writeRoster(std io.Writer, path string, members []roster.Member) error {
	w := std
	if path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		w = f
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	c := csv.NewWriter(w)
	rows := [][]string{{"id", "role", "devices", "from", "to"}}
	for _, m := range members {
		rows = append(rows, []string{m.ID, string(m.Role), strings.Join(m.Devices, " "), at(m.From), at(m.To)})
	}
	return c.WriteAll(rows)
}
