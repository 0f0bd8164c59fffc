package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const format = 1

// file is a roster at rest. Without format it is also what room/{room}/roster carries.
type file struct {
	Format  int      `json:"format,omitempty"`
	Version uint64   `json:"version"`
	Writer  string   `json:"writer,omitempty"` // on the topic: who wrote this version
	Members []Member `json:"members"`
}

// Content is the data of room/{room}/roster, whose version is put in by whoever publishes it.
type Content struct {
	Writer  string   `json:"writer"`
	Members []Member `json:"members"`
}

// migrations[n] rewrites a file of format n+1 as format n+2.
var migrations []func([]byte) ([]byte, error)

// MarshalJSON writes {version, members}, the content of the topic room/{room}/roster.
func (r *Roster) MarshalJSON() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return json.Marshal(file{Version: r.version, Members: sorted(r.members)})
}

// AtRest returns the roster in the form that Load reads, for whoever writes the file by other means than Save.
func (r *Roster) AtRest() any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return file{Format: format, Version: r.version, Members: sorted(r.members)}
}

// Decode reads {version, members} strictly. The members of another roster are taken over with Replace, so that
// their removal is an event.
func Decode(b []byte) (version uint64, members []Member, err error) {
	var f file
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return 0, nil, fmt.Errorf("roster: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return 0, nil, errors.New("roster: more after the end of the object")
	}
	if err := check(f.Members); err != nil {
		return 0, nil, err
	}
	return f.Version, f.Members, nil
}

// Load reads a roster from a file that Save has written. A file that is not there is an empty roster.
func Load(path string) (*Roster, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Roster{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("roster: %w", err)
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("roster: %s: %w", path, err)
	}
	if head.Format < 1 || head.Format > format {
		return nil, fmt.Errorf("roster: %s: format %d, this program knows 1 to %d", path, head.Format, format)
	}
	for _, migrate := range migrations[head.Format-1:] {
		if b, err = migrate(b); err != nil {
			return nil, fmt.Errorf("roster: %s: %w", path, err)
		}
	}
	version, members, err := Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := &Roster{version: version, members: map[string]Member{}}
	for _, m := range members {
		r.members[m.ID] = m
	}
	return r, nil
}

// Save writes the roster to path: under another name first, synced, then renamed. path has one writer.
func (r *Roster) Save(path string) error {
	r.mu.Lock()
	b, err := json.MarshalIndent(file{Format: format, Version: r.version, Members: sorted(r.members)}, "", "\t")
	r.mu.Unlock()
	if err == nil {
		err = replaceFile(path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("roster: %w", err)
	}
	return nil
}

func replaceFile(path string, b []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
