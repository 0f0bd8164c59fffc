// Package codec reads what RTP shows of a frame without looking into it: payload descriptors of VP8 (RFC 7741) and VP9
// (RFC 9628), where a frame begins, and whether it is a key frame. Nothing else is negotiated beside Opus (RFC 7587), but H.264
// (RFC 6184) with public streams, which are not encrypted end to end.
package codec

import "errors"

// Codec is one of the four.
type Codec uint8

const (
	Opus Codec = iota + 1
	VP8
	VP9
	H264 // public streams only: its packetisers look into frames
)

func (c Codec) String() string { return [...]string{"none", "opus", "vp8", "vp9", "h264"}[c] }

// ErrDescriptor says that a payload does not begin with a descriptor.
var ErrDescriptor = errors.New("codec: no payload descriptor")

// Packet is what an RTP payload shows.
type Packet struct {
	Descriptor int  // length in bytes
	Start      bool // first packet of a frame; with VP9 of a layer's frame
	Key        bool // of a key frame; with VP8 known only at the start
	Clear      int  // bytes of the frame that stay clear, at the start
	Picture    int  // offset of a two-byte picture id in the descriptor; 0 without
	TL0        int  // offset of TL0PICIDX; 0 without
}

// Parse reads the beginning of an RTP payload.
func Parse(c Codec, b []byte) (Packet, error) {
	switch c {
	case Opus:
		return Packet{Start: true, Key: true}, nil
	case VP8:
		return vp8(b)
	case VP9:
		return vp9(b)
	case H264:
		return h264(b)
	}
	return Packet{}, ErrDescriptor
}

// vp8 reads RFC 7741, 4.2: X R N S R PID, then I L T K, picture id, TL0PICIDX, TID and KEYIDX. What follows of the frame are the
// bytes that it leaves clear: 10 of a key frame, 1 of another (RFC 6386, 9.1).
func vp8(b []byte) (p Packet, err error) {
	if len(b) < 2 {
		return p, ErrDescriptor
	}
	n := 1
	if b[0]&0x80 != 0 {
		ext := b[1]
		n = 2
		if ext&0x80 != 0 {
			if len(b) <= n {
				return p, ErrDescriptor
			}
			if b[n]&0x80 != 0 {
				p.Picture = n
				n++
			}
			n++
		}
		if ext&0x40 != 0 {
			p.TL0 = n
			n++
		}
		if ext&0x30 != 0 {
			n++
		}
	}
	if len(b) <= n {
		return p, ErrDescriptor
	}
	p.Descriptor = n
	p.Start = b[0]&0x10 != 0 && b[0]&0x0f == 0
	if p.Start {
		p.Clear = 1
		if b[n]&1 == 0 {
			p.Key, p.Clear = true, 10
		}
	}
	return p, nil
}

// vp9 reads RFC 9628, 4.2: I P L F B E V Z, then what they announce.
func vp9(b []byte) (p Packet, err error) {
	if len(b) < 2 {
		return p, ErrDescriptor
	}
	flags := b[0]
	n := 1
	at := func() byte { // of what lies beyond the end, nothing is said
		if n < len(b) {
			return b[n]
		}
		return 0
	}
	sid := byte(0)
	if flags&0x80 != 0 {
		if at()&0x80 != 0 {
			p.Picture = n
			n++
		}
		n++
	}
	if flags&0x20 != 0 {
		sid = at() >> 1 & 7
		n++
		if flags&0x10 == 0 {
			p.TL0 = n
			n++
		}
	}
	if flags&0x50 == 0x50 {
		more := true
		for i := 0; more; i++ {
			if i == 3 {
				return Packet{}, ErrDescriptor
			}
			more = at()&1 != 0
			n++
		}
	}
	if flags&2 != 0 {
		ss := at()
		n++
		if ss&0x10 != 0 {
			n += 4 * (int(ss>>5) + 1)
		}
		if ss&0x08 != 0 {
			pictures := int(at())
			n++
			for range pictures {
				n += 1 + int(at()>>2&3)
			}
		}
	}
	if n >= len(b) {
		return Packet{}, ErrDescriptor
	}
	p.Descriptor, p.Start = n, flags&0x08 != 0
	p.Key = flags&0x40 == 0 && sid == 0
	return p, nil
}

// h264 reads RFC 6184, 5.2: the type of a NAL unit, or those in a STAP-A. A decoder can begin where a sequence parameter set
// comes, and only that is told as a start: other frames' first packets look like any other.
func h264(b []byte) (p Packet, err error) {
	if len(b) < 2 {
		return p, ErrDescriptor
	}
	switch b[0] & 0x1f {
	case 7:
		p.Start, p.Key = true, true
	case 24:
		for rest := b[1:]; len(rest) > 0; {
			if len(rest) < 3 {
				return Packet{}, ErrDescriptor
			}
			n := int(rest[0])<<8 | int(rest[1])
			if n == 0 || len(rest) < 2+n {
				return Packet{}, ErrDescriptor
			}
			if rest[2]&0x1f == 7 {
				p.Start, p.Key = true, true
			}
			rest = rest[2+n:]
		}
	}
	return p, nil
}

// Shift adds to the picture id and TL0PICIDX in a descriptor that Parse has read, so that they go on when what is forwarded
// changes its layer. The descriptor is no part of the frame.
func (p Packet) Shift(b []byte, picture uint16, tl0 uint8) {
	if p.Picture > 0 {
		v := uint16(b[p.Picture]&0x7f)<<8 | uint16(b[p.Picture+1])
		v += picture
		b[p.Picture], b[p.Picture+1] = 0x80|byte(v>>8&0x7f), byte(v)
	}
	if p.TL0 > 0 {
		b[p.TL0] += tl0
	}
}

// IDs returns picture id and TL0PICIDX, 0 where there are none.
func (p Packet) IDs(b []byte) (picture uint16, tl0 uint8) {
	if p.Picture > 0 {
		picture = uint16(b[p.Picture]&0x7f)<<8 | uint16(b[p.Picture+1])
	}
	if p.TL0 > 0 {
		tl0 = b[p.TL0]
	}
	return picture, tl0
}
