//go:build linux && cgo && rtlsdr

package rtlsdr

import (
	"errors"
	"testing"

	"subrosa/drivers/sdr"
)

// TestThreeAnswers holds with the real library on any machine, with a receiver or without.
func TestThreeAnswers(t *testing.T) {
	good := Config{Rate: 2_400_000, Centre: 433.92e6, GainTenthDB: 300}
	absent := good
	absent.Serial = "no receiver is called this"
	if _, err := Open(absent); !errors.Is(err, sdr.ErrAbsent) {
		t.Errorf("a receiver that is not there: got %v, want %v", err, sdr.ErrAbsent)
	}
	bad := good
	bad.Rate = 500_000
	if _, err := Open(bad); err == nil || errors.Is(err, sdr.ErrAbsent) {
		t.Errorf("500 000 samples/s: got %v, want an error other than %v", err, sdr.ErrAbsent)
	}
	src, err := Open(good)
	if err == nil {
		src.Close()
	}
	t.Logf("first receiver: %v", err)
}
