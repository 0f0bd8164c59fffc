package sdr

import "errors"

var (
	// ErrNotFinite is wrapped by a Read that met NaN or an infinity; the message names the sample. Samples
	// returned with it are good, nothing after them is.
	ErrNotFinite = errors.New("sdr: sample is not a finite number")

	// ErrUnknownEnding is wrapped when a file's ending is not that of any radio recording read here.
	ErrUnknownEnding = errors.New("sdr: not a known radio recording")

	// ErrNoRate is wrapped when neither the caller, nor a file's metadata, nor its name says how fast it was
	// sampled. Its text is the hint for whoever can know.
	ErrNoRate = errors.New("sdr: sample rate not known, give --rate (for example --rate 250k)")
)
