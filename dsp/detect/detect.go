// Package detect is the contract between a stream of samples and what is found in it.
//
// Time here is a sample index; rooms, clocks and people are the firmware's business. A detector is pure:
// no I/O, no clock, no goroutine, no logger. It is set up once and then runs for ever without allocating.
package detect

// Sample is one sample of sound (float32, full scale ±1) or of radio (complex64, full scale |x| = 1).
type Sample interface{ float32 | complex64 }

// Edge tells whether a detection has just been confirmed or has just ended.
type Edge uint8

const (
	Appeared Edge = iota // confirmed now; End is the last sample seen so far
	Gone                 // ended; every figure is final
)

// String returns "appeared" or "gone".
func (e Edge) String() string {
	if e == Gone {
		return "gone"
	}
	return "appeared"
}

// Detection is what a detector knows about one finding. The firmware adds the rest (identity, side, cause).
type Detection struct {
	Kind Kind
	Name string // slug out of Kind.Names; "" where the kind has none
	Edge Edge
	// Track numbers a detector's findings from 1, so that Appeared and Gone of one finding can be paired.
	Track      uint32
	Start, End int64   // sample indices, half open: [Start, End)
	Hz         float64 // centre: sound 0…rate/2; radio offset from the tuned centre, may be negative
	BwHz       float64 // occupied bandwidth, Hz
	LevelDB    float64 // dBFS
	SNRDB      float64 // mean power while on over noise power in the signal's own band, dB
	Statistic  float64 // the value that was compared …
	Threshold  float64 // … with this one, same unit
	Pfa        float64 // probability of false alarm that the threshold was set for, per decision
	Confidence float64 // 0…1, how sure the name is
	Alarm      bool    // false: information only
}

// Detector finds things in a stream of samples.
//
// Detect appends its findings to dst and returns it; it does not retain x. at is the stream index of x[0];
// a jump in at means that samples were lost, and nothing may be measured across the gap. An empty x ends the
// stream: every open finding is appended as Gone. How the stream is cut into blocks never changes the
// findings. In steady state Detect does not allocate (beyond growing dst).
type Detector[S Sample] interface {
	Detect(dst []Detection, at int64, x []S) []Detection
}

// Coverage tells what a detector can and cannot see, so that silence is never read as proof.
type Coverage struct {
	Kind            Kind
	LoHz, HiHz      float64  // band looked at, Hz (radio: offsets from the tuned centre)
	SensitivityDBFS float64  // weakest steady signal that would be found now, dBFS; NaN when not yet known
	Cannot          []string // plain English, one clause each: "see above 16.0 kHz"
}

// Observer is implemented by detectors that can state their coverage.
type Observer interface{ Coverage() Coverage }
