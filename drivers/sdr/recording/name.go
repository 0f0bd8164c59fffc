package recording

import (
	"path/filepath"
	"strconv"
	"strings"

	"subrosa/drivers/sdr"
)

// lowestCentre tells a bare number in a name apart: receivers tune from here up, and sample slower.
const lowestCentre = 24e6

// ParseName returns what a recording's file name says about it; what it does not say stays zero.
//
// By the custom of rtl_433 a name ends in the centre and the rate, x_433.92M_250k.cu8: numbers with k, M or
// G between underscores. A unit (Hz, sps) says which one a number is; without units the last two are centre
// and rate in this order, or the other way round if only that makes sense, and a single one is a rate
// below 24 MHz and a centre from there on.
func ParseName(path string) sdr.Format {
	base := filepath.Base(path)
	base = strings.TrimSuffix(base, filepath.Ext(base))
	var f sdr.Format
	var bare []float64
	for _, word := range strings.Split(base, "_") {
		v, unit, ok := parseQuantity(word)
		switch {
		case !ok:
		case unit == "hz":
			f.Centre = v
		case unit == "sps":
			f.Rate = rate(v)
		default:
			bare = append(bare, v)
		}
	}
	switch n := len(bare); {
	case n == 0:
	case f.Rate > 0 && f.Centre > 0:
	case f.Rate > 0:
		f.Centre = bare[n-1]
	case f.Centre > 0:
		f.Rate = rate(bare[n-1])
	case n == 1 && bare[0] < lowestCentre:
		f.Rate = rate(bare[0])
	case n == 1:
		f.Centre = bare[0]
	default:
		centre, second := bare[n-2], bare[n-1]
		if centre < lowestCentre && second >= lowestCentre {
			centre, second = second, centre
		}
		f.Centre, f.Rate = centre, rate(second)
	}
	return f
}

// parseQuantity reads a number with a multiplier, a unit or both: 433.92M, 250k, 868300000Hz, 2.4Msps.
func parseQuantity(word string) (v float64, unit string, ok bool) {
	digits := strings.TrimRight(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	suffix := word[len(digits):]
	if strings.Trim(digits, "0123456789.") != "" || len(digits) > 20 {
		return 0, "", false // neither sign nor exponent
	}
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, "", false
	}
	multiplied := true
	switch {
	case strings.HasPrefix(suffix, "k"), strings.HasPrefix(suffix, "K"):
		v *= 1e3
	case strings.HasPrefix(suffix, "M"):
		v *= 1e6
	case strings.HasPrefix(suffix, "G"):
		v *= 1e9
	default:
		multiplied = false
	}
	if multiplied {
		suffix = suffix[1:]
	}
	unit = strings.ToLower(suffix)
	switch {
	case unit == "hz", unit == "sps", unit == "" && multiplied:
		return v, unit, v > 0 && v <= 1e12
	}
	return 0, "", false
}

// rate rounds a plausible rate to whole samples a second; anything else is 0, not known.
func rate(v float64) int {
	if v < 1 || v > 1e9 {
		return 0
	}
	return int(v + 0.5)
}
