package seal

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain makes this program the subject of the tests.
func TestMain(m *testing.M) {
	if code, staged := Stage(); staged {
		os.Exit(code)
	}
	switch {
	case len(os.Args) == 3 && os.Args[1] == "be-sealed":
		subject(os.Args[2])
		return
	case len(os.Args) == 2 && os.Args[1] == "be-the-victim":
		os.Stdin.Read(make([]byte, 1))
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// trial is what the subject is told.
type trial struct {
	Dir     string
	Victim  int   // a process that is not its own
	Inside  bool  // seal from inside
	Without layer // leaving this out
	Allow   []uint32
	Server  *world // as a server, not from inside
}

// list is what it tries.
func (tr *trial) list() []attempt {
	if tr.Server != nil {
		return tr.Server.attempts(tr.Dir, tr.Victim)
	}
	return attempts(tr.Dir, tr.Victim)
}

// told is what it tells, one line for each attempt and thread. Descriptors are those it finds itself with.
type told struct {
	Thread  string
	Attempt string
	Errno   int
}

// subject tries everything on threads that were there before it was sealed and on some that came later.
func subject(order string) {
	var tr trial
	records := os.NewFile(3, "records")
	inherited := openNow()
	die := func(err error) { fmt.Fprintln(records, err); os.Exit(3) }
	if err := json.Unmarshal([]byte(order), &tr); err != nil {
		die(err)
	}
	all := tr.list()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var lines []told
	begin := make(chan bool)
	try := func(thread string) {
		defer wg.Done()
		runtime.LockOSThread()
		<-begin
		mu.Lock()
		defer mu.Unlock()
		for _, a := range all {
			var e syscall.Errno
			errors.As(a.do(), &e)
			lines = append(lines, told{thread, a.name, int(e)})
		}
	}
	for i := range 3 {
		wg.Add(1)
		go try(fmt.Sprintf("before-%d", i))
	}
	if tr.Inside {
		r := Rights{Out: []int{3}, without: tr.Without}
		for _, nr := range tr.Allow {
			r.Calls = append(r.Calls, Call{Name: "allowed again", Nr: nr})
		}
		if err := Inside(r); err != nil {
			die(err)
		}
	}
	if tr.Server != nil {
		signal.Ignore(unix.SIGXFSZ)
		if err := tr.Server.keeps(tr.Dir, tr.Without, tr.Allow).Seal(); err != nil {
			die(err)
		}
	}
	for i := range 3 {
		wg.Add(1)
		go try(fmt.Sprintf("after-%d", i))
	}
	close(begin)
	wg.Wait()
	for _, fd := range inherited {
		lines = append(lines, told{Attempt: "descriptors", Errno: fd})
	}
	b, err := json.Marshal(lines)
	if err != nil {
		die(err)
	}
	fmt.Fprintf(records, "%s\n", b)
}

// openNow returns the descriptors that are open and were given: not marked to be closed by exec.
func openNow() (fds []int) {
	for fd := range 1024 {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			fds = append(fds, fd)
		}
	}
	return fds
}

// run runs a subject, in a box or not, and returns what it told by attempt.
func run(t *testing.T, box *Box, tr trial) map[string][]told {
	t.Helper()
	tr.Dir, tr.Victim = t.TempDir(), victim(t)
	order, err := json.Marshal(tr)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "be-sealed", string(order))
	if box != nil {
		if cmd, err = box.Command(exe, "be-sealed", string(order)); err != nil {
			t.Fatal(err)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	spareR, spareW, err := os.Pipe() // held open here, so that writing to it would succeed
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{r, in, spareR, spareW} {
		defer f.Close()
	}
	go io.Copy(io.Discard, spareR)
	cmd.ExtraFiles = []*os.File{w, in, spareW}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	out := bufio.NewScanner(r)
	out.Buffer(nil, 1<<20)
	out.Scan()
	said := out.Text()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the subject ended with %v and said %q", err, said)
	}
	var lines []told
	if err := json.Unmarshal([]byte(said), &lines); err != nil {
		t.Fatalf("the subject said %q", said)
	}
	os.Remove("/dev/shm/subrosa-seal-test")
	by := map[string][]told{}
	for _, l := range lines {
		by[l.Attempt] = append(by[l.Attempt], l)
	}
	for _, a := range tr.list() {
		if len(by[a.name]) != 6 {
			t.Fatalf("%s was tried on %d threads, want 6", a.name, len(by[a.name]))
		}
	}
	return by
}

// victim starts a process that waits to be harmed.
func victim(t *testing.T) int {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "be-the-victim")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}

func isDenied(l told) bool { return l.Errno == int(unix.EPERM) || l.Errno == int(unix.EACCES) }

func enforceable(t *testing.T) {
	t.Helper()
	if err := Probe(); err != nil {
		t.Skipf("this kernel cannot: %v", err)
	}
}

// TestDenied: whatever a sealed process tries, on any thread, fails.
func TestDenied(t *testing.T) {
	enforceable(t)
	by := run(t, nil, trial{Inside: true})
	for name, lines := range by {
		for _, l := range lines {
			if name != "descriptors" && !isDenied(l) {
				t.Errorf("%s on thread %s: %v, want it denied", name, l.Thread, unix.Errno(l.Errno))
			}
		}
	}
}

// TestRulesAreNeeded: with its rule taken away, the same attempt is not denied any more. So each of TestDenied's
// denials comes from the seal and would be missed.
func TestRulesAreNeeded(t *testing.T) {
	enforceable(t)
	bare := run(t, nil, trial{})
	var allow []uint32
	all := attempts(t.TempDir(), os.Getpid())
	for _, a := range all {
		allow = append(allow, a.calls...)
	}
	filterOnly := run(t, nil, trial{Inside: true, Without: landlocked})
	lockOnly := run(t, nil, trial{Inside: true, Without: filtered})
	opened := run(t, nil, trial{Inside: true, Without: landlocked, Allow: allow})
	for _, a := range all {
		if a.root && os.Geteuid() != 0 {
			continue
		}
		free := func(by map[string][]told) bool {
			if a.name == "ptrace" { // the first who attaches keeps the others out
				return slices.ContainsFunc(by[a.name], func(l told) bool { return !isDenied(l) })
			}
			return !slices.ContainsFunc(by[a.name], isDenied)
		}
		if !free(bare) {
			t.Errorf("%s is denied without any seal: %v; it proves nothing", a.name, bare[a.name])
		}
		if !free(opened) && a.name != "dumpable again" {
			t.Errorf("%s is denied although call %v is allowed again", a.name, a.calls)
		}
		if free(filterOnly) {
			t.Errorf("%s: the filter alone does not deny it", a.name)
		}
		if locked := !free(lockOnly); locked != a.lock {
			t.Errorf("%s: Landlock alone denies it: %v, want %v", a.name, locked, a.lock)
		}
	}
}

// boxAllows is what a program that has yet to open its devices may do; where that leads to is bounded by Landlock.
var boxAllows = []string{"netlink", "stat", "readlink", "exec", "memory that runs", "make memory run", "limits", "flags of a pipe", "ioctl"}

// TestBox: what the outer seal denies to a program that does not seal itself.
func TestBox(t *testing.T) {
	enforceable(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	box := Box{Read: []string{filepath.Dir(exe), "/usr/lib", "/lib", "/lib64"}, Out: []int{3}, Given: 6}
	if err := box.Try(); err != nil {
		t.Fatal(err)
	}
	t.Logf("measured: namespaces of its own: %v", !box.Shared)
	stray, err := unix.Dup(1) // as a shell leaves them behind: not marked to be closed
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(stray)
	by := run(t, &box, trial{})
	for name, lines := range by {
		for _, l := range lines {
			if name == "descriptors" {
				continue
			}
			if denied, want := isDenied(l), !slices.Contains(boxAllows, name); denied != want && !(name == "signal another's thread" && l.Errno == int(unix.ESRCH)) {
				t.Errorf("%s on thread %s: %v; denied %v, want %v", name, l.Thread, unix.Errno(l.Errno), denied, want)
			}
		}
	}
	if got := by["descriptors"]; len(got) != box.Given {
		t.Errorf("it was given descriptors %v, want 0 to %d and none that the parent was given by others", got, box.Given-1)
	}
	inner := run(t, &box, trial{Inside: true})
	for name, lines := range inner {
		for _, l := range lines {
			if name != "descriptors" && !isDenied(l) {
				t.Errorf("sealed twice: %s on thread %s: %v, want it denied", name, l.Thread, unix.Errno(l.Errno))
			}
		}
	}
}

// TestShared: without namespaces the box denies the same.
func TestShared(t *testing.T) {
	enforceable(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	box := Box{Read: []string{filepath.Dir(exe), "/usr/lib", "/lib", "/lib64"}, Out: []int{3}, Given: 6, Shared: true}
	for name, lines := range run(t, &box, trial{}) {
		if l := lines[0]; !isDenied(l) && slices.Contains([]string{"tcp", "unix", "open to read", "create", "fork", "signal another", "ptrace", "another descriptor"}, name) {
			t.Errorf("%s: %v, want it denied", name, unix.Errno(l.Errno))
		}
	}
}

// TestTryTellsWhy: a box that cannot be laid is an error in words.
func TestTryTellsWhy(t *testing.T) {
	if _, err := (Box{Given: 9}).Command("/bin/true"); err == nil || !strings.Contains(err.Error(), "9 descriptors") {
		t.Errorf("got %v, want an error that names the number", err)
	}
	enforceable(t)
	var b Box
	if err := b.Try(); err != nil {
		t.Errorf("an empty box: %v", err)
	}
}

// TestBoxRulesAreNeeded: each denial of TestBox comes from the box, and from the layer that is named for it. With its
// call allowed again and Landlock left out, an attempt succeeds, unless the box has taken the power to do it, too.
func TestBoxRulesAreNeeded(t *testing.T) {
	enforceable(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	box := func(without layer, allow ...uint32) *Box {
		return &Box{Read: []string{filepath.Dir(exe), "/usr/lib", "/lib", "/lib64"}, Out: []int{3}, Given: 6, Shared: true, without: without, allow: allow}
	}
	free := func(by map[string][]told, name string) bool { return !slices.ContainsFunc(by[name], isDenied) }
	var allow []uint32
	all := attempts(t.TempDir(), os.Getpid())
	for _, a := range all {
		allow = append(allow, a.calls...)
	}
	filterOnly := run(t, box(landlocked|powerless), trial{})
	lockOnly := run(t, box(filtered|powerless), trial{})
	powerlessOnly := run(t, box(landlocked|filtered), trial{})
	opened := run(t, box(landlocked|powerless, allow...), trial{})
	// Opening devices and stopping threads are calls that the program still needs: Landlock alone says where they lead.
	where := []string{"open to read", "create", "shared memory file", "list", "own memory as a file", "signal any thread", "memory of another as a file"}
	// What root could do to others, root in the box cannot.
	powers := []string{"chroot", "namespace", "another's cores", "ptrace", "memory of another", "memory of another as a file", "kernel log"}
	for _, a := range all {
		if slices.Contains(boxAllows, a.name) || a.root && os.Geteuid() != 0 {
			continue
		}
		if !free(opened, a.name) && a.name != "ptrace" { // the first who attaches keeps the others out
			t.Errorf("%s is denied although its rules are gone", a.name)
		}
		if got, want := !free(filterOnly, a.name), !slices.Contains(where, a.name); got != want {
			t.Errorf("%s: the filter alone denies it: %v, want %v", a.name, got, want)
		}
		if got := !free(lockOnly, a.name); got != a.lock {
			t.Errorf("%s: Landlock alone denies it: %v, want %v", a.name, got, a.lock)
		}
		if got, want := !free(powerlessOnly, a.name), slices.Contains(powers, a.name); got != want && os.Geteuid() == 0 {
			t.Errorf("%s: without capabilities alone it is denied: %v, want %v", a.name, got, want)
		}
	}
}
