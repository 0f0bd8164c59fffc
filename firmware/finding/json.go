package finding

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxCoverage is the longest coverage line, in bytes.
const MaxCoverage = 400

// Rounded returns f as it is published: times in UTC and whole milliseconds, frequencies to 0.1 Hz, decibels to
// 0.1 dB, statistic and threshold to six significant digits, Pfa to three, confidence to 0.01. What is not a
// number, or infinite, becomes 0: JSON has no word for it and a reader must not stumble.
func (f Finding) Rounded() Finding {
	f.Start = f.Start.UTC().Round(time.Millisecond)
	if f.End != nil {
		end := f.End.UTC().Round(time.Millisecond)
		f.End = &end
	}
	f.Hz, f.BwHz = step(f.Hz, 10), step(f.BwHz, 10)
	f.LevelDB, f.SNRDB = step(f.LevelDB, 10), step(f.SNRDB, 10)
	f.Statistic, f.Threshold = digits(f.Statistic, 6), digits(f.Threshold, 6)
	f.Pfa, f.Confidence = digits(f.Pfa, 3), step(f.Confidence, 100)
	return f
}

// MarshalJSON writes f.Rounded.
func (f Finding) MarshalJSON() ([]byte, error) {
	type plain Finding // without this method
	return json.Marshal(plain(f.Rounded()))
}

// step rounds x to a multiple of 1/per.
func step(x, per float64) float64 {
	r := math.Round(x*per) / per
	if math.IsNaN(r) || math.IsInf(r, 0) || r == 0 { // r == 0: no negative zero
		return 0
	}
	return r
}

// digits rounds x to n significant decimal digits. Through text, so that rounding twice changes nothing.
func digits(x float64, n int) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) || x == 0 {
		return 0
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', n-1, 64), 64)
	if err != nil { // rounded up beyond the largest number
		return 0
	}
	return r
}

// Validate reports every field that a published finding may not have, in one error.
func (f *Finding) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf("finding: "+format, a...)) }
	if !ValidID(f.ID) {
		bad("id %q is not one", f.ID)
	}
	if !f.Kind.Valid() {
		bad("kind %q is not published", f.Kind)
	} else if _, ok := f.Kind.NameIndex(f.Name); f.Name != "" && !ok {
		bad("%s has no name %q", f.Kind, f.Name)
	}
	if !slices.Contains(senses, f.Sense) {
		bad("sense %q is not one", f.Sense)
	}
	if f.Side != Inside && f.Side != Outside && f.Side != Unknown {
		bad("side %q is not one", f.Side)
	}
	if f.Start.IsZero() {
		bad("start is missing")
	}
	if f.End != nil && f.End.Before(f.Start) {
		bad("end %s lies before start %s", f.End.Format(time.RFC3339), f.Start.Format(time.RFC3339))
	}
	for _, v := range []struct {
		name   string
		x      float64
		lo, hi float64
	}{
		{"hz", f.Hz, -1e12, 1e12}, {"bw_hz", f.BwHz, 0, 1e12},
		{"level_db", f.LevelDB, -400, 400}, {"snr_db", f.SNRDB, -400, 400},
		{"statistic", f.Statistic, -math.MaxFloat64, math.MaxFloat64},
		{"threshold", f.Threshold, -math.MaxFloat64, math.MaxFloat64},
		{"pfa", f.Pfa, 0, 1}, {"confidence", f.Confidence, 0, 1},
	} {
		if !(v.x >= v.lo && v.x <= v.hi) { // also NaN
			bad("%s %g is not within %g … %g", v.name, v.x, v.lo, v.hi)
		}
	}
	if err := checkLine(f.Coverage); err != nil {
		bad("coverage %w", err)
	}
	if f.Cause != "" && !f.Cause.Valid() {
		bad("cause %q is not published", f.Cause)
	}
	return errors.Join(errs...)
}

func checkLine(s string) error {
	switch {
	case len(s) > MaxCoverage:
		return fmt.Errorf("is %d bytes long, at most %d", len(s), MaxCoverage)
	case !utf8.ValidString(s):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("holds a control character")
	}
	return nil
}
