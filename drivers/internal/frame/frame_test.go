package frame

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"
)

func TestReader(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name  string
		in    io.Reader
		size  int
		limit int64
		want  string
		err   error
	}{
		{"empty", bytes.NewReader(nil), 2, Unbounded, "", io.EOF},
		{"whole", bytes.NewReader([]byte("abcdef")), 2, Unbounded, "abcdef", io.EOF},
		{"odd", bytes.NewReader([]byte("abcde")), 2, Unbounded, "abcd", io.ErrUnexpectedEOF},
		{"limit met", bytes.NewReader([]byte("abcdefgh")), 2, 6, "abcdef", io.EOF},
		{"limit zero", bytes.NewReader([]byte("abcdefgh")), 2, 0, "", io.EOF},
		{"shorter than its limit", bytes.NewReader([]byte("abcdef")), 2, 8, "abcdef", io.ErrUnexpectedEOF},
		{"limit inside a frame", bytes.NewReader([]byte("abcdefgh")), 3, 7, "abcdef", io.ErrUnexpectedEOF},
		{"byte by byte", iotest.OneByteReader(bytes.NewReader([]byte("abcdefg"))), 3, Unbounded, "abcdef", io.ErrUnexpectedEOF},
		{"data with its error", iotest.DataErrReader(bytes.NewReader([]byte("abcdef"))), 3, Unbounded, "abcdef", io.EOF},
		{"failing", io.MultiReader(bytes.NewReader([]byte("abcd")), iotest.ErrReader(broken)), 2, Unbounded, "abcd", broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(tt.in, tt.size, tt.limit)
			var got []byte
			var err error
			for err == nil {
				var b []byte
				b, err = r.Next(2)
				if len(b)%tt.size != 0 || len(b) > 2*tt.size {
					t.Fatalf("Next(2) gave %d bytes of frames of %d", len(b), tt.size)
				}
				got = append(got, b...)
			}
			if string(got) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, tt.want, tt.err)
			}
			if _, again := r.Next(1); !errors.Is(again, tt.err) {
				t.Errorf("the error did not stay: got %v, want %v", again, tt.err)
			}
		})
	}
}

func TestCloseEndsNext(t *testing.T) {
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pw.Close()
	r := NewReader(pr, 2, Unbounded)
	ended := make(chan error)
	go func() {
		_, err := r.Next(1)
		ended <- err
	}()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("a pending Next ended with %v, want %v", err, os.ErrClosed)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}
