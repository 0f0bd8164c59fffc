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
// of foreign bytes may do with the inner one.
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

// layer is one of the mechanisms, for tests.
type layer uint8

const (
	landlocked layer = 1 << iota
	filtered
	undumpable
	powerless // no capabilities; the box only
)

// denied says what could not be taken away.
func denied(r Right, what string, err error) error {
	return fmt.Errorf("%w: %s: %s: %w", ErrUnsupported, r, what, err)
}
