package replay

import (
	"math"
	"slices"
	"strings"
	"testing"

	"subrosa/dsp/detect/emitter"
)

func TestParseQuantities(t *testing.T) {
	for _, tt := range []struct {
		in   string
		hz   float64 // 0: an error
		rate int     // 0: an error
	}{
		{"250k", 250e3, 250_000}, {"250K", 250e3, 250_000}, {"2.4M", 2.4e6, 2_400_000}, {"433.92M", 433.92e6, 433_920_000},
		{"250000", 250e3, 250_000}, {"1.024M", 1.024e6, 1_024_000}, {"433.92MHz", 433.92e6, 433_920_000},
		{"2.4G", 2.4e9, 0}, {"2.4 MS/s", 0, 2_400_000}, {"48kHz", 48e3, 48_000}, {"2.048Msps", 0, 2_048_000},
		{"", 0, 0}, {"k", 0, 0}, {"Hz", 0, 0}, {"-250k", 0, 0}, {"+1k", 0, 0}, {"2,4M", 0, 0}, {"1e6", 0, 0}, {"0x10", 0, 0},
		{"NaN", 0, 0}, {"Inf", 0, 0}, {"2.4m", 0, 0}, {"1.2.3k", 0, 0}, {"0", 0, 0}, {"0.1", 0.1, 0}, {"5000G", 0, 0},
		{strings.Repeat("9", 30), 0, 0}, {"250k ", 250e3, 250_000}, {"٣k", 0, 0},
	} {
		if got, err := ParseHz(tt.in); math.Abs(got-tt.hz) > 1e-3 || (err == nil) != (tt.hz > 0) {
			t.Errorf("ParseHz(%q) = %g, %v, want %g", tt.in, got, err, tt.hz)
		}
		if got, err := ParseRate(tt.in); got != tt.rate || (err == nil) != (tt.rate > 0) {
			t.Errorf("ParseRate(%q) = %d, %v, want %d", tt.in, got, err, tt.rate)
		}
	}
}

func FuzzParseQuantities(f *testing.F) {
	for _, s := range []string{"250k", "433.92MHz", "2.4 MS/s", "1e9", "-1", "٣k", "\x00k", "0.0000001k"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseHz(s); err == nil && !(v > 0 && v <= maxHz) {
			t.Errorf("ParseHz(%q) = %g", s, v)
		}
		if v, err := ParseRate(s); err == nil && (v < 1 || v > maxRate) {
			t.Errorf("ParseRate(%q) = %d", s, v)
		}
	})
}

func TestParseBaseline(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []emitter.Known
		err  string // part of
	}{
		{`[{"hz":433.92e6,"bw_hz":2e4,"level_db":-40}]`, []emitter.Known{{Hz: 433.92e6, BwHz: 2e4, LevelDB: -40}}, ""},
		{`[{"hz":-30000,"bw_hz":0,"level_db":0},{"hz":1,"bw_hz":2,"level_db":3}]`, []emitter.Known{{Hz: -30000}, {Hz: 1, BwHz: 2, LevelDB: 3}}, ""},
		{` [] `, []emitter.Known{}, ""},
		{`null`, nil, "want a list"},
		{`{}`, nil, "1:"},
		{``, nil, "1:1"},
		{`[{"hz":1,"bw_hz":2}]`, nil, "entry 1 lacks"},
		{`[{"hz":1,"bw_hz":2,"level_db":null}]`, nil, "entry 1 lacks"},
		{`[null]`, nil, "entry 1 lacks"},
		{"[\n{\"hz\":1,\"bw_hz\":2,\"level\":3}]", nil, `2:`},
		{`[{"hz":1,"bw_hz":-2,"level_db":3}]`, nil, "out of range"},
		{`[{"hz":1e300,"bw_hz":2,"level_db":3}]`, nil, "out of range"},
		{`[{"hz":"1","bw_hz":2,"level_db":3}]`, nil, "1:"},
		{`[{"hz":1,"bw_hz":2,"level_db":3}] []`, nil, "more after"},
	} {
		got, err := ParseBaseline([]byte(tt.in))
		if tt.err == "" && (err != nil || !slices.Equal(got, tt.want)) {
			t.Errorf("%s: got %v, %v, want %v", tt.in, got, err, tt.want)
		}
		if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: got %v, %v, want an error with %q", tt.in, got, err, tt.err)
		}
	}
}

func FuzzParseBaseline(f *testing.F) {
	for _, s := range []string{`[]`, `[{"hz":1,"bw_hz":2,"level_db":3}]`, `[{"hz":null}]`, `null`, `[[]]`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		known, err := ParseBaseline(b)
		if err != nil {
			return
		}
		for _, k := range known {
			if !(math.Abs(k.Hz) <= maxHz && k.BwHz >= 0 && math.Abs(k.LevelDB) <= 400) {
				t.Errorf("%q gives %+v", b, k)
			}
		}
	})
}
