package bundle

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/journal"
)

// Trust is what the verifier brings along. A bundle proves nothing by itself.
type Trust struct {
	Pin       *checkpoint.Pin // of the unit's key; nil: none
	Anchors   [][]byte        // earlier checkpoints: signed notes, or short ones from paper
	Witnesses []string        // verifier keys of witnesses
	Stamps    []Stamp         // by time stamping authorities
	StampCAs  *x509.CertPool  // certificates that authorities are trusted under
}

// Stamp is an RFC 3161 answer with the checkpoint that it is said to stamp.
type Stamp struct {
	Answer     []byte
	Checkpoint []byte // signed note or short form; nil: whatever state of the journal it fits
}

// Verify checks a bundle offline. It never fails: what is wrong stands in the report.
func Verify(b []byte, trust Trust) *Report {
	v := &verifier{trust: trust, parts: map[string][]byte{}, r: &Report{}}
	v.run(b)
	v.r.judge()
	return v.r
}

// Checkpoint returns the checkpoint in a bundle, unverified.
func Checkpoint(b []byte) ([]byte, error) {
	parts, _, err := unpack(b)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	for _, p := range parts {
		if p.name == nameCheckpoint {
			return p.data, nil
		}
	}
	return nil, fmt.Errorf("bundle: %w: no %s", errForm, nameCheckpoint)
}

// verifier holds what is known so far.
type verifier struct {
	trust     Trust
	r         *Report
	parts     map[string][]byte
	head      Header
	c         checkpoint.Checkpoint
	keys      []string // that the bundle names
	trusted   []string // that the pin vouches for
	leaves    []byte
	entries   []line
	receipts  []line
	payloads  map[uint64][]byte
	rotations []checkpoint.Rotation
	deleted   []journal.Deletion
}

// line is an entry as it stands in the bundle.
type line struct {
	Seq   uint64 `json:"seq"`
	Entry journal.Entry
	leaf  []byte
}

// run goes on as long as what follows can be read.
func (v *verifier) run(b []byte) {
	if len(b) > maxBundle {
		v.r.fault(faultUnreadable, "%d bytes", len(b))
		return
	}
	parts, exact, err := unpack(b)
	switch {
	case errors.Is(err, errRepacked):
		v.r.fault(faultRepacked, "ZIP")
		return
	case err != nil:
		v.r.fault(faultUnreadable, "%s", strings.TrimPrefix(err.Error(), errForm.Error()+": "))
		return
	case !exact:
		v.r.fault(faultContainer, "ZIP")
	}
	for _, p := range parts {
		v.parts[p.name] = p.data
	}
	for _, name := range []string{nameManifest, nameHeader, nameCheckpoint, nameEntries, nameReceipts, namePayloads, nameLeaves, nameKeys} {
		if _, ok := v.parts[name]; !ok {
			v.r.fault(faultMissingPart, "%s", name)
		}
	}
	if len(v.r.Faults) > 0 && v.r.worst() == Incomplete {
		return
	}
	v.manifest(parts)
	for _, step := range []func() bool{v.header, v.checkpoint, v.tree, v.lines, v.spill} {
		if !step() {
			return
		}
	}
	v.complete()
	v.proofs()
	v.trustKeys()
	v.anchors()
	v.stamps()
	v.describe()
}

// manifest compares the sums. Who signed it is asked once the keys are known, in trustKeys.
func (v *verifier) manifest(parts []part) {
	text, _, ok := strings.Cut(string(v.parts[nameManifest]), "\n\n")
	rest, head := strings.CutPrefix(text+"\n", manifestHead)
	unit, list, cut := strings.Cut(rest, "\n")
	if !ok || !head || !cut {
		v.r.fault(faultUnreadable, "%s", nameManifest)
		return
	}
	v.r.Unit = unit
	sums := map[string]string{}
	var names []string
	for l := range strings.Lines(list) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(l, "\n"), "  ")
		if !ok || len(sum) != 64 || sums[name] != "" {
			v.r.fault(faultUnreadable, "%s: %q", nameManifest, l)
			return
		}
		sums[name] = sum
		names = append(names, name)
	}
	for _, p := range parts {
		if p.name == nameManifest {
			continue
		}
		if sum, ok := sums[p.name]; !ok {
			v.r.fault(faultExtraPart, "%s", p.name)
		} else if want, _, _ := strings.Cut(manifestText("", []part{p})[len(manifestHead)+1:], " "); want != sum {
			v.r.fault(faultSum, "%s", p.name)
		}
	}
	for _, name := range names {
		if _, ok := v.parts[name]; !ok {
			v.r.fault(faultMissingPart, "%s", name)
		}
	}
}

func (v *verifier) header() bool {
	d := json.NewDecoder(bytes.NewReader(v.parts[nameHeader]))
	d.DisallowUnknownFields()
	if err := d.Decode(&v.head); err != nil || v.head.Format != format {
		v.r.fault(faultUnreadable, "%s: format %d, %v", nameHeader, v.head.Format, err)
		return false
	}
	if again, err := json.Marshal(v.head); err != nil || string(again)+"\n" != string(v.parts[nameHeader]) {
		v.r.fault(faultForm, "%s", nameHeader)
	}
	for l := range strings.Lines(string(v.parts[nameKeys])) {
		k := strings.TrimSuffix(l, "\n")
		if checkpoint.Origin(k) != v.head.Unit {
			v.r.fault(faultForm, "%s", nameKeys)
			return false
		}
		v.keys = append(v.keys, k)
	}
	if len(v.keys) == 0 || len(v.keys) > 1000 {
		v.r.fault(faultForm, "%s", nameKeys)
		return false
	}
	h := v.head
	if h.Base == 0 || h.Size < 0 || h.First < h.Base || h.Last < h.First || h.Last-h.Base >= uint64(h.Size) {
		v.r.fault(faultForm, "%s", nameHeader)
		return false
	}
	return true
}

func (v *verifier) checkpoint() bool {
	c, err := checkpoint.Open(v.parts[nameCheckpoint], v.keys...)
	if errors.Is(err, checkpoint.ErrForm) {
		v.r.fault(faultForm, "%s", nameCheckpoint)
		return false
	}
	if err != nil {
		v.r.fault(faultSignature, "%s", nameCheckpoint)
		return false
	}
	v.c = c
	if c.Origin != v.head.Unit || c.N != v.head.Size || v.r.Unit != v.head.Unit {
		v.r.fault(faultForm, "%s: %s, %d", nameCheckpoint, c.Origin, c.N)
		return false
	}
	return true
}

func (v *verifier) tree() bool {
	v.leaves = v.parts[nameLeaves]
	if int64(len(v.leaves)) != v.c.N*tlog.HashSize {
		v.r.fault(faultRoot, "%s: %d bytes", nameLeaves, len(v.leaves))
		return false
	}
	if rootOf(v.leaves, v.c.N) != v.c.Hash {
		v.r.fault(faultRoot, "%s", nameLeaves)
		return false
	}
	return true
}

// lines checks each entry's hash against the tree.
func (v *verifier) lines() bool {
	var ok1, ok2 bool
	v.entries, ok1 = v.read(nameEntries, true)
	v.receipts, ok2 = v.read(nameReceipts, false)
	return ok1 && ok2
}

func (v *verifier) read(name string, inside bool) (out []line, ok bool) {
	last := uint64(0)
	for text := range bytes.Lines(v.parts[name]) {
		leaf, whole := bytes.CutSuffix(text, []byte{'\n'})
		var l line
		if err := json.Unmarshal(leaf, &l); err != nil || !whole || len(l.Entry.Payload) > 0 {
			v.r.fault(faultForm, "%s: %d", name, len(out)+1)
			return nil, false
		}
		in := v.head.First <= l.Seq && l.Seq <= v.head.Last
		if in != inside || l.Seq <= last || l.Seq < v.head.Base || l.Seq-v.head.Base >= uint64(v.c.N) {
			v.r.fault(faultOrder, "%s: %d", name, l.Seq)
			return nil, false
		}
		last = l.Seq
		at := int64(l.Seq-v.head.Base) * tlog.HashSize
		if h := tlog.RecordHash(leaf); !bytes.Equal(h[:], v.leaves[at:at+tlog.HashSize]) {
			v.r.fault(faultEntry, "%d", l.Seq)
			continue
		}
		l.leaf = leaf
		out = append(out, l)
	}
	return out, true
}

// spill checks each payload against its commitment.
func (v *verifier) spill() bool {
	commits := map[uint64]string{}
	for _, l := range slices.Concat(v.entries, v.receipts) {
		commits[l.Seq] = l.Entry.Commit
	}
	v.payloads = map[uint64][]byte{}
	last := uint64(0)
	for text := range bytes.Lines(v.parts[namePayloads]) {
		body, whole := bytes.CutSuffix(text, []byte{'\n'})
		seq, salt, payload, err := journal.ParsePayload(body)
		if err != nil || !whole || seq <= last {
			v.r.fault(faultForm, "%s: %d", namePayloads, len(v.payloads)+1)
			return false
		}
		last = seq
		if commit := commits[seq]; commit == "" || journal.Commitment(salt, payload) != commit {
			v.r.fault(faultPayload, "%d", seq)
			continue
		}
		v.payloads[seq] = payload
	}
	for _, l := range slices.Concat(v.receipts, v.entries) {
		l.Entry.Payload = v.payloads[l.Seq]
		if rot, ok := rotation(l.Entry); ok {
			v.rotations = append(v.rotations, rot)
		}
		var d journal.Deletion
		if l.Entry.Kind == journal.KindDeleted && json.Unmarshal(l.Entry.Payload, &d) == nil {
			v.deleted = append(v.deleted, d)
		}
	}
	return true
}

// complete looks for what is not there and has no receipt.
func (v *verifier) complete() {
	next := v.head.First
	for _, l := range append(v.entries, line{Seq: v.head.Last + 1}) {
		if l.Seq > next {
			v.r.fault(faultLost, "%s", span(next, l.Seq-1))
		}
		next = l.Seq + 1
	}
	v.edges()
	for _, l := range slices.Concat(v.entries, v.receipts) {
		_, here := v.payloads[l.Seq]
		outside := l.Seq < v.head.First || l.Seq > v.head.Last
		if l.Entry.Commit == "" || here || outside && !slices.Contains(concerns, l.Entry.Kind) {
			continue
		}
		deleted := slices.ContainsFunc(v.deleted, func(d journal.Deletion) bool { return d.Has(l.Seq) })
		if !deleted || l.Entry.Permanent {
			v.r.fault(faultNoPayload, "%d", l.Seq)
			continue
		}
		v.r.Deleted++
	}
}

// edges looks whether the range is as long as the header's times say: the entries next to it lie outside.
func (v *verifier) edges() {
	h := v.head
	in := func(t time.Time) bool { return !t.Before(h.From) && (h.To.IsZero() || t.Before(h.To)) }
	for _, l := range v.entries {
		if (l.Seq == h.First || l.Seq == h.Last) && !in(l.Entry.Time) {
			v.r.fault(faultForm, "%s: %d", nameHeader, l.Seq)
		}
	}
	neighbour := func(seq uint64) {
		i := slices.IndexFunc(v.receipts, func(l line) bool { return l.Seq == seq })
		if i < 0 || in(v.receipts[i].Entry.Time) {
			v.r.fault(faultLost, "%d", seq)
		}
	}
	if h.First > h.Base {
		neighbour(h.First - 1)
	}
	if h.Last-h.Base+1 < uint64(h.Size) {
		neighbour(h.Last + 1)
	}
}

func span(a, b uint64) string {
	if a == b {
		return strconv.FormatUint(a, 10)
	}
	return fmt.Sprintf("%d–%d", a, b)
}

// proofs checks those that can be shown alone: one for each permanent entry.
func (v *verifier) proofs() {
	n := 0
	for _, l := range v.entries {
		if !l.Entry.Permanent {
			continue
		}
		name := fmt.Sprintf("proofs/%d.tlog-proof", l.Seq)
		b, ok := v.parts[name]
		if !ok {
			v.r.fault(faultMissingPart, "%s", name)
			continue
		}
		n++
		p, err := checkpoint.ParseProof(b)
		if err == nil && (p.Index != int64(l.Seq-v.head.Base) || !bytes.Equal(p.Checkpoint, v.parts[nameCheckpoint])) {
			err = checkpoint.ErrForged
		}
		if err == nil {
			_, err = p.Check(l.leaf, v.keys...)
		}
		if err != nil {
			v.r.fault(faultProof, "%s", name)
		}
	}
	if n != len(v.parts)-8 {
		v.r.fault(faultExtraPart, "proofs")
	}
}

// trustKeys follows the pin to the keys that have signed.
func (v *verifier) trustKeys() {
	if _, err := openManifest(v.parts[nameManifest], v.keys); err != nil {
		v.r.fault(faultSignature, "%s", nameManifest)
		return
	}
	if v.trust.Pin == nil {
		v.r.fault(faultNoPin, "%s", v.head.Unit)
		return
	}
	v.trusted = checkpoint.Follow(*v.trust.Pin, v.keys, v.rotations)
	if _, err := checkpoint.Open(v.parts[nameCheckpoint], v.trusted...); err != nil {
		v.r.fault(faultKey, "%s", nameCheckpoint)
		return
	}
	if _, err := openManifest(v.parts[nameManifest], v.trusted); err != nil {
		v.r.fault(faultKey, "%s", nameManifest)
	}
	v.r.Rotations = len(v.trusted) - 1
}

func openManifest(b []byte, keys []string) (*note.Note, error) {
	var list []note.Verifier
	for _, k := range keys {
		n, err := note.NewVerifier(k)
		if err != nil {
			return nil, fmt.Errorf("bundle: key: %w", err)
		}
		if !slices.ContainsFunc(list, func(o note.Verifier) bool { return o.KeyHash() == n.KeyHash() }) {
			list = append(list, n)
		}
	}
	n, err := note.Open(b, note.VerifierList(list...))
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return n, nil
}

// anchors compares earlier checkpoints with the tree, whatever their size.
func (v *verifier) anchors() {
	var accepted [][]byte
	for i, b := range v.trust.Anchors {
		a := Anchor{}
		c, err := checkpoint.ParseShort(string(b))
		if err == nil {
			a.By = "paper"
		} else if c, err = checkpoint.Parse(b); err != nil {
			v.r.fault(faultAnchorForm, "%d", i+1)
			continue
		} else {
			a.By = v.signedBy(b)
		}
		a.Size = c.N
		switch {
		case c.Origin != v.head.Unit:
			v.r.fault(faultAnchorUnknown, "%d: %s", i+1, c.Origin)
			continue
		case a.By == "":
			v.r.fault(faultAnchorUnknown, "%d", i+1)
			continue
		case c.N > v.c.N:
			v.r.fault(faultShort, "%d < %d", v.c.N, c.N)
			continue
		case rootOf(v.leaves, c.N) != c.Hash:
			v.r.fault(faultFork, "%d", c.N)
			continue
		}
		v.r.Anchors = append(v.r.Anchors, a)
		accepted = append(accepted, b)
	}
	seen, err := checkpoint.Cosignatures(v.parts[nameCheckpoint], v.trust.Witnesses...)
	if err != nil {
		v.r.fault(faultSignature, "%s: %v", nameCheckpoint, err)
	}
	for _, s := range seen {
		v.r.Anchors = append(v.r.Anchors, Anchor{v.c.N, s.Witness, &s.At})
	}
	for _, w := range v.trust.Witnesses { // whoever brings a witness wants its word
		said := func(b []byte) bool { seen, err := checkpoint.Cosignatures(b, w); return err == nil && len(seen) > 0 }
		if !said(v.parts[nameCheckpoint]) && !slices.ContainsFunc(accepted, said) {
			v.r.fault(faultNoWitness, "%s", checkpoint.Origin(w))
		}
	}
}

// signedBy returns who vouches for an anchor: a witness, else the unit itself; "" if nobody whom we know.
func (v *verifier) signedBy(b []byte) string {
	if seen, err := checkpoint.Cosignatures(b, v.trust.Witnesses...); err == nil && len(seen) > 0 {
		return seen[0].Witness
	}
	if c, err := checkpoint.Open(b, v.trusted...); err == nil {
		return c.Origin
	}
	return ""
}

// describe fills in what the report says of a bundle that could be read.
func (v *verifier) describe() {
	r, h := v.r, v.head
	r.First, r.Last, r.Size, r.Root, r.Short = h.First, h.Last, v.c.N, v.c.Hash.String(), v.c.Short()
	r.Entries, r.Payloads = len(v.entries), len(v.payloads)
	if !h.From.IsZero() {
		r.From = &h.From
	}
	if !h.To.IsZero() {
		r.To = &h.To
	}
	again := Header{Format: h.Format, Unit: h.Unit, From: h.From, To: h.To, First: h.First, Last: h.Last, Base: h.Base, Size: h.Size}
	last := time.Time{}
	for _, l := range v.entries {
		again.mention(l.Entry)
		switch l.Entry.Quality {
		case "scenario":
			r.Scenario++
		case "synced":
			if l.Entry.Time.Before(last) {
				r.StepsBack++
			}
			last = l.Entry.Time
		default:
			r.Unsynced++
		}
		if l.Entry.Kind == journal.KindBroken {
			r.Breaks++
		}
		if l.Entry.Unsealed {
			r.Unsealed++
		}
	}
	if !slices.Equal(again.Rooms, h.Rooms) || !slices.Equal(again.Policies, h.Policies) || !slices.Equal(again.Software, h.Software) {
		r.fault(faultForm, "%s", nameHeader)
	}
	for _, k := range v.keys {
		if pin, err := checkpoint.PinOf(k); err == nil {
			r.Key = pin.String() // the newest is the last
		}
	}
}
