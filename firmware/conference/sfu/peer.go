package sfu

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"subrosa/firmware/conference/signal"
	"subrosa/firmware/conference/tripwire"
)

// Peer is a participant's connection.
type Peer struct {
	room *Room
	id   string
	wire *tripwire.Sender
	gone atomic.Bool

	negotiate sync.Mutex    // one offer at a time
	changes   atomic.Uint64 // of sources

	mu      sync.Mutex
	api     *webrtc.API
	pc      *webrtc.PeerConnection
	slots   map[string]*slot  // by mid
	sources map[string]string // source by mid, of what the peer sends
	muted   map[string]bool
	prefer  signal.Prefer

	sentBits atomic.Int64 // in the current interval of steer
	repeats  atomic.Int64 // bits of pictures that may still be sent again in it
	boundMu  sync.Mutex
	bound    bound
	sent     float64   // bit/s, in the last interval
	began    time.Time // when that ended
	flow     string    // what Events.Flow was told last; used by steer alone
}

// ErrOffer says that an offer could not be answered.
var ErrOffer = errors.New("sfu: offer")

// Offer answers an offer.
func (p *Peer) Offer(o *signal.Offer) (*signal.Answer, error) {
	p.negotiate.Lock()
	defer p.negotiate.Unlock()
	if p.gone.Load() {
		return nil, fmt.Errorf("%w: the participant has gone", ErrOffer)
	}
	lines, err := parseLines([]byte(o.SDP))
	if err != nil {
		return nil, err
	}
	if err := lines.fit(o); err != nil {
		return nil, err
	}
	if n := p.slotsWith(lines, o.Fresh); n > maxSlots {
		return nil, fmt.Errorf("%w: %d m-lines that receive, at most %d", ErrOffer, n, maxSlots)
	}
	pc, err := p.connection(o.Fresh)
	if err != nil {
		return nil, err
	}
	a, err := p.answer(pc, lines, o)
	if err != nil {
		p.discard(pc)
	}
	return a, err
}

// answer makes what the offer asks for. What it has made when it fails stays in the connection: pion takes no m-line back.
func (p *Peer) answer(pc *webrtc.PeerConnection, lines lines, o *signal.Offer) (*signal.Answer, error) {
	if err := p.makeSlots(pc, lines); err != nil {
		return nil, err
	}
	resting := p.resting(lines)
	sources := map[string]string{}
	for _, s := range o.Send {
		sources[s.Mid] = string(s.Source)
	}
	p.mu.Lock()
	p.sources = sources
	p.mu.Unlock()
	p.changes.Add(1)
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: direct(o.SDP, resting, "inactive", "recvonly")}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOffer, err)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOffer, err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOffer, err)
	}
	<-gathered // host candidates of one port: nothing is asked of the network
	p.dropSources(sources)
	return &signal.Answer{N: o.N, SDP: direct(pc.LocalDescription().SDP, resting, "sendonly", "inactive"), Receive: p.assign(pc, o)}, nil
}

// maxSlots is how many m-lines towards a peer there may be, resting ones too.
const maxSlots = 256

// slotsWith is how many slots there would be with those that an offer asks for.
func (p *Peer) slotsWith(lines lines, fresh bool) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !fresh {
		n = len(p.slots)
	}
	for _, l := range lines {
		if l.recvonly && (fresh || p.slots[l.mid] == nil) {
			n++
		}
	}
	return n
}

// discard ends a connection whose offer could not be answered, with all that the offer has made. The peer offers another.
func (p *Peer) discard(pc *webrtc.PeerConnection) {
	p.dropSources(nil)
	p.dropSlots()
	p.mu.Lock()
	if p.pc == pc {
		p.pc = nil
	}
	p.mu.Unlock()
	pc.Close()
}

// connection returns the peer's connection, a new one if it has none or wants one.
func (p *Peer) connection(fresh bool) (*webrtc.PeerConnection, error) {
	p.mu.Lock()
	old, api := p.pc, p.api
	p.mu.Unlock()
	if old != nil && !fresh {
		return old, nil
	}
	if old != nil {
		p.dropSources(nil)
		p.dropSlots()
		go old.Close()
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{p.room.sfu.cert}, BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOffer, err)
	}
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) { p.receive(pc, t, r) })
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		p.mu.Lock()
		current := p.pc == pc
		p.mu.Unlock()
		if current && p.room.ev.State != nil {
			p.room.ev.State(p.id, s.String())
		}
	})
	p.mu.Lock()
	p.pc = pc
	p.mu.Unlock()
	return pc, nil
}

// makeSlots makes a slot for each recvonly m-line that has none yet, in their order: pion gives them to m-lines in that order.
func (p *Peer) makeSlots(pc *webrtc.PeerConnection, lines lines) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range lines {
		if !l.recvonly || p.slots[l.mid] != nil {
			continue
		}
		s := newSlot(p, l.video, l.mid)
		tr, err := pc.AddTransceiverFromTrack(s, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrOffer, err)
		}
		p.slots[l.mid] = s
		go s.feedback(tr.Sender())
	}
	return nil
}

// resting are the m-lines that have a slot and are not in use now.
func (p *Peer) resting(lines lines) map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]bool{}
	for _, l := range lines {
		if l.inactive && p.slots[l.mid] != nil {
			out[l.mid] = true
		}
	}
	return out
}

// assign gives each slot the track that the offer wants there, and returns what will be fed.
func (p *Peer) assign(pc *webrtc.PeerConnection, o *signal.Offer) (out []signal.TrackMid) {
	want := map[string]string{}
	for _, r := range o.Receive {
		want[r.Mid] = r.Track
	}
	for _, tr := range pc.GetTransceivers() { // pion says which m-line a slot got
		if sender := tr.Sender(); sender != nil {
			if s, ok := sender.Track().(*slot); ok && s.mid != tr.Mid() && tr.Mid() != "" {
				p.room.sfu.o.Log.Error("sfu: a slot is at another m-line", "want", s.mid, "got", tr.Mid())
			}
		}
	}
	p.mu.Lock()
	slots := map[string]*slot{}
	for mid, s := range p.slots {
		slots[mid] = s
	}
	p.mu.Unlock()
	for mid, s := range slots {
		p.room.mu.Lock()
		t := p.room.tracks[want[mid]]
		p.room.mu.Unlock()
		if t != nil && (t.peer == p || t.video() != s.video) {
			t = nil
		}
		s.give(t)
		if t != nil {
			out = append(out, signal.TrackMid{Mid: mid, Track: t.id})
		}
	}
	slices.SortFunc(out, func(a, b signal.TrackMid) int { return cmpMid(a.Mid, b.Mid) })
	return out
}

func cmpMid(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x - y
}

// dropSources ends the tracks that are not in keep (by mid) any more.
func (p *Peer) dropSources(keep map[string]string) {
	r := p.room
	r.mu.Lock()
	var gone []*Track
	for id, t := range r.tracks {
		if t.peer == p && keep[t.mid] != t.source {
			delete(r.tracks, id)
			gone = append(gone, t)
		}
	}
	r.mu.Unlock()
	for _, t := range gone {
		t.end()
	}
	if len(gone) > 0 {
		r.ev.Tracks()
	}
}

func (p *Peer) dropSlots() {
	p.mu.Lock()
	slots := p.slots
	p.slots = map[string]*slot{}
	p.mu.Unlock()
	for _, s := range slots {
		s.stop()
	}
}

func (p *Peer) prefers(w signal.Prefer) {
	p.mu.Lock()
	p.prefer = w
	p.mu.Unlock()
}

func (p *Peer) mute(source string, muted bool) {
	p.mu.Lock()
	if p.muted == nil {
		p.muted = map[string]bool{}
	}
	p.muted[source] = muted
	p.mu.Unlock()
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	for _, t := range p.room.tracks {
		if t.peer == p && t.source == source {
			t.muted.Store(muted)
		}
	}
}

// stop ends forwarding to and from the peer, at once.
func (p *Peer) stop() {
	p.gone.Store(true)
	p.dropSlots()
}

func (p *Peer) close() {
	p.negotiate.Lock()
	defer p.negotiate.Unlock()
	p.mu.Lock()
	pc := p.pc
	p.mu.Unlock()
	if pc != nil {
		pc.Close()
	}
}
