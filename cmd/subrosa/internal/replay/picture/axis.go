package picture

import (
	"math"
	"strconv"
	"strings"
)

// tick is one mark of an axis.
type tick struct {
	at    float64
	label string
}

// ticks returns about n round values in [lo, hi], labelled in units of unit with the decimal sign of lang.
func ticks(lo, hi, unit float64, n int, lang string) []tick {
	if !(hi > lo) || n < 1 {
		return nil
	}
	step, digits := roundStep((hi - lo) / unit / float64(n))
	var out []tick
	for k := math.Ceil(lo/unit/step - 1e-9); k*step <= hi/unit+step*1e-9; k++ {
		out = append(out, tick{k * step * unit, number(k*step, digits, lang)})
	}
	return out
}

// roundStep returns the smallest of 1, 2, 5 times a power of ten that is at least x, and the digits it needs after
// the decimal sign.
func roundStep(x float64) (step float64, digits int) {
	e := math.Floor(math.Log10(x))
	p := math.Pow(10, e)
	for _, f := range []float64{1, 2, 5, 10} {
		if step = f * p; step >= x*(1-1e-9) {
			break
		}
	}
	return step, max(0, int(-math.Floor(math.Log10(step)+1e-9)))
}

func number(x float64, digits int, lang string) string {
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	s = strings.Replace(s, "-", "−", 1)
	if lang != "en" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// trimmed writes x with as many digits as it needs, at most 6.
func trimmed(x float64, lang string) string {
	s := number(x, 6, lang)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".,")
}

// hertzUnit returns the unit that suits frequencies up to hz.
func hertzUnit(hz float64) (unit float64, name string) {
	switch {
	case hz >= 1e9:
		return 1e9, "GHz"
	case hz >= 1e6:
		return 1e6, "MHz"
	case hz >= 1e3:
		return 1e3, "kHz"
	}
	return 1, "Hz"
}

// timeUnit returns the unit that suits times up to s seconds.
func timeUnit(s float64) (unit float64, name string) {
	switch {
	case s >= 3*3600:
		return 3600, "h"
	case s >= 180:
		return 60, "min"
	case s < 0.5:
		return 1e-3, "ms"
	}
	return 1, "s"
}
