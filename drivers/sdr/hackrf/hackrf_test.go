//go:build linux && cgo && hackrf

package hackrf

import (
	"errors"
	"testing"

	"subrosa/drivers/sdr"
)

// TestThreeAnswers holds with the real library on any machine without a receiver whose number ends like this.
func TestThreeAnswers(t *testing.T) {
	good := Config{Rate: 10e6, Centre: 2.44e9, LNADB: 16, VGADB: 24}
	absent := good
	absent.Serial = "no receiver is called this"
	if _, err := Open(absent); !errors.Is(err, sdr.ErrAbsent) {
		t.Errorf("a receiver that is not there: got %v, want %v", err, sdr.ErrAbsent)
	}
	bad := good
	bad.Rate = 1
	if _, err := Open(bad); err == nil || errors.Is(err, sdr.ErrAbsent) {
		t.Errorf("1 sample/s: got %v, want an error other than %v", err, sdr.ErrAbsent)
	}
	src, err := Open(good)
	if err == nil {
		src.Close()
	}
	t.Logf("first receiver: %v", err)
}
