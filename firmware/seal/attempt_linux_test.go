package seal

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempt is something that a sealed process must not be able to do.
type attempt struct {
	name  string
	right Right
	calls []uint32 // allowed again, it succeeds: that is how the tests know what denies it
	lock  bool     // Landlock denies it, too
	root  bool     // only root could do it anyway
	do    func() error
}

func sys(nr uintptr, a ...uintptr) error {
	var v [6]uintptr
	copy(v[:], a)
	_, _, e := unix.RawSyscall6(nr, v[0], v[1], v[2], v[3], v[4], v[5])
	if e != 0 {
		return e
	}
	return nil
}

// made returns the error of a call that makes a descriptor, and closes that.
func made(nr uintptr, a ...uintptr) error {
	var v [6]uintptr
	copy(v[:], a)
	fd, _, e := unix.RawSyscall6(nr, v[0], v[1], v[2], v[3], v[4], v[5])
	if e != 0 {
		return e
	}
	unix.Close(int(fd))
	return nil
}

func str(s string) uintptr {
	b := append([]byte(s), 0)
	kept = append(kept, b)
	return uintptr(unsafe.Pointer(&b[0]))
}

// What the calls point to: on the heap, where nothing moves.
var (
	kept      [][]byte // by str
	pair      [2]int32
	old, when [4]uint64
	iov       = unix.Iovec{Base: &[]byte("x")[0], Len: 1}
	fileLock  = unix.Flock_t{Type: unix.F_RDLCK}
)

const spare = 5 // a descriptor that was given and can be written to, but must not

// attempts in a world in which dir may be written to and pid is another's.
func attempts(dir string, pid int) []attempt {
	at := ^uintptr(99) // AT_FDCWD
	word := str("word")
	vec := uintptr(unsafe.Pointer(&iov))
	memory := uintptr(unsafe.Pointer(&old))
	one := func(nr uint32) []uint32 { return []uint32{nr} }
	socket := func(family, kind, proto uintptr) func() error {
		return func() error { return made(unix.SYS_SOCKET, family, kind, proto) }
	}
	open := func(path string, flags uintptr) func() error {
		p := str(path)
		return func() error { return made(unix.SYS_OPENAT, at, p, flags, 0o600) }
	}
	return []attempt{
		{"tcp", Network, one(unix.SYS_SOCKET), false, false, socket(unix.AF_INET, unix.SOCK_STREAM, 0)},
		{"udp6", Network, one(unix.SYS_SOCKET), false, false, socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)},
		{"unix", Network, one(unix.SYS_SOCKET), false, false, socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)},
		{"netlink", Network, one(unix.SYS_SOCKET), false, false, socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_KOBJECT_UEVENT)},
		{"socketpair", Network, one(unix.SYS_SOCKETPAIR), false, false, func() error {
			return sys(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM, 0, uintptr(unsafe.Pointer(&pair)))
		}},
		{"io_uring", Network, one(unix.SYS_IO_URING_SETUP), false, false, func() error {
			var params [120]byte
			return made(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)))
		}},

		{"open to read", Files, one(unix.SYS_OPENAT), true, false, open("/etc/passwd", unix.O_RDONLY)},
		{"create", Files, one(unix.SYS_OPENAT), true, false, open(dir+"/created", unix.O_CREAT|unix.O_WRONLY)},
		{"shared memory file", Files, one(unix.SYS_OPENAT), true, false, open("/dev/shm/subrosa-seal-test", unix.O_CREAT|unix.O_RDWR)},
		{"list", Files, one(unix.SYS_OPENAT), true, false, open("/", unix.O_RDONLY|unix.O_DIRECTORY)},
		{"own memory as a file", Files, one(unix.SYS_OPENAT), true, false, open("/proc/self/status", unix.O_RDONLY)},
		{"mkdir", Files, one(unix.SYS_MKDIRAT), true, false, func() error { return sys(unix.SYS_MKDIRAT, at, str(dir+"/made"), 0o700) }},
		{"stat", Files, one(unix.SYS_NEWFSTATAT), false, false, func() error {
			var st unix.Stat_t
			return sys(unix.SYS_NEWFSTATAT, at, str("/etc"), uintptr(unsafe.Pointer(&st)), 0)
		}},
		{"readlink", Files, one(unix.SYS_READLINKAT), false, false, func() error {
			return sys(unix.SYS_READLINKAT, at, str("/proc/self"), memory, 32)
		}},
		{"memfd", Files, one(unix.SYS_MEMFD_CREATE), false, false, func() error { return made(unix.SYS_MEMFD_CREATE, word, 0) }},
		{"inotify", Files, one(unix.SYS_INOTIFY_INIT1), false, false, func() error { return made(unix.SYS_INOTIFY_INIT1, 0) }},
		{"times of a descriptor", Files, one(unix.SYS_UTIMENSAT), false, false, func() error {
			return sys(unix.SYS_UTIMENSAT, spare, 0, uintptr(unsafe.Pointer(&when)), 0)
		}},
		{"mode of a descriptor", Files, one(unix.SYS_FCHMOD), false, false, func() error { return sys(unix.SYS_FCHMOD, spare, 0o600) }},
		{"chroot", Files, one(unix.SYS_CHROOT), false, true, func() error { return sys(unix.SYS_CHROOT, str("/")) }},

		{"fork", Process, one(unix.SYS_CLONE), false, false, fork},
		{"exec", Process, one(unix.SYS_EXECVE), false, false, func() error { return sys(unix.SYS_EXECVE, str(dir+"/no such program"), 0, 0) }},
		{"signal another", Process, one(unix.SYS_KILL), true, false, func() error { return sys(unix.SYS_KILL, uintptr(pid), 0) }},
		{"signal another's thread", Process, one(unix.SYS_TGKILL), true, false, func() error { return sys(unix.SYS_TGKILL, uintptr(pid), uintptr(pid), 0) }},
		{"signal any thread", Process, one(unix.SYS_TKILL), true, false, func() error { return sys(unix.SYS_TKILL, uintptr(pid), 0) }},
		{"pidfd", Process, one(unix.SYS_PIDFD_OPEN), false, false, func() error { return made(unix.SYS_PIDFD_OPEN, uintptr(pid), 0) }},
		{"memory that runs", Process, one(unix.SYS_MMAP), false, false, func() error {
			return sys(unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uintptr(0), 0)
		}},
		{"make memory run", Process, one(unix.SYS_MPROTECT), false, false, runnable},
		{"namespace", Process, one(unix.SYS_UNSHARE), false, true, func() error { return sys(unix.SYS_UNSHARE, unix.CLONE_NEWUTS) }},
		{"priority", Process, one(unix.SYS_SETPRIORITY), false, false, func() error { return sys(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, 1) }},
		{"cores", Process, one(unix.SYS_SCHED_SETAFFINITY), false, false, func() error {
			mask := [16]uint64{^uint64(0)}
			return sys(unix.SYS_SCHED_SETAFFINITY, 0, 128, uintptr(unsafe.Pointer(&mask)))
		}},
		{"another's cores", Process, one(unix.SYS_SCHED_SETAFFINITY), false, false, func() error {
			mask := [16]uint64{^uint64(0)}
			return sys(unix.SYS_SCHED_SETAFFINITY, uintptr(pid), 128, uintptr(unsafe.Pointer(&mask)))
		}},
		{"System V shared memory", Process, one(unix.SYS_SHMGET), false, false, func() error { return sys(unix.SYS_SHMGET, 0, 4096, 0o600|unix.IPC_CREAT) }},
		{"keyring", Process, one(unix.SYS_KEYCTL), false, false, func() error { return sys(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, ^uintptr(1), 0) }},

		{"ptrace", Trace, one(unix.SYS_PTRACE), true, false, func() error { return traced(pid) }},
		{"memory of another", Trace, one(unix.SYS_PROCESS_VM_READV), true, false, func() error {
			return notFault(sys(unix.SYS_PROCESS_VM_READV, uintptr(pid), vec, 1, vec, 1, 0))
		}},
		{"memory of another as a file", Trace, one(unix.SYS_OPENAT), true, false, open("/proc/"+itoa(pid)+"/maps", unix.O_RDONLY)},
		{"dumpable again", Trace, one(unix.SYS_PRCTL), false, false, func() error { return sys(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 1) }},
		{"limits", Trace, one(unix.SYS_PRLIMIT64), false, false, func() error {
			return sys(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CORE, 0, memory)
		}},

		{"standard output", Speak, one(unix.SYS_WRITE), false, false, func() error { return sys(unix.SYS_WRITE, 1, word, 1) }},
		{"standard error", Speak, one(unix.SYS_WRITE), false, false, func() error { return sys(unix.SYS_WRITE, 2, word, 1) }},
		{"another descriptor", Speak, one(unix.SYS_WRITE), false, false, func() error { return sys(unix.SYS_WRITE, spare, word, 1) }},
		{"vectors", Speak, one(unix.SYS_WRITEV), false, false, func() error { return sys(unix.SYS_WRITEV, spare, vec, 1) }},
		{"splice", Speak, one(unix.SYS_VMSPLICE), false, false, func() error { return sys(unix.SYS_VMSPLICE, spare, vec, 1, 0) }},
		{"a double", Speak, one(unix.SYS_DUP), false, false, func() error { return made(unix.SYS_DUP, spare) }},
		{"a double by fcntl", Speak, one(unix.SYS_FCNTL), false, false, func() error { return made(unix.SYS_FCNTL, spare, unix.F_DUPFD_CLOEXEC, 20) }},
		{"size of a pipe", Speak, one(unix.SYS_FCNTL), false, false, func() error { return sys(unix.SYS_FCNTL, spare, unix.F_SETPIPE_SZ, 1<<19) }},
		{"flags of a pipe", Speak, one(unix.SYS_FCNTL), false, false, func() error { return sys(unix.SYS_FCNTL, spare, unix.F_SETFL, unix.O_WRONLY) }},
		{"lock on a file", Speak, one(unix.SYS_FCNTL), false, false, func() error {
			return sys(unix.SYS_FCNTL, 0, unix.F_SETLK, uintptr(unsafe.Pointer(&fileLock)))
		}},
		{"flock", Speak, one(unix.SYS_FLOCK), false, false, func() error { return sys(unix.SYS_FLOCK, 0, unix.LOCK_SH) }},
		{"ioctl", Speak, one(unix.SYS_IOCTL), false, false, func() error { return sys(unix.SYS_IOCTL, spare, unix.TIOCINQ, memory) }},
		{"name of a thread", Speak, one(unix.SYS_PRCTL), false, false, func() error { return sys(unix.SYS_PRCTL, unix.PR_SET_NAME, word) }},
		{"kernel log", Speak, one(unix.SYS_SYSLOG), false, true, func() error { return sys(unix.SYS_SYSLOG, 10, 0, 0) }},
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// notFault: an address that is not there in the other process was looked for all the same.
func notFault(err error) error {
	if err == unix.EFAULT {
		return nil
	}
	return err
}

// fork makes a process that ends at once.
func fork() error {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	pid, _, e := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if pid == 0 && e == 0 {
		for {
			unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
		}
	}
	if e != 0 {
		return e
	}
	return nil
}

// runnable makes a page of its own one that can be run.
func runnable() error {
	b, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil // not what is asked
	}
	defer unix.Munmap(b)
	return sys(unix.SYS_MPROTECT, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.PROT_READ|unix.PROT_EXEC)
}

// traced attaches to a process and lets it go.
func traced(pid int) error {
	const seize = 0x4206
	if err := sys(unix.SYS_PTRACE, seize, uintptr(pid), 0, 0); err != nil {
		return err
	}
	return nil
}
