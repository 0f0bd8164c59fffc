// Package follow tells the contents of a few files, whenever they change, to a process that may not open them.
//
// A sealed process cannot read its files again, and rules that would let it do not last: a file that is renamed into place
// is another one to the kernel, so a rule would have to be on the folder, with everybody's keys in it. Hence a second
// process, begun before the seal, which looks at the files once a second and passes what is new through a pipe. It takes
// nothing from the sealed one, not a byte, and nothing from outside; it reads the files that it was named and no others.
//
//	files ──► Watch.Look, in a process of its own ──► pipe ──► Follower.Next
package follow

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

const (
	// Every is how often files are looked at. A change must stand unchanged from one look to the next, for not everybody
	// writes beside a file and renames: so it is told within two looks.
	Every = time.Second
	// Anew is how often they are read though nothing about them has changed, for times can be set back.
	Anew = time.Minute
	// MaxFile is the largest file that is passed, in bytes.
	MaxFile = 8 << 20
)

// Set is files that belong together, such as a certificate and its key: one change tells all of them.
type Set struct {
	Name  string
	Paths []string
}

// News is a set as it is now.
type News struct {
	Name     string
	Contents [][]byte `json:",omitempty"` // in the order of Set.Paths; none if they could not be read
	Err      string   `json:",omitempty"` // why
}

// Watch looks at one set. It has no clock of its own and is not safe for concurrent use.
type Watch struct {
	Set
	seen, taken mark // as of the last look, and as last read
	since       time.Time
	read        time.Time
	told        mark
}

// mark is a hash: of what can be seen of files without opening them, or of what is in them.
type mark [sha256.Size]byte

// Look returns news, nil if there are none. The first look that finds the files at rest is news.
func (w *Watch) Look(now time.Time) *News {
	seen := w.outside()
	if seen != w.seen || w.since.IsZero() {
		w.seen, w.since = seen, now
		return nil
	}
	if now.Sub(w.since) < Every/2 || seen == w.taken && now.Sub(w.read) < Anew {
		return nil
	}
	n, inside := w.inside()
	if w.outside() != seen { // somebody is writing
		w.since = time.Time{}
		return nil
	}
	w.taken, w.read = seen, now
	if inside == w.told {
		return nil
	}
	w.told = inside
	return n
}

// outside is what the folder says of the files.
func (w *Watch) outside() (m mark) {
	h := sha256.New()
	for _, p := range w.Paths {
		st, err := os.Stat(p)
		if err != nil {
			fmt.Fprintln(h, reason(err))
			continue
		}
		fmt.Fprintln(h, st.ModTime().UnixNano(), st.Size(), identity(st))
	}
	return mark(h.Sum(nil))
}

// inside reads the files.
func (w *Watch) inside() (*News, mark) {
	n := &News{Name: w.Name}
	h := sha256.New()
	for _, p := range w.Paths {
		b, err := readFile(p)
		if err != nil {
			n.Contents, n.Err = nil, reason(err)
			return n, sha256.Sum256([]byte(n.Err))
		}
		n.Contents = append(n.Contents, b)
		_ = binary.Write(h, binary.BigEndian, uint64(len(b))) // a hash takes all
		h.Write(b)
	}
	return n, mark(h.Sum(nil))
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(b) > MaxFile {
		err = fmt.Errorf("larger than %d bytes", MaxFile)
	}
	return b, err
}

// reason is why a file cannot be read, without its path, which whoever named it knows.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return err.Error()
}

// identity tells a file from another one that was renamed into its place.
func identity(st fs.FileInfo) uint64 {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}
