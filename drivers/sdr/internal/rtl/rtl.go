// Package rtl knows what RTL2832U receivers can do: which rates their resampler makes and where their tuners reach.
package rtl

import (
	"fmt"
	"strconv"
)

// Tuner is the chip in front of the RTL2832U, numbered as librtlsdr and rtl_tcp do (enum rtlsdr_tuner).
type Tuner int

// limits are what the osmocom project found the tuners to reach ("rtl-sdr" page of its wiki, section Tuners). Where
// one has holes (E4000: about 1100 to 1250 MHz; FC2580: 308 to 438 MHz), these are the outer ends.
var limits = []struct {
	name   string
	lo, hi float64 // Hz
}{
	1: {"E4000", 52e6, 2200e6},
	2: {"FC0012", 22e6, 948.6e6},
	3: {"FC0013", 22e6, 1100e6},
	4: {"FC2580", 146e6, 924e6},
	5: {"R820T", 24e6, 1766e6}, // and R820T2, R860
	6: {"R828D", 24e6, 1766e6},
}

// Known returns whether the tuner is one of those above.
func (t Tuner) Known() bool { return t >= 1 && int(t) < len(limits) }

// Limits returns the lowest and highest frequency in Hz; for an unknown tuner both are 0.
func (t Tuner) Limits() (lo, hi float64) {
	if !t.Known() {
		return 0, 0
	}
	return limits[t].lo, limits[t].hi
}

func (t Tuner) String() string {
	if !t.Known() {
		return "unknown tuner " + strconv.Itoa(int(t))
	}
	return limits[t].name
}

// CheckRate refuses samples per second that the resampler does not make (rtl-sdr.h, rtlsdr_set_sample_rate). Above
// 2.4 million USB 2 hosts lose some.
func CheckRate(rate int) error {
	if rate > 225_000 && rate <= 300_000 || rate > 900_000 && rate <= 3_200_000 {
		return nil
	}
	return fmt.Errorf("%d samples/s, want 225001 to 300000 or 900001 to 3200000", rate)
}

// CheckPPM refuses corrections that no crystal needs.
func CheckPPM(ppm int) error {
	if ppm < -1000 || ppm > 1000 {
		return fmt.Errorf("%d ppm, want -1000 to 1000", ppm)
	}
	return nil
}

// Nearest returns the gain of the list that is nearest to want; 0 for an empty list.
func Nearest(gains []int, want int) (best int) {
	for i, g := range gains {
		if i == 0 || abs(g-want) < abs(best-want) {
			best = g
		}
	}
	return best
}

func abs(x int) int { return max(x, -x) }
