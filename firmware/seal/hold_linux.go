package seal

import "golang.org/x/sys/unix"

func lock(b []byte) error   { return unix.Mlock(b) }
func unlock(b []byte) error { return unix.Munlock(b) }
