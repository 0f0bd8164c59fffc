//go:build linux && cgo

package dongle

import (
	"bytes"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/drivers/internal/eightbit"
	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/internal/capture"
	"subrosa/drivers/sdr/internal/rtl"
	"subrosa/drivers/sdr/rtlsdr/internal/rtlsdrtest"
	"subrosa/drivers/sdr/sdrtest"
)

var (
	config = rtl.Config{Rate: 2_400_000, Centre: 433.92e6, GainTenthDB: 300, PPM: 12}
	format = sdr.Format{Rate: 2_400_000, Centre: 433.92e6}
)

const r820t = 5

// library has two receivers that send what stream says.
func library(stream func(*rtlsdrtest.Stream) int) *rtlsdrtest.Library {
	return &rtlsdrtest.Library{Serials: []string{"00000001", "rathaus"}, Gains: []int{0, 9, 297, 328, 496},
		Values: map[string]int{"tuner": r820t, "direct_sampling": 1}, Stream: stream}
}

// sent delivers b in blocks as the library does, and ends with code.
func sent(b []byte, code int) func(*rtlsdrtest.Stream) int {
	return func(s *rtlsdrtest.Stream) int {
		for c := range slices.Chunk(b, s.Length) {
			s.Deliver(c)
		}
		return code
	}
}

// endless delivers until it is cancelled.
func endless(s *rtlsdrtest.Stream) int {
	b := bytes.Repeat([]byte{127, 128}, s.Length/2)
	for {
		select {
		case <-s.Cancelled:
			return 0
		case <-time.After(100 * time.Microsecond):
			s.Deliver(b)
		}
	}
}

func open(tb testing.TB, c rtl.Config) *capture.Stream {
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
	eightbit.Unsigned(x, bytes.Clone(b))
	return b, x
}

func TestConforms(t *testing.T) {
	b, x := codes(100_000)
	library(sent(b, -4)).Install(t)
	sdrtest.Run(t, func(tb testing.TB) sdr.Source { return open(tb, config) },
		sdrtest.Want{Format: format, Samples: x, End: capture.ErrGone})
}

func TestLiveConforms(t *testing.T) {
	library(endless).Install(t)
	sdrtest.Run(t, func(tb testing.TB) sdr.Source { return open(tb, config) }, sdrtest.Want{Format: format, Live: true})
}

// TestSetUp: a receiver that somebody else has used is brought into a known state before it samples anything.
func TestSetUp(t *testing.T) {
	l := library(endless)
	l.Install(t)
	c := config
	c.Serial = "rathaus"
	s := open(t, c)
	want := []string{"open(1)", "set_bias_tee(0)", "set_direct_sampling(0)", "set_agc_mode(0)", "set_freq_correction(12)",
		"set_sample_rate(2400000)", "set_center_freq(433920000)", "set_tuner_gain_mode(1)", "get_tuner_gains(0)", "get_tuner_gains(0)", "set_tuner_gain(297)"}
	if got := l.Calls(); !slices.Equal(got, want) {
		t.Errorf("opening: calls %q, want %q", got, want)
	}
	if _, _, err := s.Read(make([]complex64, 1)); err != nil {
		t.Fatal(err)
	}
	if got := l.Calls()[len(want):]; !slices.Equal(got, []string{"reset_buffer(0)", "read_async(0)"}) {
		t.Errorf("first read: calls %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := l.Calls(); got[len(got)-1] != "close(0)" {
		t.Errorf("last call %q", got[len(got)-1])
	}
}

func TestAutoGain(t *testing.T) {
	l := library(endless)
	l.Install(t)
	c := config
	c.AutoGain = true
	open(t, c)
	if got := l.Calls(); got[len(got)-1] != "set_tuner_gain_mode(0)" {
		t.Errorf("calls %q", got)
	}
}

func TestAbsent(t *testing.T) {
	for _, tt := range []struct {
		name    string
		serials []string
		change  func(*rtl.Config)
		want    string
	}{
		{"none", nil, func(*rtl.Config) {}, "no receiver is plugged in"},
		{"none, by serial number", nil, func(c *rtl.Config) { c.Serial = "x" }, "no receiver is plugged in"},
		{"index", []string{"a"}, func(c *rtl.Config) { c.Index = 1 }, "no receiver 1, there are 1"},
		{"serial", []string{"a", "b"}, func(c *rtl.Config) { c.Serial = "c" }, `"c"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := library(endless)
			l.Serials = tt.serials
			l.Install(t)
			c := config
			tt.change(&c)
			if _, err := Open(c); !errors.Is(err, sdr.ErrAbsent) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %v with %q", err, sdr.ErrAbsent, tt.want)
			}
		})
	}
}

// TestBroken has each call of opening fail: the error says which, is not ErrAbsent, and the receiver is closed again.
func TestBroken(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*rtlsdrtest.Library, *rtl.Config)
		want   string
	}{
		{"in use", fails("open", -6), "in use"},
		{"no permission", fails("open", -3), "udev"},
		{"bias tee", fails("set_bias_tee", -1), "antenna's supply"},
		{"tuner", func(l *rtlsdrtest.Library, _ *rtl.Config) { l.Values["tuner"] = 0 }, "unknown tuner"},
		{"direct sampling", fails("set_direct_sampling", -1), "direct sampling"},
		{"agc", fails("set_agc_mode", -1), "digital gain control"},
		{"ppm", fails("set_freq_correction", -1), "12 ppm"},
		{"ppm read back", stuck("freq_correction", 0), "receiver says 0"},
		{"rate", fails("set_sample_rate", -22), "2400000 samples/s: librtlsdr: -22"},
		{"rate read back", stuck("sample_rate", 2_399_990), "receiver says 2399990"},
		{"centre", fails("set_center_freq", -9), "433920000 Hz"},
		{"centre read back", stuck("center_freq", 433_000_000), "receiver says 433000000"},
		{"gain mode", fails("set_tuner_gain_mode", -1), "gain mode"},
		{"gains", fails("get_tuner_gains", -1), "gains of the tuner"},
		{"gains, the second time", func(l *rtlsdrtest.Library, _ *rtl.Config) {
			l.Fail = map[string]rtlsdrtest.Fault{"get_tuner_gains": {Call: 2, Code: -1}}
		}, "5, then -1"},
		{"gain", fails("set_tuner_gain", -1), "gain of 297/10 dB"},
		{"gain read back", stuck("tuner_gain", 0), "receiver says 0/10"},
		{"below the tuner", func(_ *rtlsdrtest.Library, c *rtl.Config) { c.Centre = 10e6 }, "from 2.4e+07"},
		{"DECT", func(_ *rtlsdrtest.Library, c *rtl.Config) { c.Centre = 1890e6 }, "to 1.766e+09"},
		{"not a number", func(_ *rtlsdrtest.Library, c *rtl.Config) { c.Centre = math.NaN() }, "NaN"},
		{"rate refused", func(_ *rtlsdrtest.Library, c *rtl.Config) { c.Rate = 500_000 }, "500000"},
		{"ppm refused", func(_ *rtlsdrtest.Library, c *rtl.Config) { c.PPM = 5000 }, "5000"},
		{"index refused", func(_ *rtlsdrtest.Library, c *rtl.Config) { c.Index = -1 }, "-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, c := library(endless), config
			tt.change(l, &c)
			l.Install(t)
			_, err := Open(c)
			if err == nil || errors.Is(err, sdr.ErrAbsent) || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "rtlsdr: ") {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func fails(name string, code int) func(*rtlsdrtest.Library, *rtl.Config) {
	return func(l *rtlsdrtest.Library, _ *rtl.Config) { l.Fail = map[string]rtlsdrtest.Fault{name: {Code: code}} }
}

func stuck(name string, value int) func(*rtlsdrtest.Library, *rtl.Config) {
	return func(l *rtlsdrtest.Library, _ *rtl.Config) {
		l.Stuck = []string{name}
		l.Values[name] = value
	}
}

// TestUnplugged: what had arrived is read, then the error says so, and closing is clean whatever the library answers.
func TestUnplugged(t *testing.T) {
	b, x := codes(9000)
	for code, want := range map[int]string{0: "unplugged", -4: "no such device", -5: "librtlsdr: -5"} {
		l := library(sent(b, code))
		l.Fail = map[string]rtlsdrtest.Fault{"close": {Code: -1}}
		t.Run(want, func(t *testing.T) {
			l.Install(t)
			s := open(t, config)
			var n int
			var err error
			dst := make([]complex64, 20_000)
			for err == nil {
				var k int
				_, k, err = s.Read(dst[n:])
				n += k
			}
			if n != len(x) || !errors.Is(err, capture.ErrGone) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %d samples, %v, want %d and %q", n, err, len(x), want)
			}
			if err := s.Retune(500e6); err != nil {
				t.Errorf("retuning what the library still has: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if err := s.Retune(500e6); !errors.Is(err, errClosed) {
				t.Errorf("retuning after Close: got %v, want %v", err, errClosed)
			}
		})
	}
}

func TestStreamingFails(t *testing.T) {
	for name, want := range map[string]string{"reset_buffer": "emptying", "read_async": "input or output"} {
		t.Run(name, func(t *testing.T) {
			l := library(endless)
			l.Fail = map[string]rtlsdrtest.Fault{name: {Code: -1}}
			l.Install(t)
			_, _, err := open(t, config).Read(make([]complex64, 1))
			if !errors.Is(err, capture.ErrGone) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

// TestStalled: transfers that nobody submits again end in silence, not in an error of the library.
func TestStalled(t *testing.T) {
	library(func(s *rtlsdrtest.Stream) int {
		s.Deliver(make([]byte, 512))
		<-s.Cancelled
		return 0
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
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// TestCancelIsLost: the first cancel comes before the library has begun, and is forgotten.
func TestCancelIsLost(t *testing.T) {
	begin := make(chan struct{})
	l := library(nil)
	l.Deaf = begin
	l.Stream = func(s *rtlsdrtest.Stream) int {
		<-s.Cancelled
		return 0
	}
	l.Install(t)
	s := open(t, config)
	ended := make(chan error)
	go func() {
		_, _, err := s.Read(make([]complex64, 1))
		ended <- err
	}()
	for !slices.Contains(l.Calls(), "read_async(0)") {
		<-time.After(50 * time.Microsecond)
	}
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("pending Read: got %v, want %v", err, os.ErrClosed)
	}
	for !slices.Contains(l.Calls(), "cancel_async(forgotten)") {
		<-time.After(50 * time.Microsecond)
	}
	close(begin)
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestRetune(t *testing.T) {
	l := library(endless)
	l.Install(t)
	s := open(t, config)
	dst := make([]complex64, 1000)
	at, n, err := s.Read(dst)
	if err != nil {
		t.Fatal(err)
	}
	next := at + int64(n)
	if err := s.Retune(868.3e6); err != nil {
		t.Fatal(err)
	}
	if f := s.Format(); f.Centre != 868.3e6 {
		t.Errorf("format %+v", f)
	}
	if calls := l.Calls(); !slices.Contains(calls, "set_center_freq(868300000)") {
		t.Errorf("calls %q", calls)
	}
	// 5 ms of samples are discarded at least.
	if at, _, err := s.Read(dst); err != nil || at-next < 12_000 {
		t.Errorf("got index %d, %v, after %d, want a jump of at least 12 000", at, err, next)
	}
	if err := s.Retune(2e9); err == nil {
		t.Error("tuned to 2 GHz")
	}
	if _, _, err := s.Read(dst); err != nil {
		t.Errorf("a frequency out of range ended the stream: %v", err)
	}
}

// TestRetuneFails: nobody knows where the tuner is, so nothing is read any more.
func TestRetuneFails(t *testing.T) {
	l := library(endless)
	l.Fail = map[string]rtlsdrtest.Fault{"set_center_freq": {Call: 2, Code: -9}}
	l.Install(t)
	s := open(t, config)
	if err := s.Retune(868.3e6); err == nil || !strings.Contains(err.Error(), "-9") {
		t.Errorf("got %v", err)
	}
	if _, n, err := s.Read(make([]complex64, 8)); n != 0 || err == nil {
		t.Errorf("got %d samples, %v", n, err)
	}
}

// TestBusyCallback: whatever the library hands over in one go arrives whole, more than a block of the ring, too.
func TestBusyCallback(t *testing.T) {
	b, x := codes(3*transferBytes/2 + 17)
	library(func(s *rtlsdrtest.Stream) int { s.Deliver(b); return 0 }).Install(t)
	s := open(t, config)
	got := make([]complex64, len(x))
	for n := 0; n < len(x); {
		at, k, err := s.Read(got[n:])
		if err != nil || at != int64(n) {
			t.Fatalf("%d samples from %d, %v", k, at, err)
		}
		n += k
	}
	if !slices.Equal(got, x) {
		t.Error("other samples came out")
	}
}

func BenchmarkRead(b *testing.B) {
	library(func(s *rtlsdrtest.Stream) int {
		block := bytes.Repeat([]byte{127, 128}, s.Length/2)
		for {
			select {
			case <-s.Cancelled:
				return 0
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
