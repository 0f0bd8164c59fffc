package alarm

import (
	"math"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
)

// Key tells which findings are the same thing: kind, name and roughly the frequency.
type Key struct {
	Kind detect.Kind `json:"kind"`
	Name string      `json:"name,omitempty"`
	Hz   float64     `json:"hz,omitempty"`
	BwHz float64     `json:"bw_hz,omitempty"`
}

// stormKey is the alarm that stands for findings which the storm limit could count nowhere else.
var stormKey = Key{Kind: detect.SensorTamper, Name: "excess"}

// KeyOf returns the key of f.
func KeyOf(f finding.Finding) Key {
	f = f.Rounded()
	return Key{f.Kind, f.Name, f.Hz, f.BwHz}
}

// Same reports whether k and o stand for the same thing. Frequencies are compared with a tolerance instead of
// being put into buckets, for a line on the edge of two buckets would be two alarms.
func (k Key) Same(o Key) bool {
	_, ok := k.distance(o)
	return ok
}

// distance is |Δf| in Hz, 0 where frequency tells nothing.
func (k Key) distance(o Key) (hz float64, same bool) {
	if k.Kind != o.Kind || k.Name != o.Name {
		return 0, false
	}
	tol := tolerance(k.Kind, k.Name)
	if math.IsInf(tol, 1) {
		return 0, true
	}
	d := math.Abs(k.Hz - o.Hz)
	return d, d <= max(tol, k.BwHz/2, o.BwHz/2)
}

// tolerance in Hz. A named beacon or a known band is one thing at any frequency its figures give, because the
// strongest of its tones changes. Elsewhere radio allows for the receiver's drift of about 50 ppm at 1 GHz.
func tolerance(k detect.Kind, name string) float64 {
	switch k {
	case detect.UltrasonicBeacon:
		if name == "" || name == "unknown" {
			return 750
		}
	case detect.UltrasonicTone:
		return 100
	case detect.OccupiedBand:
		if name == "" || name == "unknown" || name == "other" {
			return 1e6
		}
	case detect.NewEmitter, detect.Burst, detect.CarriesRoomSound, detect.TDMAEmitter:
		return 50e3
	}
	return math.Inf(1)
}
