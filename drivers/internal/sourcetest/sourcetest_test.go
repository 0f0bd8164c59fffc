package sourcetest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
)

// recorder takes the place of a test, to see whether a check fails it.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

// failures runs a check to its end or first fatal failure.
func failures(check func(testing.TB)) []string {
	var r recorder
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(&r)
	}()
	<-done
	return r.failures
}

var want = Want[int]{
	Width:   2,
	Samples: []int{1, 2, 3, 4, 5, 6},
	Gaps:    map[int64]int64{1: 10},
	End:     io.EOF,
	Differ:  func(a, b int) bool { return a != b },
	Finite:  func(s int) bool { return s != 99 },
}

func good() *Script[int] {
	return NewScript(2, []Step[int]{{Frames: []int{1, 2}}, {Gap: 10}, {Frames: []int{3, 4, 5, 6}}})
}

// bent is a source with one thing wrong.
type bent struct {
	*Script[int]
	read func(s *Script[int], dst []int) (int64, int, error)
}

func (b bent) Read(dst []int) (int64, int, error) { return b.read(b.Script, dst) }

func TestChecksPass(t *testing.T) {
	Run(t, func(testing.TB) Source[int] { return good() }, want)
	live := want
	live.Live, live.Samples = true, nil
	Run(t, func(testing.TB) Source[int] {
		steps := make([]Step[int], 0, 301)
		for range 300 {
			steps = append(steps, Step[int]{Frames: []int{1, 2}})
		}
		return NewScript(2, append(steps, Step[int]{Stall: true}))
	}, live)
}

func TestChecksFail(t *testing.T) {
	blocks := func(tb testing.TB, s Source[int]) { checkBlocks(tb, s, 2, want) }
	for _, tt := range []struct {
		name  string
		check func(testing.TB, Source[int])
		read  func(s *Script[int], dst []int) (int64, int, error)
	}{
		{"index stands still", blocks, func(s *Script[int], dst []int) (int64, int, error) {
			_, n, err := s.Read(dst)
			return 0, n, err
		}},
		{"gap hidden", blocks, func(s *Script[int], dst []int) (int64, int, error) {
			at, n, err := s.Read(dst)
			return at % 10, n, err
		}},
		{"wrong sample", blocks, func(s *Script[int], dst []int) (int64, int, error) {
			at, n, err := s.Read(dst)
			dst[0]++
			return at, n, err
		}},
		{"not finite", blocks, func(s *Script[int], dst []int) (int64, int, error) {
			dst[0] = 99
			return 0, 1, nil
		}},
		{"nothing and no error", blocks, func(s *Script[int], dst []int) (int64, int, error) {
			return 0, 0, nil
		}},
		{"more than room", blocks, func(s *Script[int], dst []int) (int64, int, error) {
			return 0, len(dst), nil
		}},
		{"other end", blocks, func(s *Script[int], dst []int) (int64, int, error) {
			at, n, err := s.Read(dst)
			if err != nil {
				err = io.ErrUnexpectedEOF
			}
			return at, n, err
		}},
		{"too short", blocks, func(s *Script[int], dst []int) (int64, int, error) { return 0, 0, io.EOF }},
		{"consumed by an empty read", func(tb testing.TB, s Source[int]) { checkEmpty(tb, s, want) },
			func(s *Script[int], dst []int) (int64, int, error) {
				if len(dst) == 0 {
					s.Read(make([]int, 2))
					return 0, 0, nil
				}
				return s.Read(dst)
			}},
		{"reads after Close", func(tb testing.TB, s Source[int]) { checkClose(tb, s, 2) },
			func(s *Script[int], dst []int) (int64, int, error) { return 0, 1, nil }},
		{"allocates", func(tb testing.TB, s Source[int]) { checkAllocs(tb, s, Want[int]{Width: 2}) },
			func(s *Script[int], dst []int) (int64, int, error) {
				sink = make([]int, 100)
				return 0, 1, nil
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := failures(func(tb testing.TB) { tt.check(tb, bent{good(), tt.read}) })
			if len(got) == 0 {
				t.Error("the check passed")
			}
		})
	}
}

var sink []int

func TestEndMustStay(t *testing.T) {
	ended := false
	src := bent{good(), func(s *Script[int], dst []int) (int64, int, error) {
		at, n, err := s.Read(dst)
		if ended {
			return at, 0, os.ErrInvalid
		}
		ended = err != nil
		return at, n, err
	}}
	if got := failures(func(tb testing.TB) { checkBlocks(tb, src, 2, want) }); len(got) == 0 {
		t.Error("the check passed")
	}
}

func TestScript(t *testing.T) {
	pulled := errors.New("pulled")
	s := NewScript(1, []Step[int]{{Frames: []int{1, 2, 3}}, {Gap: 5}, {Frames: []int{4}}, {Err: pulled}, {Frames: []int{5}}})
	x := make([]int, 2)
	for i, tt := range []struct {
		at  int64
		n   int
		err error
	}{{0, 2, nil}, {2, 1, nil}, {8, 1, pulled}, {9, 0, pulled}} {
		if at, n, err := s.Read(x); at != tt.at || n != tt.n || err != tt.err {
			t.Errorf("read %d: got %d, %d, %v, want %d, %d, %v", i, at, n, err, tt.at, tt.n, tt.err)
		}
	}
	if _, _, err := NewScript(2, []Step[int]{{Frames: []int{1, 2}}}).Read(x[:1]); err != io.ErrShortBuffer {
		t.Errorf("no room for a frame: got %v, want %v", err, io.ErrShortBuffer)
	}
}

func TestScriptStalls(t *testing.T) {
	s := NewScript(1, []Step[int]{{Stall: true}})
	ended := make(chan error)
	go func() {
		_, _, err := s.Read(make([]int, 1))
		ended <- err
	}()
	s.Close()
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("stalled read ended with %v, want %v", err, os.ErrClosed)
	}
}
