// Package detectors is the table of built-in detectors: adding one is its package and one line here.
package detectors

import (
	"fmt"
	"slices"

	"subrosa/dsp/detect"
	"subrosa/dsp/detect/emitter"
	"subrosa/dsp/detect/ultrasonic"
)

// Stream is what a detector is told of the samples it will get.
type Stream struct {
	Rate     int             // samples per second
	Centre   float64         // Hz a receiver is tuned to; 0 for sound or when not known
	Baseline []emitter.Known // what was on the air when the room was in order
}

// Builder makes a detector. An error means that the samples cannot carry what it looks for.
type Builder[S detect.Sample] func(Stream) (detect.Detector[S], error)

// Acoustic are the detectors of sound.
var Acoustic = map[string]Builder[float32]{
	"ultrasonic": func(s Stream) (detect.Detector[float32], error) { return ultrasonic.New(s.Rate, ultrasonic.Default) },
}

// Radio are the detectors of radio samples.
var Radio = map[string]Builder[complex64]{
	"emitter": func(s Stream) (detect.Detector[complex64], error) {
		c := emitter.Default
		c.Centre, c.Baseline = s.Centre, s.Baseline
		return emitter.New(s.Rate, c)
	},
}

// Build makes the named detectors out of a table; no names means all. An unknown name is an error.
func Build[S detect.Sample](table map[string]Builder[S], names []string, s Stream) ([]detect.Detector[S], error) {
	if len(names) == 0 {
		for n := range table {
			names = append(names, n)
		}
		slices.Sort(names)
	}
	var ds []detect.Detector[S]
	for _, n := range names {
		b, ok := table[n]
		if !ok {
			return nil, fmt.Errorf("detectors: no detector %q", n)
		}
		d, err := b(s)
		if err != nil {
			return nil, fmt.Errorf("detectors: %s: %w", n, err)
		}
		ds = append(ds, d)
	}
	return ds, nil
}
