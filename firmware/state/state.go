// Package state keeps small states on disk, each in a file of its own with one writer: written whole, fsynced and
// renamed into place, so that a power cut leaves the old state or the new one.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Folder is where a program keeps its states.
type Folder string

// Open returns the folder at dir, which is made for this user alone if it is not there.
func Open(dir string) (Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("state: %w", err)
	}
	return Folder(dir), nil
}

// Path returns where the state called name lies.
func (f Folder) Path(name string) string { return filepath.Join(string(f), name+".json") }

// Load reads a state into v. The error wraps fs.ErrNotExist when there is none.
func (f Folder) Load(name string, v any) error {
	b, err := os.ReadFile(f.Path(name))
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("state: %s: %w", f.Path(name), err)
	}
	return nil
}

// Save writes v, and returns when it is on disk. A state has one writer at a time.
func (f Folder) Save(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("state: %s: %w", name, err)
	}
	// One name, so that what a kill leaves behind is written over.
	t, err := os.OpenFile(f.Path(name)+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	_, err = t.Write(append(b, '\n'))
	err = errors.Join(err, t.Sync(), t.Close())
	if err == nil {
		err = os.Rename(t.Name(), f.Path(name))
	}
	if err != nil {
		os.Remove(t.Name())
		return fmt.Errorf("state: %s: %w", name, err)
	}
	if runtime.GOOS == "windows" { // a folder cannot be flushed there; NTFS keeps its own journal of names
		return nil
	}
	d, err := os.Open(string(f))
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}
