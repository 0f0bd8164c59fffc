//go:build linux && (amd64 || arm64)

package seal

import "golang.org/x/sys/unix"

// The requests of usbdevfs that an open device is used with, linux/usbdevice_fs.h. Opening, claiming and resetting are
// not among them.
const (
	submitURB  = 0x8038550a
	discardURB = 0x550b
	reapURB    = 0x4008550d // without waiting
	releaseUSB = 0x80045510
)

// USB returns the calls by which libusb uses devices that are open: transfers, and their time limits. What a transfer
// says to the device is not looked into.
func USB() []Call {
	return []Call{
		{"ioctl", unix.SYS_IOCTL, "transfers of an open USB device", only(1, submitURB, discardURB, reapURB, releaseUSB), 0},
		{"timerfd_settime", unix.SYS_TIMERFD_SETTIME, "transfers that take too long", nil, 0},
	}
}

// Capture returns the calls by which ALSA's library uses an open PCM: requests of the PCM kind, sound/asound.h, of any
// number. Mixers and timers are of other kinds.
func Capture() []Call {
	const kind, pcm = 0xff00, 'A' << 8
	return []Call{{"ioctl", unix.SYS_IOCTL, "an open PCM", []Check{{{1, kind, pcm}}}, 0}}
}
