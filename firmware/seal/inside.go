//go:build linux && (amd64 || arm64)

package seal

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Probe reports whether this kernel can enforce all rights, and takes none. It is for those who start a program that
// will seal itself, and for a clear message before it does.
func Probe() error {
	var errs []error
	if abi, err := landlockABI(); err != nil {
		errs = append(errs, denied(Files, "Landlock is not in this kernel or not switched on (lsm=landlock,…)", err))
	} else if abi < leastABI {
		errs = append(errs, denied(Process, "Landlock", fmt.Errorf("ABI %d, want %d: Linux 6.12 or newer", abi, leastABI)))
	}
	act := uint32(errno)
	if _, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&act))); e != 0 {
		errs = append(errs, denied(Network, "seccomp filters (CONFIG_SECCOMP_FILTER)", e))
	}
	return errors.Join(errs...)
}

// leastABI is the first version of Landlock that also keeps signals in, beside files and sockets.
const leastABI = 6

// landlockABI returns the version of Landlock that the kernel speaks.
func landlockABI() (int, error) {
	n, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// Inside takes all rights but r from this process, on all its threads, for good. Open everything before. An error
// wraps ErrUnsupported; then the process has lost part of its rights and should end.
func Inside(r Rights) error {
	if r.without&undumpable == 0 {
		if err := closeToOthers(); err != nil {
			return err
		}
	}
	own, err := ownWriters()
	if err != nil {
		return err
	}
	if r.without&landlocked == 0 {
		if err := Probe(); err != nil {
			return err
		}
		// The highest rules that both sides know, from leastABI on.
		if err := landlock.V7.BestEffort().Restrict(); err != nil {
			return denied(Files, "Landlock", err)
		}
	}
	if r.without&filtered == 0 {
		f, err := filter(architecture, uint32(unix.EPERM), base(os.Getpid()), writes(append(own, r.Out...)), r.Calls)
		if err != nil {
			return err
		}
		return install(f)
	}
	return nil
}

// noCore is a limit of one byte: too short for a file, and, unlike 0, no program that takes core files through a pipe is
// started either, core(5).
var noCore = unix.Rlimit{Cur: 1, Max: 1}

// closeToOthers keeps other processes of the same user out: no core file, no ptrace, no /proc/PID/mem.
func closeToOthers() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return denied(Trace, "PR_SET_DUMPABLE", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &noCore); err != nil {
		return denied(Trace, "RLIMIT_CORE", err)
	}
	return nil
}

// ownWriters returns the eventfds and pipes that this process made for itself: marked to be closed by exec, which is
// what those it was given cannot be, and, of pipes, with both ends here.
func ownWriters() ([]int, error) {
	if err := startPoller(); err != nil {
		return nil, err
	}
	var own []int
	ends := map[string][]int{}
	for fd := range maxFD() {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			continue
		}
		what, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		switch {
		case err != nil:
		case what == "anon_inode:[eventfd]":
			own = append(own, fd)
		case strings.HasPrefix(what, "pipe:"):
			ends[what] = append(ends[what], fd)
		}
	}
	for _, fds := range ends {
		if len(fds) == 2 {
			own = append(own, fds...)
		}
	}
	return own, nil
}

// startPoller has the runtime make what it waits by, epoll and an eventfd, which it does with the first descriptor that
// is waited for.
func startPoller() error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return errors.Join(r.Close(), w.Close())
}

// maxFD is beyond all descriptors that this process can have, at most 4096.
func maxFD() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 4096
	}
	return int(min(l.Cur, 4096))
}

// install lays a filter on all threads.
func install(raw []bpf.RawInstruction) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return denied(Process, "no_new_privs", err)
	}
	f := make([]unix.SockFilter, len(raw))
	for i, x := range raw {
		f[i] = unix.SockFilter{Code: x.Op, Jt: x.Jt, Jf: x.Jf, K: x.K}
	}
	p := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	stuck, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&p)))
	if e != 0 {
		return denied(Network, "seccomp filter", e)
	}
	if stuck != 0 {
		return denied(Network, "seccomp filter", fmt.Errorf("thread %d has one of its own", stuck))
	}
	return nil
}
