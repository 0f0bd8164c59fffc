//go:build linux && (amd64 || arm64)

package seal

import "golang.org/x/sys/unix"

// only demands one of the values of argument n, an int.
func only(n int, values ...int) (c []Check) {
	for _, v := range values {
		c = append(c, Check{{n, half, uint64(uint32(v))}})
	}
	return c
}

// thread is what a clone must ask for to be a thread of the same process.
const thread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD

// notRun forbids that argument 2, the protection of memory, lets it be run.
var notRun = Arg{2, unix.PROT_EXEC, 0}

// base returns the calls that a running Go program needs, with C threads or without. pid is its own.
func base(pid int) []Call {
	return append([]Call{
		{"futex", unix.SYS_FUTEX, "locks, in memory of its own", nil, 0},
		{"read", unix.SYS_READ, "samples and polls: nothing new can be opened", nil, 0},
		{"epoll_pwait", unix.SYS_EPOLL_PWAIT, "waiting for samples and polls", nil, 0},
		{"epoll_ctl", unix.SYS_EPOLL_CTL, "the same", nil, 0},
		{"nanosleep", unix.SYS_NANOSLEEP, "the runtime's monitor", nil, 0},
		{"clock_nanosleep", unix.SYS_CLOCK_NANOSLEEP, "the same from C", nil, 0},
		{"clock_gettime", unix.SYS_CLOCK_GETTIME, "the time, where it is not read without a call", nil, 0},
		{"sched_yield", unix.SYS_SCHED_YIELD, "the runtime's locks", nil, 0},
		{"sched_getaffinity", unix.SYS_SCHED_GETAFFINITY, "how many cores there are", nil, 0},
		{"madvise", unix.SYS_MADVISE, "memory is given back", nil, 0},
		{"mmap", unix.SYS_MMAP, "memory that has no file and cannot be run", []Check{{{4, half, half}, notRun}}, 0},
		{"mprotect", unix.SYS_MPROTECT, "guard pages of stacks; never to be run", []Check{{notRun}}, 0},
		{"munmap", unix.SYS_MUNMAP, "memory is given back", nil, 0},
		{"mremap", unix.SYS_MREMAP, "C's allocator", nil, 0},
		{"brk", unix.SYS_BRK, "C's allocator", nil, 0},
		{"mlock", unix.SYS_MLOCK, "sample buffers stay out of swap", nil, 0},
		{"munlock", unix.SYS_MUNLOCK, "the same, at the end", nil, 0},
		{"clone", unix.SYS_CLONE, "threads of this process; no other process", []Check{{{0, thread | unix.CLONE_PIDFD, thread}}}, 0},
		{"clone3", unix.SYS_CLONE3, "cannot be looked into: C libraries then take clone", nil, uint32(unix.ENOSYS)},
		{"rseq", unix.SYS_RSEQ, "C threads register themselves", nil, 0},
		{"set_robust_list", unix.SYS_SET_ROBUST_LIST, "C threads register themselves", nil, 0},
		{"rt_sigaction", unix.SYS_RT_SIGACTION, "the runtime's own signals", nil, 0},
		{"rt_sigprocmask", unix.SYS_RT_SIGPROCMASK, "threads that begin", nil, 0},
		{"rt_sigreturn", unix.SYS_RT_SIGRETURN, "the end of a signal's handler", nil, 0},
		{"sigaltstack", unix.SYS_SIGALTSTACK, "threads that begin", nil, 0},
		{"restart_syscall", unix.SYS_RESTART_SYSCALL, "a sleep that a signal broke off", nil, 0},
		{"getpid", unix.SYS_GETPID, "before tgkill", nil, 0},
		{"gettid", unix.SYS_GETTID, "before tgkill", nil, 0},
		{"tgkill", unix.SYS_TGKILL, "the scheduler interrupts its own threads, no others", only(0, pid), 0},
		{"getrandom", unix.SYS_GETRANDOM, "seeds of hash tables", nil, 0},
		{"close", unix.SYS_CLOSE, "the end of a source", nil, 0},
		{"fcntl", unix.SYS_FCNTL, "asking for flags; a pipe's size can be seen from its other end, and stays", only(1, unix.F_GETFL, unix.F_GETFD), 0},
		{"exit", unix.SYS_EXIT, "the end of a thread", nil, 0},
		{"exit_group", unix.SYS_EXIT_GROUP, "the end", nil, 0},
	}, older()...)
}

// writes lets the given descriptors be written to. Vectors, offsets and sending are not needed.
func writes(fds []int) []Call {
	return []Call{{"write", unix.SYS_WRITE, "what may leave; and threads wake each other", only(0, fds...), 0}}
}

// opening returns what a program needs beyond base until it has opened its devices and sealed itself: the loader, C
// libraries, and the calls that seal. Which files they reach, Landlock decides.
func opening(pid int) []Call {
	return append([]Call{
		{"execve", unix.SYS_EXECVE, "once, from the stage; programs among its libraries stay in the box", nil, 0},
		{"openat", unix.SYS_OPENAT, "what Landlock lets through", nil, 0},
		{"newfstatat", unix.SYS_NEWFSTATAT, "looking for files", nil, 0},
		{"fstat", unix.SYS_FSTAT, "looking for files", nil, 0},
		{"statx", unix.SYS_STATX, "looking for files", nil, 0},
		{"faccessat", unix.SYS_FACCESSAT, "looking for files", nil, 0},
		{"faccessat2", unix.SYS_FACCESSAT2, "looking for files", nil, 0},
		{"readlinkat", unix.SYS_READLINKAT, "looking for files", nil, 0},
		{"getdents64", unix.SYS_GETDENTS64, "listing what Landlock lets through", nil, 0},
		{"lseek", unix.SYS_LSEEK, "the loader", nil, 0},
		{"pread64", unix.SYS_PREAD64, "the loader", nil, 0},
		{"getcwd", unix.SYS_GETCWD, "looking for files", nil, 0},
		{"mmap", unix.SYS_MMAP, "programs and libraries, buffers of devices", nil, 0},
		{"mprotect", unix.SYS_MPROTECT, "the loader", nil, 0},
		{"fcntl", unix.SYS_FCNTL, "flags of descriptors", only(1, unix.F_SETFL, unix.F_SETFD), 0},
		{"ioctl", unix.SYS_IOCTL, "devices that Landlock lets it open", nil, 0},
		{"pipe2", unix.SYS_PIPE2, "threads wake each other", nil, 0},
		{"eventfd2", unix.SYS_EVENTFD2, "threads wake each other", nil, 0},
		{"epoll_create1", unix.SYS_EPOLL_CREATE1, "waiting", nil, 0},
		{"timerfd_create", unix.SYS_TIMERFD_CREATE, "USB transfers that take too long", nil, 0},
		{"timerfd_settime", unix.SYS_TIMERFD_SETTIME, "USB transfers that take too long", nil, 0},
		{"socket", unix.SYS_SOCKET, "the kernel's news of devices, no other family", []Check{{{0, half, unix.AF_NETLINK}, {2, half, unix.NETLINK_KOBJECT_UEVENT}}}, 0},
		{"bind", unix.SYS_BIND, "the kernel's news of devices: there is no other socket", nil, 0},
		{"setsockopt", unix.SYS_SETSOCKOPT, "the kernel's news of devices", nil, 0},
		{"getsockname", unix.SYS_GETSOCKNAME, "the kernel's news of devices", nil, 0},
		{"sendto", unix.SYS_SENDTO, "there is no socket to send on: C libraries then write to their pipe", nil, uint32(unix.ENOTSOCK)},
		{"recvfrom", unix.SYS_RECVFROM, "the same for reading", nil, uint32(unix.ENOTSOCK)},
		{"prctl", unix.SYS_PRCTL, "sealing; no name, which the kernel log would carry, and not dumpable again", []Check{
			{{0, half, unix.PR_SET_NO_NEW_PRIVS}}, {{0, half, unix.PR_GET_NAME}}, {{0, half, unix.PR_SET_DUMPABLE}, {1, whole, 0}}}, 0},
		{"prlimit64", unix.SYS_PRLIMIT64, "sealing, on itself", only(0, 0, pid), 0},
		{"getrlimit", unix.SYS_GETRLIMIT, "how large stacks are", nil, 0},
		{"seccomp", unix.SYS_SECCOMP, "sealing", nil, 0},
		{"landlock_create_ruleset", unix.SYS_LANDLOCK_CREATE_RULESET, "sealing", nil, 0},
		{"landlock_add_rule", unix.SYS_LANDLOCK_ADD_RULE, "sealing", nil, 0},
		{"landlock_restrict_self", unix.SYS_LANDLOCK_RESTRICT_SELF, "sealing", nil, 0},
		{"set_tid_address", unix.SYS_SET_TID_ADDRESS, "C threads", nil, 0},
		{"sched_getparam", unix.SYS_SCHED_GETPARAM, "threads of sound", nil, 0},
		{"sched_getscheduler", unix.SYS_SCHED_GETSCHEDULER, "threads of sound", nil, 0},
		{"sysinfo", unix.SYS_SYSINFO, "C's allocator", nil, 0},
		{"uname", unix.SYS_UNAME, "C libraries", nil, 0},
		{"getuid", unix.SYS_GETUID, "C libraries", nil, 0},
		{"geteuid", unix.SYS_GETEUID, "C libraries", nil, 0},
		{"getgid", unix.SYS_GETGID, "C libraries", nil, 0},
		{"getegid", unix.SYS_GETEGID, "C libraries", nil, 0},
		{"getppid", unix.SYS_GETPPID, "C libraries", nil, 0},
		{"mlock2", unix.SYS_MLOCK2, "buffers", nil, 0},
		{"tkill", unix.SYS_TKILL, "sealing reaches its own threads; others, Landlock denies", nil, 0},
		{"tgkill", unix.SYS_TGKILL, "its own threads, whose number is that of the stage", only(0, pid), 0},
	}, olderOpening()...)
}

// inherited is how many descriptors a boxed program is given at most, so that a filter can tell those it makes itself.
const inherited = 8

// given lets a boxed program write to out and to descriptors of its own making, n and above, but to nothing else of
// what it was given.
func given(n int, out []int) []Call {
	own := append([]int{}, out...)
	for fd := n; fd < inherited; fd++ {
		own = append(own, fd)
	}
	when := only(0, own...)
	for bit := uint64(inherited); bit < 1<<20; bit <<= 1 {
		when = append(when, Check{{0, bit, bit}})
	}
	return []Call{{"write", unix.SYS_WRITE, "to what it may write to and what it made itself, not to its other descriptors", when, 0}}
}
