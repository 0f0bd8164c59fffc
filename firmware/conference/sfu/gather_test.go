package sfu

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/firmware/conference/batch"
	"subrosa/firmware/conference/codec"
	"subrosa/firmware/conference/tripwire"
)

// picture is packets of one frame, of these sizes; the last has the marker.
func picture(seq uint16, ts uint32, sizes ...int) (ps []*packet) {
	for i, n := range sizes {
		p := vp8(seq+uint16(i), ts, seq, seq == 0)
		p.payload = append(p.payload, make([]byte, n-len(p.payload))...)
		p.marker = i == len(sizes)-1
		p.at = time.Now()
		ps = append(ps, p)
	}
	return ps
}

// quietLayer is a layer with one receiver, and no goroutine.
func quietLayer(t *testing.T, c codec.Codec, source string) (*layer, *slot, *writer) {
	udp, err := batch.Listen("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	r := &Room{sfu: &SFU{o: Options{UDP: udp}}, peers: map[string]*Peer{}, tracks: map[string]*Track{}}
	wire := &tripwire.Sender{}
	wire.Off()
	tr := &Track{id: "t", source: source, peer: r.Peer("a", wire), codec: c}
	l := &layer{track: tr, wire: wire.NewTrack(0, c)}
	l.cache.init(c != codec.Opus)
	l.last.Store(time.Now().UnixNano())
	tr.layers = []*layer{l}
	s, w := newSlot(r.Peer("b", nil), c != codec.Opus, "1"), &writer{keep: true}
	s.writer, s.pts = w, [5]uint8{codec.VP8: 96, codec.Opus: 111}
	s.give(tr)
	return l, s, w
}

// TestGather: a picture goes out with its last packet; what of it has come goes out after patience, or when the next begins, or
// when too much waits; sound goes at once. Nothing that waits goes to who was removed or of who was muted meanwhile.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, w := quietLayer(t, codec.VP8, "camera")
		expect := func(what string, n int) {
			t.Helper()
			synctest.Wait()
			s.mu.Lock() // a timer may write next
			defer s.mu.Unlock()
			if len(w.seqs) != n {
				t.Errorf("%s: %d packets went out, want %d", what, len(w.seqs), n)
			}
		}
		first := picture(0, 3000, 1000, 1000, 300)
		for i, p := range first {
			expect("before its last packet", 0)
			l.pass(p)
			clear(p.payload[20:]) // the buffer is used again
			if i == 0 {
				p.payload[4] = 1
			}
		}
		expect("a picture that is whole, at once", 3)

		second := picture(3, 6000, 1000, 1000, 300)
		l.pass(second[0])
		time.Sleep(patience / 2)
		l.pass(second[1])
		expect("waiting", 3)
		time.Sleep(patience/2 - 1)
		expect("almost too long", 3)
		time.Sleep(time.Nanosecond)
		expect("too long for the first", 5)
		l.pass(second[2])
		expect("the rest", 6)

		third := picture(6, 9000, 1000, 1000)
		l.pass(third[0])
		l.pass(picture(8, 12000, 200)[0])
		expect("the next one is whole", 8)
		l.pass(third[1])
		expect("late, but the last", 9)

		many := picture(9, 15000, slices.Repeat([]int{500}, mostGather+2)...)
		for _, p := range many[:mostGather] {
			l.pass(p)
		}
		expect("as many as may wait", 9+mostGather)

		l.pass(many[mostGather])
		l.track.muted.Store(true)
		time.Sleep(2 * patience)
		expect("muted meanwhile", 9+mostGather)
		l.track.muted.Store(false)
		l.pass(picture(40, 18000, 500, 500)[0])
		s.stop()
		time.Sleep(2 * patience)
		expect("removed meanwhile", 9+mostGather)
		if !slices.IsSorted(w.seqs[:6]) {
			t.Errorf("out of order: %v", w.seqs[:6])
		}
	})
}

// TestSoundGoesAtOnce: no packet of sound waits, marker or not.
func TestSoundGoesAtOnce(t *testing.T) {
	l, s, w := quietLayer(t, codec.Opus, "microphone")
	s.aim(0, time.Now())
	for i := range uint16(10) {
		l.pass(&packet{seq: i, ts: 960 * uint32(i), desc: codec.Packet{Start: true, Key: true}, payload: make([]byte, 80), at: time.Now()})
		if len(w.seqs) != int(i)+1 {
			t.Fatalf("%d of %d went out", len(w.seqs), i+1)
		}
	}
}

// TestEven: packets a few bytes apart are made one size; the last may be shorter; the rest stays as it is.
func TestEven(t *testing.T) {
	for _, tt := range []struct {
		sizes []int
		pads  []uint8
	}{
		{[]int{833, 834}, []uint8{1, 0}},
		{[]int{1100, 1100, 400}, []uint8{0, 0, 0}},
		{[]int{1098, 1100, 1099, 1100}, []uint8{2, 0, 1, 0}},
		{[]int{500, 1100, 1100}, []uint8{0, 0, 0}},
		{[]int{700}, []uint8{0}},
		{nil, nil},
	} {
		var ps []packet
		for _, n := range tt.sizes {
			ps = append(ps, packet{payload: make([]byte, n), pad: 9})
		}
		even(ps)
		for i, p := range ps {
			if p.pad != tt.pads[i] {
				t.Errorf("%v: packet %d is padded by %d, want %d", tt.sizes, i, p.pad, tt.pads[i])
			}
		}
	}
	l, _, w := quietLayer(t, codec.VP8, "camera")
	for _, p := range picture(0, 3000, 833, 834) {
		l.pass(p)
	}
	if want := []uint8{1, 0}; !slices.Equal(w.pads, want) {
		t.Errorf("padded by %v, want %v", w.pads, want)
	}
}
