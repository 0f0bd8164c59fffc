package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/tlog"
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
	Now      func() time.Time // time of the journal's own entries; nil: time.Now
	Quality  string           // of Now; "": unsynced
	Room     string           // of entries that name none
	Rand     io.Reader        // where salts come from; nil: crypto/rand
}

// Recovery is what Open found that was not as a clean end leaves it.
type Recovery struct {
	Torn  int64  // bytes of an unacknowledged record that were cut off
	Break *Break // the last segment did not verify; it stays as it is and a new one was begun
	Tree  error  // the stored checkpoint does not fit the tree: what it saw was lost or changed
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
	pf     File   // of payloads
	first  uint64 // of the segment that is written
	size   int64  // its good bytes
	psize  int64  // good bytes of its payloads
	dirty  bool   // there may be bytes after size or psize
	gone   bool   // closed
	next   uint64
	prev   digest
	buf    []byte
	pbuf   []byte
	tree   *tree // nil: to be opened again
}

// request is an entry on its way to the disk. commit guards everything but entry.
type request struct {
	entry   encoded
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
	if opt.Rand == nil {
		opt.Rand = rand.Reader
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

// Append records e. Appends that meet share one fsync. An error leaves the journal as it was, and the next
// Append works as soon as the disk does.
func (j *Journal) Append(ctx context.Context, e Entry) (Receipt, error) {
	b, err := j.encode(e)
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

// encode fills in what the journal knows and draws the salt.
func (j *Journal) encode(e Entry) (encoded, error) {
	if e.Room == "" {
		e.Room = j.opt.Room
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(j.opt.Rand, salt); err != nil {
		return encoded{}, fmt.Errorf("journal: salt: %w", err)
	}
	return e.encode(salt)
}

// write puts everything queued on disk. The caller holds commit.
func (j *Journal) write() {
	j.mu.Lock()
	batch := j.queue
	j.queue = nil
	j.mu.Unlock()

	err := j.room()
	buf, pbuf, next, prev := j.buf[:0], j.pbuf[:0], j.next, j.prev // after room, which may have changed them
	if err == nil {
		for _, r := range batch {
			buf, prev = appendRecord(buf, prev, next, r.entry.header)
			if r.entry.payload != nil {
				pbuf = AppendPayload(pbuf, next, r.entry.salt, r.entry.payload)
			}
			r.receipt = Receipt{next, prev.String()}
			next++
		}
		err = j.put(buf, pbuf)
	}
	if j.buf, j.pbuf = buf[:0], pbuf[:0]; cap(j.buf)+cap(j.pbuf) > 1<<20 {
		j.buf, j.pbuf = nil, nil
	}
	for _, r := range batch {
		r.done = true
		if err != nil {
			r.receipt, r.err = Receipt{}, err
		}
	}
	if err == nil {
		j.size, j.psize, j.next, j.prev = j.size+int64(len(buf)), j.psize+int64(len(pbuf)), next, prev
		j.grow(batch)
	}
}

// grow puts what is now on disk into the tree. The tree can be made anew from the records, so its errors only close it.
func (j *Journal) grow(batch []*request) {
	if j.tree == nil {
		return
	}
	var leaf []byte
	for _, r := range batch {
		leaf = appendLeaf(leaf[:0], r.receipt.Seq, r.entry.header)
		if err := j.tree.add(tlog.RecordHash(leaf)); err != nil {
			j.tree.f.Close()
			j.tree = nil
			return
		}
	}
	_ = j.tree.flush() // what the disk does not take stays in memory
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
		_ = j.begin(j.next, j.prev, encoded{})
	}
	return nil
}

// put makes payloads durable and then the records that commit to them.
func (j *Journal) put(buf, pbuf []byte) (err error) {
	j.dirty = true
	if len(pbuf) > 0 {
		if _, err = j.pf.WriteAt(pbuf, j.psize); err == nil {
			err = j.pf.Sync()
		}
	}
	if err == nil {
		_, err = j.f.WriteAt(buf, j.size)
	}
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
	if err := j.pf.Truncate(j.psize); err != nil {
		return fmt.Errorf("journal: %s: %w", payloadName(j.first), err)
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
// a break that no KindBroken entry names is reported at the end by an error that wraps ErrBroken. An entry whose
// payload is no longer there has Commit but no Payload. Entries appended meanwhile may or may not be read.
func (j *Journal) Read(from uint64, fn func(seq uint64, e Entry) error) error {
	return j.Records(from, func(r Record) error { return fn(r.Seq, r.Entry) })
}

// Records is Read with what stands in the tree.
func (j *Journal) Records(from uint64, fn func(Record) error) error {
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
		s, sp, err := readFile(j.dir, first, limit, func(r Record) error {
			if r.Seq < from {
				return nil
			}
			return fn(r)
		})
		if err != nil {
			return err
		}
		if s.broken == nil && s.torn > 0 {
			s.broken = &Break{File: segmentName(first), Line: int(s.entries) + 2, Reason: "ends in the middle of a record"}
		}
		for _, b := range []*Break{s.broken, sp.broken} {
			if b != nil && (i+1 == len(firsts) || !named(j.dir, firsts[i+1], *b)) {
				breaks = append(breaks, fmt.Errorf("journal: %w: %s", ErrBroken, b))
			}
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
		err = errors.Join(j.f.Close(), j.pf.Close())
	}
	if j.tree != nil {
		_ = j.tree.flush() // made anew from the records if not
		j.tree.f.Close()
	}
	return errors.Join(err, j.lock.Close())
}
