// Package keyring is where a unit's signing key lies: STATE/evidence.key, a note's signer key, readable by its owner
// alone, and beside it STATE/evidence.pin, which may be shown to everyone.
//
// There is one key. A new one takes its place by Next, a rotation entry in the journal, and Adopt, in this order, so
// that a crash between any two leaves a key that the journal vouches for.
package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"subrosa/firmware/checkpoint"
)

// Names of the files in the unit's state folder.
const (
	KeyFile = "evidence.key"
	PinFile = "evidence.pin"
	newFile = "evidence.key.new"
)

// ErrNone is returned by Load if there is no key.
var ErrNone = errors.New("no key here; the unit makes one when it first starts")

// Key is a signing key with its signer.
type Key struct {
	Private string // secret
	Public  string // a note's verifier key
	Unit    string
	Signer  note.Signer
}

// Parse reads the text of a key file.
func Parse(text string) (Key, error) {
	private := strings.TrimSpace(text)
	public, err := checkpoint.Public(private)
	if err != nil {
		return Key{}, fmt.Errorf("keyring: %w", err)
	}
	s, err := checkpoint.NewSigner(private)
	if err != nil {
		return Key{}, fmt.Errorf("keyring: %w", err)
	}
	return Key{private, public, s.Name(), s}, nil
}

// PinText is what stands in a .pin file.
func (k Key) PinText() (string, error) {
	pin, err := checkpoint.PinOf(k.Public)
	if err != nil {
		return "", err
	}
	return "# Fingerabdruck des Prüfschlüssels, key fingerprint\n" + k.Unit + " " + pin.String() + "\n", nil
}

// Load reads the key in a state folder.
func Load(state string) (Key, error) { return load(filepath.Join(state, KeyFile)) }

func load(name string) (Key, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Key{}, fmt.Errorf("keyring: %s: %w", name, ErrNone)
	}
	if err != nil {
		return Key{}, fmt.Errorf("keyring: %w", err)
	}
	k, err := Parse(string(b))
	if err != nil {
		return k, fmt.Errorf("keyring: %s: %w", name, err)
	}
	return k, nil
}

// Open reads the key in a state folder, or makes one for the unit if there is none.
func Open(state, unit string, rand io.Reader) (Key, error) {
	k, err := Load(state)
	if errors.Is(err, ErrNone) {
		var private string
		if private, _, err = checkpoint.NewKey(rand, unit); err != nil {
			return k, err
		}
		if k, err = Parse(private); err != nil {
			return k, err
		}
		err = write(state, KeyFile, private+"\n", 0o600)
	}
	if err != nil {
		return k, err
	}
	if k.Unit != unit {
		return k, fmt.Errorf("keyring: %s is the key of %s, this unit is %s", filepath.Join(state, KeyFile), k.Unit, unit)
	}
	return k, pinned(state, k)
}

// pinned writes the pin file if it is not what it should be.
func pinned(state string, k Key) error {
	text, err := k.PinText()
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(filepath.Join(state, PinFile)); err == nil && string(old) == text {
		return nil
	}
	return write(state, PinFile, text, 0o644)
}

// Next returns the key that is to follow, and makes it if no rotation was begun.
func Next(state string, rand io.Reader) (Key, error) {
	old, err := Load(state)
	if err != nil {
		return old, err
	}
	if k, err := load(filepath.Join(state, newFile)); err == nil && k.Unit == old.Unit {
		return k, nil
	}
	private, _, err := checkpoint.NewKey(rand, old.Unit)
	if err != nil {
		return Key{}, err
	}
	k, err := Parse(private)
	if err != nil {
		return k, err
	}
	return k, write(state, newFile, private+"\n", 0o600)
}

// Adopt makes the next key the key. The old one is gone.
func Adopt(state string) (Key, error) {
	k, err := load(filepath.Join(state, newFile))
	if err != nil {
		return k, err
	}
	if err := os.Rename(filepath.Join(state, newFile), filepath.Join(state, KeyFile)); err != nil {
		return k, fmt.Errorf("keyring: %w", err)
	}
	if err := sync(state); err != nil {
		return k, err
	}
	return k, pinned(state, k)
}

// write replaces a file durably.
func write(state, name, text string, perm fs.FileMode) error {
	tmp := filepath.Join(state, name+".tmp")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, perm)
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	if _, err = f.WriteString(text); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(tmp, filepath.Join(state, name))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keyring: %w", err), os.Remove(tmp))
	}
	return sync(state)
}

func sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("keyring: %s: %w", dir, err)
	}
	return nil
}
