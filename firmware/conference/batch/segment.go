package batch

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mostSegments is how many datagrams the kernel is given as one: it takes 64 and 64 KiB at most, and 16 of our size are far below.
const mostSegments = 16

// outbox is what waits to be sent. Datagrams to one address that are of one size, the last of them perhaps shorter, become one
// message that the kernel, or the network card, cuts up again (UDP_SEGMENT, Linux 4.18): they go through its stack once.
type outbox struct {
	bufs [most][size]byte
	lens [most]int
	tos  [most]netip.AddrPort
	next [most]int // the datagram after it in its message; -1 none
	n    int

	msgs  [most]message
	m     int
	hdrs  [most]mmsghdr
	iovs  [most]unix.Iovec
	names [most]unix.RawSockaddrInet6 // also holds RawSockaddrInet4
	ctls  [most]control
}

// message is one entry of sendmmsg(2): a chain of datagrams.
type message struct {
	first, last int
	count       int
	full        bool // nothing may be added
}

// control is the control message that says how long each segment is.
type control struct {
	hdr  unix.Cmsghdr
	data [8]byte // uint16, padded
}

func newOutbox() *outbox {
	o := &outbox{}
	for i := range o.hdrs {
		o.hdrs[i].hdr.Name = (*byte)(unsafe.Pointer(&o.names[i]))
		c := &o.ctls[i]
		c.hdr.Level, c.hdr.Type = unix.SOL_UDP, unix.UDP_SEGMENT
		c.hdr.SetLen(unix.CmsgLen(2))
	}
	return o
}

// add takes a copy of b, which is no longer than size.
func (o *outbox) add(b []byte, to netip.AddrPort) {
	o.lens[o.n], o.tos[o.n], o.next[o.n] = copy(o.bufs[o.n][:], b), to, -1
	o.n++
}

// plan makes messages of what waits. To one address all stays in order.
func (o *outbox) plan(join bool) {
	o.m = 0
	for i := range o.n {
		if join {
			if m := o.latest(o.tos[i]); m != nil && o.join(m, i) {
				continue
			}
		}
		o.msgs[o.m] = message{first: i, last: i, count: 1}
		o.m++
	}
}

// latest is the last message to an address; nil none.
func (o *outbox) latest(to netip.AddrPort) *message {
	for j := o.m - 1; j >= 0; j-- {
		if m := &o.msgs[j]; o.tos[m.first] == to {
			return m
		}
	}
	return nil
}

// join adds datagram i to a message if the kernel would cut it off again just so.
func (o *outbox) join(m *message, i int) bool {
	each := o.lens[m.first]
	if m.full || m.count == mostSegments || o.lens[i] > each || o.lens[i] == 0 {
		return false
	}
	o.next[m.last], m.last = i, i
	m.count++
	m.full = o.lens[i] < each
	return true
}

// fill writes the headers of all messages; put writes an address.
func (o *outbox) fill(put func(*unix.RawSockaddrInet6, netip.AddrPort) uint32) {
	at := 0
	for j := range o.m {
		m, h := &o.msgs[j], &o.hdrs[j].hdr
		h.Namelen = put(&o.names[j], o.tos[m.first])
		h.Iov = &o.iovs[at]
		h.SetIovlen(m.count)
		h.Control = nil
		h.SetControllen(0)
		if m.count > 1 {
			c := &o.ctls[j]
			binary.NativeEndian.PutUint16(c.data[:], uint16(o.lens[m.first]))
			h.Control = (*byte)(unsafe.Pointer(c))
			h.SetControllen(unix.CmsgSpace(2))
		}
		for i := m.first; i >= 0; i = o.next[i] {
			o.iovs[at].Base = &o.bufs[i][0]
			o.iovs[at].SetLen(o.lens[i])
			at++
		}
	}
}
