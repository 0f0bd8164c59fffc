// Package sigmf reads radio recordings in the Signal Metadata Format (SigMF 1.x): a pair of files
// NAME.sigmf-meta (JSON) and NAME.sigmf-data (samples), or both in a tar archive NAME.sigmf.
//
// Read are the datatypes cu8, ci8, ci16_le and cf32_le on one channel at one centre frequency. Annotations,
// extensions, collections and checksums are ignored.
package sigmf

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/iqfile"
)

// maxIndex bounds every count in the metadata, so that sums of them cannot overflow.
const maxIndex = 1 << 60

// Meta is what a recording's metadata says about its samples.
type Meta struct {
	Encoding iqfile.Encoding
	Format   sdr.Format // zero where the metadata does not say
	Dataset  string     // name of the data file beside it; empty = the same name
	Header   int64      // bytes before the samples
	Trailer  int64      // bytes after the samples
	Segments []Segment  // at least one, in order
}

// Segment is a run of samples without a gap.
type Segment struct {
	Sample int64 // first sample, counted in the data file
	At     int64 // its stream index; the file's first sample has 0
}

var encodings = map[string]iqfile.Encoding{
	"cu8": iqfile.CU8, "ci8": iqfile.CS8, "ci16_le": iqfile.CS16, "cf32_le": iqfile.CF32,
}

// document is the part of the JSON that matters here.
type document struct {
	Global struct {
		Datatype string  `json:"core:datatype"`
		Rate     float64 `json:"core:sample_rate"`
		Channels *int64  `json:"core:num_channels"`
		Offset   int64   `json:"core:offset"`
		Dataset  string  `json:"core:dataset"`
		Trailing int64   `json:"core:trailing_bytes"`
		Bare     bool    `json:"core:metadata_only"`
	} `json:"global"`
	Captures []capture `json:"captures"`
}

type capture struct {
	Start     *int64   `json:"core:sample_start"`
	Global    *int64   `json:"core:global_index"`
	Frequency *float64 `json:"core:frequency"`
	Header    int64    `json:"core:header_bytes"`
}

// Parse reads the text of a .sigmf-meta file.
func Parse(text []byte) (Meta, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return Meta{}, fmt.Errorf("metadata: %w", err)
	}
	m := Meta{Dataset: d.Global.Dataset, Trailer: d.Global.Trailing}
	var ok bool
	if m.Encoding, ok = encodings[d.Global.Datatype]; !ok {
		return Meta{}, fmt.Errorf("metadata: datatype %q is not read, only cu8, ci8, ci16_le and cf32_le", d.Global.Datatype)
	}
	switch r := d.Global.Rate; {
	case r == 0: // not said
	case r < 1 || r > 1e9:
		return Meta{}, fmt.Errorf("metadata: sample rate %g, want 1 to 1e9", r)
	default:
		m.Format.Rate = int(math.Round(r))
	}
	switch g := d.Global; {
	case g.Channels != nil && *g.Channels != 1:
		return Meta{}, fmt.Errorf("metadata: %d channels are not read, only one", *g.Channels)
	case g.Bare:
		return Meta{}, errors.New("metadata: the recording has no samples (metadata_only)")
	case strings.ContainsAny(g.Dataset, `/\`) || g.Dataset == "." || g.Dataset == "..":
		return Meta{}, fmt.Errorf("metadata: dataset %q is not a file beside it", g.Dataset)
	case g.Offset < 0 || g.Offset > maxIndex || g.Trailing < 0 || g.Trailing > maxIndex:
		return Meta{}, fmt.Errorf("metadata: offset %d, trailing bytes %d", g.Offset, g.Trailing)
	}
	if err := m.addCaptures(d.Captures, d.Global.Offset); err != nil {
		return Meta{}, fmt.Errorf("metadata: %w", err)
	}
	return m, nil
}

// addCaptures fills Segments, Header and the centre. offset is the index of the file's first sample, in
// which capture starts are counted.
func (m *Meta) addCaptures(captures []capture, offset int64) error {
	m.Segments = []Segment{{}}
	var first *int64 // global index of the file's first sample
	for i, c := range captures {
		if c.Start == nil || *c.Start < offset || *c.Start > maxIndex {
			return fmt.Errorf("capture %d: no start, or one outside the recording", i)
		}
		start := *c.Start - offset
		last := m.Segments[len(m.Segments)-1]
		if start < last.Sample {
			return fmt.Errorf("capture %d starts at sample %d, before the one before it", i, *c.Start)
		}
		switch {
		case c.Header < 0 || c.Header > maxIndex || c.Header > 0 && i > 0:
			return fmt.Errorf("capture %d: %d header bytes are not read", i, c.Header)
		case i == 0:
			m.Header = c.Header
		}
		if f := c.Frequency; f != nil {
			if *f < 0 || *f > 1e12 {
				return fmt.Errorf("capture %d: frequency %g Hz", i, *f)
			}
			if m.Format.Centre != 0 && m.Format.Centre != *f {
				return fmt.Errorf("captures at %g and %g Hz in one recording are not read", m.Format.Centre, *f)
			}
			m.Format.Centre = *f
		}
		if c.Global == nil {
			continue // goes on without a gap
		}
		if *c.Global < start || *c.Global > maxIndex {
			return fmt.Errorf("capture %d: global index %d for sample %d", i, *c.Global, start)
		}
		if first == nil {
			g := *c.Global - start
			first = &g
		}
		at := *c.Global - *first
		if at < last.At+start-last.Sample {
			return fmt.Errorf("capture %d: global index %d goes back", i, *c.Global)
		}
		m.Segments = append(m.Segments, Segment{Sample: start, At: at})
	}
	return nil
}
