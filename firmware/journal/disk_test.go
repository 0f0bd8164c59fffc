package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"subrosa/firmware/journal"
	"subrosa/firmware/journal/journaltest"
)

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
	spared   string // files with this ending have a good disk
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

func (d *disk) spared() bool {
	return d.full.spared != "" && strings.HasSuffix(d.Name(), d.full.spared)
}

func (d *disk) WriteAt(b []byte, off int64) (int, error) {
	d.full.mu.Lock()
	defer d.full.mu.Unlock()
	if err := d.full.writes; err != nil && !d.spared() {
		n, _ := d.File.WriteAt(b[:min(d.full.room, len(b))], off)
		return n, err
	}
	return d.File.WriteAt(b, off)
}

func (d *disk) Truncate(n int64) error {
	d.full.mu.Lock()
	defer d.full.mu.Unlock()
	if err := d.full.truncate; err != nil && !d.spared() {
		return err
	}
	return d.File.Truncate(n)
}

func (d *disk) Sync() error {
	d.full.mu.Lock()
	defer d.full.mu.Unlock()
	if err := d.full.sync; err != nil && !d.spared() {
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
		{"fsync of records fails, bytes stay", func(f *fault) { f.sync, f.truncate, f.spared = syscall.EIO, syscall.EIO, ".payloads" }},
		{"no room for records", func(f *fault) { f.writes, f.room, f.spared = syscall.ENOSPC, 100, ".payloads" }},
		{"no room for payloads", func(f *fault) { f.writes, f.room, f.spared = syscall.ENOSPC, 50, ".jsonl" }},
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
				if restart && tt.name == "fsync of records fails, bytes stay" {
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
	j := open(b, dir, journal.Options{OpenFile: quick})
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

// quick opens segments on a disk that forgets to sync, for tests that do not pull the plug.
func quick(name string, flag int, perm fs.FileMode) (journal.File, error) {
	f, err := os.OpenFile(name, flag, perm)
	return noSync{f}, err
}

type noSync struct{ journal.File }

func (noSync) Sync() error { return nil }
