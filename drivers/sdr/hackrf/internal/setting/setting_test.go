package setting

import (
	"math"
	"testing"
)

var good = Config{Rate: 10e6, Centre: 2.44e9, LNADB: 16, VGADB: 24}

func TestCheck(t *testing.T) {
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"slow":       func(c *Config) { c.Rate = 1_999_999 },
		"fast":       func(c *Config) { c.Rate = 20_000_001 },
		"low":        func(c *Config) { c.Centre = 0.9e6 },
		"high":       func(c *Config) { c.Centre = 6.1e9 },
		"NaN":        func(c *Config) { c.Centre = math.NaN() },
		"ppm":        func(c *Config) { c.PPM = -1001 },
		"LNA":        func(c *Config) { c.LNADB = 48 },
		"LNA step":   func(c *Config) { c.LNADB = 12 },
		"VGA":        func(c *Config) { c.VGADB = -2 },
		"VGA step":   func(c *Config) { c.VGADB = 3 },
		"settle":     func(c *Config) { c.Settle = -1 },
		"stall":      func(c *Config) { c.Stall = -1 },
		"everything": func(c *Config) { *c = Config{} },
	} {
		c := good
		if change(&c); c.Check() == nil {
			t.Errorf("%s: %+v was accepted", name, c)
		}
	}
}

// TestSplit: what comes out can be set, and is within 2 dB of what was asked.
func TestSplit(t *testing.T) {
	for db := -10.0; db <= 120; db += 0.5 {
		c := good
		c.LNADB, c.VGADB = Split(db)
		want := max(0, min(db, 102))
		if err := c.Check(); err != nil || math.Abs(float64(c.LNADB+c.VGADB)-want) > 2 {
			t.Errorf("%g dB: %d and %d, %v", db, c.LNADB, c.VGADB, err)
		}
	}
	if lna, vga := Split(40); lna != 16 || vga != 24 {
		t.Errorf("40 dB: %d and %d", lna, vga)
	}
	if lna, vga := Split(math.NaN()); lna != 0 || vga != 0 {
		t.Errorf("NaN: %d and %d", lna, vga)
	}
}
