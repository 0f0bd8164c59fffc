//go:build linux && cgo

package hackrftest

import (
	"slices"
	"testing"
)

func TestNothingInstalled(t *testing.T) {
	if n, _ := list(); n != 0 {
		t.Errorf("%d receivers without a library", n)
	}
}

func TestScript(t *testing.T) {
	more := make(chan bool, 2)
	l := &Library{Serials: []string{"ab", Unreadable}, Fail: map[string]Fault{"set_amp_enable": {Call: 2, Code: USB}},
		Stream: func(s *Stream) {
			more <- s.Deliver([]byte{1, 2})
			more <- s.Deliver([]byte{3, 4, 5, 6})
			<-s.Stopped
		}}
	l.Install(t)
	if code := initIt(); code != OK {
		t.Fatal(code)
	}
	if n, unreadable := list(); n != 2 || unreadable != 1 {
		t.Errorf("%d receivers, %d unreadable", n, unreadable)
	}
	if code := open(0); code != OK {
		t.Fatal(code)
	}
	if code := exit(); code != -2000 {
		t.Errorf("exit with an open receiver: %d, the library's answer is -2000", code)
	}
	if a, b, c := amp(0), amp(1), amp(0); a != OK || b != USB || c != OK {
		t.Errorf("amp: %d, %d, %d; want the second to fail", a, b, c)
	}
	if s := streaming(); s != Stopped {
		t.Errorf("streaming before start: %d", s)
	}
	if code := start(5); code != OK {
		t.Fatal(code)
	}
	if s := streaming(); s != True {
		t.Errorf("streaming: %d", s)
	}
	if a, b := <-more, <-more; !a || b || bytesTaken() != 6 {
		t.Errorf("callback wants more: %v, %v; %d bytes; want true, false, 6", a, b, bytesTaken())
	}
	if a, b := stop(), streaming(); a != OK || b != Stopped {
		t.Errorf("stop: %d, then %d", a, b)
	}
	if a, b := closeIt(), exit(); a != OK || b != OK {
		t.Errorf("close: %d, exit: %d", a, b)
	}
	want := []string{"init(0)", "open(0)", "set_amp_enable(0)", "set_amp_enable(1)", "set_amp_enable(0)", "start_rx(0)", "stop_rx(0)", "close(0)"}
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
	for name, tt := range map[string]struct {
		do   func()
		fail bool
	}{
		"closed":   {func() { initIt(); open(0); closeIt(); exit() }, false},
		"open":     {func() { initIt(); open(0); exit() }, true},
		"not over": {func() { initIt() }, true},
	} {
		tb := &leaks{}
		(&Library{Serials: []string{"a"}}).Install(tb)
		tt.do()
		if tb.cleanup(); tb.failed != tt.fail {
			t.Errorf("%s: failed %v", name, tb.failed)
		}
	}
}
