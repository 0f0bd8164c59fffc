package sfu

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"subrosa/firmware/conference/sframe"
	"subrosa/firmware/conference/signal"
)

// client is a participant for tests: a full pion peer that sends synthetic frames with right headers and random ciphertext.
type client struct {
	id    string
	pc    *webrtc.PeerConnection
	udp   *net.UDPConn
	audio *webrtc.TrackLocalStaticRTP
	video *webrtc.TrackLocalStaticRTP
	n     int

	mu   sync.Mutex
	mids map[string]string // track by mid
	got  map[string]*received

	keys  atomic.Int64 // key frames asked for
	leaf  int
	epoch atomic.Uint64
	ctr   uint64
	seq   [2]uint16
	ts    [2]uint32

	sent, packets atomic.Int64
	delays        *[2]histogram // if set, how long sound and pictures were on their way
}

// received counts what came of a track.
type received struct {
	packets, bytes, gaps atomic.Int64
	last                 atomic.Int64
}

const testTag = 0x81b2c3d4

func newClient(id string, leaf int, publish bool) (*client, error) {
	m := &webrtc.MediaEngine{}
	if err := Register(m); err != nil {
		return nil, err
	}
	e := webrtc.SettingEngine{LoggerFactory: quiet{}}
	e.SetIncludeLoopbackCandidate(true)
	e.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	e.SetReceiveMTU(1500)
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = udp.SetReadBuffer(4 << 20) // a machine that is busy reads late
	e.SetICEUDPMux(ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: udp, Logger: quiet{}.NewLogger("")}))
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(e)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	c := &client{id: id, pc: pc, udp: udp, leaf: leaf, mids: map[string]string{}, got: map[string]*received{}}
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) { c.drain(t, r) })
	if !publish {
		return c, nil
	}
	for _, k := range []struct {
		to   **webrtc.TrackLocalStaticRTP
		mime string
		rate uint32
	}{{&c.audio, webrtc.MimeTypeOpus, 48000}, {&c.video, webrtc.MimeTypeVP8, 90000}} {
		if *k.to, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: k.mime, ClockRate: k.rate}, id, id); err != nil {
			return nil, err
		}
		tr, err := pc.AddTransceiverFromTrack(*k.to, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return nil, err
		}
		go func() {
			for {
				ps, _, err := tr.Sender().ReadRTCP()
				if err != nil {
					return
				}
				for _, p := range ps {
					if _, ok := p.(*rtcp.PictureLossIndication); ok {
						c.keys.Add(1)
					}
				}
			}
		}()
	}
	return c, nil
}

// offer negotiates, with more m-lines for tracks.
func (c *client) offer(ask func(*signal.Offer) (*signal.Answer, error), tracks []TrackInfo) error {
	var added []TrackInfo
	have := map[string]bool{}
	c.mu.Lock()
	for _, t := range c.mids {
		have[t] = true
	}
	c.mu.Unlock()
	for _, t := range tracks {
		if have[t.ID] {
			continue
		}
		kind := webrtc.RTPCodecTypeVideo
		if t.Codec == "opus" {
			kind = webrtc.RTPCodecTypeAudio
		}
		if _, err := c.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return err
		}
		added = append(added, t)
	}
	d, err := c.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	done := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(d); err != nil {
		return err
	}
	<-done
	c.n++
	o := &signal.Offer{N: c.n, SDP: c.pc.LocalDescription().SDP}
	c.mu.Lock()
	for _, tr := range c.pc.GetTransceivers() {
		switch {
		case tr.Direction() == webrtc.RTPTransceiverDirectionSendonly && tr.Kind() == webrtc.RTPCodecTypeAudio:
			o.Send = append(o.Send, signal.SendMid{Mid: tr.Mid(), Source: signal.Microphone})
		case tr.Direction() == webrtc.RTPTransceiverDirectionSendonly:
			o.Send = append(o.Send, signal.SendMid{Mid: tr.Mid(), Source: signal.Camera})
		default:
			if c.mids[tr.Mid()] == "" && len(added) > 0 {
				c.mids[tr.Mid()] = added[0].ID
				added = added[1:]
			}
			if t := c.mids[tr.Mid()]; t != "" {
				o.Receive = append(o.Receive, signal.TrackMid{Mid: tr.Mid(), Track: t})
			}
		}
	}
	c.mu.Unlock()
	a, err := ask(o)
	if err != nil {
		return err
	}
	if a.N != c.n {
		return fmt.Errorf("answer %d to offer %d", a.N, c.n)
	}
	return c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.SDP})
}

// drain reads a track that comes.
func (c *client) drain(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	mid := ""
	for _, tr := range c.pc.GetTransceivers() {
		if tr.Receiver() == r {
			mid = tr.Mid()
		}
	}
	rec, video := &received{}, 0
	if t.Kind() == webrtc.RTPCodecTypeVideo {
		video = 1
	}
	c.mu.Lock()
	c.got[c.mids[mid]] = rec
	c.mu.Unlock()
	buf := make([]byte, 1500)
	var h rtp.Header
	var seq uint16
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			return
		}
		at, err := h.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		if rec.packets.Load() > 0 && h.SequenceNumber != seq+1 {
			rec.gaps.Add(1)
		}
		seq = h.SequenceNumber
		if h.Padding {
			n -= int(buf[n-1])
		}
		c.arrived(video, buf[at:n])
		rec.packets.Add(1)
		rec.bytes.Add(int64(n - at))
		rec.last.Store(time.Now().UnixNano())
	}
}

func (c *client) of(track string) *received {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.got[track]; r != nil {
		return r
	}
	return &received{}
}

// sendVideo sends one VP8 frame of about size bytes in packets of at most 1100.
func (c *client) sendVideo(size int, key bool) {
	f := make([]byte, 1, size+64)
	f[0] = 1
	if key {
		f = append(f[:0], 0, 0, 0, 0x9d, 1, 0x2a, 0, 0, 0, 0)
	}
	f = c.seal(f, size)
	c.ts[1] += 3000
	for i := 0; i < len(f); i += 1100 {
		part := f[i:min(len(f), i+1100)]
		d := []byte{0x80, 0x80, 0x80, 0}
		binary.BigEndian.PutUint16(d[2:], 0x8000|uint16(c.ts[1]/3000)&0x7fff)
		if i == 0 {
			d[0] |= 0x10
		}
		c.seq[1]++
		c.stamp(part)
		_ = c.video.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: c.seq[1], Timestamp: c.ts[1], Marker: i+1100 >= len(f)}, Payload: append(d, part...)})
	}
}

func (c *client) sendAudio(size int) {
	c.seq[0]++
	c.ts[0] += 960
	f := c.seal(nil, size)
	c.stamp(f)
	_ = c.audio.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: c.seq[0], Timestamp: c.ts[0]}, Payload: f})
}

const stamped = 64 // bytes, from which on a packet ends with the time it was sent at

// stamp writes the time into what would be ciphertext.
func (c *client) stamp(part []byte) {
	c.sent.Add(1)
	if len(part) >= stamped {
		binary.BigEndian.PutUint64(part[len(part)-8:], uint64(time.Now().UnixNano()))
	}
}

// arrived takes note of how long a packet was on its way.
func (c *client) arrived(video int, payload []byte) {
	c.packets.Add(1)
	if c.delays != nil && len(payload) >= stamped+4*video {
		c.delays[video].add(time.Duration(time.Now().UnixNano() - int64(binary.BigEndian.Uint64(payload[len(payload)-8:]))))
	}
}

func (c *client) seal(prefix []byte, size int) []byte {
	f := sframe.Append(prefix, sframe.MakeKeyID(testTag, c.leaf, c.epoch.Load()), c.ctr)
	c.ctr++
	return append(f, make([]byte, size+sframe.Tag)...)
}

func (c *client) close() {
	_ = c.pc.Close()
	_ = c.udp.Close()
}
