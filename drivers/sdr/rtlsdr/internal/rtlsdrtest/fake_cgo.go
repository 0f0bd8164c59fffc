//go:build linux && cgo

package rtlsdrtest

// #cgo rtlsdr pkg-config: librtlsdr
// #cgo rtlsdr CFLAGS: -DSUBROSA_LIBRTLSDR
// #include <stdint.h>
// void fake_rtl_deliver(void *received, void *context, const void *bytes, uint32_t n);
import "C"

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"unsafe"
)

// Fault has a call fail.
type Fault struct {
	Call int // the first is 1; 0: each
	Code int
}

// Library is what the symbols answer.
type Library struct {
	Serials []string         // of the receivers that are plugged in
	Gains   []int            // of the tuner, tenths of dB
	Fail    map[string]Fault // by the symbol's name without rtlsdr_
	// Values are what the getters answer, by their names without rtlsdr_get_: tuner, direct_sampling. The others
	// follow what was set, unless they are in Stuck.
	Values map[string]int
	Stuck  []string
	// Stream is what rtlsdr_read_async does; what it returns is the answer.
	Stream func(*Stream) int
	// Deaf is closed when rtlsdr_cancel_async begins to work; before, it is forgotten as it is by a library that has
	// not begun to read. nil: it always works.
	Deaf chan struct{}

	mu     sync.Mutex
	calls  []string
	counts map[string]int
	open   int
	stream *Stream
}

// Stream is a run of rtlsdr_read_async.
type Stream struct {
	Buffers, Length int           // as the caller wants them
	Cancelled       chan struct{} // closed by rtlsdr_cancel_async

	received, context unsafe.Pointer
	cancelled         bool
}

// Deliver hands b to the callback.
func (s *Stream) Deliver(b []byte) {
	C.fake_rtl_deliver(s.received, s.context, unsafe.Pointer(unsafe.SliceData(b)), C.uint32_t(len(b)))
}

var (
	using   sync.Mutex // held while current is set
	mu      sync.Mutex
	current *Library
)

// Install has the symbols answer from l for the rest of the test, at whose end every receiver must be closed.
func (l *Library) Install(tb testing.TB) {
	tb.Helper()
	using.Lock()
	l.counts = map[string]int{}
	if l.Values == nil {
		l.Values = map[string]int{}
	}
	set(l)
	tb.Cleanup(func() {
		set(nil)
		using.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.open != 0 {
			tb.Errorf("rtlsdrtest: %d receivers are still open", l.open)
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
		return &Library{counts: map[string]int{}, Values: map[string]int{}} // nothing is plugged in
	}
	return current
}

// Calls returns which symbols were called, but for getters: "set_bias_tee(0)".
func (l *Library) Calls() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// call counts a call and returns the code it fails with, or 0.
func (l *Library) call(name string, arg int) int {
	l.calls = append(l.calls, fmt.Sprintf("%s(%d)", name, arg))
	l.counts[name]++
	if f, ok := l.Fail[name]; ok && (f.Call == 0 || f.Call == l.counts[name]) {
		return f.Code
	}
	return 0
}

//export fakeRtlCount
func fakeRtlCount() C.uint32_t { return C.uint32_t(len(get().Serials)) }

//export fakeRtlIndex
func fakeRtlIndex(serial *C.char) C.int {
	l := get()
	if len(l.Serials) == 0 {
		return -2
	}
	if i := slices.Index(l.Serials, C.GoString(serial)); i >= 0 {
		return C.int(i)
	}
	return -3
}

// values are the getters that follow a setter.
var values = map[string]string{"set_freq_correction": "freq_correction", "set_sample_rate": "sample_rate", "set_center_freq": "center_freq",
	"set_tuner_gain": "tuner_gain", "set_direct_sampling": "direct_sampling"}

//export fakeRtlCall
func fakeRtlCall(name *C.char, arg C.int) C.int {
	l, n := get(), C.GoString(name)
	l.mu.Lock()
	defer l.mu.Unlock()
	code := l.call(n, int(arg))
	switch {
	case n == "close":
		l.open-- // whatever it answers
	case code < 0:
	case n == "open":
		l.open++
	default:
		if v := values[n]; v != "" && !slices.Contains(l.Stuck, v) {
			l.Values[v] = int(arg)
		}
	}
	return C.int(code)
}

//export fakeRtlGet
func fakeRtlGet(name *C.char) C.int {
	l := get()
	l.mu.Lock()
	defer l.mu.Unlock()
	return C.int(l.Values[C.GoString(name)])
}

//export fakeRtlGains
func fakeRtlGains(gains *C.int) C.int {
	l := get()
	l.mu.Lock()
	defer l.mu.Unlock()
	if code := l.call("get_tuner_gains", 0); code != 0 {
		return C.int(code)
	}
	if gains != nil {
		for i, g := range l.Gains {
			unsafe.Slice(gains, len(l.Gains))[i] = C.int(g)
		}
	}
	return C.int(len(l.Gains))
}

//export fakeRtlRead
func fakeRtlRead(received, context unsafe.Pointer, buffers, length C.uint32_t) C.int {
	l := get()
	l.mu.Lock()
	if code := l.call("read_async", 0); code != 0 {
		l.mu.Unlock()
		return C.int(code)
	}
	s := &Stream{Buffers: int(buffers), Length: int(length), Cancelled: make(chan struct{}), received: received, context: context}
	l.stream = s
	l.mu.Unlock()
	code := l.Stream(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream = nil
	return C.int(code)
}

//export fakeRtlCancel
func fakeRtlCancel() C.int {
	l := get()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream == nil || l.stream.cancelled {
		return -2
	}
	if l.Deaf != nil {
		select {
		case <-l.Deaf:
		default:
			l.calls = append(l.calls, "cancel_async(forgotten)")
			return -2
		}
	}
	l.stream.cancelled = true
	close(l.stream.Cancelled)
	return 0
}
