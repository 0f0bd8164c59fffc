// Package remote passes the samples of a receiver on another machine on to the sensor: for development, as the
// samples go through the network and this process.
package remote

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"subrosa/drivers/sdr"
	"subrosa/firmware/clock"
)

// again is how long after a connection has ended, or nobody has answered, the server is called anew.
const again = 5 * time.Second

// Receiver calls a server again and again.
type Receiver struct {
	Open  func(context.Context) (sdr.Source, error)
	Rate  int // samples per second
	Clock clock.Clock
	Log   *slog.Logger
}

// Play writes to w until ctx ends or w fails. The index goes on by the clock while nobody answers, so that is seen as
// a gap; what is lost within a connection cannot be known.
func (r Receiver) Play(ctx context.Context, w interface {
	Write(at int64, x []complex64) error
}) error {
	began := r.Clock.Now()
	buf := make([]complex64, max(256, r.Rate/25))
	var next int64
	for {
		next = max(next, int64(r.Clock.Now().Sub(began).Seconds()*float64(r.Rate)))
		failed, err := r.pass(ctx, w, buf, &next)
		if failed || ctx.Err() != nil {
			return fmt.Errorf("remote: %w", err)
		}
		r.Log.Warn("receiver on another machine", "err", err, "again", again)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.Clock.After(again):
		}
	}
}

// pass passes one connection on, whose first sample gets the index next. failed says that it was w.
func (r Receiver) pass(ctx context.Context, w interface {
	Write(int64, []complex64) error
}, buf []complex64, next *int64) (failed bool, err error) {
	src, err := r.Open(ctx)
	if err != nil {
		return false, err
	}
	defer src.Close()
	defer context.AfterFunc(ctx, func() { src.Close() })()
	first := *next
	for {
		at, n, err := src.Read(buf)
		if n > 0 {
			if err := w.Write(first+at, buf[:n]); err != nil {
				return true, err
			}
			*next = first + at + int64(n)
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // a receiver has no end
		}
		if err != nil {
			return false, err
		}
	}
}
