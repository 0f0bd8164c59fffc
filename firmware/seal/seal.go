// Package seal takes rights away from a process, for good and on every thread. What is left cannot reach a network, a
// file, another process or a new descriptor.
//
//	room unit ── Box.Command ──► stage ── exec ──► program ── opens its devices ── Inside ──► first sample
//	             namespaces      Landlock, seccomp            Landlock, seccomp again:
//	             of its own      no_new_privs, no caps        nothing but what Rights lists
//
// The outer seal is laid by whoever starts the program, so that a program that means ill cannot leave it out: no
// network, no other process, no file but those of the box. The inner seal is laid by the program itself as soon as it
// has opened what it needs; then an attacker who takes it over finds nothing left to open. A sensor gets both, a parser
// of foreign bytes may do with the inner one. A network server keeps more than both: see Server.
//
// Enforcement: Landlock (landlock(7), from Linux 6.12) for files, sockets and signals; seccomp filters (seccomp(2)) with an
// allow-list, in which each system call says why it is there; no_new_privs; empty capability sets; rlimits. What the
// kernel cannot enforce is an error, never a warning.
package seal

import (
	"errors"
	"fmt"
)

// ErrUnsupported is wrapped by errors that say that this kernel, or this build, cannot take a right away. The message
// names the right and what is missing.
var ErrUnsupported = errors.New("seal: not enforceable here")

// Right is what a process gives up.
type Right string

// The rights. A process that Inside has sealed has none of them.
const (
	Network Right = "network" // sockets of any family
	Files   Right = "files"   // opening, naming, changing anything in a file system
	Process Right = "process" // starting another, signalling another, running new code
	Trace   Right = "trace"   // looking into another, and being looked into: no core file, not dumpable
	Speak   Right = "speak"   // writing to a descriptor that Rights does not name
)

// AllRights lists them.
var AllRights = []Right{Network, Files, Process, Trace, Speak}

// Rights are what a process keeps in spite of Inside.
type Rights struct {
	// Out are the descriptors that may be written to, beside those eventfds, pipes and timers that the process made
	// for itself: by these its own threads wake each other.
	Out []int

	// Calls are system calls beyond Base, such as the requests of an open device.
	Calls []Call

	// without leaves a layer out: tests prove by it that a denial comes from where it is said to.
	without layer
}

// Server is what a network server keeps when Seal has sealed it: it goes on to accept, read and send on the sockets that
// it has opened, to read the clock, and to log. It cannot listen at another port, start anything, or look at others.
type Server struct {
	Folders []string // whose files may be read, written, made, renamed and removed; nothing else be made there, nothing run
	Read    []string // files, and folders with all below, that may be read; what is not there is left out
	List    []string // folders that may be listed, but nothing in them read

	// Ports are those that TCP connections may be made to, at any address. None: no TCP socket can be made.
	Ports []uint16

	// Sockets are folders of Unix sockets that may be connected to, before Landlock's ABI 9 those of other folders, too.
	// None: no Unix socket can be made.
	Sockets []string

	// UDP lets sockets be made that send anywhere, at ports that the kernel chooses, before Landlock's ABI 10 at any.
	UDP bool

	FileSize uint64 // bytes that a file may become long; 0: any

	// Tests prove by these that a denial comes from where it is said to: layers left out, calls allowed again.
	without layer
	allow   []uint32
}

// layer is one of the mechanisms, for tests.
type layer uint8

const (
	landlocked layer = 1 << iota
	filtered
	undumpable
	powerless // no capabilities; boxes and servers
)

// denied says what could not be taken away.
func denied(r Right, what string, err error) error {
	return fmt.Errorf("%w: %s: %s: %w", ErrUnsupported, r, what, err)
}
