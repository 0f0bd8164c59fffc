//go:build linux && (amd64 || arm64)

package seal

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	lsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// Seal takes all rights but those of s from this process, on all its threads, for good. Open everything before, with
// listeners of plain TCP: Landlock does not look at MPTCP. An error wraps ErrUnsupported if this kernel cannot; then
// the process has lost part of its rights and should end.
func (s Server) Seal() error {
	if s.without&undumpable == 0 {
		if err := closeToOthers(); err != nil {
			return err
		}
	}
	if err := errors.Join(startPoller(), s.limit()); err != nil {
		return err
	}
	if s.without&powerless == 0 {
		if err := powerlessThreads(); err != nil {
			return err
		}
	}
	if s.without&landlocked == 0 {
		if err := s.landlock(); err != nil {
			return err
		}
	}
	if s.without&filtered == 0 {
		lists := [][]Call{base(os.Getpid()), s.calls()}
		for _, nr := range s.allow {
			lists = append(lists, []Call{{Name: "allowed again", Nr: nr}})
		}
		f, err := filter(architecture, uint32(unix.EPERM), lists...)
		if err != nil {
			return err
		}
		return install(f)
	}
	return nil
}

// limit sets how long a file may become. Longer ones fail with EFBIG if SIGXFSZ is ignored.
func (s Server) limit() error {
	if s.FileSize == 0 {
		return nil
	}
	l := unix.Rlimit{Cur: s.FileSize, Max: s.FileSize}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &l); err != nil {
		return denied(Files, "RLIMIT_FSIZE", err)
	}
	return nil
}

// What capset(2) is told: not on a stack, which may move meanwhile.
var (
	capHeader = unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	noCaps    [2]unix.CapUserData
)

// powerlessThreads empties the capabilities of all threads, so that root is nobody. Landlock comes after it: what
// reaches the other threads looks them up in /proc.
func powerlessThreads() error {
	_, _, e := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&capHeader)), uintptr(unsafe.Pointer(&noCaps[0])), 0)
	if e != 0 {
		return denied(Process, "capabilities", e)
	}
	return nil
}

// What may be done with the files of a folder: nothing run, no socket, pipe, device, link or folder made.
const folderRights = landlock.AccessFSSet(lsys.AccessFSReadFile | lsys.AccessFSWriteFile | lsys.AccessFSReadDir |
	lsys.AccessFSRemoveFile | lsys.AccessFSMakeReg | lsys.AccessFSTruncate)

// landlock says which files, ports and sockets are left. The kernel is asked for as many of the rules as it knows:
// leastABI at least; from 9 on Unix sockets by folder, from 10 on the ports of UDP sockets.
func (s Server) landlock() error {
	if err := Probe(); err != nil {
		return err
	}
	c := landlock.V9
	c.HandledAccessNet |= lsys.AccessNetBindUDP
	var rs []landlock.Rule
	for _, p := range s.Folders {
		rs = append(rs, landlock.PathAccess(folderRights, p))
	}
	for _, p := range s.Read {
		st, err := os.Stat(p)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return fmt.Errorf("seal: %w", err)
		case st.IsDir():
			rs = append(rs, landlock.PathAccess(lsys.AccessFSReadFile|lsys.AccessFSReadDir, p))
		default:
			rs = append(rs, landlock.PathAccess(lsys.AccessFSReadFile, p))
		}
		if err := pin(p); err != nil {
			return err
		}
	}
	for _, p := range s.List {
		rs = append(rs, landlock.PathAccess(lsys.AccessFSReadDir, p))
		if err := pin(p); err != nil {
			return err
		}
	}
	for _, p := range s.Sockets {
		if _, err := os.Stat(p); err != nil { // before ABI 9 the rule below would not notice
			return fmt.Errorf("seal: folder of a socket: %w", err)
		}
		rs = append(rs, landlock.PathAccess(lsys.AccessFSResolveUnix, p))
	}
	for _, p := range s.Ports {
		rs = append(rs, landlock.ConnectTCP(p))
	}
	if s.UDP {
		rs = append(rs, landlock.BindUDP(0))
	}
	if err := c.BestEffort().Restrict(rs...); err != nil {
		return denied(Files, "Landlock", err)
	}
	return nil
}

// pin keeps a file of /proc in the kernel's memory for as long as this process runs: once forgotten it would come back
// as another file, to which no rule belongs.
func pin(path string) error {
	if !strings.HasPrefix(path, "/proc/") {
		return nil
	}
	if _, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("seal: %s: %w", path, err)
	}
	return nil
}

// kindBits leaves out the flags of a socket's type that say nothing of what it is.
const kindBits = half &^ (unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC)

// families returns what sockets may still be made. The protocol is looked at, too: MPTCP is none that Landlock knows,
// and ICMP none that is needed.
func (s Server) families() (when []Check) {
	ip := func(kind uint64) {
		for _, family := range []uint64{unix.AF_INET, unix.AF_INET6} {
			when = append(when, Check{{0, half, family}, {1, kindBits, kind}, {2, half, 0}})
		}
	}
	if s.UDP {
		ip(unix.SOCK_DGRAM)
	}
	if len(s.Ports) > 0 {
		ip(unix.SOCK_STREAM)
	}
	if len(s.Sockets) > 0 {
		when = append(when, Check{{0, half, unix.AF_UNIX}, {1, kindBits, unix.SOCK_STREAM}, {2, half, 0}})
	}
	return when
}

// option is what setsockopt may set.
func option(level, name uint64) Check { return Check{{1, half, level}, {2, half, name}} }

// calls are those of a network server beyond base. Listening is not among them, nor making folders, links and modes.
func (s Server) calls() []Call {
	list := []Call{
		{"recvmmsg", unix.SYS_RECVMMSG, "many datagrams in one call", nil, 0},
		{"sendmmsg", unix.SYS_SENDMMSG, "many datagrams in one call", nil, 0},
		{"write", unix.SYS_WRITE, "connections, files of its folders, the log; threads wake each other", nil, 0},
		{"writev", unix.SYS_WRITEV, "connections, several buffers at once", nil, 0},
		{"recvfrom", unix.SYS_RECVFROM, "datagrams", nil, 0},
		{"recvmsg", unix.SYS_RECVMSG, "datagrams", nil, 0},
		{"sendto", unix.SYS_SENDTO, "datagrams", nil, 0},
		{"sendmsg", unix.SYS_SENDMSG, "datagrams", nil, 0},
		{"accept4", unix.SYS_ACCEPT4, "connections to the listeners that are open", nil, 0},
		{"shutdown", unix.SYS_SHUTDOWN, "the end of a connection", nil, 0},
		{"getsockname", unix.SYS_GETSOCKNAME, "the address of a connection", nil, 0},
		{"getpeername", unix.SYS_GETPEERNAME, "the address of a connection", nil, 0},
		{"getsockopt", unix.SYS_GETSOCKOPT, "how an attempt to connect ended", []Check{{{1, half, unix.SOL_SOCKET}}}, 0},
		{"setsockopt", unix.SYS_SETSOCKOPT, "buffers, keep-alive and delays; no filters, no other layers", []Check{
			option(unix.SOL_SOCKET, unix.SO_REUSEADDR), option(unix.SOL_SOCKET, unix.SO_BROADCAST), option(unix.SOL_SOCKET, unix.SO_KEEPALIVE),
			option(unix.SOL_SOCKET, unix.SO_RCVBUF), option(unix.SOL_SOCKET, unix.SO_SNDBUF), option(unix.SOL_SOCKET, unix.SO_LINGER),
			option(unix.IPPROTO_TCP, unix.TCP_NODELAY), option(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE), option(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL),
			option(unix.IPPROTO_TCP, unix.TCP_KEEPCNT), option(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)}, 0},

		{"openat", unix.SYS_OPENAT, "what Landlock lets through", nil, 0},
		{"newfstatat", unix.SYS_NEWFSTATAT, "whether a file has changed; that a file is there can be asked of any", nil, 0},
		{"fstat", unix.SYS_FSTAT, "how long a file is", nil, 0},
		{"lseek", unix.SYS_LSEEK, "files of its folders", nil, 0},
		{"pread64", unix.SYS_PREAD64, "files of its folders; the runtime looks at how many cores it may use", nil, 0},
		{"pwrite64", unix.SYS_PWRITE64, "files of its folders", nil, 0},
		{"ftruncate", unix.SYS_FTRUNCATE, "records that were cut short", nil, 0},
		{"fsync", unix.SYS_FSYNC, "what is acknowledged is on disk", nil, 0},
		{"renameat", unix.SYS_RENAMEAT, "states are renamed into place", nil, 0},
		{"unlinkat", unix.SYS_UNLINKAT, "files of its folders", nil, 0},
		{"getdents64", unix.SYS_GETDENTS64, "listing what Landlock lets through", nil, 0},
		{"fcntl", unix.SYS_FCNTL, "flags of descriptors", only(1, unix.F_SETFL), 0},
		{"statfs", unix.SYS_STATFS, "metrics ask whether /proc is one", nil, 0},
		{"uname", unix.SYS_UNAME, "which kernel this is", nil, 0},
	}
	if when := s.families(); len(when) > 0 {
		list = append(list, Call{"socket", unix.SYS_SOCKET, "of the kinds that are left, no other protocol", when, 0})
	}
	if s.UDP {
		list = append(list, Call{"bind", unix.SYS_BIND, "UDP at a port that the kernel chooses; TCP, Landlock denies", nil, 0})
	}
	if len(s.Ports)+len(s.Sockets) > 0 {
		list = append(list, Call{"connect", unix.SYS_CONNECT, "to the ports that Landlock lets through, and to name servers", nil, 0})
	}
	return list
}
