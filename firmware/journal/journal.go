// Package journal is the room's append-only record: every entry is on disk, and chained to the one before,
// when Append returns.
//
// A journal is a folder of segments. A segment is a file of JSON lines named after the first sequence number
// in it; a new one is begun when the last has grown to Options.SegmentBytes. Payloads stand apart, so that they
// can be deleted: a record only commits to its payload, with a salt that goes with it.
//
//	00000000000000000001.jsonl
//	┌─────────────────────────────────────────────────────────────────────────┐
//	│ {"format":2,"first":1,"prev":"00…0"}                                    │ header: where the chain stood
//	│ {"seq":1,"prev":"00…0","entry":{…,"commit":"a0…"},"hash":"5f…"}         │─┐
//	│ {"seq":2,"prev":"5f…","entry":{…,"commit":"77…"},"hash":"c1…"}          │◄┘ prev is the hash of the line above
//	└─────────────────────────────────────────────────────────────────────────┘
//	00000000000000000001.payloads
//	│ {"seq":1,"salt":"9e…","payload":{…}}                                    │ commit = SHA-256( salt: 32 bytes ‖ payload )
//	00000000000000000003.jsonl
//	│ {"format":2,"first":3,"prev":"c1…"}                                     │ goes on where the last one ended
//
//	hash = SHA-256( prev: 32 bytes ‖ seq: 8 bytes, big endian ‖ entry: its bytes as they stand in the line )
//
// The form is canonical: these keys, in this order, no space, one line feed. Any other byte is a break.
//
// The chain finds damage on this disk. What is proven to others is an RFC 6962 tree over the same entries: leaf n is
// {"seq":base+n,"entry":{…}}. Its signed heads are checkpoints.
//
// Segments of the first format, whose payloads stand in the records, stay as they are for ever, outside the tree. The
// first entry behind them, KindBridge, names each with its SHA-256, and its sequence number is the tree's base.
//
// Payloads are synced before the records that commit to them. A record whose writing was cut short (power loss, full
// disk) was never acknowledged; it is cut off at the next Open or Append, with its payload. Anything else that does not
// verify is a break: the file is left as it is, as evidence, and Open begins a new segment whose first entry,
// KindBroken, names file, line and reason.
//
// A process whose file size is limited (RLIMIT_FSIZE) must ignore SIGXFSZ, or the kernel ends it instead of
// letting Append fail.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode"
	"unicode/utf8"
)

// Entry is one line of the record. It never holds a name, an address or free text.
type Entry struct {
	Kind     string    `json:"kind"`               // alarm.raised, alarm.changed, session.changed, unit.started, …
	Time     time.Time `json:"time"`               // wall time
	Quality  string    `json:"quality"`            // of Time: synced, unsynced, scenario
	Requires []string  `json:"requires,omitempty"` // parts of requirements served, such as INF.10.A8
	Coverage string    `json:"coverage,omitempty"` // what was seen and not seen
	Policy   string    `json:"policy,omitempty"`   // hash of the policy in force
	Software string    `json:"software,omitempty"` // hash or version of the software
	Unsealed bool      `json:"unsealed,omitempty"` // the sensor was not sealed by the kernel
	Room     string    `json:"room,omitempty"`     // Append fills in Options.Room if it is empty
	// Permanent payloads are never deleted: session summaries, receipts. They hold no personal data.
	Permanent bool            `json:"permanent,omitempty"`
	Commit    string          `json:"commit,omitempty"`  // Commitment to the payload; Append makes it
	Payload   json.RawMessage `json:"payload,omitempty"` // nil when read after its deletion
}

// Receipt proves that an entry was recorded.
type Receipt struct {
	Seq  uint64 `json:"seq"`  // from 1
	Hash string `json:"hash"` // hex SHA-256 of the chain up to and including this entry
}

// Appender records entries. When Append returns nil the entry is on disk and will be read again after a power
// loss; when it returns an error the entry is not acknowledged, and may be tried again. A context that has
// ended before the entry is queued is an error; once it is queued the outcome is awaited. Safe for concurrent
// use.
type Appender interface {
	Append(context.Context, Entry) (Receipt, error)
}

// Reader reads entries back: Read calls fn for each entry from sequence number from on, oldest first, until fn
// returns an error, which Read returns.
type Reader interface {
	Read(from uint64, fn func(seq uint64, e Entry) error) error
}

// MaxEntry is the largest encoded entry, in bytes.
const MaxEntry = 64 << 10

// Kinds of the journal's own entries. Their payloads are permanent.
const (
	KindBroken  = "journal.broken"  // opens a segment after a break; payload: Break
	KindBridge  = "journal.bridged" // first entry of the tree, behind segments of the first format; payload: Bridge
	KindDeleted = "journal.deleted" // receipt of a deletion; payload: Deletion
)

// Sentinel errors, wrapped by what is returned.
var (
	ErrLocked = errors.New("another process writes this journal")
	ErrClosed = errors.New("closed")
	ErrEntry  = errors.New("not an entry")
)

var (
	kindForm  = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)
	tokenForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:+/-]{0,127}$`)
)

// Validate reports the first thing that keeps e out of the record.
func (e *Entry) Validate() error {
	switch {
	case len(e.Kind) > 64 || !kindForm.MatchString(e.Kind):
		return fmt.Errorf("journal: %w: kind %q", ErrEntry, e.Kind)
	case e.Time.IsZero() || e.Time.Year() < 1970 || e.Time.Year() > 9999:
		return fmt.Errorf("journal: %w: %s has no time", ErrEntry, e.Kind)
	case e.Quality != "synced" && e.Quality != "unsynced" && e.Quality != "scenario":
		return fmt.Errorf("journal: %w: %s has quality %q", ErrEntry, e.Kind, e.Quality)
	case len(e.Coverage) > 1000 || !utf8.ValidString(e.Coverage) || hasControl(e.Coverage):
		return fmt.Errorf("journal: %w: %s has a coverage that is not one line", ErrEntry, e.Kind)
	case e.Room != "" && !tokenForm.MatchString(e.Room):
		return fmt.Errorf("journal: %w: %s has room %q", ErrEntry, e.Kind, e.Room)
	case e.Policy != "" && !tokenForm.MatchString(e.Policy):
		return fmt.Errorf("journal: %w: %s has policy %q", ErrEntry, e.Kind, e.Policy)
	case e.Software != "" && !tokenForm.MatchString(e.Software):
		return fmt.Errorf("journal: %w: %s has software %q", ErrEntry, e.Kind, e.Software)
	case len(e.Payload) > 0 && (!json.Valid(e.Payload) || !utf8.Valid(e.Payload)):
		return fmt.Errorf("journal: %w: %s has a payload that is not JSON", ErrEntry, e.Kind)
	}
	for _, r := range e.Requires {
		if !tokenForm.MatchString(r) {
			return fmt.Errorf("journal: %w: %s requires %q", ErrEntry, e.Kind, r)
		}
	}
	return nil
}

func hasControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

// encoded is an entry as it goes to the disk.
type encoded struct {
	header        []byte // as it will stand in the line
	salt, payload []byte // nil: there is none
}

// encode commits to the payload with salt.
func (e Entry) encode(salt []byte) (x encoded, err error) {
	if err := e.Validate(); err != nil {
		return x, err
	}
	e.Time, e.Commit = e.Time.UTC().Round(0), ""
	if len(e.Payload) > 0 {
		if x.payload, err = json.Marshal(e.Payload); err != nil {
			return x, fmt.Errorf("journal: %w: %s: %w", ErrEntry, e.Kind, err)
		}
		x.salt, e.Commit, e.Payload = salt, Commitment(salt, x.payload), nil
	}
	if x.header, err = json.Marshal(e); err != nil {
		return x, fmt.Errorf("journal: %w: %s: %w", ErrEntry, e.Kind, err)
	}
	if n := len(x.header) + len(x.payload); n > MaxEntry {
		return x, fmt.Errorf("journal: %w: %s has %d bytes, at most %d", ErrEntry, e.Kind, n, MaxEntry)
	}
	return x, nil
}
