package rtltcp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"subrosa/drivers/internal/eightbit"
	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/sdrtest"
)

const r820t = 5

var greeting = Header{r820t, 29}.append(nil)

// server answers as rtl_tcp does: it greets, sends what is in stream and keeps the commands it gets.
type server struct {
	net.Listener
	greeting []byte
	stream   func(w net.Conn) // what is sent; the connection then ends

	mu       sync.Mutex
	commands []command
}

type command struct {
	name byte
	arg  int32
}

func serve(tb testing.TB, greeting []byte, stream func(net.Conn)) *server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{Listener: l, greeting: greeting, stream: stream}
	var wg sync.WaitGroup
	tb.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.talk(c, &wg) })
		}
	})
	return s
}

func (s *server) talk(c net.Conn, wg *sync.WaitGroup) {
	if _, err := c.Write(s.greeting); err != nil {
		c.Close()
		return
	}
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		var b [commandSize]byte
		for {
			if _, err := io.ReadFull(c, b[:]); err != nil {
				return
			}
			s.mu.Lock()
			s.commands = append(s.commands, command{b[0], int32(binary.BigEndian.Uint32(b[1:]))})
			s.mu.Unlock()
		}
	})
	s.stream(c)
	c.(*net.TCPConn).CloseWrite()
	<-done // until the client ends, too: a reset would take away what is on its way
	c.Close()
}

// heard returns n commands once they have come.
func (s *server) heard(tb testing.TB, n int) []command {
	tb.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-time.After(time.Millisecond) {
		s.mu.Lock()
		got := slices.Clone(s.commands)
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
	}
	tb.Fatalf("fewer than %d commands came", n)
	return nil
}

func (s *server) config() Config {
	return Config{Address: s.Addr().String(), Rate: 250_000, Centre: 433.92e6, PPM: -7, GainTenthDB: 300, Settle: time.Millisecond, Stall: 10 * time.Second}
}

func open(tb testing.TB, c Config) *Source {
	tb.Helper()
	s, err := Open(context.Background(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// recorded returns what a file of n samples holds, from a file, and the samples after the first skip.
func recorded(tb testing.TB, n, skip int) (path string, x []complex64) {
	tb.Helper()
	b := make([]byte, 2*n)
	for i := range n {
		b[2*i], b[2*i+1] = byte(i), byte(i>>8)
	}
	path = filepath.Join(tb.TempDir(), "air.cu8")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	x = make([]complex64, n)
	eightbit.Unsigned(x, b)
	return path, x[skip:]
}

// from sends a file.
func from(path string) func(net.Conn) {
	return func(c net.Conn) {
		b, err := os.ReadFile(path)
		if err == nil {
			c.Write(b)
		}
	}
}

// endless sends until the client has gone.
func endless(c net.Conn) {
	b := bytes.Repeat([]byte{127, 128}, 4096)
	for {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

func TestConforms(t *testing.T) {
	const settle = 250 // 1 ms
	path, x := recorded(t, 50_000, settle)
	srv := serve(t, greeting, from(path))
	sdrtest.Run(t, func(tb testing.TB) sdr.Source { return open(tb, srv.config()) }, sdrtest.Want{
		Format: sdr.Format{Rate: 250_000, Centre: 433.92e6}, Samples: x, Gaps: map[int64]int64{0: settle}, End: io.ErrUnexpectedEOF,
	})
}

func TestLiveConforms(t *testing.T) {
	srv := serve(t, greeting, endless)
	sdrtest.Run(t, func(tb testing.TB) sdr.Source { return open(tb, srv.config()) },
		sdrtest.Want{Format: sdr.Format{Rate: 250_000, Centre: 433.92e6}, Live: true})
}

func TestCommands(t *testing.T) {
	srv := serve(t, greeting, endless)
	open(t, srv.config())
	want := []command{{setBiasTee, 0}, {setDirect, 0}, {setAGC, 0}, {setPPM, -7}, {setRate, 250_000}, {setCentre, 433_920_000}, {setManual, 1}, {setGain, 300}}
	if got := srv.heard(t, len(want)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	auto := serve(t, greeting, endless)
	c := auto.config()
	c.AutoGain = true
	open(t, c)
	if got := auto.heard(t, 7); got[6] != (command{setManual, 0}) {
		t.Errorf("automatic gain: %v", got)
	}
}

func TestRetune(t *testing.T) {
	srv := serve(t, greeting, endless)
	s := open(t, srv.config())
	x := make([]complex64, 100)
	at, n, err := s.Read(x)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Retune(868e6); err != nil {
		t.Fatal(err)
	}
	after, _, err := s.Read(x)
	if err != nil || after != at+int64(n)+250 || s.Format().Centre != 868e6 {
		t.Errorf("index %d after %d, %v, %+v; want 1 ms to be missing", after, at+int64(n), err, s.Format())
	}
	if got := srv.heard(t, 9); got[8] != (command{setCentre, 868_000_000}) {
		t.Errorf("got %v", got)
	}
	for _, hz := range []float64{1e6, 2e9, math.NaN()} {
		if err := s.Retune(hz); err == nil {
			t.Errorf("tuned to %g Hz", hz)
		}
	}
	s.Close()
	if err := s.Retune(868e6); err == nil {
		t.Error("tuned a closed connection")
	}
}

func TestOpenErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		greeting []byte
		change   func(*Config)
		want     string
	}{
		"other server":   {[]byte("HTTP/1.1 400"), nil, `"HTTP"`},
		"cut":            {greeting[:7], nil, "unexpected EOF"},
		"unknown tuner":  {Header{0, 0}.append(nil), nil, "unknown tuner 0"},
		"out of reach":   {greeting, func(c *Config) { c.Centre = 1.9e9 }, "1.9e+09"},
		"rate":           {greeting, func(c *Config) { c.Rate = 500_000 }, "500000"},
		"ppm":            {greeting, func(c *Config) { c.PPM = 1e6 }, "ppm"},
		"silent":         {nil, func(c *Config) { c.Stall = 500 * time.Millisecond }, ErrStalled.Error()},
		"negative stall": {greeting, func(c *Config) { c.Stall = -1 }, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			hold := make(chan struct{})
			defer close(hold)
			srv := serve(t, tt.greeting, func(net.Conn) {
				if name == "silent" {
					<-hold
				}
			})
			c := srv.config()
			if tt.change != nil {
				tt.change(&c)
			}
			_, err := Open(context.Background(), c)
			if err == nil || errors.Is(err, sdr.ErrAbsent) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	srv := serve(t, greeting, endless)
	c := srv.config()
	srv.Close()
	if _, err := Open(context.Background(), c); !errors.Is(err, sdr.ErrAbsent) {
		t.Errorf("got %v, want %v", err, sdr.ErrAbsent)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestCancelledGreeting: a server that never greets does not hold up the end of the program.
func TestCancelledGreeting(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	ctx, cancel := context.WithCancel(context.Background())
	srv := serve(t, nil, func(net.Conn) { cancel(); <-hold })
	if _, err := Open(ctx, srv.config()); err == nil {
		t.Error("opened")
	}
}

func TestStalled(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	srv := serve(t, greeting, func(c net.Conn) { c.Write(make([]byte, 2*350)); <-hold })
	c := srv.config()
	c.Stall = 500 * time.Millisecond
	s := open(t, c)
	var n int
	var err error
	for err == nil {
		var k int
		_, k, err = s.Read(make([]complex64, 1000))
		n += k
	}
	if n != 100 || !errors.Is(err, ErrStalled) {
		t.Errorf("got %d samples, %v, want 100 and %v", n, err, ErrStalled)
	}
}

// TestCutSample: a connection that ends inside a sample gives the whole ones before.
func TestCutSample(t *testing.T) {
	srv := serve(t, greeting, func(c net.Conn) { c.Write(make([]byte, 2*260+1)) })
	s := open(t, srv.config())
	var n int
	var err error
	for err == nil {
		var k int
		_, k, err = s.Read(make([]complex64, 1000))
		n += k
	}
	if n != 10 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %d samples, %v", n, err)
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(greeting)
	f.Add([]byte("RTL0"))
	f.Add([]byte("RTL0\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := ParseHeader(in)
		if err != nil {
			return
		}
		if again := h.append(nil); !bytes.Equal(again, in) {
			t.Errorf("%x was read as %+v, which is written %x", in, h, again)
		}
		if lo, hi := h.Tuner.Limits(); h.Gains < 0 || h.Gains > maxGains || h.Tuner.Known() != (hi > lo) {
			t.Errorf("%+v", h)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	srv := serve(b, greeting, endless)
	s := open(b, srv.config())
	x := make([]complex64, 8192)
	b.ReportAllocs()
	b.SetBytes(2 * 8192)
	for b.Loop() {
		for n := 0; n < len(x); {
			_, k, err := s.Read(x[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += k
		}
	}
}
