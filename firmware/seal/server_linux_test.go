package seal

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// world is what is around the server of a test.
type world struct {
	Other        string // a folder that is not its own, with the files kept, read and moved
	Open, Closed uint16 // ports on loopback that take connections; the server may connect to Open
}

// newWorld makes one.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Other: t.TempDir()}
	for _, name := range []string{"kept", "read", "moved"} {
		if err := os.WriteFile(filepath.Join(w.Other, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, port := range []*uint16{&w.Open, &w.Closed} {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for c, err := l.Accept(); err == nil; c, err = l.Accept() {
				c.Close()
			}
		}()
		*port = uint16(l.Addr().(*net.TCPAddr).Port)
	}
	return w
}

// keeps is what the server keeps.
func (w *world) keeps(dir string, without layer, allow []uint32) Server {
	s := Server{Folders: []string{dir}, Read: []string{filepath.Join(w.Other, "read"), "/proc/self/stat"}, List: []string{"/proc/self/fd"},
		Ports: []uint16{w.Open}, UDP: true, without: without, allow: allow}
	if without == 0 {
		s.FileSize = 4096
	}
	return s
}

// mayStill are attempts that a server has to succeed with.
var mayStill = []string{"tcp", "udp6", "create", "stat", "standard output", "standard error", "another descriptor", "vectors", "flags of a pipe",
	"connect to the open port", "a port of UDP", "rename in its folder", "a long file", "read what it may", "list its descriptors", "its own figures"}

// attempts are those of every sealed process and some that only a server could think of.
func (w *world) attempts(dir string, pid int) []attempt {
	at := ^uintptr(99) // AT_FDCWD
	one := func(nr ...uint32) []uint32 { return nr }
	path := func(folder, name string) uintptr { return str(filepath.Join(folder, name)) }
	open := func(p uintptr, flags uintptr) func() error {
		return func() error { return made(unix.SYS_OPENAT, at, p, flags, 0o600) }
	}
	socket := func(family, kind, proto uintptr) func() error {
		return func() error { return made(unix.SYS_SOCKET, family, kind, proto) }
	}
	with := func(kind int, do func(fd int) error) func() error { // with a socket, if there can be one
		return func() error {
			fd, err := unix.Socket(unix.AF_INET, kind, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return do(fd)
		}
	}
	connect := func(port uint16) func() error {
		return with(unix.SOCK_STREAM, func(fd int) error {
			return unix.Connect(fd, &unix.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}})
		})
	}
	bind := func(fd int) error { return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}) }
	var list []attempt
	for _, a := range attempts(dir, pid) {
		a.lock = a.lock && a.name != "create"
		list = append(list, a)
	}
	return append(list,
		attempt{"connect to the open port", Network, nil, false, false, connect(w.Open)},
		attempt{"a port of UDP", Network, nil, false, false, with(unix.SOCK_DGRAM, bind)},
		attempt{"rename in its folder", Files, nil, false, false, func() error {
			name := filepath.Join(dir, itoa(unix.Gettid()))
			if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
				return err
			}
			return errors.Join(os.Rename(name, name+".new"), os.Remove(name+".new"))
		}},
		attempt{"a long file", Files, nil, false, false, func() error {
			name := filepath.Join(dir, itoa(unix.Gettid())+".long")
			defer os.Remove(name)
			return os.WriteFile(name, make([]byte, 4097), 0o600)
		}},
		attempt{"read what it may", Files, nil, false, false, open(path(w.Other, "read"), unix.O_RDONLY)},
		attempt{"list its descriptors", Files, nil, false, false, open(str("/proc/self/fd"), unix.O_RDONLY|unix.O_DIRECTORY)},
		attempt{"its own figures", Files, nil, false, false, open(str("/proc/self/stat"), unix.O_RDONLY)},

		attempt{"connect elsewhere", Network, nil, true, false, connect(w.Closed)},
		attempt{"another port", Network, nil, true, false, with(unix.SOCK_STREAM, bind)},
		attempt{"listen", Network, one(unix.SYS_LISTEN), false, false, with(unix.SOCK_STREAM, func(fd int) error { return unix.Listen(fd, 1) })},
		attempt{"mptcp", Network, one(unix.SYS_SOCKET), false, false, socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)},
		attempt{"raw", Network, one(unix.SYS_SOCKET), false, true, socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)},
		attempt{"packet", Network, one(unix.SYS_SOCKET), false, true, socket(unix.AF_PACKET, unix.SOCK_RAW, 0)},
		attempt{"routes", Network, one(unix.SYS_SOCKET), false, false, socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)},
		attempt{"vsock", Network, one(unix.SYS_SOCKET), false, false, socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)},
		attempt{"an option of a socket", Network, one(unix.SYS_SETSOCKOPT), false, false, with(unix.SOCK_DGRAM, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})},

		attempt{"read another folder", Files, nil, true, false, open(path(w.Other, "kept"), unix.O_RDONLY)},
		attempt{"write into another folder", Files, nil, true, false, open(path(w.Other, "made"), unix.O_CREAT|unix.O_WRONLY)},
		attempt{"write what may be read", Files, nil, true, false, open(path(w.Other, "read"), unix.O_WRONLY)},
		attempt{"list another folder", Files, nil, true, false, open(str(w.Other), unix.O_RDONLY|unix.O_DIRECTORY)},
		attempt{"move into its folder", Files, nil, true, false, func() error {
			return sys(unix.SYS_RENAMEAT, at, path(w.Other, "moved"), at, path(dir, "moved"))
		}},
		attempt{"remove elsewhere", Files, nil, true, false, func() error { return sys(unix.SYS_UNLINKAT, at, path(w.Other, "moved"), 0) }},
		attempt{"pipe in its folder", Files, one(unix.SYS_MKNODAT), true, false, func() error { return sys(unix.SYS_MKNODAT, at, path(dir, "pipe"), unix.S_IFIFO|0o600, 0) }},
		attempt{"symbolic link", Files, one(unix.SYS_SYMLINKAT), true, false, func() error { return sys(unix.SYS_SYMLINKAT, str("/etc"), at, path(dir, "link")) }},
		attempt{"mode", Files, one(unix.SYS_FCHMODAT), false, false, func() error { return sys(unix.SYS_FCHMODAT, at, str(dir), 0o700) }},
		attempt{"attribute", Files, one(unix.SYS_SETXATTR), false, false, func() error {
			return sys(unix.SYS_SETXATTR, str(dir), str("user.x"), str("x"), 1, 0)
		}},
		attempt{"mount", Files, one(unix.SYS_MOUNT), true, true, func() error { return sys(unix.SYS_MOUNT, str("none"), str(dir), str("none"), 0, 0) }},

		attempt{"module", Process, one(unix.SYS_DELETE_MODULE), false, true, func() error { return sys(unix.SYS_DELETE_MODULE, str("no such module"), unix.O_NONBLOCK) }},
		attempt{"bpf", Process, one(unix.SYS_BPF), false, false, func() error { return sys(unix.SYS_BPF, 2, 0, 0) }},
		attempt{"another filter", Process, one(unix.SYS_SECCOMP), false, false, func() error { return sys(unix.SYS_SECCOMP, 3, 0, 0) }},
		attempt{"personality", Process, one(unix.SYS_PERSONALITY), false, false, func() error { return sys(unix.SYS_PERSONALITY, 0xffffffff) }},
	)
}

// TestServer: a sealed server can do what it is for, and on no thread anything else that is tried.
func TestServer(t *testing.T) {
	enforceable(t)
	w := newWorld(t)
	by := run(t, nil, trial{Server: w})
	if l := by["a long file"][0]; l.Errno != int(unix.EFBIG) {
		t.Errorf("a file beyond the limit: %v, want %v", unix.Errno(l.Errno), unix.EFBIG)
	}
	for name, lines := range by {
		for _, l := range lines {
			if name != "descriptors" && isDenied(l) == slices.Contains(mayStill, name) {
				t.Errorf("%s on thread %s: %v, want denied %v", name, l.Thread, unix.Errno(l.Errno), !isDenied(l))
			}
		}
	}
	if b, err := os.ReadFile(filepath.Join(w.Other, "moved")); err != nil || string(b) != "x" {
		t.Errorf("a file of another folder is %q, %v", b, err)
	}
}

// TestServerRulesAreNeeded: each denial of TestServer comes from the layer that is named for it, and is gone without it.
func TestServerRulesAreNeeded(t *testing.T) {
	enforceable(t)
	var allow []uint32
	all := newWorld(t).attempts(t.TempDir(), os.Getpid())
	for _, a := range all {
		allow = append(allow, a.calls...)
	}
	const caps, lock, calls = powerless, landlocked, filtered
	try := func(without layer, allow ...uint32) map[string][]told {
		return run(t, nil, trial{Server: newWorld(t), Without: without, Allow: allow})
	}
	nothing := try(caps | lock | calls | undumpable)
	opened := try(caps|lock|undumpable, allow...)
	filterOnly, lockOnly, powerlessOnly := try(caps|lock), try(caps|calls), try(lock|calls)
	// What root could do, root without capabilities cannot.
	powers := []string{"chroot", "namespace", "another's cores", "ptrace", "memory of another", "memory of another as a file", "kernel log", "mount", "raw", "packet", "module"}
	if l := nothing["a long file"][0]; l.Errno != 0 {
		t.Errorf("a long file without a limit: %v", unix.Errno(l.Errno))
	}
	for _, a := range all {
		if slices.Contains(mayStill, a.name) || a.root && os.Geteuid() != 0 {
			continue
		}
		free := func(by map[string][]told) bool {
			if a.name == "ptrace" { // the first who attaches keeps the others out
				return slices.ContainsFunc(by[a.name], func(l told) bool { return !isDenied(l) })
			}
			return !slices.ContainsFunc(by[a.name], isDenied)
		}
		if !free(nothing) {
			t.Errorf("%s is denied without any seal: %v; it proves nothing", a.name, nothing[a.name])
		}
		if !free(opened) {
			t.Errorf("%s is denied although its rules are gone: %v", a.name, opened[a.name])
		}
		if got, want := !free(filterOnly), len(a.calls) > 0 && !slices.Contains(byLandlock, a.name); got != want {
			t.Errorf("%s: the filter alone denies it: %v, want %v", a.name, got, want)
		}
		if got := !free(lockOnly); got != a.lock {
			t.Errorf("%s: Landlock alone denies it: %v, want %v", a.name, got, a.lock)
		}
		if got, want := !free(powerlessOnly), slices.Contains(powers, a.name); got != want && os.Geteuid() == 0 && nothing[a.name][0].Errno != int(unix.ENOSYS) {
			t.Errorf("%s: without capabilities alone it is denied: %v, want %v", a.name, got, want)
		}
	}
}

// byLandlock are attempts of all processes whose call a server still makes: where it leads to, Landlock says.
var byLandlock = []string{"open to read", "shared memory file", "list", "own memory as a file", "memory of another as a file"}

// TestServerWithoutWays: who is told of no port, socket or UDP can make none.
func TestServerWithoutWays(t *testing.T) {
	if when := (Server{}).families(); len(when) != 0 {
		t.Errorf("a server with nothing may make %v", when)
	}
	names := func(s Server) (out []string) {
		for _, c := range s.calls() {
			if c.Name == "socket" || c.Name == "bind" || c.Name == "connect" || c.Name == "listen" {
				out = append(out, c.Name)
			}
			if c.Why == "" {
				t.Errorf("%s has no reason", c.Name)
			}
		}
		return out
	}
	for want, s := range map[string]Server{"": {}, "socket bind": {UDP: true}, "socket connect": {Ports: []uint16{1}}, "socket bind connect": {UDP: true, Sockets: []string{"/run"}}} {
		if got := strings.Join(names(s), " "); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
	enforceable(t)
	if err := (Server{Sockets: []string{"/no/such/folder"}, without: undumpable | powerless | filtered}).Seal(); err == nil || !strings.Contains(err.Error(), "folder of a socket") {
		t.Errorf("a folder that is not there: %v", err)
	}
}
