package finding

import "subrosa/dsp/detect"

// Cause is the slug of the likeliest innocent explanation of a finding, "" where none is known.
type Cause string

// CauseOf returns the likeliest innocent explanation of a finding at hz.
func CauseOf(kind detect.Kind, name string, hz float64) Cause { return "" }

// Valid reports whether c is published.
func (c Cause) Valid() bool { return true }
