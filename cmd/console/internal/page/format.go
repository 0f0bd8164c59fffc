package page

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// number writes x with the given decimals: 1.234,5 in German, 1,234.5 in English. Not a number: –.
func number(lang string, decimals int, x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	s := strconv.FormatFloat(math.Abs(x), 'f', decimals, 64)
	whole, frac, _ := strings.Cut(s, ".")
	thousands, point := ".", ","
	if lang == "en" {
		thousands, point = ",", "."
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + thousands + whole[i:]
	}
	if x < 0 && strings.Trim(s, "0.") != "" {
		whole = "−" + whole
	}
	if frac == "" {
		return whole
	}
	return whole + point + frac
}

// significant writes x with three significant digits, very small or large ones by powers of ten.
func significant(lang string, x float64) string {
	a := math.Abs(x)
	switch {
	case x == 0 || math.IsNaN(x) || math.IsInf(x, 0):
		return number(lang, 0, x)
	case a < 1e-3 || a >= 1e6:
		exp := int(math.Floor(math.Log10(a)))
		m := x / math.Pow10(exp)
		return number(lang, 1, m) + " · 10" + superscript(exp)
	case a >= 100:
		return number(lang, 0, x)
	case a >= 10:
		return number(lang, 1, x)
	case a >= 1:
		return number(lang, 2, x)
	}
	return number(lang, 3, x)
}

func superscript(n int) string {
	digits := [...]string{"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"}
	var b strings.Builder
	if n < 0 {
		b.WriteString("⁻")
		n = -n
	}
	for _, c := range strconv.Itoa(n) {
		b.WriteString(digits[c-'0'])
	}
	return b.String()
}

// dateTime writes 21.11.2026, 18:30 Uhr in German, 2026-11-21 18:30 in English. The zero time: –.
func dateTime(lang string, loc *time.Location, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	if lang == "en" {
		return t.In(loc).Format("2006-01-02 15:04")
	}
	return t.In(loc).Format("02.01.2006, 15:04 Uhr")
}

// date writes 21.11.2026 in German, 2026-11-21 in English, of a time that is in its own place.
func date(lang string, t time.Time) string {
	if lang == "en" {
		return t.Format(time.DateOnly)
	}
	return t.Format("02.01.2006")
}

// clock writes 18:30:05 Uhr, 18:30:05 in English.
func clock(lang string, loc *time.Location, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	if lang == "en" {
		return t.In(loc).Format("15:04:05")
	}
	return t.In(loc).Format("15:04:05 Uhr")
}
