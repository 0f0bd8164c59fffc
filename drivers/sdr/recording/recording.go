// Package recording opens a radio recording, whatever its format, by the ending of its name.
package recording

import (
	"fmt"
	"path/filepath"
	"strings"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/iqfile"
	"subrosa/drivers/sdr/sigmf"
)

// Known reports whether Open reads files with the ending of path. The data file of a SigMF recording is
// known as well; where both are listed, IsSigMFData tells which one to leave out.
func Known(path string) bool {
	_, bare := encoding(path)
	return bare || sigmf.Known(path)
}

// IsSigMFData reports whether path is the data half of a SigMF recording, which its .sigmf-meta half opens.
func IsSigMFData(path string) bool { return strings.EqualFold(filepath.Ext(path), ".sigmf-data") }

// Open opens the recording at path: cu8, cs8, cs16, cf32 or SigMF. Rate and centre are those of hint where
// it has them, else those of the SigMF metadata, else those of the file's name (ParseName). A centre nobody
// knows stays 0; without a rate Open fails with sdr.ErrNoRate. An ending it does not know is
// sdr.ErrUnknownEnding.
func Open(path string, hint sdr.Format) (sdr.Source, error) {
	if sigmf.Known(path) {
		r, err := sigmf.Open(path, hint)
		if err != nil {
			return nil, err
		}
		return r, nil
	}
	e, ok := encoding(path)
	if !ok {
		return nil, fmt.Errorf("%w: %s", sdr.ErrUnknownEnding, path)
	}
	f := hint
	named := ParseName(path)
	if f.Rate == 0 {
		f.Rate = named.Rate
	}
	if f.Centre == 0 {
		f.Centre = named.Centre
	}
	r, err := iqfile.Open(path, e, f)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func encoding(path string) (iqfile.Encoding, bool) {
	return iqfile.ParseEncoding(strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), "."))
}
