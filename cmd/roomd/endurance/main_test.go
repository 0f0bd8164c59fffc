package endurance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"subrosa/firmware/seal"
)

// nightly tests run in full length.
var nightly = os.Getenv("SUBROSA_NIGHTLY") != ""

// patience is how long a test waits for a real program. It judges nothing.
const patience = 90 * time.Second

var built struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	if way, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "hostile-"); ok {
		hostile(way)
		return
	}
	if code, staged := seal.Stage(); staged { // the soak's sensor passes through here on its way into the box
		os.Exit(code)
	}
	code := m.Run()
	if built.dir != "" && os.Getenv("SUBROSA_BIN") == "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// program returns the path of a program of ours, built once a run.
func program(t *testing.T, name string) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir = os.Getenv("SUBROSA_BIN"); built.dir != "" {
			return
		}
		if built.dir, built.err = os.MkdirTemp("", "subrosa-bin"); built.err != nil {
			return
		}
		for _, p := range []string{"roomd", "sensed", "console", "subrosa"} {
			args := []string{"build", "-o", built.dir + "/", "subrosa/cmd/" + p}
			if raced && (p == "roomd" || p == "console") { // sensed, watched, could not keep up with a faster clock; replay would only be slow
				args = slices.Insert(args, 1, "-race")
			}
			if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
				built.err = fmt.Errorf("go build: %w: %s", err, out)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, name)
}

// until polls a real peer.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !within(patience, ok) {
		t.Fatalf("waited in vain until %s", what)
	}
}

// within polls until ok or d is over.
func within(d time.Duration, ok func() bool) bool {
	deadline := time.Now().Add(d)
	for !ok() {
		if time.Now().After(deadline) {
			return false
		}
		<-time.After(10 * time.Millisecond)
	}
	return true
}
