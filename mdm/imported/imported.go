// Package imported reads the standing posture out of a report that another device management has written: Jamf, Relution, Ivanti,
// baramundi, or whatever can list devices as CSV. Nothing is ever sent to those managements.
//
// The form is one line a device, in UTF-8, with ; or , between fields, and a first line that names them:
//
//	device;platform;assistant;reported
//	d-0001;ios;off;2026-11-28T17:40:00+01:00
//	d-0002;android;on;28.11.2026 17:40
//
// device is a pseudonym (a-z, 0-9, -): names and serial numbers stay where they are. assistant, dictation, screen-recording,
// call-recording, microphone, camera and external-ai are off, on or unknown (or aus, an, unbekannt); assistant must be there. reported
// is when the device was last heard of by its management, not when the list was written. What is not understood is refused with its line.
//
// A line counts as proven for as long as its age is below a limit; after that it is unknown, whatever it says.
package imported

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"subrosa/mdm"
)

// Limits of a report.
const (
	MaxBytes  = 32 << 20
	MaxRows   = 200_000
	Fresh     = 24 * time.Hour  // default of Posture
	tolerance = 5 * time.Minute // of a clock that is ahead
)

// Row is one device.
type Row struct {
	Device   string
	Platform string
	Off      mdm.Set
	On       mdm.Set // neither off nor on: unknown
	Reported time.Time
}

// Report is a list of devices, each once.
type Report []Row

// ParseCSV reads a report as of now. Times without a zone are of zone.
func ParseCSV(b []byte, now time.Time, zone *time.Location) (Report, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	switch {
	case len(b) > MaxBytes:
		return nil, fmt.Errorf("imported: %d bytes, at most %d", len(b), MaxBytes)
	case !utf8.Valid(b):
		return nil, errors.New("imported: not UTF-8: save the list as \"CSV UTF-8\"")
	}
	r := csv.NewReader(bytes.NewReader(b))
	head, _, _ := bytes.Cut(b, []byte("\n"))
	if bytes.ContainsRune(head, ';') {
		r.Comma = ';'
	}
	names, err := r.Read()
	if err == io.EOF {
		return nil, errors.New("imported: empty")
	}
	if err != nil {
		return nil, fmt.Errorf("imported: %w", err)
	}
	h, err := parseHead(names)
	if err != nil {
		return nil, err
	}
	var out Report
	seen := map[string]int{}
	for {
		fields, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("imported: %w", err)
		}
		line, _ := r.FieldPos(0)
		row, err := h.row(fields, now, zone)
		if err != nil {
			return nil, fmt.Errorf("imported: line %d: %w", line, err)
		}
		if first := seen[row.Device]; first > 0 {
			return nil, fmt.Errorf("imported: line %d: device %s stands in line %d already", line, row.Device, first)
		}
		seen[row.Device] = line
		if out = append(out, row); len(out) > MaxRows {
			return nil, fmt.Errorf("imported: more than %d devices", MaxRows)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("imported: no device")
	}
	return out, nil
}

// head is what each column holds.
type head []string

func parseHead(names []string) (head, error) {
	h := make(head, len(names))
	for i, n := range names {
		h[i] = strings.ToLower(strings.TrimSpace(n))
		_, _, err := mdm.ParseSet([]string{h[i]})
		known := err == nil && !strings.HasSuffix(h[i], "?")
		if !known && !slices.Contains([]string{"device", "platform", "reported"}, h[i]) {
			return nil, fmt.Errorf("imported: no column is called %.40q; there are device, platform, reported, %s", n, strings.Join(mdm.All.Names(), ", "))
		}
		if slices.Contains(h[:i], h[i]) {
			return nil, fmt.Errorf("imported: column %s stands there twice", h[i])
		}
	}
	for _, must := range []string{"device", "assistant", "reported"} {
		if !slices.Contains(h, must) {
			return nil, fmt.Errorf("imported: column %s is missing", must)
		}
	}
	return h, nil
}

func (h head) row(fields []string, now time.Time, zone *time.Location) (row Row, err error) {
	for i, f := range fields {
		f = strings.TrimSpace(f)
		switch h[i] {
		case "device":
			row.Device, err = f, mdm.CheckID(f)
		case "platform":
			if row.Platform = strings.ToLower(f); f != "" {
				err = mdm.CheckID(row.Platform)
			}
		case "reported":
			row.Reported, err = parseTime(f, zone)
			if err == nil && row.Reported.After(now.Add(tolerance)) {
				err = fmt.Errorf("reported %.40q lies in the future", f)
			}
		default:
			s, _, _ := mdm.ParseSet([]string{h[i]})
			switch strings.ToLower(f) {
			case "off", "aus":
				row.Off |= s
			case "on", "an", "ein":
				row.On |= s
			case "unknown", "unbekannt", "":
			default:
				err = fmt.Errorf("%s is %.40q, want off, on or unknown", h[i], f)
			}
		}
		if err != nil {
			return row, err
		}
	}
	return row, nil
}

// forms of a time: RFC 3339, and as spreadsheets of German and English administrations write it.
var forms = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "02.01.2006 15:04:05", "02.01.2006 15:04", "2006-01-02", "02.01.2006"}

// parseTime reads a time. A day alone is its beginning: the age is never understated.
func parseTime(s string, zone *time.Location) (time.Time, error) {
	for _, f := range forms {
		if t, err := time.ParseInLocation(f, s, zone); err == nil && t.Year() > 2000 && t.Year() < 9999 {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("reported %.40q, want 2026-11-28T17:40:00+01:00 or 28.11.2026 17:40", s)
}

// Posture counts on how many devices all of standing is off by a report younger than fresh. Devices that the report says to be on are
// counted as error, those with nothing certain, or nothing young enough, as unknown.
func (r Report) Posture(now time.Time, standing mdm.Set, fresh time.Duration) mdm.Posture {
	p := mdm.Posture{Total: len(r), Standing: standing.Names(), Counts: map[mdm.State]int{}, Evidence: mdm.NoEvidence}
	for _, row := range r {
		switch {
		case now.Sub(row.Reported) >= fresh:
			p.Counts[mdm.Unknown]++
		case row.Off.Has(standing):
			p.Counts[mdm.Declared]++
			p.Off++
			// the other management's word, brought by a person
			p.Evidence = mdm.Signed
			if p.At.IsZero() || row.Reported.Before(p.At) {
				p.At = row.Reported
			}
		case row.On&standing != 0:
			p.Counts[mdm.Error]++
		default:
			p.Counts[mdm.Unknown]++
		}
	}
	return p
}

// Age is that of the oldest and of the youngest line.
func (r Report) Age(now time.Time) (oldest, youngest time.Duration) {
	for i, row := range r {
		a := max(0, now.Sub(row.Reported))
		if i == 0 || a < youngest {
			youngest = a
		}
		oldest = max(oldest, a)
	}
	return oldest, youngest
}
