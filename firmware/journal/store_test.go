package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"subrosa/firmware/journal"
	"subrosa/firmware/journal/journaltest"
)

var ctx = context.Background()

func open(t testing.TB, dir string, opt journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func fill(t testing.TB, j *journal.Journal, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if _, err := j.Append(ctx, journaltest.Entry(n)); err != nil {
			t.Fatalf("Append %d: %v", n, err)
		}
	}
}

// numbers returns the n of every test entry that can be read, and the error of Read.
func numbers(t testing.TB, j *journal.Journal) (ns []int, err error) {
	t.Helper()
	err = j.Read(1, func(_ uint64, e journal.Entry) error {
		var p struct{ N int }
		if e.Kind == "test.entry" {
			if err := json.Unmarshal(e.Payload, &p); err != nil {
				return err
			}
			ns = append(ns, p.N)
		}
		return nil
	})
	return ns, err
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) == 0 {
		t.Fatalf("segments in %s: %v, %v", dir, names, err)
	}
	return names
}

func TestConformance(t *testing.T) {
	for name, opt := range map[string]journal.Options{"one segment": {}, "small segments": {SegmentBytes: 700}} {
		t.Run(name, func(t *testing.T) {
			journaltest.Run(t, func(t *testing.T, dir string) journaltest.Journal { return open(t, dir, opt) })
		})
	}
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	if _, err := journal.Open(dir, journal.Options{}); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("second Open: got %v, want ErrLocked", err)
	}
	j.Close()
	open(t, dir, journal.Options{})
}

// TestTornAtEveryByte cuts the last record at each of its bytes, alone and followed by zeros, as a file system
// may leave it. What was acknowledged before must be there, and the next entry must verify.
func TestTornAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	fill(t, j, 0, 2)
	j.Close()
	name := segmentFiles(t, dir)[0]
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, journal.Options{})
	fill(t, j, 2, 3)
	j.Close()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(before); cut <= len(whole); cut++ {
		for _, zeros := range []int{0, 1, 600} {
			if cut == len(whole) && zeros > 0 {
				continue // the next record was begun with zeros, which is cut == len(before)
			}
			if err := os.WriteFile(name, append(bytes.Clone(whole[:cut]), make([]byte, zeros)...), 0o600); err != nil {
				t.Fatal(err)
			}
			if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
				t.Fatalf("cut at %d + %d zeros: Verify: %v, %v", cut, zeros, err, r.Err())
			}
			j, err := journal.Open(dir, journal.Options{})
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			got, err := numbers(t, j)
			want := []int{0, 1}
			if cut >= len(whole)-1 { // only the line feed is missing, if anything
				want = []int{0, 1, 2}
			}
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("cut at %d + %d zeros: got %v, %v, want %v", cut, zeros, got, err, want)
			}
			torn := int64(cut - len(before) + zeros)
			if len(want) == 3 {
				torn = 0
			}
			if rec := j.Recovered(); rec.Torn != torn || rec.Break != nil {
				t.Fatalf("cut at %d + %d zeros: recovered %+v, want %d torn bytes", cut, zeros, rec, torn)
			}
			fill(t, j, 9, 10)
			j.Close()
			if r, err := journal.Verify(dir); err != nil || r.Err() != nil || r.Entries != uint64(len(want)+1) || r.Torn != 0 {
				t.Fatalf("cut at %d + %d zeros, one more entry: Verify: %+v, %v", cut, zeros, r, err)
			}
		}
	}
}

// TestTornSegmentStart does the same to the making of a new segment.
func TestTornSegmentStart(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{SegmentBytes: 100})
	fill(t, j, 0, 2)
	j.Close()
	second := segmentFiles(t, dir)[1]
	whole, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	header := bytes.IndexByte(whole, '\n') + 1
	for cut := range header + 40 {
		if err := os.WriteFile(second, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
			t.Fatalf("cut at %d: Verify: %v, %v", cut, err, r.Err())
		}
		j, err := journal.Open(dir, journal.Options{SegmentBytes: 100})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		fill(t, j, 5, 6)
		got, err := numbers(t, j)
		if err != nil || fmt.Sprint(got) != "[0 5]" {
			t.Fatalf("cut at %d: got %v, %v, want [0 5]", cut, got, err)
		}
		j.Close()
		if r, err := journal.Verify(dir); err != nil || r.Err() != nil || r.Entries != 2 || r.Torn != 0 {
			t.Fatalf("cut at %d: Verify: %+v, %v", cut, r, err)
		}
	}
}

// TestCorruptionIsReported changes every single byte of a journal in turn. No change may pass: Verify reports
// it, and Open either sees it (it reads the last segment) and puts it on record, or leaves it as it is.
func TestCorruptionIsReported(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{SegmentBytes: 1000})
	fill(t, j, 0, 4)
	j.Close()
	names := segmentFiles(t, dir)
	if len(names) != 2 {
		t.Fatalf("got %d segments, want 2", len(names))
	}
	for i, name := range names {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for at := range whole {
			bad := bytes.Clone(whole)
			bad[at] ^= 1
			if err := os.WriteFile(name, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := journal.Verify(dir)
			if err != nil || !errors.Is(r.Err(), journal.ErrBroken) || len(r.Breaks) != 1 || r.Breaks[0].File != filepath.Base(name) {
				t.Fatalf("byte %d of segment %d changed: Verify: %+v, %v", at, i, r, err)
			}
		}
		if err := os.WriteFile(name, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
		t.Fatalf("put right again: %v, %v", err, r.Err())
	}
}

func TestBreakIsPutOnRecord(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func([]byte) []byte
		want   string // entries that can still be read
	}{
		{"middle", func(b []byte) []byte { b[len(b)/2] ^= 4; return b }, "[0 100]"},
		{"last byte", func(b []byte) []byte { b[len(b)-1] = ' '; return b }, "[0 1 2 100]"},
		{"garbage after", func(b []byte) []byte { return append(b, "more\n"...) }, "[0 1 2 3 100]"},
		{"zeros after", func(b []byte) []byte { return append(b, 0, 0, '\n') }, "[0 1 2 3 100]"},
		{"header", func(b []byte) []byte { b[3] ^= 1; return b }, "[100]"},
		{"line taken out", func(b []byte) []byte {
			lines := bytes.SplitAfter(b, []byte{'\n'})
			return bytes.Join(append(lines[:2:2], lines[3:]...), nil)
		}, "[0 100]"},
		{"very long line", func(b []byte) []byte { return append(b, bytes.Repeat([]byte{'x'}, 80<<10)...) }, "[0 1 2 3 100]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir, journal.Options{})
			fill(t, j, 0, 4)
			j.Close()
			name := segmentFiles(t, dir)[0]
			whole, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			bad := tt.damage(whole)
			if err := os.WriteFile(name, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			j = open(t, dir, journal.Options{})
			rec := j.Recovered()
			if rec.Break == nil || rec.Break.File != filepath.Base(name) {
				t.Fatalf("recovered: %+v, want a break in %s", rec, name)
			}
			fill(t, j, 100, 101)
			if got, err := numbers(t, j); err != nil || fmt.Sprint(got) != tt.want {
				t.Errorf("got %v, %v, want %s", got, err, tt.want)
			}
			broken := 0
			err = j.Read(1, func(_ uint64, e journal.Entry) error {
				if e.Kind == journal.KindBroken {
					broken++
				}
				return nil
			})
			if err != nil || broken != 1 {
				t.Errorf("got %d entries %s, %v, want 1", broken, journal.KindBroken, err)
			}
			j.Close()
			if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, bad) {
				t.Errorf("the evidence was changed (%v)", err)
			}
			r, err := journal.Verify(dir)
			if err != nil || r.Err() != nil || len(r.Named) != 1 {
				t.Errorf("Verify: %+v, %v, want one named break", r, err)
			}
			open(t, dir, journal.Options{}).Close() // does not break anew
			if got := len(segmentFiles(t, dir)); got != 2 {
				t.Errorf("got %d segments, want 2", got)
			}
			// Evidence that changes once it is on record is a break of its own.
			if err := os.WriteFile(name, append(bad, '!'), 0o600); err != nil {
				t.Fatal(err)
			}
			if r, err := journal.Verify(dir); err != nil || r.Err() == nil {
				t.Errorf("evidence changed: Verify: %+v, %v, want a break", r, err)
			}
		})
	}
}

func TestVerifyMissingSegment(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{SegmentBytes: 100})
	fill(t, j, 0, 4)
	j.Close()
	names := segmentFiles(t, dir)
	if err := os.Remove(names[1]); err != nil {
		t.Fatal(err)
	}
	r, err := journal.Verify(dir)
	if err != nil || len(r.Breaks) != 1 || r.Breaks[0].File != filepath.Base(names[2]) {
		t.Errorf("got %+v, %v, want one break in %s", r, err, names[2])
	}
}

// disk is a segment file on a disk that can be filled.
type disk struct {
	*os.File
	full *fault
}

type fault struct {
	mu       sync.Mutex
	writes   error // of WriteAt, after room bytes
	room     int
	truncate error
	sync     error
}

func (f *fault) set(change func(*fault)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fault) open(name string, flag int, perm fs.FileMode) (journal.File, error) {
	file, err := os.OpenFile(name, flag, perm)
	return &disk{file, f}, err
}

func (d *disk) WriteAt(b []byte, off int64) (int, error) {
	d.full.mu.Lock()
	defer d.full.mu.Unlock()
	if err := d.full.writes; err != nil {
		n, _ := d.File.WriteAt(b[:min(d.full.room, len(b))], off)
		return n, err
	}
	return d.File.WriteAt(b, off)
}

func (d *disk) Truncate(n int64) error {
	d.full.mu.Lock()
	defer d.full.mu.Unlock()
	if err := d.full.truncate; err != nil {
		return err
	}
	return d.File.Truncate(n)
}

func (d *disk) Sync() error {
	d.full.mu.Lock()
	defer d.full.mu.Unlock()
	if err := d.full.sync; err != nil {
		return err
	}
	return d.File.Sync()
}

// TestFullDisk: an error, nothing lost of what was there, and it works again once there is room; also if the
// process ends in between.
func TestFullDisk(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*fault)
	}{
		{"no room", func(f *fault) { f.writes = syscall.ENOSPC }},
		{"room for half", func(f *fault) { f.writes, f.room = syscall.ENOSPC, 200 }},
		{"torn bytes stay", func(f *fault) { f.writes, f.room, f.truncate = syscall.ENOSPC, 200, syscall.EIO }},
		{"fsync fails", func(f *fault) { f.sync = syscall.EIO }},
		{"fsync fails, bytes stay", func(f *fault) { f.sync, f.truncate = syscall.EIO, syscall.EIO }},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %v", tt.name, restart), func(t *testing.T) {
				dir := t.TempDir()
				var f fault
				opt := journal.Options{OpenFile: f.open}
				j := open(t, dir, opt)
				fill(t, j, 0, 2)
				f.set(tt.set)
				for range 3 {
					if _, err := j.Append(ctx, journaltest.Entry(50)); err == nil {
						t.Fatal("Append on a full disk: no error")
					}
				}
				if got, err := numbers(t, j); err != nil || fmt.Sprint(got) != "[0 1]" {
					t.Errorf("while full: got %v, %v, want [0 1]", got, err)
				}
				f.set(func(f *fault) { f.writes, f.truncate, f.sync = nil, nil, nil })
				if restart {
					j.Close()
					j = open(t, dir, opt)
				}
				fill(t, j, 2, 3)
				got, err := numbers(t, j)
				want := "[0 1 2]"
				if restart && tt.name == "fsync fails, bytes stay" {
					want = "[0 1 50 2]" // whole on disk though not acknowledged
				}
				if err != nil || fmt.Sprint(got) != want {
					t.Errorf("got %v, %v, want %s", got, err, want)
				}
				if r, err := journal.Verify(dir); err != nil || r.Err() != nil || r.Torn != 0 {
					t.Errorf("Verify: %+v, %v", r, err)
				}
			})
		}
	}
}

// TestDevFull writes to the kernel's own full disk, from the start and later.
func TestDevFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	full := true
	j := open(t, dir, journal.Options{SegmentBytes: 1, OpenFile: func(name string, flag int, perm fs.FileMode) (journal.File, error) {
		if full {
			return os.OpenFile("/dev/full", os.O_RDWR, 0)
		}
		return os.OpenFile(name, flag, perm)
	}})
	if _, err := j.Append(ctx, journaltest.Entry(0)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
	if got := j.Last(); got.Seq != 0 {
		t.Errorf("Last: got %+v, want none", got)
	}
	full = false
	fill(t, j, 0, 2)
	full = true // no new segment can be begun: goes on in the old one
	fill(t, j, 2, 3)
	if got, err := numbers(t, j); err != nil || fmt.Sprint(got) != "[0 1 2]" {
		t.Errorf("got %v, %v, want [0 1 2]", got, err)
	}
}

// TestFileSizeLimit runs in a process of its own, because RLIMIT_FSIZE holds for all of it.
func TestFileSizeLimit(t *testing.T) {
	const env = "JOURNAL_LIMITED_DIR"
	if dir := os.Getenv(env); dir != "" {
		limitedProcess(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFileSizeLimit$", "-test.count=1")
	cmd.Env = append(os.Environ(), env+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

func limitedProcess(t *testing.T, dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	j := open(t, dir, journal.Options{})
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 2000, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for ; kept < 100; kept++ {
		if _, err := j.Append(ctx, journaltest.Entry(kept)); err != nil {
			if !errors.Is(err, syscall.EFBIG) {
				t.Errorf("got %v, want EFBIG", err)
			}
			break
		}
	}
	if kept == 0 || kept == 100 {
		t.Fatalf("%d entries fitted into 2000 bytes", kept)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	fill(t, j, kept, kept+1)
	if r, err := journal.Verify(dir); err != nil || r.Err() != nil || r.Entries != uint64(kept+1) || r.Torn != 0 {
		t.Errorf("Verify: %+v, %v, want %d entries", r, err, kept+1)
	}
}

// TestRandomKills ends the journal without closing its records 300 times, cutting the file at a random byte of
// what was written since the last acknowledgement.
func TestRandomKills(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(2, 11))
	opt := journal.Options{SegmentBytes: 3000}
	acked := 0
	for range 300 {
		j, err := journal.Open(dir, opt)
		if err != nil {
			t.Fatal(err)
		}
		n := rng.IntN(4)
		fill(t, j, acked, acked+n)
		acked += n
		j.Close()
		names := segmentFiles(t, dir)
		last := names[len(names)-1]
		fi, err := os.Stat(last)
		if err != nil {
			t.Fatal(err)
		}
		j, err = journal.Open(dir, opt)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, j, 1_000_000, 1_000_001) // this one is not acknowledged
		j.Close()
		if again := segmentFiles(t, dir); len(again) > len(names) {
			last, fi = again[len(again)-1], nil
		}
		size := int64(0)
		if fi != nil {
			size = fi.Size()
		}
		now, err := os.Stat(last)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(last, size+rng.Int64N(now.Size()-size-1)); err != nil { // at least the last two bytes
			t.Fatal(err)
		}
	}
	j := open(t, dir, opt)
	got, err := numbers(t, j)
	if err != nil || len(got) != acked {
		t.Fatalf("got %d entries, %v, want %d", len(got), err, acked)
	}
	for i, n := range got {
		if i != n {
			t.Fatalf("entry %d is number %d", i, n)
		}
	}
	if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
		t.Errorf("Verify: %v, %v", err, r.Err())
	}
}

func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	j := open(f, dir, journal.Options{})
	fill(f, j, 0, 3)
	j.Close()
	name := filepath.Base(segmentFiles(f, dir)[0])
	whole, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-30])
	f.Add(append(bytes.Clone(whole), 0, 0, 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := journal.Verify(dir)
		if err != nil {
			t.Fatalf("Verify: %v", err)
		}
		j, err := journal.Open(dir, journal.Options{})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		fill(t, j, 7, 8)
		j.Close()
		after, err := journal.Verify(dir)
		if err != nil || after.Err() != nil {
			t.Fatalf("after Open and Append: %+v, %v", after, err)
		}
		want := before.Entries + 1 + uint64(len(after.Named))
		if after.Entries != want && after.Entries != want+1 { // +1: a whole record without its line feed
			t.Fatalf("got %d entries, want %d", after.Entries, want)
		}
	})
}

// BenchmarkAppend measures durable appends; with several callers they share fsyncs.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			j := open(b, b.TempDir(), journal.Options{})
			e := journaltest.Entry(1)
			work := make(chan struct{})
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for range work {
						if _, err := j.Append(ctx, e); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ResetTimer()
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	var f fault
	j := open(b, dir, journal.Options{OpenFile: func(name string, flag int, perm fs.FileMode) (journal.File, error) {
		file, err := os.OpenFile(name, flag, perm)
		return noSync{&disk{file, &f}}, err
	}})
	fill(b, j, 0, 10_000)
	j.Close()
	b.ResetTimer()
	for range b.N {
		if r, err := journal.Verify(dir); err != nil || r.Entries != 10_000 {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

type noSync struct{ journal.File }

func (noSync) Sync() error { return nil }
