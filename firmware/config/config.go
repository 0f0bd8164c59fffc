// Package config reads the programs' JSON files: over defaults, once, and strictly.
package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Load decodes the file over the defaults already in v. A misspelt key is an error that names file, line and
// column. A missing file is an error too unless optional.
func Load(path string, v any, optional bool) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && optional {
		return nil
	}
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if err := Decode(b, v); err != nil {
		return fmt.Errorf("config: %s:%w", path, err)
	}
	return nil
}

// Decode decodes b strictly over v; errors start with "line:column: ".
func Decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return at(b, d.InputOffset(), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return at(b, d.InputOffset(), errors.New("more after the end of the object"))
	}
	return nil
}

func at(b []byte, off int64, err error) error {
	var syn *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syn):
		off = syn.Offset
	case errors.As(err, &typ):
		off = typ.Offset
	case errors.Is(err, io.ErrUnexpectedEOF):
		off = int64(len(b))
	}
	if key, ok := unknownKey(err); ok {
		if i := indexKey(b, key); i >= 0 {
			off = int64(i) + 1
		}
	}
	off = min(off, int64(len(b)))
	line := 1 + bytes.Count(b[:off], []byte("\n"))
	col := max(1, int(off)-bytes.LastIndexByte(b[:off], '\n')-1)
	return fmt.Errorf("%d:%d: %w", line, col, err)
}

// indexKey returns where a key stands that is followed by a colon, -1 if it is nowhere.
func indexKey(b []byte, key string) int {
	quoted := []byte(`"` + key + `"`)
	for from := 0; ; {
		i := bytes.Index(b[from:], quoted)
		if i < 0 {
			return -1
		}
		from += i
		if rest := bytes.TrimLeft(b[from+len(quoted):], " \t\r\n"); len(rest) > 0 && rest[0] == ':' {
			return from
		}
		from += len(quoted)
	}
}

func unknownKey(err error) (string, bool) {
	var key string
	n, _ := fmt.Sscanf(err.Error(), "json: unknown field %q", &key)
	return key, n == 1
}
