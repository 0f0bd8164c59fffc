//go:build linux && cgo

package hackrftest

// #cgo hackrf pkg-config: libhackrf
// #cgo hackrf CFLAGS: -DSUBROSA_LIBHACKRF
// #include <stdint.h>
// int fake_hackrf_deliver(void *received, void *context, const void *bytes, int n);
import "C"

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"unsafe"
)

// The library's codes that a script needs.
const (
	OK       = 0
	True     = 1
	NotFound = -5
	USB      = -1000
	Stopped  = -1003
)

// Unreadable is the serial number of a receiver that the process may not open.
const Unreadable = "\x00"

// Fault has a call fail.
type Fault struct {
	Call int // the first is 1; 0: each
	Code int
}

// Library is what the symbols answer.
type Library struct {
	Serials []string         // of the receivers that are plugged in; nil with NoList
	NoList  bool             // hackrf_device_list returns NULL
	Fail    map[string]Fault // by the symbol's name without hackrf_; "open" is hackrf_device_list_open
	// Stream is what happens between hackrf_start_rx and hackrf_stop_rx, in a thread of its own. When it returns,
	// the stream has ended.
	Stream func(*Stream)

	mu     sync.Mutex
	calls  []string
	counts map[string]int
	inits  int
	open   int
	lists  int
	stream *Stream
}

// Stream is a run of reception.
type Stream struct {
	Stopped chan struct{} // closed by hackrf_stop_rx and hackrf_close

	received, context unsafe.Pointer
	stopped           bool
	ended             chan struct{}
}

// Deliver hands b to the callback and says whether that wants more.
func (s *Stream) Deliver(b []byte) bool {
	return C.fake_hackrf_deliver(s.received, s.context, unsafe.Pointer(unsafe.SliceData(b)), C.int(len(b))) == 0
}

var (
	using   sync.Mutex // held while current is set
	mu      sync.Mutex
	current *Library
)

// Install has the symbols answer from l for the rest of the test, at whose end every receiver must be closed, every
// list freed, and the library ended.
func (l *Library) Install(tb testing.TB) {
	tb.Helper()
	using.Lock()
	l.counts = map[string]int{}
	set(l)
	tb.Cleanup(func() {
		set(nil)
		using.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.open != 0 || l.lists != 0 || l.inits != 0 {
			tb.Errorf("hackrftest: %d receivers, %d lists and %d uses of the library are left", l.open, l.lists, l.inits)
		}
	})
}

func set(l *Library) {
	mu.Lock()
	defer mu.Unlock()
	current = l
}

func get() *Library {
	mu.Lock()
	defer mu.Unlock()
	if current == nil {
		return &Library{counts: map[string]int{}} // nothing is plugged in
	}
	return current
}

// Calls returns which symbols were called, but for getters and lists: "set_amp_enable(0)".
func (l *Library) Calls() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// call counts a call and returns the code it fails with, or OK.
func (l *Library) call(name string, arg int64) int {
	l.calls = append(l.calls, fmt.Sprintf("%s(%d)", name, arg))
	l.counts[name]++
	if f, ok := l.Fail[name]; ok && (f.Call == 0 || f.Call == l.counts[name]) {
		return f.Code
	}
	return OK
}

//export fakeHackCount
func fakeHackCount() C.int {
	l := get()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.NoList {
		return -1
	}
	l.lists++
	return C.int(len(l.Serials))
}

//export fakeHackSerial
func fakeHackSerial(i C.int) *C.char {
	l := get()
	if s := l.Serials[i]; s != Unreadable {
		return C.CString(s)
	}
	return nil
}

//export fakeHackCall
func fakeHackCall(name *C.char, arg C.int64_t) C.int {
	l, n := get(), C.GoString(name)
	if n == "close" {
		fakeHackStop(nil)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n {
	case "device_list_free":
		l.lists--
		return OK
	case "exit":
		if l.open > 0 {
			return -2000
		}
		l.inits = 0
		return OK
	}
	code := l.call(n, int64(arg))
	switch {
	case n == "close":
		l.open-- // whatever it answers
	case code != OK:
	case n == "init":
		l.inits = 1
	case n == "open":
		l.open++
	}
	return C.int(code)
}

//export fakeHackStart
func fakeHackStart(received, context unsafe.Pointer) C.int {
	l := get()
	l.mu.Lock()
	defer l.mu.Unlock()
	if code := l.call("start_rx", 0); code != OK {
		return C.int(code)
	}
	s := &Stream{Stopped: make(chan struct{}), received: received, context: context, ended: make(chan struct{})}
	l.stream = s
	go func() {
		defer close(s.ended)
		l.Stream(s)
	}()
	return OK
}

// fakeHackStop waits for the thread, as the library does. Without a name it is part of closing.
//
//export fakeHackStop
func fakeHackStop(name *C.char) C.int {
	l := get()
	l.mu.Lock()
	code := OK
	if name != nil {
		code = l.call(C.GoString(name), 0)
	}
	s := l.stream
	if s != nil && !s.stopped {
		s.stopped = true
		close(s.Stopped)
	}
	l.mu.Unlock()
	if s != nil {
		<-s.ended
	}
	return C.int(code)
}

//export fakeHackStreaming
func fakeHackStreaming() C.int {
	l := get()
	l.mu.Lock()
	s := l.stream
	l.mu.Unlock()
	if s == nil {
		return Stopped
	}
	select {
	case <-s.ended:
		return Stopped
	default:
		return True
	}
}
