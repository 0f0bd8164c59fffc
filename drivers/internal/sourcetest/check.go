package sourcetest

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"
)

// Source is what is checked.
type Source[S any] interface {
	Read(dst []S) (at int64, n int, err error)
	Close() error
}

// Want says what a source should deliver.
type Want[S any] struct {
	Width int // samples a frame

	// Samples are all samples of the recording, gaps left out; nil does not compare.
	Samples []S
	// Gaps are the frames after which indices are missing, and how many; with Samples all gaps must be here.
	Gaps map[int64]int64
	// End is what the stream ends with; nil is io.EOF.
	End error
	// Live sources do not end by themselves: they are read a little and closed.
	Live bool
	// Allocates excuses a source from allocating nothing.
	Allocates bool

	// Differ returns whether two samples differ by more than they may.
	Differ func(a, b S) bool
	// Finite returns whether a sample is a finite number.
	Finite func(S) bool
}

// patience bounds every wait for a source, which would otherwise hang the test.
const patience = 30 * time.Second

// Run checks sources from open, which makes the same one each time.
func Run[S any](t *testing.T, open func(testing.TB) Source[S], want Want[S]) {
	if want.End == nil {
		want.End = io.EOF
	}
	blocks := []int{1, 7, 480, 4096}
	if want.Live {
		blocks = []int{480}
	}
	for _, frames := range blocks {
		t.Run(fmt.Sprintf("blocks of %d", frames), func(t *testing.T) {
			src := open(t)
			defer src.Close()
			checkBlocks(t, src, frames, want)
		})
	}
	t.Run("nothing asked", func(t *testing.T) { checkEmpty(t, open(t), want) })
	t.Run("close", func(t *testing.T) { checkClose(t, open(t), want.Width) })
	if want.Live {
		t.Run("close ends a pending read", func(t *testing.T) { checkUnblock(t, open(t), want.Width) })
	}
	if !want.Allocates {
		t.Run("no allocation", func(t *testing.T) { checkAllocs(t, open(t), want) })
	}
}

// checkBlocks reads to the end, or for a second's worth of blocks, and compares.
func checkBlocks[S any](t testing.TB, src Source[S], frames int, want Want[S]) {
	room := make([]S, (frames+1)*want.Width) // one frame more than may be touched
	var mark S
	var next, count int64
	for reads := 0; !want.Live || reads < 100; reads++ {
		at, n, err := src.Read(room[: frames*want.Width : frames*want.Width])
		if n < 0 || n > frames {
			t.Fatalf("read %d frames into room for %d", n, frames)
		}
		if n == 0 && err == nil {
			t.Fatalf("read nothing at frame %d, without an error", next)
		}
		for _, s := range room[frames*want.Width:] {
			if want.Differ(s, mark) {
				t.Fatal("wrote behind the memory it was given")
			}
		}
		if n > 0 {
			checkIndex(t, at, next, count, want)
			checkSamples(t, room[:n*want.Width], count, want)
			next, count = at+int64(n), count+int64(n)
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, want.End) {
			t.Fatalf("ended with %v after %d frames, want %v", err, count, want.End)
		}
		if got, all := count*int64(want.Width), int64(len(want.Samples)); want.Samples != nil && got != all {
			t.Fatalf("ended after %d samples, want %d", got, all)
		}
		for range 2 {
			if _, n, again := src.Read(room); n != 0 || !errors.Is(again, want.End) {
				t.Fatalf("after the end: got %d frames, %v, want 0, %v", n, again, want.End)
			}
		}
		return
	}
}

func checkIndex[S any](t testing.TB, at, next, count int64, want Want[S]) {
	t.Helper()
	switch {
	case at < next:
		t.Fatalf("index %d after %d frames up to %d", at, count, next)
	case want.Samples != nil && at-next != want.Gaps[count]:
		t.Fatalf("gap of %d frames after %d, want %d", at-next, count, want.Gaps[count])
	}
}

func checkSamples[S any](t testing.TB, got []S, count int64, want Want[S]) {
	t.Helper()
	base := int(count) * want.Width
	if want.Samples != nil && base+len(got) > len(want.Samples) {
		t.Fatalf("got at least %d samples, want %d", base+len(got), len(want.Samples))
	}
	for i, s := range got {
		if want.Samples != nil && want.Differ(s, want.Samples[base+i]) {
			t.Fatalf("sample %d: got %v, want %v", base+i, s, want.Samples[base+i])
		}
		if !want.Finite(s) {
			t.Fatalf("sample %d is %v and no error said so", base+i, s)
		}
	}
}

// checkEmpty asks for nothing, which must cost nothing.
func checkEmpty[S any](t testing.TB, src Source[S], want Want[S]) {
	defer src.Close()
	if _, n, err := src.Read(nil); n != 0 || err != nil {
		t.Fatalf("Read(nil) = %d, %v, want 0, nil", n, err)
	}
	x := make([]S, want.Width)
	at, n, err := src.Read(x)
	if n == 0 {
		if err == nil {
			t.Fatal("read nothing, without an error")
		}
		return
	}
	if !want.Live && at != want.Gaps[0] {
		t.Errorf("first frame has index %d after Read(nil), want %d", at, want.Gaps[0])
	}
}

func checkClose[S any](t testing.TB, src Source[S], width int) {
	for range 2 {
		if err := src.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	if _, n, err := src.Read(make([]S, width)); n != 0 || err == nil {
		t.Errorf("Read after Close = %d, %v, want 0 and an error", n, err)
	}
}

// checkUnblock closes a source while it is being read.
func checkUnblock[S any](t testing.TB, src Source[S], width int) {
	ended := make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		x := make([]S, width)
		close(begun)
		for {
			if _, _, err := src.Read(x); err != nil {
				ended <- err
				return
			}
		}
	}()
	<-begun
	if err := src.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatalf("Read still pending %v after Close", patience)
	}
}

func checkAllocs[S any](t testing.TB, src Source[S], want Want[S]) {
	defer src.Close()
	x := make([]S, 64*want.Width)
	runs := 50
	if frames := len(want.Samples) / want.Width; frames > 0 {
		runs = min(runs, max(frames/64-2, 1)) // not into the end, whose error may be made
	}
	var failed error
	if n := testing.AllocsPerRun(runs, func() {
		if _, _, err := src.Read(x); err != nil {
			failed = err
		}
	}); n > 0 && failed == nil {
		t.Errorf("Read allocates %v times", n)
	}
}
