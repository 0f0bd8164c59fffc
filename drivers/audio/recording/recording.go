// Package recording opens a recording of sound, whatever its format, by the ending of its name.
package recording

import (
	"fmt"
	"path/filepath"
	"strings"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/flacfile"
	"subrosa/drivers/audio/wavfile"
)

var openers = map[string]func(path string) (audio.Source, error){
	".wav":  func(path string) (audio.Source, error) { return source(wavfile.Open(path)) },
	".flac": func(path string) (audio.Source, error) { return source(flacfile.Open(path)) },
}

// Known reports whether Open reads files with the ending of path.
func Known(path string) bool { return openers[ending(path)] != nil }

// Open opens the recording at path. An ending it does not know is audio.ErrUnknownEnding.
func Open(path string) (audio.Source, error) {
	open := openers[ending(path)]
	if open == nil {
		return nil, fmt.Errorf("%w: %s", audio.ErrUnknownEnding, path)
	}
	return open(path)
}

func ending(path string) string { return strings.ToLower(filepath.Ext(path)) }

// source keeps the nil pointer of a failed opening from becoming a Source that is not nil.
func source[S audio.Source](s S, err error) (audio.Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
