package sfu

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"
)

// steer looks after the room until it closes: who is heard, and what each receiver gets of whom.
func (r *Room) steer() {
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-r.done:
			return
		case now := <-tick.C:
			r.listen()
			if n%3 == 0 {
				r.share(now)
			}
		}
	}
}

const heardFrom = (127 - 50) << 8 // -50 dBov, smoothed

// listen finds who speaks: the loudest comes first, but only if it is louder by 3 dB than who is first now.
func (r *Room) listen() {
	r.mu.Lock()
	loud := map[string]uint32{}
	for _, t := range r.tracks {
		if t.source == "microphone" && !t.muted.Load() {
			loud[t.peer.id] = max(loud[t.peer.id], t.loudness.Load())
		}
	}
	next := rank(r.speakers, loud)
	changed := !slices.Equal(next, r.speakers)
	r.speakers = next
	r.mu.Unlock()
	if changed && r.ev.Speakers != nil {
		var heard []string
		for _, id := range next {
			if loud[id] >= heardFrom {
				heard = append(heard, id)
			}
		}
		r.ev.Speakers(heard)
	}
}

// rank puts the loudest first. Others keep the order in which they spoke last.
func rank(was []string, loud map[string]uint32) []string {
	next := make([]string, 0, len(loud))
	for _, id := range was {
		if _, here := loud[id]; here {
			next = append(next, id)
		}
	}
	best, level := "", uint32(heardFrom)
	for id, l := range loud {
		if l > level || l == level && l > heardFrom && id < best {
			best, level = id, l
		}
	}
	if best == "" || len(next) > 0 && next[0] == best {
		return next
	}
	if len(next) > 0 && loud[next[0]] >= heardFrom && level < loud[next[0]]+3<<8 {
		return next
	}
	next = slices.DeleteFunc(next, func(id string) bool { return id == best })
	return slices.Insert(next, 0, best)
}

// loss takes a receiver's report of one of its streams.
func (p *Peer) loss(now time.Time, fraction uint8, packets uint32) {
	p.boundMu.Lock()
	defer p.boundMu.Unlock()
	p.bound.lost(now, fraction, packets, p.sent)
}

// interval is how often share runs.
const interval = 600 * time.Millisecond

// repeatLeast is how much of pictures may be sent again in an interval in any case, bits: a frame or two.
const repeatLeast = 60_000

// paced ends an interval: what went to the peer, how much of it was asked for again, and what may be sent again in the next.
func (p *Peer) paced(now time.Time) {
	bits := p.sentBits.Swap(0)
	p.repeats.Store(max(repeatLeast, bits/4))
	missed, sent := 0, 0
	p.mu.Lock()
	for _, s := range p.slots {
		s.mu.Lock()
		missed, sent = missed+s.missed, sent+s.originals
		s.missed, s.originals = 0, 0
		s.mu.Unlock()
	}
	p.mu.Unlock()
	p.boundMu.Lock()
	defer p.boundMu.Unlock()
	p.sent, p.began = float64(bits)/interval.Seconds(), now
	p.bound.lost(now, uint8(min(255, 255*missed/max(1, sent))), uint32(sent), p.sent)
	p.bound.rise(now, interval)
}

// estimated takes what the receiver says that its line can take, bit/s. It follows what comes: where that has just become less,
// because somebody left or fell silent, the interval before says nothing.
func (p *Peer) estimated(now time.Time, rate float64) {
	p.boundMu.Lock()
	defer p.boundMu.Unlock()
	p.bound.estimated(now, rate, lately(p.sent, p.sentBits.Load(), now.Sub(p.began)))
}

// lately is what is sent, bit/s, by the last interval and by the bits of this one once there is enough of it.
func lately(last float64, bits int64, passed time.Duration) float64 {
	if passed < interval/4 {
		return last
	}
	return min(last, float64(bits)/passed.Seconds())
}

// down is how much the peer can take in bit/s; 0: as much as there is.
func (p *Peer) down() float64 {
	p.boundMu.Lock()
	defer p.boundMu.Unlock()
	return p.bound.rate
}

// want is a camera or screen that a receiver may get.
type want struct {
	slot  *slot
	track *Track
	rank  int
	low   bool
	rates []float64 // of layers, 0 where there is none
}

// share says for each receiver which layers it gets.
func (r *Room) share(now time.Time) {
	r.mu.Lock()
	rates := map[*Track][]float64{}
	for _, t := range r.tracks {
		t.mu.Lock()
		list := make([]float64, len(t.layers))
		for i, l := range t.layers {
			if l != nil && l.alive(now) {
				l.rate = 0.6*l.rate + 0.4*float64(l.bytes.Swap(0))*8/interval.Seconds()
				list[i] = max(1, l.rate)
			}
		}
		t.mu.Unlock()
		rates[t] = list
	}
	peers := make([]*Peer, 0, len(r.peers))
	for _, p := range r.peers {
		peers = append(peers, p)
	}
	place := map[string]int{}
	for i, id := range r.speakers {
		place[id] = i + 1
	}
	if r.floor != "" {
		place[r.floor] = -1
	}
	lastN := r.lastN
	r.mu.Unlock()
	for _, p := range peers {
		p.paced(now)
		p.share(now, rates, place, lastN)
	}
}

func (p *Peer) share(now time.Time, rates map[*Track][]float64, place map[string]int, lastN int) {
	p.mu.Lock()
	pref := p.prefer
	var wants []want
	var speech []float64
	for _, s := range p.slots {
		s.mu.Lock()
		t := s.track
		s.mu.Unlock()
		if t == nil {
			continue
		}
		if !s.video {
			speech = append(speech, slices.Max(append(rates[t], 0)))
			s.aim(0, now)
			continue
		}
		if slices.Contains(pref.Off, t.id) {
			s.aim(-1, now)
			continue
		}
		w := want{slot: s, track: t, rates: rates[t], low: slices.Contains(pref.Low, t.id), rank: 1000}
		if n, ok := place[t.peer.id]; ok {
			w.rank = n
		}
		if t.source == "screen" {
			w.rank = -3
		} else if slices.Contains(pref.Pinned, t.id) {
			w.rank = -2
		}
		wants = append(wants, w)
	}
	p.mu.Unlock()
	if pref.LastN > 0 {
		lastN = min(lastN, pref.LastN)
	}
	sort.Slice(wants, func(i, j int) bool {
		if wants[i].rank != wants[j].rank {
			return wants[i].rank < wants[j].rank
		}
		return wants[i].track.id < wants[j].track.id
	})
	down := p.down()
	f := Flow{Down: int(down), Layers: map[string]int{}}
	for i, layer := range allot(wants, lastN, budget(down, reserve(speech))) {
		wants[i].slot.aim(layer, now)
		if layer < 0 {
			f.Paused = append(f.Paused, wants[i].track.id)
		} else {
			f.Layers[wants[i].track.id] = layer
		}
	}
	p.tell(f)
}

// voice is what one takes on the line, bit/s: 40 kbit/s of Opus, and 50 times a second the headers of a packet.
const voice = 40_000 + 50*40*8

// reserve is what speech takes of the line, bit/s: what is said now, and one voice more where one that is silent may begin.
func reserve(speech []float64) (sum float64) {
	more := 0.0
	for _, rate := range speech {
		if rate > 2_000 { // less is no speech: what is sent of silence
			sum += rate + voice - 40_000
		} else {
			more = voice
		}
	}
	return sum + more
}

func budget(down, audio float64) float64 {
	if down == 0 {
		return math.Inf(1)
	}
	return max(0, down-audio)
}

// tell says what has changed; the estimate alone is no change unless it moved by a quarter.
func (p *Peer) tell(f Flow) {
	key := fmt.Sprint(f.Paused, f.Layers, int(math.Log(float64(max(1, f.Down)))*4))
	if key == p.flow || p.room.ev.Flow == nil {
		return
	}
	p.flow = key
	p.room.ev.Flow(p.id, f)
}

// allot gives each want a layer, or -1, in their order: first everybody the smallest, as far as the budget goes and at most
// lastN cameras; then larger ones. Who does not fit in gets nothing, and be it the first: speech goes before.
func allot(wants []want, lastN int, budget float64) []int {
	out := make([]int, len(wants))
	cameras := 0
	for i, w := range wants {
		out[i] = -1
		low := slices.IndexFunc(w.rates, func(r float64) bool { return r > 0 })
		if w.track.source == "camera" {
			if cameras == lastN {
				continue
			}
			cameras++
		}
		if low < 0 { // nothing has come yet; the first that comes will do
			out[i] = 0
			continue
		}
		if w.rates[low] > budget {
			continue
		}
		out[i] = low
		budget -= w.rates[low]
	}
	for i, w := range wants {
		for l := len(w.rates) - 1; out[i] >= 0 && !w.low && l > out[i]; l-- {
			more := w.rates[l] - w.rates[out[i]]
			if w.rates[l] > 0 && more <= budget {
				budget -= more
				out[i] = l
			}
		}
	}
	return out
}
