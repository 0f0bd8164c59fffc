package clock

import "golang.org/x/sys/unix"

// NetworkTime reports whether a time service keeps the kernel's clock: it clears STA_UNSYNC (adjtimex(2)), and the kernel sets it
// again when the service has said nothing for so long that the clock may be off by 16 s. Only root can set it; everyone may ask.
func NetworkTime() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}
