package replay

import (
	"fmt"
	"math"
	"os"

	"subrosa/dsp/detect/emitter"
	"subrosa/firmware/config"
)

// LoadBaseline reads a baseline from a file, see ParseBaseline.
func LoadBaseline(path string) ([]emitter.Known, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	known, err := ParseBaseline(b)
	if err != nil {
		return nil, fmt.Errorf("baseline: %s:%w", path, err)
	}
	return known, nil
}

// ParseBaseline decodes a list of known emitters, [{"hz":433.92e6,"bw_hz":20e3,"level_db":-40}, …], strictly: every
// entry has all three keys and no other. hz is absolute; where a receiver's centre is not known it is an offset.
func ParseBaseline(b []byte) ([]emitter.Known, error) {
	var entries []struct {
		Hz      *float64 `json:"hz"`
		BwHz    *float64 `json:"bw_hz"`
		LevelDB *float64 `json:"level_db"`
	}
	if err := config.Decode(b, &entries); err != nil {
		return nil, err
	}
	if entries == nil {
		return nil, fmt.Errorf("1:1: want a list of emitters, got null")
	}
	known := make([]emitter.Known, 0, len(entries))
	for i, e := range entries {
		switch {
		case e.Hz == nil || e.BwHz == nil || e.LevelDB == nil:
			return nil, fmt.Errorf("1:1: entry %d lacks one of hz, bw_hz, level_db", i+1)
		case math.Abs(*e.Hz) > maxHz || *e.BwHz < 0 || *e.BwHz > maxHz || math.Abs(*e.LevelDB) > 400:
			return nil, fmt.Errorf("1:1: entry %d: hz %g, bw_hz %g, level_db %g: out of range", i+1, *e.Hz, *e.BwHz, *e.LevelDB)
		}
		known = append(known, emitter.Known{Hz: *e.Hz, BwHz: *e.BwHz, LevelDB: *e.LevelDB})
	}
	return known, nil
}
