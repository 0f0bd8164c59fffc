package main

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"subrosa/firmware/conference/signal"
)

// newAPI knows Opus and one video codec.
func newAPI(codec string, loopback bool) (*webrtc.API, error) {
	m := &webrtc.MediaEngine{}
	video := webrtc.MimeTypeVP8
	fmtp := ""
	if codec == "vp9" {
		video, fmtp = webrtc.MimeTypeVP9, "profile-id=0"
	}
	feedback := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	err := m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: video, ClockRate: 90000, SDPFmtpLine: fmtp, RTCPFeedback: feedback}}, webrtc.RTPCodecTypeVideo)
	if err == nil {
		err = m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}}, webrtc.RTPCodecTypeAudio)
	}
	reg := &interceptor.Registry{}
	if err == nil {
		err = webrtc.RegisterDefaultInterceptors(m, reg)
	}
	if err != nil {
		return nil, err
	}
	var set webrtc.SettingEngine
	set.SetLite(true)
	set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	set.SetIncludeLoopbackCandidate(loopback)
	set.SetInterfaceFilter(func(name string) bool { return loopback == (name == "lo") })
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(reg), webrtc.WithSettingEngine(set)), nil
}

// conn is a participant's connection.
type conn struct {
	s    *server
	p    *seat
	pc   *webrtc.PeerConnection
	subs map[string]*sub // by mid
	send map[string]signal.Source
	feed map[signal.Source]*feed
}

// feed is what comes of a source, whichever of its layers runs.
type feed struct {
	mu    sync.Mutex
	ssrc  webrtc.SSRC
	at    time.Time
	track *track
}

// track is what others may receive.
type track struct {
	id     string
	from   *seat
	source signal.Source
	mu     sync.Mutex
	subs   []*sub
	past   []*rtp.Packet // for replays
	feed   *feed
}

// sub is an m-line that feeds one receiver.
type sub struct {
	local   *webrtc.TrackLocalStaticRTP
	to      *seat
	track   *track
	mu      sync.Mutex
	seq     uint16
	ts      uint32
	lastIn  uint32
	lastOut time.Time
	packets int
}

func (t *track) keyFrame() {
	t.feed.mu.Lock()
	ssrc := t.feed.ssrc
	t.feed.mu.Unlock()
	if c := t.from.conn; c != nil && ssrc != 0 {
		c.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}})
	}
}

func (s *server) disconnect(p *seat) {
	if p.conn == nil {
		return
	}
	for _, t := range s.tracks {
		t.mu.Lock()
		t.subs = slices.DeleteFunc(t.subs, func(x *sub) bool { return x.to == p })
		t.mu.Unlock()
	}
	c := p.conn
	p.conn = nil
	go c.pc.Close()
}

func (s *server) offer(p *seat, m *signal.Offer) {
	if p.conn != nil && m.Fresh {
		s.disconnect(p)
	}
	if p.conn == nil {
		pc, err := s.api.NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			s.evil.note(err.Error())
			return
		}
		p.conn = &conn{s: s, p: p, pc: pc, subs: map[string]*sub{}, send: map[string]signal.Source{}, feed: map[signal.Source]*feed{}}
		c := p.conn
		pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) { c.arrived(t, r) })
	}
	if err := p.conn.negotiate(m); err != nil {
		s.evil.note("offer: " + err.Error())
		fmt.Println("testserver: offer:", err)
	}
}

func (c *conn) negotiate(m *signal.Offer) error {
	s := c.s
	c.send = map[string]signal.Source{}
	for _, x := range m.Send {
		c.send[x.Mid] = x.Source
	}
	var made []*sub
	for _, r := range m.Receive {
		t := s.tracks[r.Track]
		if c.subs[r.Mid] != nil || t == nil {
			continue
		}
		mime, kind := webrtc.MimeTypeOpus, webrtc.RTPCodecTypeAudio
		if t.source.Video() {
			kind = webrtc.RTPCodecTypeVideo
			if mime = webrtc.MimeTypeVP8; s.codec == "vp9" {
				mime = webrtc.MimeTypeVP9
			}
		}
		local, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, r.Mid, c.p.id+r.Mid)
		if err != nil {
			return err
		}
		tr, err := c.pc.AddTransceiverFromTrack(local, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return err
		}
		x := &sub{local: local, to: c.p}
		made = append(made, x)
		go c.feedback(tr.Sender(), x)
		_ = kind
	}
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: m.SDP}); err != nil {
		return err
	}
	for _, tr := range c.pc.GetTransceivers() {
		if tr.Sender() == nil || tr.Sender().Track() == nil {
			continue
		}
		for _, x := range made {
			if tr.Sender().Track().StreamID() == x.local.StreamID() && tr.Sender().Track().ID() == x.local.ID() {
				c.subs[tr.Mid()] = x
			}
		}
	}
	a, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	done := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(a); err != nil {
		return err
	}
	<-done
	c.publish()
	c.subscribe(m)
	c.p.send(encode("answer", signal.Answer{N: m.N, SDP: c.pc.LocalDescription().SDP, Receive: m.Receive}))
	return nil
}

// publish makes tracks of what is sent now.
func (c *conn) publish() {
	s := c.s
	changed := false
	for id, t := range s.tracks {
		if t.from == c.p && !slices.Contains(mapsValues(c.send), t.source) {
			delete(s.tracks, id)
			changed = true
		}
	}
	for _, source := range c.send {
		if c.feed[source] == nil {
			c.feed[source] = &feed{}
		}
		known := false
		for _, t := range s.tracks {
			if t.from == c.p && t.source == source {
				known, t.feed = true, c.feed[source]
				t.feed.mu.Lock()
				t.feed.track = t
				t.feed.mu.Unlock()
			}
		}
		if known || c.p.removed {
			continue
		}
		s.serial++
		t := &track{id: fmt.Sprintf("t%d", s.serial), from: c.p, source: source, feed: c.feed[source]}
		c.feed[source].mu.Lock()
		c.feed[source].track = t
		c.feed[source].mu.Unlock()
		s.tracks[t.id] = t
		changed = true
	}
	if changed {
		s.state()
	}
}

func mapsValues(m map[string]signal.Source) (out []signal.Source) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

func (c *conn) subscribe(m *signal.Offer) {
	want := map[string]string{}
	for _, r := range m.Receive {
		want[r.Mid] = r.Track
	}
	for mid, x := range c.subs {
		t := c.s.tracks[want[mid]]
		x.mu.Lock()
		old := x.track
		x.track = t
		x.mu.Unlock()
		if old == t {
			continue
		}
		if old != nil {
			old.mu.Lock()
			old.subs = slices.DeleteFunc(old.subs, func(y *sub) bool { return y == x })
			old.mu.Unlock()
		}
		if t != nil {
			t.mu.Lock()
			t.subs = append(t.subs, x)
			t.mu.Unlock()
			for _, d := range []time.Duration{0, 300, 1000} {
				time.AfterFunc(d*time.Millisecond, t.keyFrame)
			}
		}
	}
}

// feedback passes wishes for key frames on.
func (c *conn) feedback(sender *webrtc.RTPSender, x *sub) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				x.mu.Lock()
				t := x.track
				x.mu.Unlock()
				if t != nil {
					t.keyFrame()
				}
			}
		}
	}
}

// arrived forwards what comes of one layer of a source; of several, that which began first and still runs.
func (c *conn) arrived(remote *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	var f *feed
	for range 100 {
		c.s.mu.Lock()
		for _, tr := range c.pc.GetTransceivers() {
			if tr.Receiver() == r {
				f = c.feed[c.send[tr.Mid()]]
			}
		}
		c.s.mu.Unlock()
		if f != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if f == nil {
		c.s.evil.note("a track of no source")
		return
	}
	for {
		p, _, err := remote.ReadRTP()
		if err != nil {
			if err != io.EOF {
				return
			}
			return
		}
		f.mu.Lock()
		if f.ssrc != remote.SSRC() && time.Since(f.at) < time.Second {
			f.mu.Unlock()
			continue
		}
		f.ssrc, f.at = remote.SSRC(), time.Now()
		t := f.track
		f.mu.Unlock()
		if t != nil {
			c.s.forward(t, p)
		}
	}
}

func (s *server) forward(t *track, p *rtp.Packet) {
	t.mu.Lock()
	subs := slices.Clone(t.subs)
	if len(t.past) < 4000 {
		t.past = append(t.past, p.Clone())
	}
	t.mu.Unlock()
	for _, x := range subs {
		s.evil.through(s, t, x, p)
	}
}

// write sends a packet in this m-line's own numbering; its time goes on from the last of the same source of packets.
func (x *sub) write(p *rtp.Packet, fresh bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	q := p.Clone()
	q.Extensions, q.Extension = nil, false
	x.seq++
	x.packets++
	if d := p.Timestamp - x.lastIn; x.lastOut.IsZero() || fresh || d > 1<<31 || d > 900000 {
		if p.Timestamp != x.lastIn {
			x.ts += uint32(time.Since(x.lastOut).Seconds()*48000)%900000 + 3000
		}
	} else {
		x.ts += d
	}
	x.lastIn, x.lastOut = p.Timestamp, time.Now()
	q.SequenceNumber, q.Timestamp = x.seq, x.ts
	x.local.WriteRTP(q)
}
