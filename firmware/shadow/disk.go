package shadow

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"subrosa/firmware/event"
	"subrosa/firmware/topic"
)

// The log is a header line and records:
//
//	┌─────────────┬─────────────┬──────────────────────┐
//	│ length (LE) │ CRC-32C     │ JSON, length bytes   │
//	│ 4 bytes     │ of the JSON │ record, below        │
//	└─────────────┴─────────────┴──────────────────────┘
//
// The last record may be torn; it was never acknowledged to anyone and is cut off. When most of the log is
// outdated it is written anew beside the old one and renamed.
const (
	logName   = "outbox.log"
	logHeader = "subrosa-outbox 1\n"
	maxRecord = 2 * event.MaxSize
	compactAt = 1 << 20 // bytes below which the log is never written anew
	maxUnsent = 4 << 20 // bytes kept for a disk that refuses them, before everything is written anew
)

// record is one line of the log: a state, an acknowledgement, or a desired state that was taken.
type record struct {
	Topic   string          `json:"t"`
	Version uint64          `json:"v"`
	Event   json.RawMessage `json:"e,omitempty"` // state
	Empty   bool            `json:"x,omitempty"` // state: emptied
	Stamped bool            `json:"s,omitempty"`
	Foreign bool            `json:"f,omitempty"`
	Acked   bool            `json:"a,omitempty"` // with a state: already; alone: now
	Known   bool            `json:"k,omitempty"` // some version was acknowledged
	Since   int64           `json:"n,omitempty"` // Unix nanoseconds
	Taken   bool            `json:"d,omitempty"` // desired state
	Writer  string          `json:"w,omitempty"`
}

func (e *entry) putRecord() record {
	return record{Topic: e.name, Version: e.version, Event: e.payload, Empty: e.payload == nil, Stamped: e.stamped,
		Foreign: e.foreign, Acked: e.acked, Known: e.known, Since: e.since.UnixNano()}
}

// replay takes a record that was read back.
func (o *outbox) replay(r record) error {
	t, err := topic.Parse(r.Topic)
	if err != nil {
		return err
	}
	if r.Taken {
		o.desired[r.Topic] = event.Stamp{Version: r.Version, Writer: r.Writer}
		return nil
	}
	e := o.entries[r.Topic]
	if r.Event == nil && !r.Empty {
		if e != nil {
			e.acked, e.known = e.acked || e.version == r.Version, true
		}
		return nil
	}
	if e == nil {
		e = &entry{name: r.Topic, row: t.Row}
		o.entries[r.Topic] = e
	}
	e.version, e.payload, e.stamped, e.foreign, e.acked = r.Version, r.Event, r.Stamped, r.Foreign, r.Acked
	e.known = e.known || r.Known
	e.since, e.ready = time.Unix(0, r.Since).UTC(), true
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends the framed record to b.
func appendRecord(b []byte, r record) []byte {
	body, err := json.Marshal(r)
	if err != nil {
		panic("shadow: record: " + err.Error()) // every field is JSON already
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(body, castagnoli))
	return append(b, body...)
}

// readLog calls f for every whole record and returns the length of the whole part, in bytes.
func readLog(r io.Reader, f func(record) error) (int64, error) {
	in := bufio.NewReader(r)
	head := make([]byte, len(logHeader))
	if _, err := io.ReadFull(in, head); err == io.EOF || err == io.ErrUnexpectedEOF {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	if string(head) != logHeader {
		return 0, fmt.Errorf("begins with %.20q, want %q", head, logHeader)
	}
	good := int64(len(head))
	var frame [8]byte
	for {
		if _, err := io.ReadFull(in, frame[:]); err != nil {
			return good, ignoreEOF(err)
		}
		n := binary.LittleEndian.Uint32(frame[:4])
		if n > maxRecord {
			return good, nil
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			return good, ignoreEOF(err)
		}
		var rec record
		if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(frame[4:]) || json.Unmarshal(body, &rec) != nil {
			return good, nil
		}
		if err := f(rec); err != nil {
			return good, fmt.Errorf("at byte %d: %w", good, err)
		}
		good += int64(len(frame) + len(body))
	}
}

func ignoreEOF(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

// disk is the log. Only the saving goroutine uses it after openDisk.
type disk struct {
	path string
	f    *os.File
	good int64  // bytes known to be whole
	left []byte // records that could not be written yet
	anew bool   // records are missing: only writing anew helps
}

func openDisk(dir string, replay func(record) error) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("shadow: outbox: %w", err)
	}
	d := &disk{path: filepath.Join(dir, logName)}
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("shadow: outbox: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("shadow: outbox %s is used by another program: %w", d.path, err)
	}
	d.f = f
	if d.good, err = readLog(f, replay); err != nil {
		f.Close()
		return nil, fmt.Errorf("shadow: outbox %s: %w", d.path, err)
	}
	if d.good == 0 {
		d.left = []byte(logHeader)
	}
	return d, nil
}

// save appends the records and waits for the disk. What it could not write it keeps for the next call.
func (d *disk) save(b []byte) error {
	if d.f == nil {
		return errClosed
	}
	if len(d.left)+len(b) > maxUnsent {
		d.left, d.anew = nil, true
	}
	if d.anew {
		return errors.New("shadow: outbox: records are missing on disk, it has to be written anew")
	}
	d.left = append(d.left, b...)
	if len(d.left) == 0 {
		return nil
	}
	if err := d.f.Truncate(d.good); err != nil && !errors.Is(err, syscall.EINVAL) { // a device has no length
		return fmt.Errorf("shadow: outbox: %w", err)
	}
	n, err := d.f.WriteAt(d.left, d.good)
	if err == nil {
		err = d.f.Sync()
	}
	if err != nil {
		return fmt.Errorf("shadow: outbox: %w", err)
	}
	d.good += int64(n)
	d.left = d.left[:0]
	return nil
}

// rewrite replaces the log by the records, one after the other: together they can be as large as all the rest of the program.
func (d *disk) rewrite(all []record) error {
	tmp := d.path + ".new"
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("shadow: outbox: %w", err)
	}
	out := bufio.NewWriterSize(f, 64<<10)
	n, err := out.WriteString(logHeader)
	var b []byte
	for i := 0; i < len(all) && err == nil; i++ {
		var m int
		b = appendRecord(b[:0], all[i])
		m, err = out.Write(b)
		n += m
	}
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err == nil {
		err = os.Rename(tmp, d.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(d.path))
	}
	if err != nil {
		f.Close()
		os.Remove(tmp)
		return fmt.Errorf("shadow: outbox: %w", err)
	}
	d.f.Close()
	d.f, d.good, d.left, d.anew = f, int64(n), nil, false
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (d *disk) close() error {
	if d.f == nil {
		return nil
	}
	err := d.f.Close()
	d.f = nil
	return err
}
