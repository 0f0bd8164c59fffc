// Package mdm is the lock-down of voice assistants through device managements: the wire form that rooms, bridges, agents and
// consoles share, the contract of the managements (Backend), and the reconciler (Core), which is pure: two clocks are arguments.
//
//	room/{room}/lockdown/desired ──► Core ──► Backend ──► management ──► device
//	room/{room}/lockdown/{conn}/reported ◄── Core ◄── Event ◄───────────────┘
//
// # Standing posture and lock
//
// The standing posture is what is always off on every device that a connector manages. It is put on and proven, and never
// taken back by this program. On top of it a room's session holds a lock: more goes off, on the devices the room names, and
// when the last holder is gone each of them is as the standing posture wants it.
//
// # What can be said to a management
//
// A Command is one of four kinds: make the standing posture so, lock, take the lock back, look. There is no way to write
// another one; a Set holds restrictions of the list below and nothing else. Wiping, locking the screen or touching what
// others have configured cannot be expressed.
//
// # What is believed
//
// That a management took a command proves nothing, nor that it could push. Answers come late, twice, or never. Only what the
// device itself reports counts (Observed), and every answer is followed by a question what is in force now.
//
// The algorithm, its traps and their sources: docs/mdm.md.
package mdm
