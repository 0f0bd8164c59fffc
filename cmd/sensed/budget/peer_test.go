//go:build peer

package budget_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"subrosa/dsp/siggen"
	airwaves "subrosa/dsp/siggen/radio"
)

// TestPeerRTL433 reads one file of more than 10⁸ samples with "subrosa replay" and with rtl_433 in its default
// setting, by turns, and compares the processor time of the two programs. Both read the bytes, look for what transmits
// and print it. The peer decodes what it finds, which we do not; we look at the whole span, which it does not.
func TestPeerRTL433(t *testing.T) {
	const gate = 1.0
	samples, rounds := 120_000_000, 5
	if os.Getenv("SUBROSA_NIGHTLY") != "" {
		samples, rounds = 30_000_000, 3
	}
	peer, err := exec.LookPath("rtl_433")
	if err != nil {
		t.Skip("rtl_433 is not here (Debian: rtl-433)")
	}
	dir := t.TempDir()
	ours := filepath.Join(dir, "subrosa")
	if out, err := exec.Command("go", "build", "-o", ours, "subrosa/cmd/subrosa").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tt := range []struct {
		name string
		rate int
		busy bool
	}{{"noise", radioRate, false}, {"busy", radioRate, true}, {"noise", 250_000, false}, {"busy", 250_000, true}} {
		t.Run(tt.name+" "+strconv.Itoa(tt.rate), func(t *testing.T) {
			path := filepath.Join(dir, "air_433.92M_"+strconv.Itoa(tt.rate/1000)+"k.cu8")
			lay(t, path, samples, tt.rate, tt.busy)
			var we, they []float64
			for range rounds {
				we = append(we, used(t, 1, ours, "replay", "--json", path))
				they = append(they, used(t, 0, peer, "-s", strconv.Itoa(tt.rate), "-r", path))
			}
			slices.Sort(we)
			slices.Sort(they)
			w, p := we[rounds/2], they[rounds/2]
			t.Logf("measured: %s at %d samples/s, %d samples: subrosa %.2f s (%.0f MS/s), rtl_433 %.2f s (%.0f MS/s) of processor time: %.2f times its speed",
				tt.name, tt.rate, samples, w, float64(samples)/w/1e6, p, float64(samples)/p/1e6, p/w)
			if p/w < gate {
				t.Errorf("%.2f times the speed of rtl_433, want at least %g", p/w, gate)
			}
		})
	}
}

// used runs a program and returns its processor time, s. Exit codes up to most are in order.
func used(t *testing.T, most int, program string, args ...string) float64 {
	t.Helper()
	cmd := exec.Command(program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() <= most && exit.ExitCode() > 0) {
		t.Fatalf("%s: %v\n%s", program, err, stderr.Bytes())
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}

// lay writes four seconds of radio, again and again.
func lay(t *testing.T, path string, samples, rate int, busy bool) {
	t.Helper()
	const seconds = 4
	r := siggen.Rand(11)
	x := airwaves.Noise(r, seconds, float64(rate), -40)
	if busy {
		bits := siggen.Bits(r, 36)
		burst, _ := airwaves.OOK(r, airwaves.PPM(bits, 0.0005, 0.001, 0.002), float64(rate), -15, 20e3, 2e-5)
		train, _ := airwaves.Train{Repeats: 8, Pause: 0.004, Every: 2}.Lay(burst, 0.3, seconds, float64(rate))
		airwaves.Add(x, 0, train)
		airwaves.Add(x, 0, airwaves.Carrier(r, seconds, float64(rate), -45, -60e3, 0))
	}
	b := airwaves.CU8(x)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for left := 2 * samples; left > 0; left -= min(left, len(b)) {
		if _, err := f.Write(b[:min(left, len(b))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
