package sfu

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"subrosa/firmware/conference/codec"
	"subrosa/firmware/conference/tripwire"
)

// scene is a call of test clients in this process; each sends until the test ends.
type scene struct {
	sfu     *SFU
	room    *Room
	wires   map[string]*tripwire.Sender
	clients []*client
	mu      sync.Mutex
	alarms  []Alarm
}

func newScene(t *testing.T, n int) *scene {
	t.Helper()
	s := &scene{wires: map[string]*tripwire.Sender{}}
	var err error
	s.sfu, s.room, err = newTestRoom(t.Output(), Events{Alarm: func(a Alarm) {
		s.mu.Lock()
		s.alarms = append(s.alarms, a)
		s.mu.Unlock()
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.room.Close()
		for _, c := range s.clients {
			c.close()
		}
		s.sfu.Close()
	})
	for i := range n {
		c, err := newClient(string(rune('a'+i)), i, true)
		if err != nil {
			t.Fatal(err)
		}
		c.epoch.Store(1)
		w := &tripwire.Sender{}
		w.Turn(time.Now(), testTag, i, 1, false)
		s.wires[c.id] = w
		s.clients = append(s.clients, c)
		if err := c.offer(s.room.Peer(c.id, w).Offer, nil); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// meet has all send until every track is known, and each subscribe to the others.
func (s *scene) meet(t *testing.T) {
	t.Helper()
	wait(t, "all tracks", func() bool {
		s.send(1)
		return len(s.room.Tracks()) == 2*len(s.clients)
	})
	for _, c := range s.clients {
		var others []TrackInfo
		for _, tr := range s.room.Tracks() {
			if tr.Peer != c.id {
				others = append(others, tr)
			}
		}
		if err := c.offer(s.room.Peer(c.id, s.wires[c.id]).Offer, others); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, "everybody gets everybody", func() bool {
		s.send(1)
		for _, c := range s.clients {
			for _, tr := range s.room.Tracks() {
				if tr.Peer != c.id && c.of(tr.ID).packets.Load() == 0 {
					return false
				}
			}
		}
		return true
	})
}

func (s *scene) send(frames int) {
	for range frames {
		for _, c := range s.clients {
			c.sendVideo(2000, true)
			c.sendAudio(60)
		}
	}
}

func (s *scene) got(i int) (n int64) {
	c := s.clients[i]
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.got {
		n += r.packets.Load()
	}
	return n
}

// TestRemoval: when Remove has returned, nothing is written to the removed any more and nothing of them is passed on, while
// everybody goes on sending.
func TestRemoval(t *testing.T) {
	s := newScene(t, 3)
	s.meet(t)
	p := s.room.Peer("b", nil)
	var slots []*slot
	for _, x := range p.slots {
		slots = append(slots, x)
	}
	stop := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.send(1)
				pause(2 * time.Millisecond)
			}
		}
	})
	pause(50 * time.Millisecond)
	began := time.Now()
	s.room.Remove("b")
	took := time.Since(began)
	count := func() (n uint32) {
		for _, x := range slots {
			x.mu.Lock()
			n += x.packets
			x.mu.Unlock()
		}
		return n
	}
	sent := count()
	pause(300 * time.Millisecond)
	close(stop)
	sending.Wait()
	if now := count(); now != sent {
		t.Errorf("%d packets were written to the removed after Remove returned", now-sent)
	}
	last := time.Duration(0)
	s.clients[1].mu.Lock()
	for _, r := range s.clients[1].got {
		last = max(last, time.Unix(0, r.last.Load()).Sub(began))
	}
	s.clients[1].mu.Unlock()
	t.Logf("measured: Remove took %v; the last packet reached the removed %v after it was called", took, last)
	if slices.ContainsFunc(s.room.Tracks(), func(x TrackInfo) bool { return x.Peer == "b" }) {
		t.Error("tracks of the removed are still there")
	}
	before := s.got(0)
	wait(t, "a still hears c", func() bool { s.send(1); return s.got(0) > before+5 })
}

// TestPlaintext: frames without a header reach nobody, and are told.
func TestPlaintext(t *testing.T) {
	s := newScene(t, 2)
	s.meet(t)
	wait(t, "quiet", func() bool { n := s.got(1); pause(100 * time.Millisecond); return s.got(1) == n })
	before := s.got(1)
	a := s.clients[0]
	for range 50 {
		a.seq[1]++
		a.ts[1] += 3000
		if err := a.video.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: a.seq[1], Timestamp: a.ts[1], Marker: true}, Payload: append([]byte{0x10, 1}, bytes.Repeat([]byte{7}, 500)...)}); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, "an alarm", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.alarms) > 0 })
	wait(t, "all were dropped", func() bool { return s.sfu.Dropped[tripwire.Plain].Load() == 50 })
	if n := s.got(1) - before; n != 0 {
		t.Errorf("%d packets of plaintext arrived", n)
	}
	if al := s.alarms[0]; al.Peer != "a" || al.Why != tripwire.Plain {
		t.Errorf("alarm %+v", al)
	}
	s.wires["a"].Turn(time.Now().Add(-tripwire.Slow), testTag, -1, 1, true) // out of the group: not even right frames pass
	drops := s.sfu.Dropped[tripwire.NoLeaf].Load()
	a.sendAudio(60)
	wait(t, "no leaf", func() bool { return s.sfu.Dropped[tripwire.NoLeaf].Load() > drops })
	if n := s.got(1) - before; n != 0 {
		t.Errorf("%d packets of somebody outside the group arrived", n)
	}
}

// writer is where a slot writes in tests.
type writer struct {
	seqs []uint16
	ts   []uint32
	pics []uint16
	pads []uint8
	keep bool
}

func (w *writer) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	if w.keep {
		w.seqs, w.ts = append(w.seqs, h.SequenceNumber), append(w.ts, h.Timestamp)
		w.pads = append(w.pads, h.PaddingSize)
		if p, err := codec.Parse(codec.VP8, payload); err == nil && len(payload) > 0 {
			n, _ := p.IDs(payload)
			w.pics = append(w.pics, n)
		}
	}
	return len(payload), nil
}
func (w *writer) Write(b []byte) (int, error) { return len(b), nil }

// bench is a track with two layers, and slots that get it.
func bench(t testing.TB, slots int) (*Track, []*layer, []*slot, []*writer) {
	s, room, err := newTestRoom(t.Output(), Events{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { room.Close(); s.Close() })
	p := room.Peer("a", &tripwire.Sender{})
	p.wire.Off()
	tr := &Track{id: "t", source: "camera", peer: p, codec: codec.VP8}
	var ls []*layer
	for i := range 2 {
		l := &layer{track: tr, index: i, ssrc: uint32(i), wire: p.wire.NewTrack(uint32(i), codec.VP8)}
		l.cache.init(true)
		l.last.Store(time.Now().UnixNano())
		ls = append(ls, l)
	}
	tr.layers = ls
	var ss []*slot
	var ws []*writer
	for range slots {
		x, w := newSlot(room.Peer("b", nil), true, "1"), &writer{keep: true}
		x.writer, x.pts = w, [5]uint8{codec.VP8: 96}
		x.give(tr)
		ss, ws = append(ss, x), append(ws, w)
	}
	return tr, ls, ss, ws
}

// vp8 is a packet of its own frame.
func vp8(seq uint16, ts uint32, pic uint16, key bool) *packet {
	b := []byte{0x90, 0x80, 0x80 | byte(pic>>8), byte(pic), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	if key {
		b[4] = 0
	}
	d, err := codec.Parse(codec.VP8, b)
	if err != nil {
		panic(err)
	}
	return &packet{seq: seq, ts: ts, marker: true, desc: d, payload: b, at: time.Now()}
}

// TestLayers: what a slot sends is one stream, whichever layer it carries: numbers and picture ids go on, a switch waits for
// a key frame, and what was of before the switch does not come after it.
func TestLayers(t *testing.T) {
	_, ls, ss, ws := bench(t, 1)
	s, w := ss[0], ws[0]
	s.aim(0, time.Now())
	ls[0].pass(vp8(99, 1000, 49, false)) // nothing begins with a delta
	for i := range uint16(4) {
		ls[0].pass(vp8(100+i, 1000+3000*uint32(i), 50+i, i == 0))
	}
	s.aim(1, time.Now())
	ls[1].pass(vp8(7000, 555, 900, false))
	ls[0].pass(vp8(104, 13000, 54, false)) // goes on until the key frame
	ls[1].pass(vp8(7001, 3555, 901, true))
	ls[0].pass(vp8(105, 16000, 55, false))
	ls[1].pass(vp8(7000, 555, 900, false)) // late
	ls[1].pass(vp8(7002, 6555, 902, false))
	if want := []uint16{100, 101, 102, 103, 104, 105, 106}; !slices.Equal(w.seqs, want) {
		t.Errorf("sequence %v, want %v", w.seqs, want)
	}
	if want := []uint16{50, 51, 52, 53, 54, 55, 56}; !slices.Equal(w.pics, want) {
		t.Errorf("pictures %v, want %v", w.pics, want)
	}
	for i := 1; i < len(w.ts); i++ {
		if d := int32(w.ts[i] - w.ts[i-1]); d <= 0 || d > 90000 {
			t.Errorf("time %v goes from %d to %d", i, w.ts[i-1], w.ts[i])
		}
	}
	s.repeat([]rtcp.NackPair{{PacketID: 105, LostPackets: 1}}) // after the switch
	s.repeat([]rtcp.NackPair{{PacketID: 104}})                 // of before: not in this layer
	if want := []uint16{105, 106}; !slices.Equal(w.seqs[7:], want) || !slices.Equal(w.pics[7:], []uint16{55, 56}) {
		t.Errorf("again %v %v, want %v", w.seqs[7:], w.pics[7:], want)
	}
	s.aim(-1, time.Now())
	ls[1].pass(vp8(7003, 9555, 903, true))
	if len(w.seqs) != 9 {
		t.Error("paused, and it still sends")
	}
}

// TestLong: a slot that carries one layer for hours carries all of it, though sequence numbers go round, and what comes late, too.
func TestLong(t *testing.T) {
	_, ls, _, ws := bench(t, 1)
	const n = 300_000
	for i := range uint32(n) {
		seq := uint16(i)
		if i%1000 == 998 { // two change places
			seq++
		} else if i%1000 == 999 {
			seq--
		}
		ls[1].pass(vp8(seq, 3000*i, seq, i == 0))
	}
	if len(ws[0].seqs) != n {
		t.Errorf("%d of %d packets were passed on", len(ws[0].seqs), n)
	}
}

// TestForwardingAllocatesNothing: in a steady state, our code allocates nothing for a packet to twelve people.
func TestForwardingAllocatesNothing(t *testing.T) {
	tr, ls, _, ws := bench(t, 12)
	for _, w := range ws {
		w.keep = false
	}
	l := ls[tr.top()]
	packets := make([]*packet, 512)
	for i := range packets {
		packets[i] = vp8(uint16(i), uint32(i)*3000, uint16(i), i == 0)
	}
	for _, p := range packets {
		l.handle(p)
	}
	n := 0
	allocs := testing.AllocsPerRun(400, func() {
		p := packets[n%len(packets)]
		p.seq = uint16(512 + n)
		p.ts += 512 * 3000
		n++
		l.handle(p)
	})
	t.Logf("measured: %.2f allocations of ours for a packet that goes to 12", allocs)
	if allocs != 0 {
		t.Errorf("%v allocations for a packet", allocs)
	}
}

func TestRank(t *testing.T) {
	const loud, quiet = heardFrom + 20<<8, heardFrom - 1
	for _, tt := range []struct {
		name string
		was  []string
		loud map[string]uint32
		want []string
	}{
		{"nobody speaks", nil, map[string]uint32{"a": quiet, "b": 0}, nil},
		{"the first to speak", nil, map[string]uint32{"a": quiet, "b": loud}, []string{"b"}},
		{"another, louder", []string{"b"}, map[string]uint32{"a": loud + 4<<8, "b": loud}, []string{"a", "b"}},
		{"hardly louder", []string{"b", "a"}, map[string]uint32{"a": loud + 1<<8, "b": loud}, []string{"b", "a"}},
		{"after the first fell silent", []string{"b", "a"}, map[string]uint32{"a": loud, "b": quiet}, []string{"a", "b"}},
		{"gone", []string{"b", "a"}, map[string]uint32{"a": quiet}, []string{"a"}},
	} {
		if got := rank(tt.was, tt.loud); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAllot(t *testing.T) {
	camera := func(rates ...float64) want { return want{track: &Track{source: "camera"}, rates: rates} }
	screen := want{track: &Track{source: "screen"}, rates: []float64{800}}
	low := camera(100, 300, 900)
	low.low = true
	for _, tt := range []struct {
		name   string
		wants  []want
		lastN  int
		budget float64
		want   []int
	}{
		{"enough for all", []want{camera(100, 300, 900), camera(100, 300, 900)}, 9, 1e9, []int{2, 2}},
		{"the first gets more", []want{camera(100, 300, 900), camera(100, 300, 900)}, 9, 1200, []int{2, 1}},
		{"small ones for everybody come first", []want{camera(100, 300, 900), camera(100, 300, 900), camera(100)}, 9, 350, []int{0, 0, 0}},
		{"last-N", []want{camera(100), camera(100), camera(100)}, 2, 1e9, []int{0, 0, -1}},
		{"a screen is no camera", []want{screen, camera(100), camera(100)}, 1, 1e9, []int{0, 0, -1}},
		{"too little for anything", []want{camera(500), camera(500)}, 9, 100, []int{-1, -1}},
		{"too little for the first, enough for the second", []want{camera(500), camera(80)}, 9, 100, []int{-1, 0}},
		{"wanted small", []want{low}, 9, 1e9, []int{0}},
		{"nothing came yet", []want{camera()}, 9, 1e9, []int{0}},
		{"lower layers have stopped", []want{camera(0, 300, 900)}, 9, 500, []int{1}},
	} {
		if got := allot(tt.wants, tt.lastN, tt.budget); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRestingLines(t *testing.T) {
	const offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=inactive\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=inactive\r\na=mid:1\r\n"
	got := direct(offer, map[string]bool{"1": true}, "inactive", "recvonly")
	if ls, err := parseLines([]byte(got)); err != nil || !ls[0].inactive || !ls[1].recvonly || ls[1].inactive {
		t.Errorf("%+v, %v", ls, err)
	}
	if direct(got, map[string]bool{"1": true}, "recvonly", "inactive") != offer {
		t.Error("there and back is something else")
	}
}

func FuzzOffer(f *testing.F) {
	f.Add([]byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ls, err := parseLines(b)
		if err != nil {
			return
		}
		for _, l := range ls {
			if l.mid == "" {
				t.Fatalf("%q: no mid", b)
			}
		}
		direct(string(b), map[string]bool{ls[0].mid: true}, "inactive", "recvonly")
	})
}
