//go:build linux && cgo

package capture

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"subrosa/drivers/internal/eightbit"
	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/sdrtest"
)

// fake is a Device whose Run is a function.
type fake struct {
	run    func(f *fake, r *Ring) error
	tune   error
	close  error
	stop   chan struct{}
	once   sync.Once
	closed bool
}

func (f *fake) Run(r *Ring) error  { return f.run(f, r) }
func (f *fake) Stop()              { f.once.Do(func() { close(f.stop) }) }
func (f *fake) Tune(float64) error { return f.tune }
func (f *fake) Close() error       { f.closed = true; return f.close }

const blockBytes = 1024

var config = Config{Name: "fake", Format: sdr.Format{Rate: 1_000_000, Centre: 100e6}, Lo: 24e6, Hi: 1766e6,
	Block: blockBytes, Blocks: 8, Settle: 100, Decode: eightbit.Signed}

func open(tb testing.TB, c Config, run func(f *fake, r *Ring) error) (*Stream, *fake) {
	tb.Helper()
	f := &fake{run: run, stop: make(chan struct{})}
	s, err := NewStream(f, c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s, f
}

// codes are n samples that can be told apart for a while, and what they decode to.
func codes(n int) (b []byte, x []complex64) {
	b = make([]byte, 2*n)
	for i := range n {
		b[2*i], b[2*i+1] = byte(i), byte(i>>8)
	}
	x = make([]complex64, n)
	eightbit.Signed(x, b)
	return b, x
}

// feed puts b in blocks of size bytes, the time passing as it should, and waits where the ring would be full.
func feed(f *fake, r *Ring, b []byte, size int) {
	start := now()
	for sent := 0; sent < len(b); {
		k := min(size, len(b)-sent)
		for r.used() > config.Blocks-(size+blockBytes-1)/blockBytes {
			select {
			case <-f.stop:
				return
			case <-time.After(50 * time.Microsecond):
			}
		}
		r.put(b[sent:sent+k], start+int64(sent+k)*500)
		sent += k
	}
}

func TestConforms(t *testing.T) {
	b, x := codes(20_000)
	unplugged := errors.New("unplugged")
	for _, size := range []int{512, blockBytes, 3*blockBytes - 2, 4096} { // as blocks of the ring, and larger
		sdrtest.Run(t, func(tb testing.TB) sdr.Source {
			s, _ := open(tb, config, func(f *fake, r *Ring) error {
				feed(f, r, b, size)
				return unplugged
			})
			return s
		}, sdrtest.Want{Format: config.Format, Samples: x, End: unplugged})
	}
}

func TestLiveConforms(t *testing.T) {
	b, _ := codes(10_000)
	sdrtest.Run(t, func(tb testing.TB) sdr.Source {
		s, _ := open(tb, config, func(f *fake, r *Ring) error {
			for {
				select {
				case <-f.stop:
					return nil
				default:
					feed(f, r, b, blockBytes)
				}
			}
		})
		return s
	}, sdrtest.Want{Format: config.Format, Live: true})
}

// TestNothingBeforeRead: the receiver samples nothing while the process still has its rights.
func TestNothingBeforeRead(t *testing.T) {
	ran := false
	s, f := open(t, config, func(*fake, *Ring) error { ran = true; return nil })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if ran || !f.closed {
		t.Errorf("ran %v, closed %v; want false, true", ran, f.closed)
	}
}

// TestConsumerTooSlow: what does not fit is a gap of just its size.
func TestConsumerTooSlow(t *testing.T) {
	b, x := codes(16 * blockBytes / 2)
	full := make(chan struct{})
	s, _ := open(t, config, func(f *fake, r *Ring) error {
		start := now()
		put := func(i int) { r.put(b[i*blockBytes:(i+1)*blockBytes], start+int64(i+1)*blockBytes*500) }
		for i := range 12 { // the ring holds 8
			put(i)
		}
		close(full)
		for r.used() == config.Blocks {
			<-time.After(50 * time.Microsecond)
		}
		put(12)
		return nil
	})
	dst := make([]complex64, blockBytes/2)
	if _, n, err := s.Read(dst[:1]); n != 1 || err != nil { // starts it, and holds the first block
		t.Fatal(n, err)
	}
	<-full
	var got []complex64
	var at int64
	var n int
	var err error
	for next := int64(1); err == nil; {
		if at, n, err = s.Read(dst); n > 0 {
			if gap := at - next; gap != 0 {
				if gap != 4*blockBytes/2 || next != 8*blockBytes/2 {
					t.Errorf("gap of %d after %d, want %d after %d", gap, next, 4*blockBytes/2, 8*blockBytes/2)
				}
				got = append(got, x[next:at]...)
			}
			got = append(got, dst[:n]...)
			next = at + int64(n)
		}
	}
	if want := x[1 : 13*blockBytes/2]; !equal(got, want) {
		t.Errorf("got %d samples, want these %d", len(got), len(want))
	}
	if !errors.Is(err, ErrGone) {
		t.Errorf("ended with %v, want %v", err, ErrGone)
	}
}

func equal(a, b []complex64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestHalfSample: a cut packet costs one sample and does not swap I and Q from there on.
func TestHalfSample(t *testing.T) {
	b, x := codes(30)
	s, _ := open(t, config, func(f *fake, r *Ring) error {
		start := now()
		r.put(b[:21], start+10_000)
		r.put(b[22:40], start+20_000)
		r.put(b[40:41], start+20_500)
		r.put(nil, start+20_500)
		r.put(b[42:], start+30_000)
		return nil
	})
	dst := make([]complex64, 100)
	for _, want := range []struct{ at, n int64 }{{0, 10}, {11, 9}, {21, 9}} {
		at, n, err := s.Read(dst)
		if at != want.at || int64(n) != want.n || err != nil || !equal(dst[:n], x[at:at+int64(n)]) {
			t.Errorf("got %d samples from %d, %v, want %d from %d", n, at, err, want.n, want.at)
		}
	}
}

// TestLostUnreported: samples that never reached the callback show as a gap half a second later.
func TestLostUnreported(t *testing.T) {
	const gone = 50_000
	b, _ := codes(blockBytes / 2)
	s, _ := open(t, config, func(f *fake, r *Ring) error {
		start := now()
		for i := range 3000 {
			at := start + int64(i+1)*blockBytes*500
			if i >= 500 {
				at += gone * 1000
			}
			for r.used() == config.Blocks {
				select {
				case <-f.stop:
					return nil
				case <-time.After(20 * time.Microsecond):
				}
			}
			r.put(b, at)
		}
		return nil
	})
	dst := make([]complex64, 4096)
	var next, lost int64
	for {
		at, n, err := s.Read(dst)
		if err != nil {
			break
		}
		lost += at - next
		next = at + int64(n)
	}
	if lost < gone-500 || lost > gone+500 {
		t.Errorf("got %d samples missing, want %d", lost, gone)
	}
}

func TestRetune(t *testing.T) {
	type step struct {
		b  byte
		at int64 // ns after the retune; before it if negative
	}
	next := make(chan step)
	var start int64
	s, f := open(t, config, func(f *fake, r *Ring) error {
		for {
			select {
			case <-f.stop:
				return nil
			case st := <-next:
				for r.used() == config.Blocks {
					<-time.After(50 * time.Microsecond)
				}
				r.put(bytes.Repeat([]byte{st.b}, blockBytes), start+st.at)
			}
		}
	})
	f.tune = nil
	dst := make([]complex64, 10)
	const per = blockBytes / 2 * 1000 // ns a block takes
	start = now() - 100*per
	go func() {
		for i := range int64(6) {
			next <- step{1, i * per}
		}
	}()
	if _, _, err := s.Read(dst); err != nil {
		t.Fatal(err)
	}
	for s.ring.used() < 6 {
		<-time.After(50 * time.Microsecond)
	}
	if err := s.Retune(433.92e6); err != nil {
		t.Fatal(err)
	}
	if f := s.Format(); f.Centre != 433.92e6 || f.Rate != config.Format.Rate {
		t.Errorf("format %+v", f)
	}
	// The retune was about 100 blocks after the first one. One that comes later but was captured before is
	// discarded, too: the host was late.
	tuned := (s.tuned.Load() - start) / per
	go func() {
		for i := int64(6); i < tuned+10; i++ {
			at, value := max(i, tuned+1)*per, byte(2)
			if i <= tuned {
				value = 1
			}
			next <- step{value, at}
		}
	}()
	at, n, err := s.Read(dst)
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	for _, v := range dst[:n] {
		if v != complex(2.0/128, 2.0/128) {
			t.Fatalf("got %v, a sample from before", v)
		}
	}
	if want := tuned * blockBytes / 2; at < want || at > want+3*blockBytes {
		t.Errorf("index %d after the retune, want about %d: it goes on in time", at, want+int64(config.Settle))
	}
}

// TestRetuneDropsWhatHadArrived: what lies in the ring is from before, even if it came earlier than the clock explains.
func TestRetuneDropsWhatHadArrived(t *testing.T) {
	tuned := make(chan struct{})
	s, _ := open(t, config, func(f *fake, r *Ring) error {
		at := now()
		for range 6 {
			r.put(bytes.Repeat([]byte{1}, blockBytes), at)
		}
		<-tuned
		at = now()
		r.put(bytes.Repeat([]byte{2}, blockBytes), at+1e6)
		return nil
	})
	dst := make([]complex64, blockBytes)
	if _, _, err := s.Read(dst[:1]); err != nil {
		t.Fatal(err)
	}
	for s.ring.used() < 6 {
		<-time.After(50 * time.Microsecond)
	}
	if err := s.Retune(100e6); err != nil {
		t.Fatal(err)
	}
	close(tuned)
	for {
		_, n, err := s.Read(dst)
		for _, v := range dst[:n] {
			if v != complex(2.0/128, 2.0/128) {
				t.Fatalf("got %v, a sample from before", v)
			}
		}
		if err != nil {
			break
		}
	}
}

func TestRetuneFails(t *testing.T) {
	s, f := open(t, config, func(f *fake, r *Ring) error {
		r.put(make([]byte, 100), now())
		<-f.stop
		return nil
	})
	for _, hz := range []float64{23e6, 1767e6, -1, 0} {
		if err := s.Retune(hz); err == nil || !strings.Contains(err.Error(), "fake") {
			t.Errorf("%g Hz: got %v, want an error that names the receiver", hz, err)
		}
	}
	if _, n, err := s.Read(make([]complex64, 8)); n != 8 || err != nil {
		t.Errorf("after a frequency out of range: %d, %v", n, err)
	}
	f.tune = errors.New("no lock")
	if err := s.Retune(200e6); !errors.Is(err, f.tune) {
		t.Errorf("got %v, want %v", err, f.tune)
	}
	for range 2 {
		if _, n, err := s.Read(make([]complex64, 8)); n != 0 || !errors.Is(err, f.tune) {
			t.Errorf("got %d, %v: nobody knows where these samples are from", n, err)
		}
	}
}

func TestStall(t *testing.T) {
	c := config
	c.Stall = 20 * time.Millisecond
	s, _ := open(t, c, func(f *fake, r *Ring) error { <-f.stop; return nil })
	if _, n, err := s.Read(make([]complex64, 8)); n != 0 || !errors.Is(err, ErrStalled) {
		t.Errorf("got %d, %v, want %v", n, err, ErrStalled)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// TestLibraryHangs: Close comes back all the same, and leaves the memory to the library.
func TestLibraryHangs(t *testing.T) {
	c := config
	c.Patience = 50 * time.Millisecond
	release := make(chan struct{})
	done := make(chan struct{})
	s, _ := open(t, c, func(f *fake, r *Ring) error {
		defer close(done)
		r.put(make([]byte, 100), now())
		<-release
		r.put(make([]byte, 100), now())
		return nil
	})
	if _, _, err := s.Read(make([]complex64, 8)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); !errors.Is(err, ErrHangs) {
			t.Errorf("Close: got %v, want %v", err, ErrHangs)
		}
	}
	if _, _, err := s.Read(make([]complex64, 8)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read after Close: got %v, want %v", err, os.ErrClosed)
	}
	close(release)
	<-done
}

func TestCloseErrors(t *testing.T) {
	broken := errors.New("broken")
	s, f := open(t, config, func(f *fake, r *Ring) error { <-f.stop; return nil })
	f.close = broken
	if err := s.Close(); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	s, f = open(t, config, func(f *fake, r *Ring) error { return broken })
	f.close = broken
	if _, _, err := s.Read(make([]complex64, 8)); !errors.Is(err, ErrGone) || !errors.Is(err, broken) {
		t.Errorf("unplugged: got %v, want %v and %v", err, ErrGone, broken)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close after an unplugging: %v", err)
	}
	if _, err := NewStream(&fake{}, Config{Name: "vast", Block: 1 << 40, Blocks: 1 << 20}); err == nil || !strings.Contains(err.Error(), "vast") {
		t.Errorf("a ring of 2^60 bytes: got %v", err)
	}
}

// TestRingUnderLoad: writer and reader at full speed, every sample once and in order, losses counted.
func TestRingUnderLoad(t *testing.T) {
	const blocks = 20_000
	r, err := newRing(64, 16)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 150) // three places
		for i := range blocks {
			for j := range b {
				b[j] = byte(i + j/64)
			}
			r.put(b, int64(i))
		}
		r.end()
	}()
	var samples, lost int64
	var want byte
	for {
		b, st := r.take(int64(time.Second))
		if st != taken {
			if st != ended {
				t.Fatalf("state %d", st)
			}
			break
		}
		if b.lost%75 != 0 || b.lost > 0 && b.rest != 86 {
			t.Fatalf("lost %d, rest %d", b.lost, b.rest)
		}
		if b.rest == 86 {
			want = byte(b.at)
		} else {
			want++
		}
		for _, v := range b.bytes {
			if v != want {
				t.Fatalf("got %d, want %d", v, want)
			}
		}
		samples += int64(len(b.bytes) / 2)
		lost += b.lost
		r.release()
	}
	if got := samples + lost; got > blocks*75 || samples == 0 {
		t.Errorf("%d samples and %d lost, of %d", samples, lost, blocks*75)
	}
	r.free()
}

func BenchmarkRead(b *testing.B) {
	codes, _ := codes(64 * 8192)
	c := config
	c.Block, c.Blocks = 16384, 64
	s, _ := open(b, c, func(f *fake, r *Ring) error {
		at := now()
		for {
			select {
			case <-f.stop:
				return nil
			default:
				if r.used() < c.Blocks {
					at += 8192 * 1000
					r.put(codes[:16384], at)
				}
			}
		}
	})
	dst := make([]complex64, 8192)
	b.ReportAllocs()
	b.SetBytes(2 * 8192)
	for b.Loop() {
		for n := 0; n < len(dst); {
			_, k, err := s.Read(dst[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += k
		}
	}
}
