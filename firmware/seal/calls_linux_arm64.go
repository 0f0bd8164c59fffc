package seal

import "golang.org/x/sys/unix"

const architecture = unix.AUDIT_ARCH_AARCH64

// older returns calls that newer architectures do without.
func older() []Call {
	return []Call{{"ppoll", unix.SYS_PPOLL, "C libraries wait for their device", nil, 0}}
}

func olderOpening() []Call { return nil }
