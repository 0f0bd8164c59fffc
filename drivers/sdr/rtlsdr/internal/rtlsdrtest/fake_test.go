//go:build linux && cgo

package rtlsdrtest

import (
	"slices"
	"testing"
)

func TestNothingInstalled(t *testing.T) {
	if n := count(); n != 0 {
		t.Errorf("%d receivers without a library", n)
	}
	if i := index("x"); i != -2 {
		t.Errorf("index %d, want -2", i)
	}
}

func TestScript(t *testing.T) {
	l := &Library{Serials: []string{"a", "b"}, Gains: []int{0, 9, 496}, Fail: map[string]Fault{"set_center_freq": {Call: 2, Code: -9}},
		Stream: func(s *Stream) int {
			s.Deliver([]byte{1, 2})
			s.Deliver([]byte{3, 4, 5, 7})
			s.Deliver(nil)
			if s.Buffers != 3 || s.Length != 512 {
				t.Errorf("%d × %d", s.Buffers, s.Length)
			}
			if cancel() != 0 || cancel() != -2 {
				t.Error("the first cancel succeeds, the second does not")
			}
			<-s.Cancelled
			return -4
		}}
	l.Install(t)
	if count() != 2 || index("b") != 1 || index("c") != -3 {
		t.Errorf("%d receivers, b is %d, c is %d", count(), index("b"), index("c"))
	}
	if code := open(1); code != 0 {
		t.Fatalf("open: %d", code)
	}
	if a, b, c := tune(100e6), tune(200e6), tuned(); a != 0 || b != -9 || c != 100e6 {
		t.Errorf("tuning: %d, %d, at %d Hz; want 0, -9, 100 MHz", a, b, c)
	}
	if a, b := correct(5), correct(5); a != 0 || b != -2 {
		t.Errorf("correcting twice: %d, %d; the library's answer is 0, -2", a, b)
	}
	if g := gains(); !slices.Equal(g, l.Gains) {
		t.Errorf("gains %v", g)
	}
	if code := cancel(); code != -2 {
		t.Errorf("cancel without a stream: %d", code)
	}
	if code, blocks, bytes, last := read(); code != -4 || blocks != 3 || bytes != 6 || last != 7 {
		t.Errorf("read: %d, %d blocks, %d bytes, %d last", code, blocks, bytes, last)
	}
	if code := closeIt(); code != 0 {
		t.Errorf("close: %d", code)
	}
	want := []string{"open(1)", "set_center_freq(100000000)", "set_center_freq(200000000)", "set_freq_correction(5)",
		"get_tuner_gains(0)", "get_tuner_gains(0)", "read_async(0)", "close(0)"}
	if got := l.Calls(); !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
}

// leaks takes the place of a test.
type leaks struct {
	testing.TB
	cleanup func()
	failed  bool
}

func (l *leaks) Helper()               {}
func (l *leaks) Cleanup(f func())      { l.cleanup = f }
func (l *leaks) Errorf(string, ...any) { l.failed = true }

func TestLeftOpenIsAFailure(t *testing.T) {
	for _, shut := range []bool{true, false} {
		tb := &leaks{}
		(&Library{Serials: []string{"a"}}).Install(tb)
		open(0)
		if shut {
			closeIt()
		}
		if tb.cleanup(); tb.failed == shut {
			t.Errorf("closed %v, failed %v", shut, tb.failed)
		}
	}
}
