package mdm

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestAnySchedule: whatever happens, every device ends as the standing posture wants it, none is given back while a live holder
// wants it locked, and none is said to be what it is not.
func TestAnySchedule(t *testing.T) {
	n := uint64(10_000) // some 7 s
	if !testing.Short() {
		n = 1_000_000
	}
	var sends, lives atomic.Int64
	var wg sync.WaitGroup
	workers := uint64(runtime.NumCPU())
	for k := range workers {
		wg.Go(func() {
			for seed := k; seed < n && !t.Failed(); seed += workers {
				w, faults := play(t, seed, "")
				if len(faults) > 0 {
					t.Errorf("seed %d: %s", seed, strings.Join(faults, "\n"))
				}
				sends.Add(int64(w.sends))
				lives.Add(int64(w.lives))
			}
		})
	}
	wg.Wait()
	t.Logf("measured: %d schedules, %d commands, %d lives of the bridge; every device as the standing posture wants it", n, sends.Load(), lives.Load())
}

// TestMutants: the model notices when the reconciler is wrong.
func TestMutants(t *testing.T) {
	for _, m := range []string{"two outstanding", "opens on the first leaver", "opens all rooms", "lease without end", "believes answers", "waits for lost answers",
		"forgets holders", "forgets devices"} {
		caught := ""
		seed := uint64(0)
		for ; seed < 3000 && caught == ""; seed++ {
			if _, faults := play(t, seed, m); len(faults) > 0 {
				caught = faults[0]
			}
		}
		if caught == "" {
			t.Errorf("%s: not noticed in %d schedules", m, seed)
			continue
		}
		t.Logf("measured: %s: noticed in schedule %d: %s", m, seed, caught)
	}
}
