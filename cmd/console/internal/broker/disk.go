package broker

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mochi-mqtt/server/v2/hooks/storage"
	"go.etcd.io/bbolt"
)

// Buckets. Keys: client id; client id NUL filter; client id NUL packet id; topic; sequence number (big endian).
var (
	bucketClient   = []byte("client")
	bucketSub      = []byte("subscription")
	bucketInflight = []byte("inflight")
	bucketRetained = []byte("retained")
	bucketPending  = []byte("pending")
	bucketMeta     = []byte("meta")
	buckets        = [][]byte{bucketClient, bucketSub, bucketInflight, bucketRetained, bucketPending, bucketMeta}
)

const formatVersion = "1"

// op is one change of the file. Ops are applied in the order of put and do.
type op func(*bbolt.Tx) error

type request struct {
	op   op
	done chan error // nil: nobody waits
}

// disk keeps the broker's state in one bbolt file. One goroutine commits: what several clients want at the same
// time shares one fsync, and changes reach the file in the order in which they were asked for. So a message is
// written as pending, and waited for, before its PUBACK; its consequences (inflight entries, end of pending)
// follow without waiting. A crash in between leaves it pending, and the next start hands it out again.
type disk struct {
	db     *bbolt.DB
	mu     sync.RWMutex // read-held while sending, so that close comes after the last send
	closed bool
	ch     chan request
	ended  chan struct{}
	seq    atomic.Uint64
	failed atomic.Int64
	err    atomic.Pointer[error]
	log    *slog.Logger
}

var errClosed = errors.New("broker: store is closed")

func openDisk(path string, log *slog.Logger) (*disk, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 5 * time.Second, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("broker: %s: %w", path, err)
	}
	d := &disk{db: db, ch: make(chan request, 1024), ended: make(chan struct{}), log: log}
	if err := db.Update(d.prepare); err != nil {
		db.Close()
		return nil, fmt.Errorf("broker: %s: %w", path, err)
	}
	go d.run()
	return d, nil
}

func (d *disk) prepare(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	switch v := string(meta.Get([]byte("format"))); v {
	case "", formatVersion:
	default:
		return fmt.Errorf("format %q is not known to this program", v)
	}
	if k, _ := tx.Bucket(bucketPending).Cursor().Last(); len(k) == 8 {
		d.seq.Store(binary.BigEndian.Uint64(k))
	}
	return meta.Put([]byte("format"), []byte(formatVersion))
}

func (d *disk) run() {
	defer close(d.ended)
	var batch []request
	for r := range d.ch {
		batch = append(batch[:0], r)
	more:
		for len(batch) < 256 {
			select {
			case r, ok := <-d.ch:
				if !ok {
					break more
				}
				batch = append(batch, r)
			default:
				break more
			}
		}
		err := d.db.Update(func(tx *bbolt.Tx) error {
			for _, r := range batch {
				if err := r.op(tx); err != nil {
					return err
				}
			}
			return nil
		})
		d.note(err)
		for _, r := range batch {
			if r.done != nil {
				r.done <- err
			}
		}
	}
}

// note logs when storing begins to fail and when it works again, not every time.
func (d *disk) note(err error) {
	was := d.err.Load()
	if err == nil {
		if was != nil {
			d.err.Store(nil)
			d.log.Info("broker can store again")
		}
		return
	}
	d.failed.Add(1)
	d.err.Store(&err)
	if was == nil {
		d.log.Error("broker cannot store; publishers are not acknowledged until it can", "err", err)
	}
}

func (d *disk) lastErr() error {
	if p := d.err.Load(); p != nil {
		return fmt.Errorf("broker: cannot store: %w", *p)
	}
	return nil
}

// put asks for o without waiting for it.
func (d *disk) put(o op) { d.send(request{op: o}) }

// do asks for o and returns once it has been fsynced, or failed.
func (d *disk) do(o op) error {
	r := request{op: o, done: make(chan error, 1)}
	if !d.send(r) {
		return errClosed
	}
	return <-r.done
}

func (d *disk) send(r request) (ok bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return false
	}
	d.ch <- r
	return true
}

func (d *disk) close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	close(d.ch)
	<-d.ended
	if err := d.db.Close(); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	return nil
}

func set(bucket []byte, key string, v any) op {
	b, err := json.Marshal(v)
	return func(tx *bbolt.Tx) error {
		if err != nil {
			return err
		}
		return tx.Bucket(bucket).Put([]byte(key), b)
	}
}

func del(bucket []byte, key string) op {
	return func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Delete([]byte(key)) }
}

func all(ops ...op) op {
	return func(tx *bbolt.Tx) error {
		for _, o := range ops {
			if err := o(tx); err != nil {
				return err
			}
		}
		return nil
	}
}

// delPrefix deletes every key that begins with prefix.
func delPrefix(bucket []byte, prefix string) op {
	return func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && strings.HasPrefix(string(k), prefix); k, _ = c.Seek([]byte(prefix)) {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		return nil
	}
}

func seqKey(seq uint64) string { return string(binary.BigEndian.AppendUint64(nil, seq)) }

// retain is the change that a retained message makes.
func retain(m storage.Message) op {
	if len(m.Payload) == 0 {
		return del(bucketRetained, m.TopicName)
	}
	return set(bucketRetained, m.TopicName, m)
}

// accept stores m as pending, with its retained state, and waits for the disk.
func (d *disk) accept(m storage.Message) (seq uint64, err error) {
	seq = d.seq.Add(1)
	o := set(bucketPending, seqKey(seq), m)
	if m.FixedHeader.Retain {
		o = all(o, retain(m))
	}
	return seq, d.do(o)
}

// forget ends a pending message: every session that is to get it has it on disk, or nobody was promised it.
func (d *disk) forget(seq uint64) { d.put(del(bucketPending, seqKey(seq))) }

type pendingMessage struct {
	seq uint64
	msg storage.Message
}

func (d *disk) pending() ([]pendingMessage, error) {
	var out []pendingMessage
	err := d.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketPending).ForEach(func(k, v []byte) error {
			p := pendingMessage{seq: binary.BigEndian.Uint64(k)}
			if err := json.Unmarshal(v, &p.msg); err != nil {
				return err
			}
			out = append(out, p)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("broker: pending messages: %w", err)
	}
	slices.SortFunc(out, func(a, b pendingMessage) int { return cmp.Compare(a.seq, b.seq) })
	return out, nil
}

// load reads a bucket.
func load[T any](d *disk, bucket []byte) (out []T, err error) {
	err = d.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(k, v []byte) error {
			var x T
			if err := json.Unmarshal(v, &x); err != nil {
				return fmt.Errorf("key %q: %w", k, err)
			}
			out = append(out, x)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("broker: bucket %s: %w", bucket, err)
	}
	return out, nil
}
