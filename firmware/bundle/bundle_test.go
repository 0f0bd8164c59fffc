package bundle_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"subrosa/firmware/bundle"
	"subrosa/firmware/checkpoint"
	"subrosa/firmware/journal"
)

var ctx = context.Background()

// unit is a room unit's journal with its keys.
type unit struct {
	t       testing.TB
	j       *journal.Journal
	private string
	public  string
	n       int
}

func newUnit(t testing.TB) *unit {
	t.Helper()
	u := &unit{t: t}
	u.private, u.public = newKey(t, "ratssaal-1")
	var err error
	if u.j, err = journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{SegmentBytes: 3000, Room: "ratssaal"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.j.Close() })
	return u
}

func newKey(t testing.TB, name string) (private, public string) {
	t.Helper()
	private, public, err := checkpoint.NewKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

var day = time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)

// at is the time of the nth entry: one a minute.
func at(n int) time.Time { return day.Add(time.Duration(n) * time.Minute) }

func (u *unit) add(count int, change ...func(*journal.Entry)) {
	u.t.Helper()
	for range count {
		e := journal.Entry{Kind: "alarm.raised", Time: at(u.n), Quality: "synced", Requires: []string{"INF.10.A8"}, Coverage: "Schall 2,5–24 kHz",
			Policy: "sha256:00ff", Software: "v0.4", Payload: json.RawMessage(fmt.Sprintf(`{"n":%d,"text":"<&>"}`, u.n))}
		for _, c := range change {
			c(&e)
		}
		if _, err := u.j.Append(ctx, e); err != nil {
			u.t.Fatal(err)
		}
		u.n++
	}
}

func summary(e *journal.Entry) { e.Kind, e.Permanent = "session.summary", true }

func (u *unit) signer() note.Signer {
	u.t.Helper()
	s, err := checkpoint.NewSigner(u.private)
	if err != nil {
		u.t.Fatal(err)
	}
	return s
}

func (u *unit) checkpoint() []byte {
	u.t.Helper()
	b, err := u.j.Checkpoint(u.signer())
	if err != nil {
		u.t.Fatal(err)
	}
	return b
}

func (u *unit) rotate() {
	u.t.Helper()
	private, public := newKey(u.t, "ratssaal-1")
	n, err := checkpoint.SignRotation(u.private, private)
	if err != nil {
		u.t.Fatal(err)
	}
	u.add(1, func(e *journal.Entry) {
		e.Kind, e.Permanent = checkpoint.KindRotated, true
		e.Payload, err = json.Marshal(checkpoint.RotationPayload{Note: string(n)})
	})
	u.private, u.public = private, public
}

func (u *unit) delete(which func(seq uint64, e journal.Entry) bool) {
	u.t.Helper()
	if _, err := u.j.Delete(ctx, "retention", journal.Entry{Time: at(u.n), Quality: "synced"}, which); err != nil {
		u.t.Fatal(err)
	}
}

func (u *unit) options(from, to time.Time, c []byte) bundle.Options {
	return bundle.Options{From: from, To: to, Checkpoint: c, Signer: u.signer(), Public: u.public}
}

func (u *unit) write(from, to time.Time) []byte {
	u.t.Helper()
	return u.writeAt(from, to, u.checkpoint())
}

func (u *unit) writeAt(from, to time.Time, c []byte) []byte {
	u.t.Helper()
	var b bytes.Buffer
	if _, err := bundle.Write(&b, u.j, u.options(from, to, c)); err != nil {
		u.t.Fatal(err)
	}
	return b.Bytes()
}

func pin(t testing.TB, public string) *checkpoint.Pin {
	t.Helper()
	p, err := checkpoint.PinOf(public)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

// expect verifies and compares the verdict and, if given, the codes of the faults.
func expect(t testing.TB, b []byte, trust bundle.Trust, want bundle.Verdict, codes ...string) *bundle.Report {
	t.Helper()
	r := bundle.Verify(b, trust)
	var got []string
	for _, f := range r.Faults {
		got = append(got, f.Code)
	}
	if r.Verdict != want || len(codes) > 0 && !slices.Equal(got, codes) {
		t.Errorf("got %v, %+v; want %v, %v", r.Verdict, r.Faults, want, codes)
	}
	return r
}

// council is a journal with all that a bundle can hold: ranges, deletions, a changed key, a summary.
func council(t testing.TB) (u *unit, first string, early []byte) {
	u = newUnit(t)
	first = u.public
	u.add(6)
	early = u.checkpoint()
	u.rotate()
	u.add(4)
	u.add(1, summary)
	u.delete(func(seq uint64, e journal.Entry) bool { return seq == 8 || seq == 9 })
	u.add(3)
	return u, first, early
}

func TestIntact(t *testing.T) {
	u, first, early := council(t)
	c := u.checkpoint()
	b := u.writeAt(at(4), at(12), c)
	if again := u.writeAt(at(4), at(12), c); !bytes.Equal(b, again) {
		t.Error("the same journal gives other bytes")
	}
	for _, public := range []string{first, u.public} {
		r := expect(t, b, bundle.Trust{Pin: pin(t, public), Anchors: [][]byte{early}}, bundle.Intact)
		if r.First != 5 || r.Last != 12 || r.Entries != 8 || r.Deleted != 2 || r.Rotations != 1 || len(r.Anchors) != 1 || r.Anchors[0].Size != 6 {
			t.Errorf("got %+v", r)
		}
	}
	short, err := checkpoint.Parse(early)
	if err != nil {
		t.Fatal(err)
	}
	r := expect(t, b, bundle.Trust{Pin: pin(t, first), Anchors: [][]byte{[]byte(short.Short() + "\n"), c}}, bundle.Intact)
	for lang, want := range map[string][]string{
		"de": {"UNVERÄNDERT\n", "unverändert seit Checkpoint 6", "Nicht belegt: dass der Sensor richtig gemessen hat", "vor dem ältesten Anker"},
		"en": {"INTACT\n", "unchanged since checkpoint 6", "Not proven: that the sensor measured truly", "before the oldest anchor"},
	} {
		for _, w := range want {
			if text := r.Text(lang); !strings.Contains(text, w) {
				t.Errorf("%s: no %q in\n%s", lang, w, text)
			}
		}
	}
	expect(t, u.write(time.Time{}, time.Time{}), bundle.Trust{Pin: pin(t, first)}, bundle.Intact)
}

func TestUnproven(t *testing.T) {
	u, first, early := council(t)
	b := u.write(time.Time{}, time.Time{})
	_, other := newKey(t, "ratssaal-1")
	foreign := newUnit(t)
	foreign.add(2)
	expect(t, b, bundle.Trust{}, bundle.Unproven, "no-pin")
	expect(t, b, bundle.Trust{Pin: pin(t, other)}, bundle.Unproven, "key-unknown")
	expect(t, b, bundle.Trust{Pin: pin(t, first), Anchors: [][]byte{foreign.checkpoint()}}, bundle.Unproven, "anchor-unknown")
	expect(t, b, bundle.Trust{Pin: pin(t, first), Anchors: [][]byte{[]byte("abc")}}, bundle.Unproven, "anchor-unreadable")
	// An anchor that nobody signed any more, but that a known witness has.
	w, _ := newKey(t, "isb")
	witness, err := checkpoint.WitnessKey(w)
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := checkpoint.Cosign(early, w, at(7))
	if err != nil {
		t.Fatal(err)
	}
	r := expect(t, b, bundle.Trust{Pin: pin(t, first), Anchors: [][]byte{cosigned}, Witnesses: []string{witness}}, bundle.Intact)
	if len(r.Anchors) != 1 || r.Anchors[0].By != "isb" {
		t.Errorf("anchors %+v", r.Anchors)
	}
	c, err := checkpoint.Cosign(u.checkpoint(), w, at(99))
	if err != nil {
		t.Fatal(err)
	}
	r = expect(t, u.writeAt(time.Time{}, time.Time{}, c), bundle.Trust{Pin: pin(t, first), Witnesses: []string{witness}}, bundle.Intact)
	if len(r.Anchors) != 1 || r.Anchors[0].By != "isb" || r.Anchors[0].At == nil || !r.Anchors[0].At.Equal(at(99)) {
		t.Errorf("anchors %+v", r.Anchors)
	}
}

// TestEveryByte changes every byte of a bundle, one at a time, in several ways: none of them is accepted.
func TestEveryByte(t *testing.T) {
	u, first, early := council(t)
	b := u.write(at(4), at(12))
	trust := bundle.Trust{Pin: pin(t, first), Anchors: [][]byte{early}}
	expect(t, b, trust, bundle.Intact)
	step := 1
	if testing.Short() {
		step = 7
	}
	flips := []byte{1, 0x20, 0x80}
	for i := 0; i < len(b); i += step {
		bad := bytes.Clone(b)
		bad[i] ^= flips[i%len(flips)]
		if r := bundle.Verify(bad, trust); r.Verdict != bundle.Altered && r.Verdict != bundle.Incomplete {
			t.Fatalf("byte %d of %d changed: %v", i, len(b), r.Verdict)
		}
	}
	for n := 0; n < len(b); n += 1 + len(b)/200 {
		if r := bundle.Verify(b[:n], trust); r.Verdict != bundle.Incomplete {
			t.Fatalf("cut after %d bytes: %v", n, r.Verdict)
		}
	}
	expect(t, append([]byte("#!/bin/sh\n"), b...), trust, bundle.Altered, "container-altered")
	expect(t, append(bytes.Clone(b), 0), trust, bundle.Altered)
}

// open returns the parts of a bundle and their order.
func unzip(t testing.TB, b []byte) (names []string, parts map[string][]byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	parts = map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if parts[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
	}
	return names, parts
}

// forge packs parts that someone has changed, with a manifest that the room key has signed anew.
func (u *unit) forge(names []string, parts map[string][]byte) []byte {
	u.t.Helper()
	text := "subrosa bundle v1\nratssaal-1\n"
	for _, n := range names[1:] {
		sum := sha256.Sum256(parts[n])
		text += hex.EncodeToString(sum[:]) + "  " + n + "\n"
	}
	m, err := note.Sign(&note.Note{Text: text}, u.signer())
	if err != nil {
		u.t.Fatal(err)
	}
	parts[names[0]] = m
	var all []bundle.Part
	for _, n := range names {
		all = append(all, bundle.Part{Name: n, Data: parts[n]})
	}
	var b bytes.Buffer
	if err := bundle.Pack(&b, all); err != nil {
		u.t.Fatal(err)
	}
	return b.Bytes()
}

// TestResigned: whoever has the room key can sign another manifest; the inner proof still fails.
func TestResigned(t *testing.T) {
	u, first, early := council(t)
	b := u.write(at(4), at(12))
	trust := bundle.Trust{Pin: pin(t, first), Anchors: [][]byte{early}}
	lines := func(b []byte) []string { return strings.SplitAfter(strings.TrimSuffix(string(b), "\n"), "\n") }
	join := func(l []string) []byte { return []byte(strings.TrimSuffix(strings.Join(l, ""), "\n") + "\n") }
	replace := func(p map[string][]byte, name, from, to string) {
		if !bytes.Contains(p[name], []byte(from)) {
			t.Fatalf("no %q in %s", from, name)
		}
		p[name] = bytes.Replace(p[name], []byte(from), []byte(to), 1)
	}
	for name, tt := range map[string]struct {
		change func(p map[string][]byte)
		want   bundle.Verdict
		code   string
	}{
		"nothing":  {func(p map[string][]byte) {}, bundle.Intact, ""},
		"coverage": {func(p map[string][]byte) { replace(p, "entries.jsonl", "24 kHz", "25 kHz") }, bundle.Altered, "entry-altered"},
		"time":     {func(p map[string][]byte) { replace(p, "entries.jsonl", "T17:05", "T17:06") }, bundle.Altered, "entry-altered"},
		"commit": {func(p map[string][]byte) { replace(p, "entries.jsonl", `"commit":"`, `"commit":"0`) }, bundle.Altered,
			"entry-altered"},
		"payload":     {func(p map[string][]byte) { replace(p, "payloads.jsonl", `"n":5`, `"n":6`) }, bundle.Altered, "payload-altered"},
		"salt":        {func(p map[string][]byte) { replace(p, "payloads.jsonl", `"salt":"`, `"salt":"0`) }, bundle.Altered, "form-altered"},
		"first entry": {func(p map[string][]byte) { p["entries.jsonl"] = join(lines(p["entries.jsonl"])[1:]) }, bundle.Altered, "payload-altered"},
		"entry and payload dropped": {func(p map[string][]byte) {
			p["entries.jsonl"] = join(lines(p["entries.jsonl"])[1:])
			p["payloads.jsonl"] = join(slices.DeleteFunc(lines(p["payloads.jsonl"]), func(l string) bool { return strings.HasPrefix(l, `{"seq":5,`) }))
		}, bundle.Incomplete, "entries-missing"},
		"payload dropped": {func(p map[string][]byte) {
			p["payloads.jsonl"] = join(slices.DeleteFunc(lines(p["payloads.jsonl"]), func(l string) bool { return strings.HasPrefix(l, `{"seq":6,`) }))
		}, bundle.Incomplete, "payload-missing"},
		"summary dropped": {func(p map[string][]byte) {
			p["payloads.jsonl"] = join(slices.DeleteFunc(lines(p["payloads.jsonl"]), func(l string) bool { return strings.HasPrefix(l, `{"seq":12,`) }))
		}, bundle.Incomplete, "payload-missing"},
		"receipt dropped": {func(p map[string][]byte) {
			p["receipts.jsonl"] = nil
			p["payloads.jsonl"] = join(slices.DeleteFunc(lines(p["payloads.jsonl"]), func(l string) bool { return strings.Contains(l, "retention") }))
		}, bundle.Incomplete, "payload-missing"},
		"reordered": {func(p map[string][]byte) {
			l := lines(p["entries.jsonl"])
			l[0], l[1] = l[1], l[0]
			p["entries.jsonl"] = join(l)
		}, bundle.Altered, "order-wrong"},
		"doubled": {func(p map[string][]byte) {
			l := lines(p["entries.jsonl"])
			p["entries.jsonl"] = join(slices.Insert(l, 1, l[0]))
		}, bundle.Altered, "order-wrong"},
		"leaf":        {func(p map[string][]byte) { p["leaves"][3*32] ^= 1 }, bundle.Altered, "root-differs"},
		"leaf gone":   {func(p map[string][]byte) { p["leaves"] = p["leaves"][32:] }, bundle.Altered, "root-differs"},
		"root":        {func(p map[string][]byte) { replace(p, "checkpoint", "\n1", "\n2") }, bundle.Altered, "signature-wrong"},
		"range":       {func(p map[string][]byte) { replace(p, "bundle.json", `"first":5`, `"first":4`) }, bundle.Altered, "order-wrong"},
		"later time":  {func(p map[string][]byte) { replace(p, "bundle.json", "T17:12", "T17:13") }, bundle.Incomplete, "entries-missing"},
		"earlier":     {func(p map[string][]byte) { replace(p, "bundle.json", "T17:04", "T17:02") }, bundle.Incomplete, "entries-missing"},
		"shorter":     {func(p map[string][]byte) { replace(p, "bundle.json", "T17:12", "T17:09") }, bundle.Altered, "form-altered"},
		"policy":      {func(p map[string][]byte) { replace(p, "bundle.json", "00ff", "00fe") }, bundle.Altered, "form-altered"},
		"unit":        {func(p map[string][]byte) { replace(p, "bundle.json", "ratssaal-1", "ratssaal-2") }, bundle.Altered, "form-altered"},
		"unknown key": {func(p map[string][]byte) { replace(p, "bundle.json", `"format"`, `"x":1,"format"`) }, bundle.Incomplete, "unreadable"},
		"future":      {func(p map[string][]byte) { replace(p, "bundle.json", `"format":1`, `"format":2`) }, bundle.Incomplete, "unreadable"},
		"proof":       {func(p map[string][]byte) { replace(p, "proofs/12.tlog-proof", "index 11", "index 10") }, bundle.Altered, "proof-wrong"},
		"old key dropped": {func(p map[string][]byte) { p["keys"] = join(lines(p["keys"])[1:]) }, bundle.Intact,
			""}, // the rotation names it, too
		"key": {func(p map[string][]byte) { p["keys"] = join(lines(p["keys"])[:1]) }, bundle.Altered, "signature-wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			names, parts := unzip(t, b)
			tt.change(parts)
			r := expect(t, u.forge(names, parts), trust, tt.want)
			if tt.code != "" && !slices.ContainsFunc(r.Faults, func(f bundle.Fault) bool { return f.Code == tt.code }) {
				t.Errorf("got %+v, want %s", r.Faults, tt.code)
			}
		})
	}
}

// TestNotResigned: the same without the room key already fails at the manifest.
func TestNotResigned(t *testing.T) {
	u, first, _ := council(t)
	names, parts := unzip(t, u.write(at(4), at(12)))
	m := parts["MANIFEST"]
	thief := *u
	thief.private, _ = newKey(t, "ratssaal-1")
	expect(t, thief.forge(names, parts), bundle.Trust{Pin: pin(t, first)}, bundle.Altered, "signature-wrong")
	parts["MANIFEST"] = m
	without := func(name string) []byte {
		var all []bundle.Part
		for _, n := range names {
			if n != name {
				all = append(all, bundle.Part{Name: n, Data: parts[n]})
			}
		}
		var b bytes.Buffer
		if err := bundle.Pack(&b, all); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for _, n := range names {
		expect(t, without(n), bundle.Trust{Pin: pin(t, first)}, bundle.Incomplete)
	}
}

// TestForkAndTruncation: what someone with the key can do, and what an earlier checkpoint tells of it.
func TestForkAndTruncation(t *testing.T) {
	u := newUnit(t)
	u.add(6)
	early, b5 := u.checkpoint(), u.write(time.Time{}, time.Time{})
	u.add(4)
	late := u.checkpoint()
	trust := func(anchors ...[]byte) bundle.Trust { return bundle.Trust{Pin: pin(t, u.public), Anchors: anchors} }
	expect(t, u.write(time.Time{}, time.Time{}), trust(early, late), bundle.Intact)
	// Truncated to an older state of the journal: true, but less than the anchor saw.
	expect(t, b5, trust(), bundle.Intact)
	expect(t, b5, trust(late), bundle.Incomplete, "ends-before-anchor")
	// Another past, made with the stolen key.
	fork := newUnit(t)
	fork.private, fork.public = u.private, u.public
	fork.add(12)
	forged := fork.write(time.Time{}, time.Time{})
	expect(t, forged, trust(), bundle.Intact) // that is what an anchor is for
	expect(t, forged, trust(early), bundle.Altered, "fork")
	expect(t, forged, trust(late), bundle.Altered, "fork")
}

// TestLostEntries: damage that the unit itself put on record is incompleteness, and the rest still verifies.
func TestLostEntries(t *testing.T) {
	u := newUnit(t)
	dir := filepath.Join(t.TempDir(), "journal")
	open := func() {
		var err error
		if u.j, err = journal.Open(dir, journal.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	u.j.Close()
	open()
	u.add(8)
	early := u.checkpoint()
	u.j.Close()
	name := filepath.Join(dir, "00000000000000000001.jsonl")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	open()
	defer u.j.Close()
	u.add(2)
	r := expect(t, u.write(time.Time{}, time.Time{}), bundle.Trust{Pin: pin(t, u.public), Anchors: [][]byte{early}}, bundle.Incomplete, "entries-missing")
	if r.Breaks != 1 || len(r.Anchors) != 1 {
		t.Errorf("got %+v", r)
	}
}

// TestClock: what the clock did is told and changes no verdict.
func TestClock(t *testing.T) {
	u := newUnit(t)
	u.add(1, func(e *journal.Entry) { e.Time, e.Quality = time.Unix(0, 0), "unsynced" })
	u.add(2)
	u.add(1, func(e *journal.Entry) { e.Time = at(0) })
	u.add(1, func(e *journal.Entry) { e.Quality = "scenario" })
	r := expect(t, u.write(time.Time{}, time.Time{}), bundle.Trust{Pin: pin(t, u.public)}, bundle.Intact)
	if r.Unsynced != 1 || r.StepsBack != 1 || r.Scenario != 1 {
		t.Errorf("got %+v", r)
	}
}
