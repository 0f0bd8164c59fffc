package sfu

import (
	"fmt"
	"net"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"subrosa/firmware/conference/signal"
)

// bare is the forwarder that the SFU is measured against: pion as its broadcast example uses it, with the same codecs, SRTP
// profile and port, one connection for each participant, and no interceptors.
type bare struct {
	api *webrtc.API

	mu     sync.Mutex
	tracks map[string]*webrtc.TrackLocalStaticRTP
	peers  map[string]*webrtc.PeerConnection
	n      int
}

func newBare() (*bare, error) {
	m := &webrtc.MediaEngine{}
	if err := Register(m); err != nil {
		return nil, err
	}
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = udp.SetReadBuffer(4 << 20)
	_ = udp.SetWriteBuffer(4 << 20)
	e := Settings(Options{Loopback: true})
	e.SetICEUDPMux(ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: udp}))
	return &bare{api: webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(e)), tracks: map[string]*webrtc.TrackLocalStaticRTP{}, peers: map[string]*webrtc.PeerConnection{}}, nil
}

func (b *bare) offer(peer string, o *signal.Offer) (*signal.Answer, error) {
	b.mu.Lock()
	pc := b.peers[peer]
	b.mu.Unlock()
	if pc == nil {
		var err error
		if pc, err = b.api.NewPeerConnection(webrtc.Configuration{}); err != nil {
			return nil, err
		}
		pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { b.forward(t) })
		b.mu.Lock()
		b.peers[peer] = pc
		b.mu.Unlock()
	}
	for _, r := range o.Receive {
		b.mu.Lock()
		t := b.tracks[r.Track]
		b.mu.Unlock()
		if t == nil {
			return nil, fmt.Errorf("no track %s", r.Track)
		}
		if _, err := pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			return nil, err
		}
	}
	return answer(pc, o)
}

func answer(pc *webrtc.PeerConnection, o *signal.Offer) (*signal.Answer, error) {
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: o.SDP}); err != nil {
		return nil, err
	}
	a, err := pc.CreateAnswer(nil)
	if err != nil {
		return nil, err
	}
	done := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(a); err != nil {
		return nil, err
	}
	<-done
	return &signal.Answer{N: o.N, SDP: pc.LocalDescription().SDP, Receive: o.Receive}, nil
}

func (b *bare) forward(remote *webrtc.TrackRemote) {
	b.mu.Lock()
	b.n++
	local, err := webrtc.NewTrackLocalStaticRTP(remote.Codec().RTPCodecCapability, fmt.Sprint("t", b.n), fmt.Sprint("t", b.n))
	if err == nil {
		b.tracks[local.ID()] = local
	}
	b.mu.Unlock()
	if err != nil {
		return
	}
	buf := make([]byte, 1500)
	for {
		n, _, err := remote.Read(buf)
		if err != nil {
			return
		}
		if _, err := local.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (b *bare) list() (out []TrackInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, t := range b.tracks {
		codec := "vp8"
		if t.Kind() == webrtc.RTPCodecTypeAudio {
			codec = "opus"
		}
		out = append(out, TrackInfo{ID: id, Codec: codec})
	}
	return out
}
