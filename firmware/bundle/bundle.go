// Package bundle is the evidence of a time, in one ZIP that can be checked offline by whoever has the pin of the unit's
// key, with this package or with a text editor, sha256sum and an RFC 6962 library.
//
//	MANIFEST        signed note: "subrosa bundle v1", the unit, then lines as sha256sum writes them; comes first
//	bundle.json     Header
//	checkpoint      signed head of the journal's tree, perhaps with cosignatures of witnesses
//	entries.jsonl   the leaves from Header.First to Header.Last, a line each
//	receipts.jsonl  leaves from outside that range which concern it: deletions, breaks, changes of the key, and the
//	                entries next to it, whose times lie outside
//	payloads.jsonl  payloads that still exist, with their salts
//	leaves          the hashes of all leaves of the tree, 32 bytes each: every earlier checkpoint can be checked
//	keys            verifier keys of the unit, oldest first
//	proofs/N.tlog-proof  that entry N, whose payload is permanent, stands in the tree: can be shown alone
//
// The manifest's signature only tells that nothing happened to the ZIP on its way. What counts is inside: each entry's
// hash in the tree, whose root the unit has signed, and each payload's commitment in its entry.
//
// The parts are made in memory; a bundle holds at most 2 GiB.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/journal"
)

// Names of the parts.
const (
	nameManifest   = "MANIFEST"
	nameHeader     = "bundle.json"
	nameCheckpoint = "checkpoint"
	nameEntries    = "entries.jsonl"
	nameReceipts   = "receipts.jsonl"
	namePayloads   = "payloads.jsonl"
	nameLeaves     = "leaves"
	nameKeys       = "keys"
)

const (
	format       = 1
	manifestHead = "subrosa bundle v1\n"
)

// Header says what a bundle is about.
type Header struct {
	Format   int       `json:"format"`
	Unit     string    `json:"unit"`
	From     time.Time `json:"from,omitzero"` // the time asked for: From ≤ t < To; zero: no limit
	To       time.Time `json:"to,omitzero"`
	First    uint64    `json:"first"` // sequence numbers, both included, 0 if there are none
	Last     uint64    `json:"last"`
	Base     uint64    `json:"base"` // sequence number of leaf 0
	Size     int64     `json:"size"` // of the tree, in leaves
	Rooms    []string  `json:"rooms,omitempty"`
	Policies []string  `json:"policies,omitempty"` // hashes of the policies in force, sorted
	Software []string  `json:"software,omitempty"`
}

// Source is a journal.
type Source interface {
	Tree() (base uint64, head tlog.Tree, err error)
	Records(from uint64, fn func(journal.Record) error) error
	Leaves(w io.Writer, size int64) error
	Prove(seq uint64, size int64) (tlog.RecordProof, error)
}

// ErrEmpty is returned by Write if there is no entry in the time asked for.
var ErrEmpty = errors.New("no entry in this time")

// Options of Write.
type Options struct {
	From, To   time.Time   // From ≤ t < To; zero: no limit
	Checkpoint []byte      // the newest signed one, with cosignatures if there are; see journal.Journal.Checkpoint
	Signer     note.Signer // of the manifest: the unit's key
	Public     string      // its verifier key
}

// Write writes the bundle of a time. It is about the entries from the first to the last whose time lies in it; what a
// clock that was wrong put between them is among them. The same journal and options give the same bytes.
func Write(w io.Writer, src Source, o Options) (Header, error) {
	c, err := checkpoint.Parse(o.Checkpoint)
	if err != nil {
		return Header{}, fmt.Errorf("bundle: %w", err)
	}
	base, _, err := src.Tree()
	if err != nil {
		return Header{}, err
	}
	g := gatherer{o: o, c: c, h: Header{Format: format, Unit: c.Origin, From: o.From.UTC(), To: o.To.UTC(), Base: base, Size: c.N}}
	if err := g.find(src); err != nil {
		return Header{}, err
	}
	if err := g.gather(src); err != nil {
		return Header{}, err
	}
	parts, err := g.parts(src)
	if err != nil {
		return Header{}, err
	}
	m, err := manifest(c.Origin, parts, o.Signer)
	if err != nil {
		return Header{}, err
	}
	return g.h, pack(w, append([]part{{nameManifest, m}}, parts...))
}

// gatherer collects the parts.
type gatherer struct {
	o                           Options
	c                           checkpoint.Checkpoint
	h                           Header
	entries, receipts, payloads bytes.Buffer
	permanent                   []journal.Record // in the range
	keys                        []string
}

// covered reports whether an entry stands in the checkpoint's tree.
func (g *gatherer) covered(r journal.Record) bool {
	return r.Leaf != nil && r.Seq >= g.h.Base && r.Seq-g.h.Base < uint64(g.c.N)
}

func (g *gatherer) find(src Source) error {
	err := src.Records(1, func(r journal.Record) error {
		t := r.Entry.Time
		if !g.covered(r) || t.Before(g.o.From) || !g.o.To.IsZero() && !t.Before(g.o.To) {
			return nil
		}
		if g.h.First == 0 {
			g.h.First = r.Seq
		}
		g.h.Last = r.Seq
		return nil
	})
	if err != nil && !errors.Is(err, journal.ErrBroken) { // what is broken shows when it is verified
		return err
	}
	if g.h.First == 0 {
		return fmt.Errorf("bundle: %w", ErrEmpty)
	}
	return nil
}

// concerns are the kinds that a range outside of which they stand is judged by.
var concerns = []string{journal.KindDeleted, journal.KindBroken, journal.KindBridge, checkpoint.KindRotated}

func (g *gatherer) gather(src Source) error {
	err := src.Records(1, func(r journal.Record) error {
		inside := g.h.First <= r.Seq && r.Seq <= g.h.Last
		concerned := slices.Contains(concerns, r.Entry.Kind)
		switch {
		case !g.covered(r):
			return nil
		case !inside && !concerned:
			if r.Seq+1 == g.h.First || r.Seq == g.h.Last+1 { // a neighbour, without its payload, shows where the time ends
				g.receipts.Write(append(r.Leaf, '\n'))
			}
			return nil
		case inside:
			g.entries.Write(append(r.Leaf, '\n'))
			g.h.mention(r.Entry)
			if r.Entry.Permanent {
				g.permanent = append(g.permanent, r)
			}
		default:
			g.receipts.Write(append(r.Leaf, '\n'))
		}
		if r.Salt != nil {
			g.payloads.Write(journal.AppendPayload(nil, r.Seq, r.Salt, r.Entry.Payload))
		}
		if rot, ok := rotation(r.Entry); ok {
			g.keys = append(g.keys, rot.Old)
		}
		return nil
	})
	if err != nil && !errors.Is(err, journal.ErrBroken) {
		return err
	}
	return nil
}

// mention adds what an entry names.
func (h *Header) mention(e journal.Entry) {
	for _, x := range []struct {
		list *[]string
		s    string
	}{{&h.Rooms, e.Room}, {&h.Policies, e.Policy}, {&h.Software, e.Software}} {
		if at, have := slices.BinarySearch(*x.list, x.s); !have && x.s != "" {
			*x.list = slices.Insert(*x.list, at, x.s)
		}
	}
}

func rotation(e journal.Entry) (checkpoint.Rotation, bool) {
	var p checkpoint.RotationPayload
	if e.Kind != checkpoint.KindRotated || json.Unmarshal(e.Payload, &p) != nil {
		return checkpoint.Rotation{}, false
	}
	r, err := checkpoint.ParseRotation([]byte(p.Note))
	return r, err == nil
}

func (g *gatherer) parts(src Source) ([]part, error) {
	var leaves bytes.Buffer
	if err := src.Leaves(&leaves, g.c.N); err != nil {
		return nil, err
	}
	if rootOf(leaves.Bytes(), g.c.N) != g.c.Hash {
		return nil, fmt.Errorf("bundle: the journal does not continue the checkpoint of %d entries", g.c.N)
	}
	head, err := json.Marshal(g.h)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	keys := append(slices.Compact(g.keys), g.o.Public)
	parts := []part{{nameHeader, append(head, '\n')}, {nameCheckpoint, g.o.Checkpoint}, {nameEntries, g.entries.Bytes()},
		{nameReceipts, g.receipts.Bytes()}, {namePayloads, g.payloads.Bytes()}, {nameLeaves, leaves.Bytes()},
		{nameKeys, []byte(strings.Join(keys, "\n") + "\n")}}
	for _, r := range g.permanent {
		hashes, err := src.Prove(r.Seq, g.c.N)
		if err != nil {
			return nil, err
		}
		p := checkpoint.Proof{Index: int64(r.Seq - g.h.Base), Hashes: hashes, Checkpoint: g.o.Checkpoint}
		parts = append(parts, part{fmt.Sprintf("proofs/%d.tlog-proof", r.Seq), p.Format()})
	}
	return parts, nil
}

// manifest signs the parts' hashes.
func manifest(unit string, parts []part, s note.Signer) ([]byte, error) {
	b, err := note.Sign(&note.Note{Text: manifestText(unit, parts)}, s)
	if err != nil {
		return nil, fmt.Errorf("bundle: manifest: %w", err)
	}
	return b, nil
}

func manifestText(unit string, parts []part) string {
	var b strings.Builder
	b.WriteString(manifestHead + unit + "\n")
	for _, p := range parts {
		sum := sha256.Sum256(p.data)
		b.WriteString(hex.EncodeToString(sum[:]) + "  " + p.name + "\n")
	}
	return b.String()
}

// rootOf returns the root of the tree over the first n leaves' hashes.
func rootOf(leaves []byte, n int64) tlog.Hash {
	var f forest
	for i := range n {
		var h tlog.Hash
		copy(h[:], leaves[i*tlog.HashSize:])
		f.add(h)
	}
	return f.root()
}

// forest is a tree that grows: equal subtrees are joined as they fill up (RFC 6962, section 2.1).
type forest struct {
	n     int64
	stack []tlog.Hash // full subtrees, the largest first
}

func (f *forest) add(h tlog.Hash) {
	f.n++
	for full := f.n; full%2 == 0; full /= 2 {
		h = tlog.NodeHash(f.stack[len(f.stack)-1], h)
		f.stack = f.stack[:len(f.stack)-1]
	}
	f.stack = append(f.stack, h)
}

// root joins the subtrees from the right.
func (f *forest) root() tlog.Hash {
	if f.n == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	h := f.stack[len(f.stack)-1]
	for _, left := range slices.Backward(f.stack[:len(f.stack)-1]) {
		h = tlog.NodeHash(left, h)
	}
	return h
}
