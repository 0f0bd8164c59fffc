package replay

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
)

// words are what replay itself says.
type words struct{ alarm, info, truncated, skipped, summary string }

var texts = map[string]words{
	"de": {"Alarm", "Info", "endet mitten in einer Abtastung; alles davor wurde geprüft",
		"%d Dateien mit anderen Endungen in den Ordnern nicht gelesen", "%d von %d Aufnahmen gelesen, %s s, %.0f× Echtzeit: %d Befunde, davon %d mit Alarm"},
	"en": {"alarm", "info", "ends in the middle of a sample; everything before it was looked at",
		"%d files with other endings in the folders not read", "%d of %d recordings read, %s s, %.0f× real time: %d findings, %d of them alarms"},
}

func say(lang string) words {
	if w, ok := texts[lang]; ok {
		return w
	}
	return texts["de"]
}

// writeLines writes findings as aligned columns: file, channel, time, frequency, alarm, what it is, SNR, likely cause.
func writeLines(w io.Writer, fs []Finding, lang string, offsets bool) error {
	rows := make([][]string, len(fs))
	for i, f := range fs {
		rows[i] = columns(f, lang, offsets)
	}
	right := []bool{false, false, true, true, false, false, true, false}
	width := make([]int, len(right))
	for _, r := range rows {
		for k, c := range r {
			width[k] = max(width[k], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		for k, c := range r {
			pad := strings.Repeat(" ", width[k]-utf8.RuneCountInString(c))
			switch {
			case k == len(r)-1:
				b.WriteString(c)
			case right[k]:
				b.WriteString(pad + c + "  ")
			default:
				b.WriteString(c + pad + "  ")
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func columns(f Finding, lang string, offsets bool) []string {
	what := finding.KindText(lang, f.Kind)
	if f.Name != "" {
		what += " (" + finding.NameText(lang, f.Kind, f.Name) + ")"
	}
	alarm := say(lang).info
	if f.Alarm {
		alarm = say(lang).alarm
	}
	hz := plain(finding.Hertz(lang, f.Hz))
	if offsets && f.Sense == detect.Radio && f.Hz > 0 {
		hz = "+" + hz
	}
	return []string{f.File, f.Channel, number(f.StartS, 3, lang) + " – " + number(f.EndS, 3, lang) + " s", hz, alarm, what,
		number(f.SNRDB, 1, lang) + " dB", f.Cause.Text(lang)}
}

// number writes x with digits after the decimal sign of the language.
func number(x float64, digits int, lang string) string {
	if math.Abs(x) < 0.5*math.Pow(10, -float64(digits)) {
		x = 0 // no negative zero
	}
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if lang != "en" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

func (r *run) warn(format string, a ...any) {
	r.progress.clear()
	fmt.Fprintf(r.o.Stderr, "subrosa: "+format+"\n", a...)
}
