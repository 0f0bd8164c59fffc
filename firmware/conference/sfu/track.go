package sfu

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"subrosa/firmware/conference/codec"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/conference/tripwire"
)

// Track is what others can receive of a peer.
type Track struct {
	id, mid, source string
	peer            *Peer
	codec           codec.Codec
	muted           atomic.Bool
	ended           atomic.Bool
	loudness        atomic.Uint32 // 0 silent to 127<<8, smoothed

	mu     sync.Mutex
	layers []*layer                // by index, nil where none has come
	slots  atomic.Pointer[[]*slot] // replaced, never changed
}

func (t *Track) video() bool { return t.codec != codec.Opus }

// add and remove change who gets the track.
func (t *Track) add(s *slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next []*slot
	if old := t.slots.Load(); old != nil {
		next = append(next, *old...)
	}
	next = append(next, s)
	t.slots.Store(&next)
}

func (t *Track) remove(s *slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.slots.Load()
	if old == nil {
		return
	}
	next := make([]*slot, 0, len(*old))
	for _, x := range *old {
		if x != s {
			next = append(next, x)
		}
	}
	t.slots.Store(&next)
}

// end frees the slots of a track that has gone.
func (t *Track) end() {
	t.ended.Store(true)
	if slots := t.slots.Swap(nil); slots != nil {
		for _, s := range *slots {
			s.forget(t)
		}
	}
}

// top is the index of the best layer that has come; -1 none.
func (t *Track) top() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.layers) - 1; i >= 0; i-- {
		if t.layers[i] != nil && t.layers[i].alive(time.Now()) {
			return i
		}
	}
	return -1
}

func (t *Track) layer(i int) *layer {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i < 0 || i >= len(t.layers) {
		return nil
	}
	return t.layers[i]
}

// askKey asks the publisher for key frames of all layers, at most every 300 ms each.
func (t *Track) askKey(now time.Time) {
	t.mu.Lock()
	layers := t.layers
	t.mu.Unlock()
	for _, l := range layers {
		if l != nil {
			l.askKey(now)
		}
	}
}

// layer is one RTP stream of a track.
type layer struct {
	track  *Track
	index  int
	ssrc   uint32
	wire   *tripwire.Track
	pc     *webrtc.PeerConnection
	cache  cache
	gather gather
	asked  atomic.Int64 // when a key frame was, ns
	last   atomic.Int64 // when a packet came, ns
	bytes  atomic.Int64 // since steer looked
	rate   float64      // bit/s; steer's
	held   []heldPacket
	alarms [16]time.Time
}

// alive reports whether the layer has sent in the last two seconds: browsers stop layers that they cannot afford.
func (l *layer) alive(now time.Time) bool { return now.UnixNano()-l.last.Load() < int64(2*time.Second) }

// packet is what is forwarded. Its payload is valid for the call.
type packet struct {
	seq     uint16
	ts      uint32
	marker  bool
	desc    codec.Packet
	payload []byte
	pad     uint8 // bytes of padding that go with it
	at      time.Time
}

type heldPacket struct {
	packet
	buf []byte
}

const (
	maxHeld = 64 // packets that wait for the first of their frame
	holdFor = 100 * time.Millisecond
)

var layerOf = map[string]int{"": 0, "q": 0, "h": 1, "f": 2}

// stream is an RTP stream that comes from a peer. It carries a layer of a track while the peer's last offer names its m-line;
// what comes at other times is read and forgotten.
type stream struct {
	peer     *Peer
	pc       *webrtc.PeerConnection
	remote   *webrtc.TrackRemote
	receiver *webrtc.RTPReceiver
	codec    codec.Codec
	index    int
	pt       uint8 // of the first packet; others are not read
	level    uint8 // id of the audio level's header extension
	changes  uint64
	l        atomic.Pointer[layer]
}

// receive runs a stream until it ends.
func (p *Peer) receive(pc *webrtc.PeerConnection, remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	index, known := layerOf[remote.RID()]
	if !known {
		return
	}
	st := &stream{peer: p, pc: pc, remote: remote, receiver: receiver, index: index}
	for _, e := range receiver.GetParameters().HeaderExtensions {
		if e.URI == extLevel {
			st.level = uint8(e.ID)
		}
	}
	go st.reports()
	st.run()
}

// layer returns the layer that the stream carries now; nil none.
func (st *stream) layer() *layer {
	l := st.l.Load()
	if l != nil && !l.track.ended.Load() {
		return l
	}
	if n := st.peer.changes.Load(); l == nil && n == st.changes {
		return nil
	} else {
		st.changes = n
	}
	st.l.Store(nil)
	mid := ""
	for _, tr := range st.pc.GetTransceivers() {
		if tr.Receiver() == st.receiver {
			mid = tr.Mid()
		}
	}
	p := st.peer
	p.mu.Lock()
	source, current := p.sources[mid], p.pc == st.pc
	muted := p.muted[source]
	p.mu.Unlock()
	if source == "" || !current || signal.Source(source).Video() != (st.codec != codec.Opus) {
		return nil
	}
	l = p.open(st, mid, source, muted)
	st.l.Store(l)
	return l
}

// open returns a new layer of the track at mid.
func (p *Peer) open(st *stream, mid, source string, muted bool) *layer {
	r := p.room
	r.mu.Lock()
	if p.gone.Load() || r.closed {
		r.mu.Unlock()
		return nil
	}
	var t *Track
	for _, x := range r.tracks {
		if x.peer == p && x.mid == mid {
			t = x
		}
	}
	fresh := t == nil
	if fresh {
		var id [8]byte
		rand.Read(id[:])
		t = &Track{id: "t" + hex.EncodeToString(id[:]), mid: mid, source: source, peer: p, codec: st.codec}
		t.muted.Store(muted)
		r.tracks[t.id] = t
	}
	r.mu.Unlock()
	index := st.index
	l := &layer{track: t, index: index, pc: st.pc, ssrc: uint32(st.remote.SSRC())}
	l.wire = p.wire.NewTrack(l.ssrc, st.codec)
	l.cache.init(st.codec != codec.Opus)
	t.mu.Lock()
	for len(t.layers) <= index {
		t.layers = append(t.layers, nil)
	}
	layers := append([]*layer(nil), t.layers...) // askKey reads the old one
	layers[index] = l
	t.layers = layers
	t.mu.Unlock()
	if fresh {
		r.ev.Tracks()
	}
	return l
}

// begins takes the payload type of the stream's first packet.
func (st *stream) begins(pt uint8) bool {
	if st.pt != 0 {
		return false
	}
	st.codec = codecOf[strings.ToLower(st.remote.Codec().MimeType)]
	st.pt = pt
	return st.codec != 0
}

var codecOf = map[string]codec.Codec{strings.ToLower(webrtc.MimeTypeOpus): codec.Opus, strings.ToLower(webrtc.MimeTypeVP8): codec.VP8, strings.ToLower(webrtc.MimeTypeVP9): codec.VP9,
	strings.ToLower(webrtc.MimeTypeH264): codec.H264}

// run reads packets until the stream ends.
func (st *stream) run() {
	buf := make([]byte, 1500)
	var h rtp.Header
	var p packet
	for {
		n, _, err := st.remote.Read(buf)
		if err != nil || st.peer.gone.Load() {
			return
		}
		at, err := h.Unmarshal(buf[:n])
		if err != nil || h.PayloadType != st.pt && !st.begins(h.PayloadType) {
			continue
		}
		l := st.layer()
		if l == nil {
			continue
		}
		payload := buf[at:n]
		if h.Padding && len(payload) > 0 {
			payload = payload[:max(0, len(payload)-int(payload[len(payload)-1]))]
		}
		now := time.Now()
		l.last.Store(now.UnixNano())
		l.bytes.Add(int64(n))
		st.peer.room.sfu.In.Add(1)
		if st.level > 0 {
			if e := h.GetExtension(st.level); len(e) > 0 {
				l.heard(127 - uint32(e[0]&0x7f))
			}
		}
		p = packet{seq: h.SequenceNumber, ts: h.Timestamp, marker: h.Marker, payload: payload, at: now}
		l.handle(&p)
	}
}

// heard smooths the level, fast up and slowly down.
func (l *layer) heard(level uint32) {
	was := l.track.loudness.Load()
	now := level << 8
	if now > was {
		was += (now - was) / 2
	} else {
		was -= (was - now) / 16
	}
	l.track.loudness.Store(was)
}

// handle lets a packet through the tripwire, and with it those that waited for it.
func (l *layer) handle(p *packet) {
	if l.track.muted.Load() {
		return
	}
	v := tripwire.Plain
	var err error
	if len(p.payload) == 0 {
		v = tripwire.Empty
	} else if p.desc, err = codec.Parse(l.track.codec, p.payload); err == nil {
		v = l.wire.Packet(p.at, p.seq, p.ts, p.marker, p.desc, p.payload)
	}
	switch {
	case v == tripwire.Wait:
		l.hold(p)
		return
	case v.Dropped():
		l.drop(v, p.at)
		return
	}
	l.pass(p)
	if len(l.held) > 0 && p.desc.Start {
		l.release(p.at)
	}
}

func (l *layer) hold(p *packet) {
	if len(l.held) == maxHeld {
		l.expire(p.at, true)
	}
	h := heldPacket{packet: *p, buf: append([]byte(nil), p.payload...)}
	h.payload = h.buf
	l.held = append(l.held, h)
}

// release asks again for those that wait; those whose first packet still lacks stay for holdFor.
func (l *layer) release(now time.Time) {
	waiting := l.held
	l.held = l.held[:0]
	for i := range waiting {
		h := waiting[i]
		switch v := l.wire.Packet(now, h.seq, h.ts, h.marker, h.desc, h.payload); {
		case v == tripwire.Wait && now.Sub(h.at) < holdFor:
			l.held = append(l.held, h)
		case v == tripwire.Wait:
			l.drop(tripwire.Late, now)
		case v.Dropped():
			l.drop(v, now)
		default:
			l.pass(&h.packet)
		}
	}
}

// expire forgets what waited too long, or the oldest.
func (l *layer) expire(now time.Time, oldest bool) {
	kept := l.held[:0]
	for i, h := range l.held {
		if now.Sub(h.at) < holdFor && (i > 0 || !oldest) {
			kept = append(kept, h)
		} else {
			l.drop(tripwire.Late, now)
		}
	}
	l.held = kept
}

// drop counts, and tells once a second.
func (l *layer) drop(v tripwire.Verdict, now time.Time) {
	r := l.track.peer.room
	r.sfu.Dropped[v].Add(1)
	if v == tripwire.Stale && l.track.video() {
		l.askKey(now) // what follows refers to what was dropped
	}
	if !v.Alarm() || now.Sub(l.alarms[v]) < time.Second {
		return
	}
	l.alarms[v] = now
	r.ev.Alarm(Alarm{Peer: l.track.peer.id, Track: l.track.id, Why: v})
}

func (l *layer) askKey(now time.Time) {
	if !l.track.video() || l.pc == nil {
		return
	}
	was := l.asked.Load()
	if now.UnixNano()-was < int64(300*time.Millisecond) || !l.asked.CompareAndSwap(was, now.UnixNano()) {
		return
	}
	_ = l.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: l.ssrc}})
}

// reports passes the publisher's clock on: its sender reports, with the time stamps of each slot.
func (st *stream) reports() {
	receiver, rid := st.receiver, st.remote.RID()
	buf := make([]byte, 1500)
	for {
		var n int
		var err error
		if rid == "" {
			n, _, err = receiver.Read(buf)
		} else {
			n, _, err = receiver.ReadSimulcast(buf, rid)
		}
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		for _, p := range packets {
			sr, ok := p.(*rtcp.SenderReport)
			l := st.l.Load()
			if !ok || l == nil || sr.SSRC != l.ssrc {
				continue
			}
			if slots := l.track.slots.Load(); slots != nil {
				for _, s := range *slots {
					s.report(l, sr)
				}
			}
		}
	}
}
