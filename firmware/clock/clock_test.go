package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestScenario(t *testing.T) {
	for _, speed := range []float64{0.5, 1, 20, 1000} {
		synctest.Test(t, func(t *testing.T) {
			epoch := time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
			c := Scenario{Epoch: epoch, Start: time.Now(), Speed: speed}
			if got := c.Now(); got != epoch {
				t.Errorf("speed %g: begins at %v, want %v", speed, got, epoch)
			}
			begun := time.Now()
			<-c.After(10 * time.Minute)
			if got, want := time.Since(begun), time.Duration(float64(10*time.Minute)/speed); got != want {
				t.Errorf("speed %g: ten minutes take %v, want %v", speed, got, want)
			}
			if got, want := c.Now(), epoch.Add(10*time.Minute); got != want {
				t.Errorf("speed %g: then it is %v, want %v", speed, got, want)
			}
		})
	}
}

func TestBeforeTheScenario(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Scenario{Epoch: time.Now(), Start: time.Now().Add(time.Second), Speed: 10}
		if got, want := c.Now(), c.Epoch.Add(-10*time.Second); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestQuality(t *testing.T) {
	synced := false
	live := Wall{Synced: func() bool { return synced }}
	if live.Quality() != "unsynced" {
		t.Error("synced too early")
	}
	synced = true // it comes while the unit runs
	for want, c := range map[string]Clock{"scenario": Scenario{}, "synced": live, "unsynced": Wall{}} {
		if got := c.Quality(); got != want {
			t.Errorf("%T: got %q, want %q", c, got, want)
		}
	}
}

// TestNetworkTime asks this machine's kernel, whatever the answer: twice the same.
func TestNetworkTime(t *testing.T) {
	if a, b := NetworkTime(), NetworkTime(); a != b {
		t.Errorf("%v, then %v", a, b)
	}
	t.Logf("this machine's clock is kept by network time: %v", NetworkTime())
}
