// Package finding is the published form of what the unit finds: the same JSON in replay, MQTT and journal.
package finding

import (
	"time"

	"subrosa/dsp/detect"
)

// Finding is one finding. Field names are API.
type Finding struct {
	ID         string       `json:"id"`   // 26 characters, sorts by time; one per appearance
	Kind       detect.Kind  `json:"kind"` // slug
	Name       string       `json:"name,omitempty"`
	Alarm      bool         `json:"alarm"` // false: information only
	Sense      detect.Sense `json:"sense"`
	Side       Side         `json:"side"`
	Start      time.Time    `json:"start"`
	End        *time.Time   `json:"end,omitempty"` // nil while it lasts
	Hz         float64      `json:"hz"`
	BwHz       float64      `json:"bw_hz"`
	LevelDB    float64      `json:"level_db"`
	SNRDB      float64      `json:"snr_db"`
	Statistic  float64      `json:"statistic"`
	Threshold  float64      `json:"threshold"`
	Pfa        float64      `json:"pfa"`
	Confidence float64      `json:"confidence"`
	Coverage   string       `json:"coverage"` // what was looked at and what cannot be seen, one line
	Cause      Cause        `json:"cause"`    // likely innocent explanation
}

// Side tells where the source stands, if that is known.
type Side string

const (
	Inside  Side = "inside"
	Outside Side = "outside"
	Unknown Side = "unknown"
)

var senses = []detect.Sense{detect.Acoustic, detect.Radio, detect.BLE, detect.WiFi, detect.Net, detect.AV, detect.Health}

// Open reports whether the finding still lasts.
func (f *Finding) Open() bool { return f.End == nil }
