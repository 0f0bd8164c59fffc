//go:build peer

package correlate

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
)

// TestPeer compares the processor time for 10 s at 48 kHz with scipy's (pocketfft) in float32 on one thread, round by
// round in turn: a correlation over all delays, and the phase transform of 117 blocks of 4096 samples. Debian's
// interpreter, with python3-scipy.
func TestPeer(t *testing.T) {
	const rounds, gate, blocks, block = 15, 1.0, 117, 4096
	peer := exec.Command("/usr/bin/python3", "testdata/peer.py")
	peer.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	peer.Stderr = os.Stderr
	in, err := peer.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := peer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.Start(); err != nil {
		t.Skipf("no peer: %v (Debian: python3-scipy)", err)
	}
	defer peer.Wait()
	defer in.Close()
	answers := bufio.NewScanner(out)

	r := rand.New(rand.NewPCG(1, 2))
	x, y := noise(r, 480_000), noise(r, 480_000)
	long, longDst := New(len(x), len(x)-1), make([]float32, 2*len(x)-1)
	short, shortDst := New(block, block-1), make([]float32, 2*block-1)
	tasks := []func(){
		func() { long.NCC(longDst, x, y) },
		func() {
			for i := range blocks {
				short.PHAT(shortDst, x[i*block:], y[i*block:])
			}
		},
	}
	var we, they [2][]float64
	for range rounds {
		fmt.Fprintln(in)
		var s [2]float64
		if !answers.Scan() {
			t.Fatal("the peer ended")
		}
		if _, err := fmt.Sscan(answers.Text(), &s[0], &s[1]); err != nil {
			t.Fatal(err)
		}
		for i, f := range tasks {
			before := processorTime(t)
			f()
			we[i], they[i] = append(we[i], processorTime(t)-before), append(they[i], s[i])
		}
	}
	for i, name := range []string{"NCC of 10 s, 2^20 points", "GCC-PHAT of 10 s, 4096 in 8192"} {
		slices.Sort(we[i])
		slices.Sort(they[i])
		w, p := we[i][rounds/2], they[i][rounds/2]
		t.Logf("measured: %s: %.1f ms, scipy %.1f ms of processor time: %.2f times its speed", name, 1e3*w, 1e3*p, p/w)
		if p/w < gate {
			t.Errorf("%s: %.2f times the speed of scipy, want at least %g", name, p/w, gate)
		}
	}
}

// processorTime is what this process has used, s.
func processorTime(t *testing.T) float64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	s := func(v syscall.Timeval) float64 { return float64(v.Sec) + 1e-6*float64(v.Usec) }
	return s(u.Utime) + s(u.Stime)
}
