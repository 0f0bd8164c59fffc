//go:build peer

package fft

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"subrosa/dsp/fft/internal/fftw"
)

// gate and realGate are the most our transforms may take in units of FFTW's time (1024 … 16384 points), with 20 % of
// slack for a shared machine.
const (
	gate     = 2.5 * 1.2
	realGate = 3 * 1.2
)

type contender struct {
	name string
	run  func(times int)
	cost []float64 // seconds per transform, one per round
}

// race runs the contenders in turn for several rounds, so that a noisy neighbour hits all of them, and returns
// the median cost of each in nanoseconds of processor time.
func race(cs []*contender) []float64 {
	const rounds, slice = 11, 8e-3
	times := make([]int, len(cs))
	for i, c := range cs {
		for times[i] = 1; ; times[i] *= 2 {
			t := fftw.CPU()
			c.run(times[i])
			if fftw.CPU()-t > slice {
				break
			}
		}
	}
	for range rounds {
		for i, c := range cs {
			t := fftw.CPU()
			c.run(times[i])
			c.cost = append(c.cost, (fftw.CPU()-t)/float64(times[i]))
		}
	}
	med := make([]float64, len(cs))
	for i, c := range cs {
		slices.Sort(c.cost)
		med[i] = c.cost[len(c.cost)/2] * 1e9
	}
	return med
}

func TestPeerComplex(t *testing.T) {
	for n := 256; n <= 65536; n *= 2 {
		peer := fftw.New(n, false)
		re, im := noise(n, 1), noise(n, 2)
		deinterleaved := peer.In()
		for i := range n {
			deinterleaved[2*i], deinterleaved[2*i+1] = re[i], im[i]
		}
		outRe, outIm := make([]float32, n), make([]float32, n)
		cs := []*contender{{name: "fftw", run: peer.Run}}
		for _, k := range kernels {
			p := newPlan(n, k)
			cs = append(cs, &contender{name: k.name, run: func(times int) {
				for range times {
					p.Forward(outRe, outIm, re, im)
				}
			}})
		}
		med := race(cs)
		line := fmt.Sprintf("complex %6d:", n)
		for i, c := range cs {
			line += fmt.Sprintf("  %s %9.0f ns (%.2f)", c.name, med[i], med[i]/med[0])
		}
		fmt.Println(line)
		peer.Run(1)
		newPlan(n, fastest).Forward(outRe, outIm, re, im)
		compare(t, n, outRe, outIm, peer.Out())
		if ratio := med[1] / med[0]; n >= 1024 && n <= 16384 && ratio > gate {
			t.Errorf("n=%d: got %.2f times FFTW's time, want at most %.2f", n, ratio, gate)
		}
		peer.Close()
	}
}

func TestPeerReal(t *testing.T) {
	for n := 256; n <= 65536; n *= 2 {
		peer := fftw.New(n, true)
		x := noise(n, 1)
		copy(peer.In(), x)
		re, im := make([]float32, n/2+1), make([]float32, n/2+1)
		p := NewReal(n)
		cs := []*contender{{name: "fftw", run: peer.Run}, {name: fastest.name, run: func(times int) {
			for range times {
				p.Forward(re, im, x)
			}
		}}}
		med := race(cs)
		fmt.Printf("real    %6d:  fftw %9.0f ns  %s %9.0f ns (%.2f)\n", n, med[0], fastest.name, med[1], med[1]/med[0])
		if ratio := med[1] / med[0]; n >= 1024 && n <= 16384 && ratio > realGate {
			t.Errorf("real n=%d: got %.2f times FFTW's time, want at most %.2f", n, ratio, realGate)
		}
		copy(peer.In(), x)
		peer.Run(1)
		p.Forward(re, im, x)
		compare(t, n, re, im, peer.Out())
		peer.Close()
	}
}

func compare(t *testing.T, n int, re, im, want []float32) {
	t.Helper()
	var diff, sum float64
	for i := range len(want) / 2 {
		dr, di := float64(re[i]-want[2*i]), float64(im[i]-want[2*i+1])
		diff += dr*dr + di*di
		sum += float64(want[2*i])*float64(want[2*i]) + float64(want[2*i+1])*float64(want[2*i+1])
	}
	if rms := math.Sqrt(diff / sum); !(rms <= 1e-6) {
		t.Errorf("n=%d: got a difference to FFTW of %.3g relative RMS, want at most 1e-6", n, rms)
	}
}
