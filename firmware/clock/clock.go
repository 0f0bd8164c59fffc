// Package clock gives the edges of the firmware their time: the real one, or scenario time in the demo.
package clock

import "time"

// Clock tells the time and waits. Pure cores never hold one: they are passed a time.Time.
type Clock interface {
	Now() time.Time
	// After delivers once d of this clock's time has passed.
	After(d time.Duration) <-chan time.Time
	// Quality of Now for the journal: "synced", "unsynced" or "scenario".
	Quality() string
}

// Scenario runs from an epoch, Speed times as fast as the real clock.
type Scenario struct {
	Epoch time.Time // scenario time at Start
	Start time.Time // real time
	Speed float64   // > 0
}

// Now returns the scenario time.
func (s Scenario) Now() time.Time {
	return s.Epoch.Add(time.Duration(float64(time.Since(s.Start)) * s.Speed))
}

// After waits d of scenario time.
func (s Scenario) After(d time.Duration) <-chan time.Time {
	return time.After(time.Duration(float64(d) / s.Speed))
}

// Quality returns "scenario".
func (Scenario) Quality() string { return "scenario" }

// Wall is the machine's clock. Synced says at any time whether network time keeps it, as NetworkTime does; nil: nobody knows.
type Wall struct{ Synced func() bool }

// Now returns time.Now.
func (Wall) Now() time.Time { return time.Now() }

// After is time.After.
func (Wall) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Quality returns "synced" or "unsynced".
func (w Wall) Quality() string {
	if w.Synced != nil && w.Synced() {
		return "synced"
	}
	return "unsynced"
}
