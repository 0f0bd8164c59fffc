package tripwire

import (
	"math/rand/v2"
	"testing"
	"time"

	"subrosa/firmware/conference/codec"
	"subrosa/firmware/conference/sframe"
)

const roomTag = 0xa1b2c3d4

// packet is one of a stream, as a browser would send it.
type packet struct {
	seq     uint16
	ts      uint32
	marker  bool
	payload []byte
}

// browser packetises sealed frames: VP8 with a two-byte picture id, VP9 non-flexible, Opus. The ciphertext is random.
type browser struct {
	rnd   *rand.Rand
	codec codec.Codec
	kid   sframe.KeyID
	ctr   *uint64
	seq   uint16
	ts    uint32
	pic   uint16
}

func (b *browser) frame(size int, plain bool) (out []packet) {
	key := b.rnd.IntN(50) == 0
	b.ts += 3000
	b.pic = (b.pic + 1) & 0x7fff
	var f []byte
	if b.codec == codec.VP8 {
		f = make([]byte, map[bool]int{true: 10, false: 1}[key])
		for i := range f {
			f[i] = byte(b.rnd.Uint32())
		}
		f[0] |= 1
		if key {
			f[0] &^= 1
		}
	}
	if !plain {
		f = sframe.Append(f, b.kid, *b.ctr)
		*b.ctr++
	}
	for range size + sframe.Tag {
		f = append(f, byte(b.rnd.Uint32()))
	}
	room := 1100
	if b.codec == codec.Opus {
		room = len(f)
	}
	for i := 0; i < len(f); i += room {
		part := f[i:min(len(f), i+room)]
		last := i+room >= len(f)
		var p []byte
		switch b.codec {
		case codec.VP8:
			p = []byte{0x80, 0x80, 0x80 | byte(b.pic>>8), byte(b.pic)}
			if i == 0 {
				p[0] |= 0x10
			}
		case codec.VP9:
			p = []byte{0x80, 0x80 | byte(b.pic>>8), byte(b.pic)}
			if !key {
				p[0] |= 0x40
			}
			if i == 0 {
				p[0] |= 0x08
			}
			if last {
				p[0] |= 0x04
			}
		}
		b.seq++
		out = append(out, packet{b.seq, b.ts, last, append(p, part...)})
	}
	return out
}

func (p packet) through(t *testing.T, tr *Track, now time.Time) Verdict {
	t.Helper()
	c, err := codec.Parse(tr.codec, p.payload)
	if err != nil {
		return Plain
	}
	return tr.Packet(now, p.seq, p.ts, p.marker, c, p.payload)
}

func call(seed uint64) (*Sender, *uint64, *rand.Rand, time.Time) {
	s := &Sender{}
	now := time.Unix(1e9, 0)
	s.Turn(now, roomTag, 5, 7, false)
	return s, new(uint64), rand.New(rand.NewPCG(seed, 1)), now
}

// good sends n frames of three streams through; every packet must pass.
func good(t *testing.T, n int) {
	s, ctr, rnd, now := call(1)
	var tracks []*Track
	var browsers []*browser
	for i, c := range []codec.Codec{codec.Opus, codec.VP8, codec.VP9} {
		tracks = append(tracks, s.NewTrack(uint32(i), c))
		browsers = append(browsers, &browser{rnd: rnd, codec: c, kid: sframe.MakeKeyID(roomTag, 5, 7), ctr: ctr, seq: uint16(rnd.Uint32()), ts: rnd.Uint32()})
	}
	epoch := uint64(7)
	packets := 0
	for i := range n {
		if i%10000 == 9999 { // a commit now and then; the counter begins anew
			epoch++
			s.Turn(now, roomTag, 5, epoch, i%20000 == 9999)
			*ctr = 0
			for _, b := range browsers {
				b.kid = sframe.MakeKeyID(roomTag, 5, epoch)
			}
		}
		now = now.Add(5 * time.Millisecond)
		k := i % 3
		size := 60 + rnd.IntN(40)
		if k > 0 {
			size = rnd.IntN(6000)
		}
		for _, p := range browsers[k].frame(size, false) {
			packets++
			if v := p.through(t, tracks[k], now); v != Pass {
				t.Fatalf("frame %d of %v: %v", i, tracks[k].codec, v)
			}
			if rnd.IntN(50) == 0 { // again, after a NACK
				if v := p.through(t, tracks[k], now); v != Pass {
					t.Fatalf("frame %d of %v, again: %v", i, tracks[k].codec, v)
				}
			}
		}
	}
	t.Logf("measured: %d good frames in %d packets, 0 dropped", n, packets)
}

func TestGoodFramesPass(t *testing.T) { good(t, 30000) }

func TestThreeMillionGoodFramesPass(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	good(t, 3_000_000)
}

// garbage sends n frames that are not what they must be: none may pass, not one packet of one.
func garbage(t *testing.T, n int) {
	s, ctr, rnd, now := call(2)
	whys := map[Verdict]int{}
	codecs := []codec.Codec{codec.Opus, codec.VP8, codec.VP9}
	// some honest frames first, so that there is something to replay
	honest := &browser{rnd: rnd, codec: codec.VP8, kid: sframe.MakeKeyID(roomTag, 5, 7), ctr: ctr}
	tr := s.NewTrack(1, codec.VP8)
	var old []packet
	for range 200 {
		for _, p := range honest.frame(2000, false) {
			if v := p.through(t, tr, now); v != Pass {
				t.Fatal(v)
			}
			old = append(old, p)
		}
	}
	passed := 0
	for i := range n {
		c := codecs[rnd.IntN(3)]
		b := &browser{rnd: rnd, codec: c, seq: uint16(rnd.Uint32()), ts: rnd.Uint32(), ctr: new(uint64)}
		*b.ctr = *ctr + uint64(rnd.IntN(100))
		track := s.NewTrack(uint32(10+i%7), c)
		plain := false
		switch i % 8 {
		case 0, 1, 2:
			plain = true // a transform that did not attach
		case 3:
			b.kid = sframe.MakeKeyID(rnd.Uint32()|1<<24, 5, 7)
		case 4:
			b.kid = sframe.MakeKeyID(roomTag, 6+rnd.IntN(60000), 7)
		case 5:
			b.kid = sframe.MakeKeyID(roomTag, 5, uint64(8+rnd.IntN(60000)))
		case 6:
			b.kid, *b.ctr = sframe.MakeKeyID(roomTag, 5, 7), *ctr+Ahead+window+rnd.Uint64()>>1
		case 7: // an honest frame in another stream, at another place
			p := old[rnd.IntN(len(old))]
			p.seq += uint16(1 + rnd.IntN(65535))
			p.ts += 1 + rnd.Uint32()>>1
			if v := p.through(t, s.NewTrack(99, codec.VP8), now); v == Pass || v == Empty {
				passed++
			} else {
				whys[v]++
			}
			continue
		}
		for _, p := range b.frame(rnd.IntN(3000), plain) {
			if v := p.through(t, track, now); v == Pass || v == Empty {
				passed++
			} else {
				whys[v]++
			}
		}
	}
	t.Logf("measured: %d frames of garbage, %d packets passed; why: %v", n, passed, whys)
	if passed > 0 {
		t.Errorf("%d packets passed", passed)
	}
}

func TestGarbageIsDropped(t *testing.T) { garbage(t, 20000) }

func TestMillionGarbageFramesAreDropped(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	garbage(t, 1_000_000)
}

func TestEpochs(t *testing.T) {
	s, ctr, rnd, now := call(3)
	tr := s.NewTrack(1, codec.Opus)
	b := &browser{rnd: rnd, codec: codec.Opus, kid: sframe.MakeKeyID(roomTag, 5, 7), ctr: ctr}
	send := func(want Verdict, after time.Duration) {
		t.Helper()
		if v := b.frame(80, false)[0].through(t, tr, now.Add(after)); v != want {
			t.Errorf("after %v: %v, want %v", after, v, want)
		}
	}
	send(Pass, 0)
	s.Turn(now, roomTag, 5, 8, false)
	send(Pass, Grace-1)
	send(Stale, Grace)
	send(Epoch, Slow)
	b.kid = sframe.MakeKeyID(roomTag, 5, 8)
	send(Pass, 0)
	s.Turn(now, roomTag, 5, 9, true) // somebody was removed: no grace
	send(Stale, 0)
	s.Turn(now, roomTag, 5, 10, false) // commits in a row: the device is two behind, and honest
	send(Stale, 0)
	send(Epoch, Slow)
	s.Turn(now, roomTag, -1, 9, true)
	send(Stale, 0)
	send(NoLeaf, Slow)
	s.Turn(now, 0xff000000, 5, 0, false) // a group made anew: the old one's frames have no grace
	send(Stale, 0)
	send(Tag, Slow)
	s.Off()
	if v := b.frame(80, true)[0].through(t, tr, now); v != Pass {
		t.Errorf("in the open: %v", v)
	}
}

func TestOrderWithinAFrame(t *testing.T) {
	s, ctr, rnd, now := call(4)
	tr := s.NewTrack(1, codec.VP8)
	b := &browser{rnd: rnd, codec: codec.VP8, kid: sframe.MakeKeyID(roomTag, 5, 7), ctr: ctr, seq: 65533}
	f := b.frame(5000, false)
	check := func(i int, want Verdict) {
		t.Helper()
		if v := f[i].through(t, tr, now); v != want {
			t.Errorf("packet %d: %v, want %v", i, v, want)
		}
	}
	check(1, Wait)
	check(0, Pass)
	check(1, Pass)
	check(len(f)-1, Pass)
	check(2, Pass)
	more := packet{f[len(f)-1].seq + 1, f[0].ts, false, f[1].payload}
	if v := more.through(t, tr, now); v != Plain {
		t.Errorf("behind the marker: %v", v)
	}
	if v := (packet{f[0].seq - 1, f[0].ts, false, f[1].payload}).through(t, tr, now); v != Wait {
		t.Errorf("before the first: %v", v)
	}
	if v := tr.Packet(now, 1, 1, false, codec.Packet{}, nil); v != Empty {
		t.Errorf("padding: %v", v)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	s, ctr, rnd, now := call(5)
	tr := s.NewTrack(1, codec.VP8)
	b := &browser{rnd: rnd, codec: codec.VP8, kid: sframe.MakeKeyID(roomTag, 5, 7), ctr: ctr}
	f := b.frame(2000, false)
	if n := testing.AllocsPerRun(100, func() {
		for _, p := range f {
			p.through(t, tr, now)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a frame", n)
	}
}

// FuzzPacket: whatever a payload is, a first packet that passes carries this sender's header.
func FuzzPacket(f *testing.F) {
	_, ctr, rnd, _ := call(6)
	for _, c := range []codec.Codec{codec.Opus, codec.VP8, codec.VP9} {
		b := &browser{rnd: rnd, codec: c, kid: sframe.MakeKeyID(roomTag, 5, 7), ctr: ctr}
		f.Add(uint8(c), b.frame(50, false)[0].payload)
		f.Add(uint8(c), b.frame(50, true)[0].payload)
	}
	f.Fuzz(func(t *testing.T, c uint8, payload []byte) {
		if c < 1 || c > 3 {
			return
		}
		s, _, _, now := call(7)
		p := packet{1, 1, true, payload}
		tr := s.NewTrack(1, codec.Codec(c))
		if p.through(t, tr, now) != Pass {
			return
		}
		got, _ := codec.Parse(codec.Codec(c), payload)
		h, err := sframe.Parse(payload[min(len(payload), got.Descriptor+got.Clear):])
		if err != nil || h.KID != sframe.MakeKeyID(roomTag, 5, 7) {
			t.Fatalf("%x passed", payload)
		}
	})
}
