package replay

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	maxRate = 1e9  // samples per second
	maxHz   = 1e12 // Hz
)

// ParseRate reads a sample rate in samples per second: 250000, 250k, 2.4M, 2.4MS/s.
func ParseRate(s string) (int, error) {
	v, err := parseQuantity(s, "sps", "s/s", "hz")
	if err != nil {
		return 0, err
	}
	r := math.Round(v)
	if r < 1 || r > maxRate {
		return 0, fmt.Errorf("%q: want 1 to 1G samples per second", s)
	}
	return int(r), nil
}

// ParseHz reads a frequency in Hz above 0: 433920000, 433.92M, 2.4GHz.
func ParseHz(s string) (float64, error) {
	v, err := parseQuantity(s, "hz")
	if err != nil {
		return 0, err
	}
	if v <= 0 || v > maxHz {
		return 0, fmt.Errorf("%q: want a frequency above 0, at most 1000 GHz", s)
	}
	return v, nil
}

// parseQuantity reads a number without sign or exponent, an optional k, M or G, and one of the units, or none.
func parseQuantity(s string, units ...string) (float64, error) {
	num := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/ ")
	suffix := strings.TrimSpace(s[len(num):])
	for _, u := range units {
		if n := len(suffix) - len(u); n >= 0 && strings.EqualFold(suffix[n:], u) {
			suffix = suffix[:n]
			break
		}
	}
	factor, ok := map[string]float64{"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}[suffix]
	if !ok || num == "" || len(num) > 24 || strings.Trim(num, "0123456789.") != "" {
		return 0, fmt.Errorf("%q: want a number such as 250k, 2.4M or 433.92M", s)
	}
	v, err := strconv.ParseFloat(num, 64)
	if err != nil {
		return 0, fmt.Errorf("%q: want a number such as 250k, 2.4M or 433.92M", s)
	}
	return v * factor, nil
}
