package replay

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
)

// provingRate is the sample rate from which a recording of sound reaches beyond what people hear. Below it, silence
// proves nothing.
const provingRate = 44100

// clauses says, in the words of detect.Coverage, what the detectors could not do. blind are those that had no use for
// the samples at all.
func clauses[S detect.Sample](ds []detect.Detector[S], blind map[string]error, rate int, frames int64) (cs []string) {
	var none S
	_, isSound := any(none).(float32)
	short := isSound && rate < provingRate
	if frames == 0 {
		cs = append(cs, "see anything: no samples")
	}
	if short {
		cs = append(cs, fmt.Sprintf("see above %s: proves no silence", plain(finding.Hertz("en", float64(rate)/2))))
	}
	for _, d := range ds {
		o, ok := d.(detect.Observer)
		if !ok {
			continue
		}
		for _, c := range o.Coverage().Cannot {
			if !short || !strings.HasPrefix(c, "see above ") {
				cs = append(cs, c)
			}
		}
	}
	if !isSound && frames > 0 && frames < int64(rate) && len(ds) > 0 {
		cs = append(cs, "see steady emitters in less than 1 s of samples")
	}
	for _, name := range slices.Sorted(maps.Keys(blind)) {
		if !short {
			cs = append(cs, fmt.Sprintf("use %s: %v", name, blind[name]))
		}
	}
	return cs
}

// german are the clauses that detectors and replay use, with their German form.
var german = []struct {
	english *regexp.Regexp
	german  string
}{
	{regexp.MustCompile(`^see above (\S+) kHz$`), "über $1 kHz"},
	{regexp.MustCompile(`^see below (\S+) kHz$`), "unter $1 kHz"},
	{regexp.MustCompile(`^see above (\S+ k?Hz): proves no silence$`), "über $1: belegt keine Stille"},
	{regexp.MustCompile(`^see outside (\S+) kHz around the tuned centre$`), "außerhalb von $1 kHz um die eingestellte Mitte"},
	{regexp.MustCompile(`^see steady carriers within (\S+) kHz of the tuned centre$`), "Dauerträger näher als $1 kHz an der eingestellten Mitte"},
	{regexp.MustCompile(`^see steady emitters in less than 1 s of samples$`), "Dauersender in weniger als 1 s Aufnahme"},
	{regexp.MustCompile(`^see anything: no samples$`), "alles: die Aufnahme ist leer"},
	{regexp.MustCompile(`^use (\S+): (.*)$`), "Prüfung $1: $2"},
}

// decimal is a point between digits.
var decimal = regexp.MustCompile(`(\d)\.(\d)`)

// cannot joins clauses into one line, "" for none.
func cannot(cs []string, lang string) string {
	if len(cs) == 0 {
		return ""
	}
	out := make([]string, len(cs))
	for i, c := range cs {
		if lang != "en" {
			out[i] = translated(c)
			continue
		}
		var ok bool
		if out[i], ok = strings.CutPrefix(c, "see "); !ok && i > 0 {
			out[i] = "cannot " + c
		}
	}
	switch {
	case lang != "en":
		return "nicht messbar: " + strings.Join(out, "; ")
	case strings.HasPrefix(cs[0], "see "):
		return "cannot see " + strings.Join(out, "; ")
	}
	return "cannot " + strings.Join(out, "; ")
}

// translated returns the German form of a clause, or the clause itself where there is none.
func translated(c string) string {
	for _, g := range german {
		if g.english.MatchString(c) {
			return decimal.ReplaceAllString(g.english.ReplaceAllString(c, g.german), "$1,$2")
		}
	}
	return c
}

// plain replaces the spaces that do not break.
func plain(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }
