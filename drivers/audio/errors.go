package audio

import "errors"

var (
	// ErrNotFinite is wrapped by a Read that met NaN or an infinity; the message names the frame. Frames
	// returned with it are good, nothing after them is.
	ErrNotFinite = errors.New("audio: sample is not a finite number")

	// ErrUnknownEnding is wrapped when a file's ending is not that of any recording of sound read here.
	ErrUnknownEnding = errors.New("audio: not a known recording of sound")
)
