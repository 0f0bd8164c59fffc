package sfu

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"subrosa/firmware/conference/codec"
)

// slot is an m-line towards a receiver. It is pion's TrackLocal, and writes the packets itself: one SSRC whose sequence numbers
// and times go on, whatever track and layer it carries.
type slot struct {
	peer  *Peer
	mid   string
	video bool

	mu      sync.Mutex
	stopped bool
	writer  webrtc.TrackLocalWriter
	pts     [5]uint8 // by codec; 0: not negotiated
	hdr     rtp.Header
	sendExt [3]byte // abs-send-time
	hasExt  bool

	track  *Track
	layer  int // that is passed; -1 none yet
	target int // that is wanted; -1 paused

	begun          bool
	start          uint16 // first sequence number, as it came, since the last switch; later it follows at a distance
	offset         uint16 // added to sequence numbers
	out            uint16 // highest sent
	outTS          uint32
	outAt          time.Time
	tsOffset       uint32
	picture        uint16 // added to picture ids
	tl0            uint8
	outPicture     uint16
	outTL0         uint8
	packets, bytes uint32
	originals      int      // packets since steer looked
	missed         int      // of them, asked for again a first time
	asked          *askings // nil until something is
	scratch        [1500]byte

	heardTo uint32 // by the receiver's last report; feedback's
}

// askings are the last packets that a receiver asked for again, by the low bits of their numbers.
type askings [256]struct {
	seq uint16
	at  int64 // ns; 0 never
}

// repeatGap is how long a packet that was sent again is not sent once more.
const repeatGap = 50 * time.Millisecond

// note remembers that a packet was asked for, and says whether it was for the first time, and whether it was just sent.
func (a *askings) note(seq uint16, now time.Time) (first, soon bool) {
	e := &a[int(seq)%len(a)]
	first = e.at == 0 || e.seq != seq
	if !first && now.UnixNano()-e.at < int64(repeatGap) {
		return false, true
	}
	e.seq, e.at = seq, now.UnixNano()
	return first, false
}

func newSlot(p *Peer, video bool, mid string) *slot {
	return &slot{peer: p, mid: mid, video: video, layer: -1, target: -1}
}

// Bind is called by pion when the m-line is negotiated.
func (s *slot) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first webrtc.RTPCodecParameters
	for _, p := range c.CodecParameters() {
		var k codec.Codec
		switch {
		case strings.EqualFold(p.MimeType, webrtc.MimeTypeOpus):
			k = codec.Opus
		case strings.EqualFold(p.MimeType, webrtc.MimeTypeVP8):
			k = codec.VP8
		case strings.EqualFold(p.MimeType, webrtc.MimeTypeVP9):
			k = codec.VP9
		case strings.EqualFold(p.MimeType, webrtc.MimeTypeH264):
			k = codec.H264
		default:
			continue
		}
		if s.pts[k] == 0 { // the receiver's first choice of several profiles
			s.pts[k] = uint8(p.PayloadType)
		}
		if first.MimeType == "" {
			first = p
		}
	}
	if first.MimeType == "" {
		return first, fmt.Errorf("%w: no codec of this server is offered at m-line %s", ErrOffer, s.mid)
	}
	s.hdr = rtp.Header{Version: 2, SSRC: uint32(c.SSRC())}
	for _, e := range c.HeaderExtensions() {
		if e.URI == extSendTime {
			s.hasExt = s.hdr.SetExtension(uint8(e.ID), s.sendExt[:]) == nil // refers to the array, which write fills
		}
	}
	s.writer = c.WriteStream()
	return first, nil
}

// Unbind is called by pion at the end.
func (s *slot) Unbind(webrtc.TrackLocalContext) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writer = nil
	return nil
}

// ID of the slot.
func (s *slot) ID() string { return "s" + s.mid }

// RID is empty: a slot carries one stream.
func (s *slot) RID() string { return "" }

// StreamID of the slot: each has its own, so that a browser waits for nothing to play together.
func (s *slot) StreamID() string { return "s" + s.mid }

// Kind of the slot.
func (s *slot) Kind() webrtc.RTPCodecType {
	if s.video {
		return webrtc.RTPCodecTypeVideo
	}
	return webrtc.RTPCodecTypeAudio
}

// give makes t the slot's track; nil: nothing.
func (s *slot) give(t *Track) {
	s.mu.Lock()
	old := s.track
	if old == t || s.stopped {
		s.mu.Unlock()
		return
	}
	s.track, s.layer, s.target = t, -1, -1
	if t != nil {
		s.target = max(0, t.top())
	}
	s.mu.Unlock()
	if old != nil {
		old.remove(s)
	}
	if t != nil {
		t.add(s)
		if t.ended.Load() { // while it was given
			s.forget(t)
			return
		}
		t.askKey(time.Now())
	}
}

func (s *slot) forget(t *Track) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.track == t {
		s.track, s.layer, s.target = nil, -1, -1
	}
}

// stop ends the slot. When it returns, nothing is written any more.
func (s *slot) stop() {
	s.mu.Lock()
	t := s.track
	s.stopped, s.track = true, nil
	s.mu.Unlock()
	if t != nil {
		t.remove(s)
	}
}

// aim sets which layer is wanted; -1 none.
func (s *slot) aim(target int, now time.Time) {
	s.mu.Lock()
	t := s.track
	changed := target != s.target
	s.target = target
	if target < 0 {
		s.layer = -1
	}
	want := t != nil && target >= 0 && s.layer != target
	s.mu.Unlock()
	if changed && want {
		if l := t.layer(target); l != nil {
			l.askKey(now)
		}
	}
}

// write passes packets of a layer, if it is the one that the slot carries, or is to from there on.
func (s *slot) write(l *layer, ps []packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.track != l.track || s.writer == nil || s.pts[l.track.codec] == 0 {
		return
	}
	for i := range ps {
		s.carry(l, &ps[i])
	}
}

// carry passes a packet on; s.mu is held.
func (s *slot) carry(l *layer, p *packet) {
	if l.index != s.layer {
		if l.index != s.target {
			return
		}
		if !p.desc.Start || !p.desc.Key {
			l.askKey(p.at) // at most every 300 ms
			return
		}
		s.turn(l, p)
	}
	if int16(p.seq-s.start) < 0 {
		return // of before
	}
	if p.seq-s.start >= 1<<14 {
		s.start = p.seq - 1<<13 // else what comes would be of before once the numbers are half-way round
	}
	s.send(p, l.track.codec)
	s.originals++
	if d := p.seq + s.offset - s.out; int16(d) > 0 {
		s.out, s.outTS, s.outAt = p.seq+s.offset, p.ts+s.tsOffset, p.at
		if pic, tl0 := p.desc.IDs(p.payload); p.desc.Picture > 0 {
			s.outPicture, s.outTL0 = pic+s.picture, tl0+s.tl0
		}
	}
}

// turn goes over to a layer, at a key frame: numbers go on after the highest sent, time by the clock.
func (s *slot) turn(l *layer, p *packet) {
	if s.begun {
		rate := int64(90000)
		if !s.video {
			rate = 48000
		}
		passed := min(p.at.Sub(s.outAt), time.Hour)
		s.offset = s.out + 1 - p.seq
		s.tsOffset = s.outTS + max(1, uint32(passed.Nanoseconds()*rate/int64(time.Second))) - p.ts
		if pic, tl0 := p.desc.IDs(p.payload); p.desc.Picture > 0 {
			s.picture, s.tl0 = (s.outPicture+1-pic)&0x7fff, s.outTL0+1-tl0
		}
	} else {
		s.begun, s.out = true, p.seq-1
	}
	s.start, s.layer = p.seq, l.index
}

// send writes one packet; s.mu is held.
func (s *slot) send(p *packet, c codec.Codec) {
	payload := p.payload
	if len(payload) > 0 && (s.picture != 0 || s.tl0 != 0) && (p.desc.Picture > 0 || p.desc.TL0 > 0) {
		if n := copy(s.scratch[:], payload); &payload[0] != &s.scratch[0] {
			payload = s.scratch[:n]
		}
		p.desc.Shift(payload, s.picture, s.tl0)
	}
	h := &s.hdr
	h.SequenceNumber, h.Timestamp, h.Marker, h.PayloadType = p.seq+s.offset, p.ts+s.tsOffset, p.marker, s.pts[c]
	h.Padding, h.PaddingSize = p.pad > 0, p.pad
	if s.hasExt {
		t := uint64(p.at.UnixNano()) / 1000 << 18 / 1e6 // 6.18 bits of seconds
		s.sendExt = [3]byte{byte(t >> 16), byte(t >> 8), byte(t)}
	}
	if _, err := s.writer.WriteRTP(h, payload); err != nil {
		return
	}
	s.packets++
	s.bytes += uint32(len(payload))
	st := &s.peer.room.sfu.Stats
	st.Out.Add(1)
	st.OutBytes.Add(uint64(len(payload)))
	s.peer.sentBits.Add(int64(len(payload)+40) * 8)
}

// repeat sends what the receiver has not got.
func (s *slot) repeat(pairs []rtcp.NackPair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.track == nil || s.writer == nil || s.layer < 0 {
		return
	}
	l := s.track.layer(s.layer)
	if l == nil {
		return
	}
	if s.asked == nil {
		s.asked = new(askings)
	}
	now := time.Now()
	for _, pair := range pairs {
		for _, seq := range pair.PacketList() {
			in := seq - s.offset
			if int16(in-s.start) < 0 {
				continue
			}
			first, soon := s.asked.note(seq, now)
			if soon {
				continue
			}
			if first {
				s.missed++
			}
			if s.video && s.peer.repeats.Load() <= 0 {
				continue // a line that is full is not made free by more
			}
			p, ok := l.cache.get(in, s.scratch[:])
			if !ok {
				s.peer.room.sfu.Lost.Add(1)
				continue
			}
			p.at = now
			s.peer.repeats.Add(-int64(len(p.payload)+40) * 8)
			s.send(&p, s.track.codec)
			s.peer.room.sfu.Retransmitted.Add(1)
		}
	}
}

// report passes a publisher's sender report on.
func (s *slot) report(l *layer, sr *rtcp.SenderReport) {
	s.mu.Lock()
	ok := !s.stopped && s.track == l.track && s.layer == l.index && s.writer != nil
	out := &rtcp.SenderReport{SSRC: s.hdr.SSRC, NTPTime: sr.NTPTime, RTPTime: sr.RTPTime + s.tsOffset, PacketCount: s.packets, OctetCount: s.bytes}
	s.mu.Unlock()
	if !ok {
		return
	}
	s.peer.mu.Lock()
	pc := s.peer.pc
	s.peer.mu.Unlock()
	if pc != nil {
		_ = pc.WriteRTCP([]rtcp.Packet{out})
	}
}

// feedback acts on what the receiver says.
func (s *slot) feedback(sender *webrtc.RTPSender) {
	buf := make([]byte, 1500)
	for {
		n, _, err := sender.Read(buf)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		for _, p := range packets {
			s.heed(p)
		}
	}
}

func (s *slot) heed(p rtcp.Packet) {
	switch p := p.(type) {
	case *rtcp.TransportLayerNack:
		s.repeat(p.Nacks)
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		s.mu.Lock()
		t, i := s.track, s.layer
		s.mu.Unlock()
		if t != nil {
			if l := t.layer(i); l != nil {
				l.askKey(time.Now())
			}
		}
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		s.peer.estimated(time.Now(), float64(p.Bitrate))
	case *rtcp.ReceiverReport:
		for _, r := range p.Reports {
			packets := r.LastSequenceNumber - s.heardTo
			s.heardTo = r.LastSequenceNumber
			s.peer.loss(time.Now(), r.FractionLost, packets)
		}
	}
}
