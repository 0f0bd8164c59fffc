package ultrasonic_test

import (
	"fmt"
	"testing"

	"subrosa/dsp/detect"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/sound"
)

// BenchmarkDetect measures blocks of 480 samples of noise, music and a transmission. xRT is how many times faster
// than real time it is.
func BenchmarkDetect(b *testing.B) {
	for _, rate := range []int{48000, 192000} {
		r := siggen.Rand(1)
		noise := sound.White(r, 4, float64(rate), -70)
		var music []float32
		for _, in := range sound.Innocents() {
			if in.Name == "music" {
				music = in.Make(r, 4, float64(rate))
			}
		}
		beacon := onAir(sound.GGWave(r, 12, sound.GGWaveFast, true), 1, float64(rate), 0.5, 1, -70, 15)
		for _, tt := range []struct {
			name string
			x    []float32
		}{{"noise", noise}, {"music", music}, {"beacon", beacon}} {
			b.Run(fmt.Sprintf("%d/%s", rate, tt.name), func(b *testing.B) { bench(b, rate, tt.x) })
		}
	}
}

func bench(b *testing.B, rate int, x []float32) {
	const block = 480
	d := detector(b, rate)
	dst := make([]detect.Detection, 0, 1024)
	i, at := 0, int64(0)
	b.ReportAllocs()
	for b.Loop() {
		if i+block > len(x) {
			i = 0
		}
		dst = d.Detect(dst[:0], at, x[i:i+block])
		i, at = i+block, at+block
	}
	perSample := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / block
	b.ReportMetric(perSample, "ns/sample")
	b.ReportMetric(1e9/float64(rate)/perSample, "xRT")
}
