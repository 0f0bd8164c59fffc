// Package capture is the common half of receivers whose C library hands over blocks of samples in a thread of its
// own: a ring that the library's callback copies into, and a Stream that reads it as sdr.Source demands.
//
//	library's thread ──callback──► Ring (memory of ours, made on opening) ──► Stream.Read ──► complex64
//	                  one memcpy                                  conversion
//
// The buffers of libusb may be mapped uncached, where byte-wise reading is some forty times slower than a copy
// (raspberrypi/linux#3818): so their first and only touch is that memcpy, and all else works on the ring.
//
// What a receiver still asks of the kernel once it is open, for whoever takes rights away from the process (libusb
// 1.0.26, os/linux_usbfs.c, events_posix.c and linux_udev.c; librtlsdr 0.6.0; libhackrf 2022.09.1):
//
//	samples, settings  ioctl of the device: SUBMITURB 0x8038550a, REAPURBNDELAY 0x4008550d, DISCARDURB 0x550b
//	first Read         mmap of the device for librtlsdr's transfers; denied, it takes memory of its own
//	waiting            poll, read and write of an eventfd, timerfd_settime, futex, clock_gettime
//	words              write to standard error; may be denied
//	closing            ioctl RELEASEINTERFACE 0x80045510, munmap, close, futex; exit of a thread
//	device comes, goes recvfrom and recvmsg of a netlink socket, in libusb's own thread: denied, it would ask again
//	                   without end where such news reach the process (not in a network namespace of its own); then
//	                   openat, readlink and newfstatat in /sys and /run/udev, which have to fail and not to kill
//
// Opening looks for receivers in /sys/bus/usb, /sys/devices, /run/udev and opens them in /dev/bus/usb.
//
// Threads: one of this package; libusb's for hot-plugging; libhackrf's for transfers. All exist when opening is done.
//
// It needs cgo and Linux; elsewhere it is empty.
package capture
