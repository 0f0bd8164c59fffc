package seal

import "golang.org/x/sys/unix"

// architecture is that of 64-bit calls. The numbers of the x32 way of calling have bit 30 set and are on no list.
const architecture = unix.AUDIT_ARCH_X86_64

// older returns calls that newer architectures do without.
func older() []Call {
	return []Call{
		{"epoll_wait", unix.SYS_EPOLL_WAIT, "waiting", nil, 0},
		{"poll", unix.SYS_POLL, "C libraries wait for their device", nil, 0},
		{"ppoll", unix.SYS_PPOLL, "the same", nil, 0},
	}
}

// olderOpening returns what dynamic loading uses beyond the calls that all architectures have.
func olderOpening() []Call {
	return []Call{
		{"open", unix.SYS_OPEN, "what Landlock lets through", nil, 0},
		{"access", unix.SYS_ACCESS, "the loader looks for its files", nil, 0},
		{"stat", unix.SYS_STAT, "looking for files", nil, 0},
		{"lstat", unix.SYS_LSTAT, "looking for files", nil, 0},
		{"readlink", unix.SYS_READLINK, "looking for files", nil, 0},
		{"getdents", unix.SYS_GETDENTS, "listing what Landlock lets through", nil, 0},
		{"pipe", unix.SYS_PIPE, "threads wake each other", nil, 0},
		{"arch_prctl", unix.SYS_ARCH_PRCTL, "C threads", nil, 0},
		{"eventfd", unix.SYS_EVENTFD, "threads wake each other", nil, 0},
		{"epoll_create", unix.SYS_EPOLL_CREATE, "waiting", nil, 0},
	}
}
