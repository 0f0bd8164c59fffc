package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/journal"
	"subrosa/firmware/keyring"
)

func newKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Show, back up and change a unit's evidence key",
		Long: `Keeps the key with which a unit signs its journal. docs/keys.md says what to do for backup, change, loss and a
stolen unit.`,
		Example: `  subrosa key show --state /var/lib/subrosa
  subrosa key pin --state /var/lib/subrosa --out ratssaal-1.pin`,
		Args: cobra.ArbitraryArgs,
		RunE: helpOnly,
	}
	cmd.AddCommand(newKeyShow(), newKeyPin(), newKeyBackup(), newKeyRotate())
	return cmd
}

func stateFlag(cmd *cobra.Command, state *string) *cobra.Command {
	cmd.Flags().StringVar(state, "state", "./.state", "`folder` of the unit's states")
	return cmd
}

// loadKey reads the key in a state folder.
func loadKey(state string) (keyring.Key, error) {
	k, err := keyring.Load(state)
	if err != nil {
		return k, exit{exitInput, err}
	}
	return k, nil
}

func newKeyShow() *cobra.Command {
	var state string
	var asJSON bool
	cmd := stateFlag(&cobra.Command{
		Use:     "show",
		Short:   "Show unit, pin and public key",
		Example: "  subrosa key show --state /var/lib/subrosa",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := loadKey(state)
			if err != nil {
				return err
			}
			pin, err := checkpoint.PinOf(k.Public)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
					Unit   string `json:"unit"`
					Pin    string `json:"pin"`
					Public string `json:"public"`
				}{k.Unit, pin.String(), k.Public})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "unit    %s\npin     %s\npublic  %s\n", k.Unit, pin, k.Public)
			return err
		},
	}, &state)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one line of JSON")
	return cmd
}

func newKeyPin() *cobra.Command {
	var state, out string
	cmd := stateFlag(&cobra.Command{
		Use:     "pin",
		Short:   "Write the .pin file that verify wants",
		Example: "  subrosa key pin --out ratssaal-1.pin",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := loadKey(state)
			if err != nil {
				return err
			}
			text, err := k.PinText()
			if err != nil {
				return err
			}
			if out == "" {
				_, err = fmt.Fprint(cmd.OutOrStdout(), text)
				return err
			}
			return os.WriteFile(out, []byte(text), 0o644)
		},
	}, &state)
	cmd.Flags().StringVar(&out, "out", "", "the `file` to write, instead of the standard output")
	return cmd
}

func newKeyBackup() *cobra.Command {
	var state, out string
	cmd := stateFlag(&cobra.Command{
		Use:     "backup --out FILE",
		Short:   "Copy the secret key, for the safe",
		Example: "  subrosa key backup --out /media/stick/ratssaal-1.key",
		Args:    exactly(0),
		RunE: func(*cobra.Command, []string) error {
			if out == "" {
				return usage(errors.New("--out FILE is missing"))
			}
			k, err := loadKey(state)
			if err != nil {
				return err
			}
			return backup(k, out)
		},
	}, &state)
	cmd.Flags().StringVar(&out, "out", "", "the `file` to write; it must not be there yet")
	return cmd
}

// backup writes a key durably and reads it back.
func backup(k keyring.Key, name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(k.Private + "\n"); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if again, err := keyring.Parse(string(b)); err != nil || again.Public != k.Public {
		return fmt.Errorf("%s does not hold the key that was written: %w", name, errors.Join(err, os.Remove(name)))
	}
	return nil
}

func newKeyRotate() *cobra.Command {
	var state string
	cmd := stateFlag(&cobra.Command{
		Use:     "rotate",
		Short:   "Change the key, with an entry that both keys sign",
		Example: "  subrosa key rotate --state /var/lib/subrosa",
		Long: `Makes a new key. An entry in the journal, signed by the old key and the new, names it, so that verify follows
from either pin to the other. The old secret key is deleted. The unit must not run.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := rotate(cmd.Context(), state)
			if err != nil {
				return err
			}
			text, err := k.PinText()
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}, &state)
	return cmd
}

// rotate goes on where an earlier try was cut off.
func rotate(ctx context.Context, state string) (keyring.Key, error) {
	old, err := loadKey(state)
	if err != nil {
		return old, err
	}
	j, err := openJournal(state)
	if err != nil {
		return old, err
	}
	defer j.Close()
	if _, err := j.Checkpoint(old.Signer); err != nil { // what the old key vouches for
		return old, err
	}
	next, err := keyring.Next(state, rand.Reader)
	if err != nil {
		return old, err
	}
	n, err := checkpoint.SignRotation(old.Private, next.Private)
	if err != nil {
		return old, err
	}
	payload, err := json.Marshal(checkpoint.RotationPayload{Note: string(n)})
	if err != nil {
		return old, err
	}
	recorded := false
	err = j.Read(1, func(_ uint64, e journal.Entry) error {
		recorded = recorded || e.Kind == checkpoint.KindRotated && string(e.Payload) == string(payload)
		return nil
	})
	if err != nil && !errors.Is(err, journal.ErrBroken) {
		return old, err
	}
	if !recorded {
		e := journal.Entry{Kind: checkpoint.KindRotated, Time: time.Now(), Quality: "unsynced", Permanent: true, Payload: payload}
		if _, err := j.Append(ctx, e); err != nil {
			return old, err
		}
	}
	if next, err = keyring.Adopt(state); err != nil {
		return old, fmt.Errorf("%w; run it once more, %s holds the new key", err, filepath.Join(state, keyring.KeyFile+".new"))
	}
	_, err = j.Checkpoint(next.Signer)
	return next, err
}
