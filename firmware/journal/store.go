package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// File is what the journal needs of a segment it writes; *os.File is one.
type File interface {
	WriteAt(b []byte, off int64) (int, error)
	Sync() error
	Truncate(size int64) error
	Close() error
}

// Options of a Journal. The zero value is meant for use.
type Options struct {
	SegmentBytes int64 // a segment that has grown to this size is followed by a new one; 0: 4 MiB
	// OpenFile opens a segment for writing; nil: os.OpenFile. Tests put failing disks here.
	OpenFile func(name string, flag int, perm fs.FileMode) (File, error)
	Now      func() time.Time // time of KindBroken entries; nil: time.Now
	Quality  string           // of Now; "": unsynced
}

// Recovery is what Open found that was not as a clean end leaves it.
type Recovery struct {
	Torn  int64  // bytes of an unacknowledged record that were cut off
	Break *Break // the last segment did not verify; it stays as it is and a new one was begun
}

// Journal is a folder of segments with one writer.
type Journal struct {
	dir       string
	opt       Options
	lock      *os.File
	recovered Recovery

	mu     sync.Mutex // guards queue and closed
	queue  []*request
	closed bool

	commit sync.Mutex // held while writing; guards the rest
	f      File
	first  uint64 // of the segment that is written
	size   int64  // its good bytes
	dirty  bool   // there may be bytes after size
	gone   bool   // closed
	next   uint64
	prev   digest
	buf    []byte
}

// request is an entry on its way to the disk. commit guards everything but entry.
type request struct {
	entry   []byte
	done    bool
	receipt Receipt
	err     error
}

// Open opens the journal in dir, which is made if it is not there, for writing. A second writer gets ErrLocked.
// What a crash left behind is repaired; see Recovered. A disk that can be read but not written does not fail
// Open: each Append tries again, and tells.
func Open(dir string, opt Options) (*Journal, error) {
	if opt.SegmentBytes <= 0 {
		opt.SegmentBytes = 4 << 20
	}
	if opt.OpenFile == nil {
		opt.OpenFile = func(name string, flag int, perm fs.FileMode) (File, error) { return os.OpenFile(name, flag, perm) }
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Quality == "" {
		opt.Quality = "unsynced"
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := syncDir(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{dir: dir, opt: opt, lock: lock}
	opened := false
	defer func() {
		if !opened { // also when OpenFile panics
			lock.Close()
		}
	}()
	if err := j.recover(); err != nil && !unwritable(err) {
		return nil, err
	}
	opened = true
	return j, nil
}

// unwritable reports whether err is about writing now and may pass.
func unwritable(err error) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("journal: %s: %w", dir, err)
	}
	return f, nil
}

// recover finds the end of the chain and makes it writable. A last segment without entries says nothing: it is
// taken away, and the one before decides.
func (j *Journal) recover() error {
	firsts, err := segments(j.dir)
	if err != nil {
		return err
	}
	j.recovered = Recovery{}
	for ; len(firsts) > 0; firsts = firsts[:len(firsts)-1] {
		first := firsts[len(firsts)-1]
		s, err := scanFile(j.dir, first, -1, nil)
		switch {
		case err != nil:
			return err
		case s.broken != nil:
			return j.leave(first, *s.broken)
		case s.entries > 0 || s.whole:
			return j.resume(first, s)
		}
		if err := os.Remove(filepath.Join(j.dir, segmentName(first))); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		j.recovered.Torn += s.torn
	}
	return j.begin(1, digest{}, nil)
}

// resume goes on in a segment after its last good record.
func (j *Journal) resume(first uint64, s scanned) error {
	f, err := j.opt.OpenFile(filepath.Join(j.dir, segmentName(first)), os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.f, j.first, j.size, j.next, j.prev = f, first, s.good, s.next, s.prev
	if s.torn == 0 {
		return nil
	}
	return j.mend(s)
}

// mend cuts off a torn record, or ends it if only the line feed is missing. That the disk does not let it is no
// reason not to start: the next Append tries again to cut.
func (j *Journal) mend(s scanned) error {
	j.dirty = true
	if s.whole {
		end := s.good + s.torn
		err := j.f.Truncate(end) // zeros may follow
		if err == nil {
			_, err = j.f.WriteAt([]byte{'\n'}, end)
		}
		if err == nil && j.f.Sync() == nil {
			if s, err = scanFile(j.dir, j.first, -1, nil); err != nil {
				return err
			}
			j.size, j.next, j.prev, j.dirty = s.good, s.next, s.prev, false
			return nil
		}
	}
	j.recovered.Torn += s.torn
	_ = j.cut()
	return nil
}

// leave goes on after a break: the broken file stays as it is, its hash is the prev of the new segment, and the
// first entry there says so.
func (j *Journal) leave(first uint64, b Break) error {
	sum, lines, err := hashFile(j.dir, first)
	if err != nil {
		return err
	}
	b.SHA256 = sum.String()
	payload, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	entry, err := Entry{Kind: KindBroken, Time: j.opt.Now(), Quality: j.opt.Quality, Payload: payload}.encode()
	if err != nil {
		return err
	}
	j.recovered.Break = &b
	return j.begin(first+lines+1, sum, entry)
}

// begin makes a new segment, with a first entry unless that is nil, and goes over to it.
func (j *Journal) begin(first uint64, prev digest, entry []byte) error {
	name := filepath.Join(j.dir, segmentName(first))
	f, err := j.opt.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	head, next := appendHeader(nil, prev, first), first
	if entry != nil {
		head, prev = appendRecord(head, prev, first, entry)
		next++
	}
	_, err = f.WriteAt(head, 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(j.dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("journal: %s: %w", filepath.Base(name), err), f.Close(), os.Remove(name))
	}
	if j.f != nil {
		j.f.Close() // everything in it is on disk
	}
	j.f, j.first, j.size, j.dirty, j.next, j.prev = f, first, int64(len(head)), false, next, prev
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("journal: %s: %w", dir, err)
	}
	return nil
}

// Append records e. Appends that meet share one fsync. An error leaves the journal as it was, and the next
// Append works as soon as the disk does.
func (j *Journal) Append(ctx context.Context, e Entry) (Receipt, error) {
	b, err := e.encode()
	if err != nil {
		return Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return Receipt{}, fmt.Errorf("journal: %s not recorded: %w", e.Kind, context.Cause(ctx))
	}
	r := &request{entry: b}
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return Receipt{}, fmt.Errorf("journal: %w", ErrClosed)
	}
	j.queue = append(j.queue, r)
	j.mu.Unlock()

	j.commit.Lock()
	defer j.commit.Unlock()
	if !r.done { // else another caller has written it while this one waited
		j.write()
	}
	return r.receipt, r.err
}

// write puts everything queued on disk. The caller holds commit.
func (j *Journal) write() {
	j.mu.Lock()
	batch := j.queue
	j.queue = nil
	j.mu.Unlock()

	err := j.room()
	buf, next, prev := j.buf[:0], j.next, j.prev // after room, which may have changed them
	if err == nil {
		for _, r := range batch {
			buf, prev = appendRecord(buf, prev, next, r.entry)
			r.receipt = Receipt{next, prev.String()}
			next++
		}
		err = j.put(buf)
	}
	if j.buf = buf[:0]; cap(j.buf) > 1<<20 {
		j.buf = nil
	}
	for _, r := range batch {
		r.done = true
		if err != nil {
			r.receipt, r.err = Receipt{}, err
		}
	}
	if err == nil {
		j.size, j.next, j.prev = j.size+int64(len(buf)), next, prev
	}
}

// room cuts off what an earlier failure has left and begins a new segment when it is time. That no new file can
// be made is no reason not to go on in the old one.
func (j *Journal) room() error {
	switch {
	case j.gone:
		return fmt.Errorf("journal: %w", ErrClosed)
	case j.f == nil: // Open could not write
		return j.recover()
	}
	if err := j.cut(); err != nil {
		return err
	}
	if j.size >= j.opt.SegmentBytes && j.next > j.first {
		_ = j.begin(j.next, j.prev, nil)
	}
	return nil
}

func (j *Journal) put(buf []byte) error {
	j.dirty = true
	_, err := j.f.WriteAt(buf, j.size)
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		_ = j.cut() // if this fails too, the next Append tries again
		return fmt.Errorf("journal: %s: %w", segmentName(j.first), err)
	}
	j.dirty = false
	return nil
}

func (j *Journal) cut() error {
	if !j.dirty {
		return nil
	}
	if err := j.f.Truncate(j.size); err != nil {
		return fmt.Errorf("journal: %s: %w", segmentName(j.first), err)
	}
	j.dirty = false
	return nil
}

// Recovered tells what had to be repaired.
func (j *Journal) Recovered() Recovery {
	j.commit.Lock()
	defer j.commit.Unlock()
	return j.recovered
}

// Last returns the receipt of the last entry; Seq is 0 in an empty journal.
func (j *Journal) Last() Receipt {
	j.commit.Lock()
	defer j.commit.Unlock()
	if j.next == 0 { // Open could not write
		return Receipt{}
	}
	return Receipt{j.next - 1, j.prev.String()}
}

// Read calls fn for every entry from sequence number from on. After a break it goes on with the next segment;
// a break that no KindBroken entry names is reported at the end by an error that wraps ErrBroken. Entries
// appended meanwhile may or may not be read.
func (j *Journal) Read(from uint64, fn func(seq uint64, e Entry) error) error {
	j.commit.Lock()
	last, size := j.first, j.size
	j.commit.Unlock()
	firsts, err := segments(j.dir)
	if err != nil {
		return err
	}
	var breaks []error
	for i, first := range firsts {
		if last > 0 && first > last || i+1 < len(firsts) && firsts[i+1] <= from {
			continue
		}
		limit := int64(-1)
		if first == last {
			limit = size
		}
		s, err := scanFile(j.dir, first, limit, func(seq uint64, e Entry) error {
			if seq < from {
				return nil
			}
			return fn(seq, e)
		})
		if err != nil {
			return err
		}
		if s.broken == nil && s.torn > 0 {
			s.broken = &Break{File: segmentName(first), Line: int(s.entries) + 2, Reason: "ends in the middle of a record"}
		}
		if s.broken != nil && (i+1 == len(firsts) || !named(j.dir, firsts[i+1], *s.broken)) {
			breaks = append(breaks, fmt.Errorf("journal: %w: %s", ErrBroken, s.broken))
		}
	}
	return errors.Join(breaks...)
}

// Close ends writing. Entries whose Append has not returned may be lost.
func (j *Journal) Close() error {
	j.mu.Lock()
	was := j.closed
	j.closed = true
	j.mu.Unlock()
	if was {
		return nil
	}
	j.commit.Lock()
	defer j.commit.Unlock()
	j.gone = true
	var err error
	if j.f != nil {
		err = j.f.Close()
	}
	return errors.Join(err, j.lock.Close())
}
