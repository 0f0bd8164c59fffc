package budget_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// counter runs this very test binary, built for arm64, under an emulator that counts.
type counter struct{ qemu, plugin, binary string }

// newCounter builds what is needed. It skips the test where a program for that is missing.
func newCounter(t *testing.T) *counter {
	t.Helper()
	qemu, err := exec.LookPath("qemu-aarch64")
	if err != nil {
		t.Skip("qemu-aarch64 is not here (Debian: qemu-user)")
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		if gcc, err = exec.LookPath("cc"); err != nil {
			t.Skip("no C compiler is here")
		}
	}
	dir := t.TempDir()
	c := &counter{qemu: qemu, plugin: filepath.Join(dir, "count.so"), binary: filepath.Join(dir, "budget.test")}
	build := exec.Command("go", "test", "-c", "-o", c.binary, ".")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build for arm64: %v\n%s", err, out)
	}
	var last error
	for api := 1; api <= 8; api++ { // the emulator says which versions it takes
		args := []string{"-O2", "-Wall", "-Werror", "-shared", "-fPIC", fmt.Sprintf("-DAPI=%d", api), "-o", c.plugin, "testdata/count.c"}
		if out, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
			t.Fatalf("gcc: %v\n%s", err, out)
		}
		if _, _, last = c.run(tasks[0].name, 1); last == nil {
			return c
		}
	}
	t.Fatalf("no version of the plugin interface works: %v", last)
	return nil
}

// run does about so many samples of a task and returns how many they were and what the whole run took.
func (c *counter) run(name string, samples int) (done, instructions float64, err error) {
	cmd := exec.Command(c.qemu, "-cpu", "cortex-a72", "-plugin", c.plugin, c.binary)
	cmd.Env = []string{"GOMAXPROCS=1", "GOGC=off", fmt.Sprintf("%s=%d %s", workVariable, samples, name)}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return 0, 0, fmt.Errorf("%s: %w\n%s", name, err, stderr.Bytes())
	}
	_, err1 := fmt.Sscanf(stdout.String(), "samples %g", &done)
	_, err2 := fmt.Sscanf(stderr.String(), "instructions %g", &instructions)
	return done, instructions, errors.Join(err1, err2)
}

// perSample is the difference of a long run and a short one, so that start-up and making signals do not count.
func (c *counter) perSample(t *testing.T, name string, short, long int) float64 {
	t.Helper()
	d1, i1, err := c.run(name, short)
	if err != nil {
		t.Fatal(err)
	}
	d2, i2, err := c.run(name, long)
	if err != nil {
		t.Fatal(err)
	}
	if d2 <= d1 {
		t.Fatalf("%s: %g samples, then %g", name, d1, d2)
	}
	return (i2 - i1) / (d2 - d1)
}

// core is what one core of a Cortex-A72 at 1.5 GHz executes a second, at one instruction a cycle.
const core = 1.5e9

// TestInstructions counts every task, holds its ceiling, and adds up what a whole unit needs: 2.4 MS/s of radio and four
// channels of 192 kHz, each at its busiest. What drivers do before the samples are floats is not in it, except for cu8.
func TestInstructions(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("user-mode emulation is of Linux only")
	}
	c := newCounter(t)
	seen := make([]float64, len(tasks))
	t.Run("task", func(t *testing.T) {
		for i, k := range tasks {
			t.Run(k.name, func(t *testing.T) {
				t.Parallel()
				seen[i] = c.perSample(t, k.name, 300_000, 1_500_000) // whole rounds of busyAir apart
				t.Logf("measured: %-34s %6.1f arm64 instructions a sample, at most %g", k.name, seen[i], k.ceiling)
				if seen[i] > k.ceiling {
					t.Errorf("%.1f instructions a sample, want at most %g", seen[i], k.ceiling)
				}
			})
		}
	})
	var radio, sound float64
	for i, k := range tasks {
		switch k.name {
		case wholeRadio:
			radio = seen[i] * radioRate
		case wholeSound:
			sound = seen[i] * soundRate * channels
		}
	}
	t.Logf("measured: whole unit: radio %.0f + sound %.0f = %.0f million arm64 instructions a second, %.0f %% of a core of 1500",
		radio/1e6, sound/1e6, (radio+sound)/1e6, 100*(radio+sound)/core)
	if !(radio > 0 && sound > 0 && radio+sound <= core) {
		t.Errorf("radio %.3g and sound %.3g instructions a second, want both and at most %.3g together", radio, sound, core)
	}
}
