package ultrasonic

import (
	"os"
	"testing"
)

// TestLength is how much a test of statistics may do.
type TestLength int

const (
	Brief   TestLength = iota // with -short, or under the race detector, which finds nothing more in an hour of noise
	PerPush                   // figures that mean something, in a minute or two
	Nightly                   // SUBROSA_NIGHTLY=1: figures with narrow bounds, in hours
)

// Length tells how much may be done in this run.
func Length() TestLength {
	switch {
	case os.Getenv("SUBROSA_NIGHTLY") == "1":
		return Nightly
	case testing.Short() || race:
		return Brief
	}
	return PerPush
}
