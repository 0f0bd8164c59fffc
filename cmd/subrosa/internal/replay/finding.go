package replay

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
)

// Finding is a finding in a recording: finding.Finding with the file, the channel and seconds from the recording's
// beginning in place of id and times. Field names are API.
type Finding struct {
	File       string        `json:"file"`
	Channel    string        `json:"channel"` // mono, left and right, or 1, 2, …; iq for radio
	Kind       detect.Kind   `json:"kind"`
	Name       string        `json:"name,omitempty"`
	Alarm      bool          `json:"alarm"`
	Sense      detect.Sense  `json:"sense"`
	Side       finding.Side  `json:"side"`
	StartS     float64       `json:"start_s"`
	EndS       float64       `json:"end_s"`
	Hz         float64       `json:"hz"` // of radio: an offset when the centre is not known
	BwHz       float64       `json:"bw_hz"`
	LevelDB    float64       `json:"level_db"`
	SNRDB      float64       `json:"snr_db"`
	Statistic  float64       `json:"statistic"`
	Threshold  float64       `json:"threshold"`
	Pfa        float64       `json:"pfa"`
	Confidence float64       `json:"confidence"`
	Coverage   string        `json:"coverage"`
	Cause      finding.Cause `json:"cause"`
}

// fileCoverage is the line that says what could not be seen in a file.
type fileCoverage struct {
	File     string `json:"file"`
	Coverage string `json:"coverage"`
}

// publish turns a detection into a finding.
func publish(file, channel string, d detect.Detection, s stream) Finding {
	hz := d.Hz
	if d.Kind.Sense() == detect.Radio {
		hz += s.centre
	}
	f := finding.Finding{Start: time.Unix(0, 0), Hz: hz, BwHz: d.BwHz, LevelDB: d.LevelDB, SNRDB: d.SNRDB,
		Statistic: d.Statistic, Threshold: d.Threshold, Pfa: d.Pfa, Confidence: d.Confidence}.Rounded()
	return Finding{
		File: file, Channel: channel,
		Kind: d.Kind, Name: d.Name, Alarm: d.Alarm, Sense: d.Kind.Sense(), Side: finding.Unknown,
		StartS: seconds(d.Start, s.rate), EndS: seconds(d.End, s.rate),
		Hz: f.Hz, BwHz: f.BwHz, LevelDB: f.LevelDB, SNRDB: f.SNRDB, Statistic: f.Statistic, Threshold: f.Threshold,
		Pfa: f.Pfa, Confidence: f.Confidence, Coverage: s.coverage, Cause: finding.CauseOf(d.Kind, d.Name, hz),
	}
}

// seconds returns the time of a sample, rounded to 0.1 ms.
func seconds(sample int64, rate int) float64 {
	return math.Round(float64(sample)/float64(rate)*1e4) / 1e4
}

// order sorts findings by their beginning; ties by what distinguishes them, so that the order is always the same.
func order(fs []Finding) {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.StartS, b.StartS), cmp.Compare(a.EndS, b.EndS), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Hz, b.Hz))
	})
}

// channelName names one of n channels of sound.
func channelName(i, n int) string {
	switch n {
	case 1:
		return "mono"
	case 2:
		return [2]string{"left", "right"}[i]
	}
	return strconv.Itoa(i + 1)
}
