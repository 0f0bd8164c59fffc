//go:build linux && cgo && rtlsdr && hardware

// Tests on the first receiver that is plugged in: go test -tags rtlsdr,hardware.

package rtlsdr

import (
	"testing"
	"time"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/sdrtest"
)

var format = sdr.Format{Rate: 2_400_000, Centre: 433.92e6}

func open(tb testing.TB) sdr.Source {
	src, err := Open(Config{Rate: 2_400_000, Centre: 433.92e6, GainTenthDB: 300})
	if err != nil {
		tb.Fatal(err)
	}
	return src
}

func TestReceiverConforms(t *testing.T) {
	sdrtest.Run(t, open, sdrtest.Want{Format: format, Live: true})
}

// TestIndexFollowsClock reads for ten seconds, with a pause longer than the ring and a retune between: the index has
// to show both, or no time after them would be right.
func TestIndexFollowsClock(t *testing.T) {
	src := open(t)
	defer src.Close()
	x := make([]complex64, 1<<16)
	read := func(span time.Duration) (next int64) {
		for end := time.Now().Add(span); time.Now().Before(end); {
			at, n, err := src.Read(x)
			if err != nil {
				t.Fatal(err)
			}
			next = at + int64(n)
		}
		return next
	}
	first, began := read(2*time.Second), time.Now()
	<-time.After(3 * time.Second)
	read(2 * time.Second)
	if err := src.(interface{ Retune(float64) error }).Retune(868.3e6); err != nil {
		t.Fatal(err)
	}
	last := read(3 * time.Second)
	index, clock := float64(last-first)/float64(format.Rate), time.Since(began).Seconds()
	t.Logf("clock %.4f s, index %.4f s", clock, index)
	if d := index - clock; d > 0.05 || d < -0.05 {
		t.Errorf("index and clock differ by %.4f s", d)
	}
}
