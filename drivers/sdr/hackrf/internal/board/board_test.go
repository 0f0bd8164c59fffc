//go:build linux && cgo

package board

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/drivers/internal/eightbit"
	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/hackrf/internal/hackrftest"
	"subrosa/drivers/sdr/hackrf/internal/setting"
	"subrosa/drivers/sdr/internal/capture"
	"subrosa/drivers/sdr/sdrtest"
)

var (
	config = setting.Config{Rate: 10e6, Centre: 2.44e9, LNADB: 16, VGADB: 24}
	format = sdr.Format{Rate: 10e6, Centre: 2.44e9}
)

func receivers(stream func(*hackrftest.Stream)) *hackrftest.Library {
	return &hackrftest.Library{Serials: []string{"0000000000000000457863c8234e925f", "0000000000000000457863c8234e9261"}, Stream: stream}
}

// sent delivers b as the library does; the receiver is then pulled out.
func sent(b []byte) func(*hackrftest.Stream) {
	return func(s *hackrftest.Stream) {
		for c := range slices.Chunk(b, transferBytes) {
			if !s.Deliver(c) {
				return
			}
		}
	}
}

// endless delivers until it is stopped.
func endless(s *hackrftest.Stream) {
	b := bytes.Repeat([]byte{1, 255}, 4096)
	for {
		select {
		case <-s.Stopped:
			return
		case <-time.After(100 * time.Microsecond):
			s.Deliver(b)
		}
	}
}

func open(tb testing.TB, c setting.Config) *capture.Stream {
	tb.Helper()
	s, err := Open(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func codes(n int) (b []byte, x []complex64) {
	b = make([]byte, 2*n)
	for i := range n {
		b[2*i], b[2*i+1] = byte(i), byte(i>>8)
	}
	x = make([]complex64, n)
	eightbit.Signed(x, b)
	return b, x
}

func TestConforms(t *testing.T) {
	b, x := codes(300_000) // more than two transfers
	receivers(sent(b)).Install(t)
	sdrtest.Run(t, func(tb testing.TB) sdr.Source { return open(tb, config) },
		sdrtest.Want{Format: format, Samples: x, End: capture.ErrGone})
}

func TestLiveConforms(t *testing.T) {
	receivers(endless).Install(t)
	sdrtest.Run(t, func(tb testing.TB) sdr.Source { return open(tb, config) }, sdrtest.Want{Format: format, Live: true})
}

// TestSetUp: supply and amplifier are off before anything else, and nothing is sampled before the first Read.
func TestSetUp(t *testing.T) {
	l := receivers(endless)
	l.Install(t)
	c := config
	c.Serial, c.PPM = "9261", 20
	s := open(t, c)
	want := []string{"init(0)", "open(1)", "set_antenna_enable(0)", "set_amp_enable(0)", "set_sample_rate(9999800)",
		"set_baseband_filter_bandwidth(7000000)", "set_lna_gain(16)", "set_vga_gain(24)", "set_freq(2439951201)"}
	if got := l.Calls(); !slices.Equal(got, want) {
		t.Errorf("opening: calls %q, want %q", got, want)
	}
	if _, _, err := s.Read(make([]complex64, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := l.Calls()[len(want):]; !slices.Equal(got, []string{"start_rx(0)", "stop_rx(0)", "close(0)"}) {
		t.Errorf("reading and closing: calls %q", got)
	}
}

func TestAbsent(t *testing.T) {
	for _, tt := range []struct {
		name    string
		serials []string
		serial  string
		want    string
	}{
		{"none", nil, "", "no receiver is plugged in"},
		{"none, by serial number", nil, "x", "no receiver is plugged in"},
		{"serial", []string{"a", "b"}, "c", `"c"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := receivers(endless)
			l.Serials = tt.serials
			l.Install(t)
			c := config
			c.Serial = tt.serial
			if _, err := Open(c); !errors.Is(err, sdr.ErrAbsent) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %v with %q", err, sdr.ErrAbsent, tt.want)
			}
		})
	}
}

// TestBroken has each call of opening fail: the error says which, is not ErrAbsent, and nothing is left open.
func TestBroken(t *testing.T) {
	fails := func(name string, code int) func(*hackrftest.Library, *setting.Config) {
		return func(l *hackrftest.Library, _ *setting.Config) {
			l.Fail = map[string]hackrftest.Fault{name: {Code: code}}
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*hackrftest.Library, *setting.Config)
		want   string
	}{
		{"library", fails("init", hackrftest.USB), "starting the library"},
		{"list", func(l *hackrftest.Library, _ *setting.Config) { l.NoList = true }, "no memory"},
		{"in use", func(l *hackrftest.Library, _ *setting.Config) {
			l.Serials = []string{hackrftest.Unreadable}
			l.Fail = map[string]hackrftest.Fault{"open": {Code: hackrftest.USB}}
		}, "is there and cannot be opened"},
		{"in use, by serial number", func(l *hackrftest.Library, c *setting.Config) {
			l.Serials, c.Serial = []string{"a", hackrftest.Unreadable}, "b"
		}, "1 of 2 receivers are in use"},
		{"not only one", func(l *hackrftest.Library, c *setting.Config) {
			l.Serials, c.Serial = []string{"1a", "2a"}, "a"
		}, "two receivers"},
		{"antenna", fails("set_antenna_enable", hackrftest.USB), "antenna's supply"},
		{"amplifier", fails("set_amp_enable", hackrftest.USB), "amplifier"},
		{"rate", fails("set_sample_rate", hackrftest.USB), "10000000 samples/s"},
		{"filter", fails("set_baseband_filter_bandwidth", -2), "filter of 7000000 Hz"},
		{"first gain", fails("set_lna_gain", -2), "first gain of 16 dB"},
		{"second gain", fails("set_vga_gain", -2), "second gain of 24 dB"},
		{"centre", fails("set_freq", hackrftest.USB), "2440000000 Hz"},
		{"centre refused", func(_ *hackrftest.Library, c *setting.Config) { c.Centre = 7e9 }, "7e+09"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, c := receivers(endless), config
			tt.change(l, &c)
			l.Install(t)
			_, err := Open(c)
			if err == nil || errors.Is(err, sdr.ErrAbsent) || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "hackrf: ") {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// TestFirstThatCanBeRead is taken if nobody says which.
func TestFirstThatCanBeRead(t *testing.T) {
	l := receivers(endless)
	l.Serials = []string{hackrftest.Unreadable, "b", "c"}
	l.Install(t)
	open(t, config)
	if got := l.Calls()[1]; got != "open(1)" {
		t.Errorf("opened by %q", got)
	}
}

// TestTwoReceivers: closing one leaves the library to the other.
func TestTwoReceivers(t *testing.T) {
	receivers(endless).Install(t)
	c := config
	c.Serial = "925f"
	a := open(t, c)
	c.Serial = "9261"
	b := open(t, c)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// TestUnplugged: what had arrived is read, then the error says so, and closing is clean whatever the library answers.
func TestUnplugged(t *testing.T) {
	b, x := codes(9000)
	l := receivers(sent(b))
	l.Fail = map[string]hackrftest.Fault{"close": {Code: hackrftest.USB}}
	l.Install(t)
	s := open(t, config)
	dst := make([]complex64, 20_000)
	var n int
	var err error
	for err == nil {
		var k int
		_, k, err = s.Read(dst[n:])
		n += k
	}
	if n != len(x) || !errors.Is(err, capture.ErrGone) || !strings.Contains(err.Error(), "unplugging") {
		t.Errorf("got %d samples, %v, want %d and that it was unplugged", n, err, len(x))
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := s.Retune(500e6); !errors.Is(err, errClosed) {
		t.Errorf("retuning after Close: got %v, want %v", err, errClosed)
	}
}

func TestStartFails(t *testing.T) {
	l := receivers(endless)
	l.Fail = map[string]hackrftest.Fault{"start_rx": {Code: hackrftest.USB}}
	l.Install(t)
	_, _, err := open(t, config).Read(make([]complex64, 1))
	if !errors.Is(err, capture.ErrGone) || !strings.Contains(err.Error(), "starting") {
		t.Errorf("got %v", err)
	}
}

func TestStalled(t *testing.T) {
	receivers(func(s *hackrftest.Stream) {
		s.Deliver(make([]byte, 512))
		<-s.Stopped
	}).Install(t)
	c := config
	c.Stall = 500 * time.Millisecond
	s := open(t, c)
	dst := make([]complex64, 256)
	if _, n, err := s.Read(dst); n != 256 || err != nil {
		t.Fatal(n, err)
	}
	if _, n, err := s.Read(dst); n != 0 || !errors.Is(err, capture.ErrStalled) {
		t.Errorf("got %d, %v, want %v", n, err, capture.ErrStalled)
	}
}

func TestCloseEndsPendingRead(t *testing.T) {
	l := receivers(func(s *hackrftest.Stream) { <-s.Stopped })
	l.Install(t)
	s := open(t, config)
	ended := make(chan error)
	go func() {
		_, _, err := s.Read(make([]complex64, 1))
		ended <- err
	}()
	for !slices.Contains(l.Calls(), "start_rx(0)") {
		<-time.After(50 * time.Microsecond)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v, want %v", err, os.ErrClosed)
	}
}

func TestRetune(t *testing.T) {
	l := receivers(endless)
	l.Fail = map[string]hackrftest.Fault{"set_freq": {Call: 3, Code: hackrftest.USB}}
	l.Install(t)
	s := open(t, config)
	dst := make([]complex64, 1000)
	at, n, err := s.Read(dst)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Retune(5.8e9); err != nil {
		t.Fatal(err)
	}
	after, _, err := s.Read(dst)
	if err != nil || after-at-int64(n) < 50_000 || s.Format().Centre != 5.8e9 {
		t.Errorf("index %d after %d, %v, %+v; want a jump of at least 5 ms", after, at+int64(n), err, s.Format())
	}
	if err := s.Retune(0.5e6); err == nil {
		t.Error("tuned to 0.5 MHz")
	}
	if err := s.Retune(1e9); err == nil || !strings.Contains(err.Error(), "1000000000 Hz") {
		t.Errorf("got %v", err)
	}
	if _, n, err := s.Read(dst); n != 0 || err == nil {
		t.Errorf("got %d samples, %v: nobody knows where they are from", n, err)
	}
}

func BenchmarkRead(b *testing.B) {
	receivers(func(s *hackrftest.Stream) {
		block := bytes.Repeat([]byte{1, 255}, transferBytes/2)
		for {
			select {
			case <-s.Stopped:
				return
			default:
				s.Deliver(block)
			}
		}
	}).Install(b)
	s := open(b, config)
	dst := make([]complex64, 8192)
	b.ReportAllocs()
	b.SetBytes(2 * 8192)
	for b.Loop() {
		if _, _, err := s.Read(dst); err != nil {
			b.Fatal(err)
		}
	}
}
