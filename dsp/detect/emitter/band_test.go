package emitter

import (
	"testing"

	"subrosa/dsp/detect"
)

func TestBandName(t *testing.T) {
	for _, tt := range []struct {
		hz   float64
		want string
	}{
		{0, "unknown"}, {-1, "unknown"}, {-433.92e6, "unknown"}, {1, "other"}, {1.49e6, "other"},
		{7.1e6, "short-wave"}, {26.6e6, "cb"}, {26.957e6, "ism27"}, {27.0e6, "ism27"}, {27.282e6, "ism27"}, {27.283e6, "cb"}, {27.4e6, "cb"}, {27.405e6, "other"},
		{87.4e6, "other"}, {87.5e6, "fm"}, {107.9e6, "fm"}, {108e6, "airband"}, {136.9e6, "airband"},
		{137e6, "vhf-high"}, {149.019e6, "vhf-high"}, {149.05e6, "freenet"}, {149.12e6, "vhf-high"}, {173.9e6, "vhf-high"}, {174e6, "dab"}, {229.9e6, "dab"}, {230e6, "other"},
		{315e6, "ism315"}, {380e6, "tetra"}, {399.9e6, "tetra"}, {400e6, "uhf-low"},
		{433.04e6, "uhf-low"}, {433.05e6, "ism433"}, {433.92e6, "ism433"}, {434.78e6, "ism433"}, {434.79e6, "uhf-low"},
		{446e6, "pmr"}, {446.19e6, "pmr"}, {446.2e6, "uhf-low"}, {466e6, "pager"}, {469.9e6, "uhf-low"}, {470e6, "uhf-tv"}, {694e6, "other"},
		{703e6, "lte28-ul"}, {800e6, "lte20-dl"}, {822e6, "other"}, {823e6, "hall-mic"}, {832e6, "lte20-ul"}, {862e6, "other"},
		{863e6, "hall-mic"}, {864.99e6, "hall-mic"}, {865e6, "ism868"}, {868.3e6, "ism868"}, {870e6, "other"},
		{880e6, "gsm900-ul"}, {914.9e6, "gsm900-ul"}, {915e6, "ism915"}, {925e6, "gsm900-dl"}, {960e6, "other"},
		{1090e6, "adsb"}, {1575.42e6, "gps"}, {1747e6, "gsm1800-ul"}, {1890e6, "dect"}, {1900e6, "other"},
		{2400e6, "ism2400"}, {2450e6, "ism2400"}, {2483.5e6, "other"}, {5.8e9, "other"},
	} {
		if got := BandName(tt.hz); got != tt.want {
			t.Errorf("BandName(%.3f MHz) = %q, want %q", tt.hz/1e6, got, tt.want)
		}
	}
}

// TestBandsArePublished: every band has a published name, a width, and a place where it is the first to match.
func TestBandsArePublished(t *testing.T) {
	for i, b := range bands {
		if _, ok := detect.NewEmitter.NameIndex(b.name); !ok {
			t.Errorf("%q is no published name", b.name)
		}
		if !(b.hi > b.lo) {
			t.Errorf("%s: %g to %g Hz", b.name, b.lo, b.hi)
		}
		reached := false
		for hz := b.lo; hz < b.hi && !reached; hz += (b.hi - b.lo) / 64 {
			reached = lookUp(hz) == b
		}
		if !reached {
			t.Errorf("band %d (%s) is hidden by those before it", i, b.name)
		}
	}
}
