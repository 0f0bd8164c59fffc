// Package sfu forwards media between the participants of calls, without any key that opens it.
//
//	PeerConnection of a publisher                                          PeerConnection of each receiver
//	   layer ─► descriptor ─► tripwire ─► cache ─► gather ─┬─► slot: sequence, time, picture id ─► SRTP ─► batch ─► one UDP port
//	   (one SSRC; up to three of a camera)                 ├─► slot …
//	                                                       └─► slot …
//
// One connection for each participant, ICE-lite, one UDP port for all and TCP on the same number. Nothing is decoded and no
// frame is looked into beyond what codec and tripwire need. In a steady state nothing is allocated for a packet that is forwarded.
//
// Terms: a track is what others can receive (microphone, camera, screen); a layer is one RTP stream of it; a slot is one
// m-line towards a receiver, which is given a track, and another later.
package sfu

import (
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/logging"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"

	"subrosa/firmware/conference/batch"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/conference/tripwire"
)

// Options of an SFU.
type Options struct {
	UDP       *batch.Conn  // the one port
	TCP       net.Listener // the same number; nil: no fallback
	Addresses []string     // that clients reach the port at; empty: those of the interfaces
	Loopback  bool         // offer 127.0.0.1, too: development and tests
	Log       *slog.Logger
}

// SFU is safe for concurrent use.
type SFU struct {
	o    Options
	api  *webrtc.API // of participants
	open *webrtc.API // of public streams: other codecs and SRTP profiles, too
	cert webrtc.Certificate
	Stats
}

// Stats counts since the start.
type Stats struct {
	In, Out, OutBytes, Retransmitted, Lost atomic.Uint64
	Dropped                                [16]atomic.Uint64 // by tripwire.Verdict
}

// New opens the SFU.
func New(o Options) (*SFU, error) {
	cert, err := certificate()
	if err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	interfaces, err := stdnet.NewNet() // as they are now: a server that is sealed cannot ask again
	if err != nil {
		return nil, fmt.Errorf("sfu: addresses of this machine: %w", err)
	}
	e := Settings(o)
	e.SetNet(interfaces)
	e.SetICEUDPMux(ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: o.UDP, Net: interfaces, Logger: quiet{}.NewLogger("")}))
	if o.TCP != nil {
		e.SetICETCPMux(webrtc.NewICETCPMux(quiet{}.NewLogger(""), o.TCP, 32))
	}
	s := &SFU{o: o, cert: cert}
	if s.api, err = newAPI(e, Register); err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	// mixers and players have often no other profile than the one that RFC 8827, 6.5 asks of all
	e.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	if s.open, err = newAPI(e, registerPlain); err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	return s, nil
}

func newAPI(e webrtc.SettingEngine, codecs func(*webrtc.MediaEngine) error) (*webrtc.API, error) {
	m, reg := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := codecs(m); err != nil {
		return nil, err
	}
	if err := feedback(reg); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(reg), webrtc.WithSettingEngine(e)), nil
}

// Settings are those of every connection here.
func Settings(o Options) webrtc.SettingEngine {
	e := webrtc.SettingEngine{LoggerFactory: quiet{}}
	e.SetLite(true)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled) // clients come by themselves: their names need not be looked up
	e.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM)
	_ = e.SetAnsweringDTLSRole(webrtc.DTLSRoleServer)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	e.SetIncludeLoopbackCandidate(o.Loopback)
	e.SetICETimeouts(7*time.Second, 25*time.Second, 2*time.Second)
	e.SetReceiveMTU(1500)
	e.DisableCloseByDTLS(false)
	if len(o.Addresses) > 0 {
		_ = e.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{External: o.Addresses, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace})
	}
	return e
}

// feedback is what goes to publishers: what was lost, and when what arrived, for their bandwidth estimate. Towards receivers
// nothing is put between a slot and SRTP.
func feedback(reg *interceptor.Registry) error {
	lost, err := nack.NewGeneratorInterceptor(nack.GeneratorSize(512), nack.GeneratorInterval(30*time.Millisecond))
	if err != nil {
		return err
	}
	reports, err := report.NewReceiverInterceptor()
	if err != nil {
		return err
	}
	arrivals, err := twcc.NewSenderInterceptor(twcc.SendInterval(100 * time.Millisecond))
	if err != nil {
		return err
	}
	reg.Add(lost)
	reg.Add(reports)
	reg.Add(arrivals)
	return nil
}

// quiet says nothing: what pion logs holds addresses of participants.
type quiet struct{}

func (quiet) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, nil)
}

// Alarm is media that was dropped because it was not what it must be.
type Alarm struct {
	Peer, Track string
	Why         tripwire.Verdict
}

// Events are told by a room, each on some goroutine of the SFU; they must not block.
type Events struct {
	Tracks   func()             // what can be received has changed
	Alarm    func(Alarm)        // at most one a second for a track and reason
	Speakers func([]string)     // peers heard, the loudest first
	Flow     func(string, Flow) // what goes to a peer has changed
	State    func(peer, state string)
}

// Flow is what goes to a peer.
type Flow struct {
	Down   int // bit/s, estimated; 0 not known
	Paused []string
	Layers map[string]int
}

// Room is a call.
type Room struct {
	sfu   *SFU
	ev    Events
	lastN int

	mu       sync.Mutex
	peers    map[string]*Peer
	tracks   map[string]*Track
	floor    string
	speakers []string
	done     chan struct{}
	closed   bool
}

// NewRoom opens a call. lastN is how many cameras go to each receiver at most.
func (s *SFU) NewRoom(lastN int, ev Events) *Room {
	r := &Room{sfu: s, ev: ev, lastN: lastN, peers: map[string]*Peer{}, tracks: map[string]*Track{}, done: make(chan struct{})}
	go r.steer()
	return r
}

// Peer returns the participant of this id, made if need be. sender is its tripwire.
func (r *Room) Peer(id string, sender *tripwire.Sender) *Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.peers[id]
	if p == nil {
		p = &Peer{room: r, id: id, wire: sender, api: r.sfu.api, slots: map[string]*slot{}}
		p.repeats.Store(repeatLeast)
		r.peers[id] = p
	}
	return p
}

// Offer answers a participant's offer. sender is its tripwire.
func (r *Room) Offer(id string, sender *tripwire.Sender, o *signal.Offer) (*signal.Answer, error) {
	return r.Peer(id, sender).Offer(o)
}

// Stream answers the offer of a public stream, in or out, which may have codecs that participants do not. Whether it is watched,
// sender says.
func (r *Room) Stream(id string, sender *tripwire.Sender, o *signal.Offer) (*signal.Answer, error) {
	p := r.Peer(id, sender)
	p.mu.Lock()
	p.api = r.sfu.open
	p.mu.Unlock()
	return p.Offer(o)
}

// Feed gives a receiver's m-lines other tracks than its offer has named; "" none.
func (r *Room) Feed(id, audio, video string) {
	p := r.known(id)
	if p == nil {
		return
	}
	r.mu.Lock()
	a, v := r.tracks[audio], r.tracks[video]
	r.mu.Unlock()
	p.mu.Lock()
	slots := make([]*slot, 0, len(p.slots))
	for _, s := range p.slots {
		slots = append(slots, s)
	}
	p.mu.Unlock()
	for _, s := range slots {
		t := a
		if s.video {
			t = v
		}
		if t != nil && t.video() != s.video {
			t = nil
		}
		s.give(t)
	}
}

func (r *Room) known(id string) *Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peers[id]
}

// Prefer takes note of what a participant wants to see.
func (r *Room) Prefer(id string, w signal.Prefer) {
	if p := r.known(id); p != nil {
		p.prefers(w)
	}
}

// Mute drops what comes of a participant's source from now on, or passes it again.
func (r *Room) Mute(id, source string, muted bool) {
	if p := r.known(id); p != nil {
		p.mute(source, muted)
	}
}

// Remove ends a participant's media. When it returns, no packet is passed to or from it any more.
func (r *Room) Remove(id string) {
	r.mu.Lock()
	p := r.peers[id]
	delete(r.peers, id)
	var gone []*Track
	for tid, t := range r.tracks {
		if t.peer == p {
			delete(r.tracks, tid)
			gone = append(gone, t)
		}
	}
	r.mu.Unlock()
	if p == nil {
		return
	}
	p.stop()
	for _, t := range gone {
		t.end()
	}
	go p.close() // tears the connection down, which may take its time
	if len(gone) > 0 {
		r.ev.Tracks()
	}
}

// Floor says who has it: last-N keeps them.
func (r *Room) Floor(id string) {
	r.mu.Lock()
	r.floor = id
	r.mu.Unlock()
}

// Close ends the call.
func (r *Room) Close() {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	var ids []string
	for id := range r.peers {
		ids = append(ids, id)
	}
	r.mu.Unlock()
	if closed {
		return
	}
	close(r.done)
	for _, id := range ids {
		r.Remove(id)
	}
}

// TrackInfo is a track as others are told of it.
type TrackInfo struct{ ID, Peer, Source, Codec string }

// Tracks lists what can be received.
func (r *Room) Tracks() (out []TrackInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tracks {
		out = append(out, TrackInfo{t.id, t.peer.id, t.source, t.codec.String()})
	}
	return out
}

// KeyFrame asks the publisher of a track for a key frame.
func (r *Room) KeyFrame(track string) {
	r.mu.Lock()
	t := r.tracks[track]
	r.mu.Unlock()
	if t != nil {
		t.askKey(time.Now())
	}
}
