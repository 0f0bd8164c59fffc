package speechtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mewkiz/flac"
)

// pair is what was sent and what came, 16-bit samples. All are made of the one recording in testdata, in whole numbers, so that they are
// the same everywhere.
type pair struct {
	name     string
	rate     int
	sent, to []int16
}

// dice are the numbers of Knuth's MMIX, the upper half.
type dice uint64

func (d *dice) next() uint32 {
	*d = *d*6364136223846793005 + 1442695040888963407
	return uint32(*d >> 32)
}

func clamp(v int) int16 { return int16(max(-32768, min(32767, v))) }

func power(x []int16) float64 {
	e := 0.0
	for _, v := range x {
		e += float64(v) * float64(v)
	}
	return e / float64(len(x))
}

// mixed adds noise to x, so that x is db above it.
func mixed(x, noise []int16, db float64) []int16 {
	gain := int(math.Sqrt(power(x)/power(noise)*math.Pow(10, -db/10)) * 4096)
	out := make([]int16, len(x))
	for i := range x {
		out[i] = clamp((int(x[i])*4096 + int(noise[i])*gain) / 4096)
	}
	return out
}

func hiss(seed dice, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(seed.next()>>19) - 4096
	}
	return out
}

// babble is the recording five times at once, from other places and backwards.
func babble(x []int16) []int16 {
	out := make([]int16, len(x))
	for i := range out {
		v := 0
		for k := 1; k <= 5; k++ {
			v += int(x[(len(x)*k/6+len(x)-1-i)%len(x)])
		}
		out[i] = clamp(v / 3)
	}
	return out
}

// lossy has pieces of run·20 ms missing, one in every.
func lossy(x []int16, rate, run int, every uint32, seed dice) []int16 {
	out := append([]int16(nil), x...)
	piece := run * rate / 50
	for at := 0; at < len(out); at += piece {
		if seed.next()>>4%every == 0 {
			clear(out[at:min(len(out), at+piece)])
		}
	}
	return out
}

func each(x []int16, f func(i, v int) int) []int16 {
	out := make([]int16, len(x))
	for i, v := range x {
		out[i] = clamp(f(i, int(v)))
	}
	return out
}

// stretch is x at another rate, by straight lines between its samples.
func stretch(x []int16, from, to int) []int16 {
	out := make([]int16, (len(x)-1)*to/from)
	for i := range out {
		at := i * from
		k, part := at/to, at%to
		out[i] = int16((int(x[k])*(to-part) + int(x[k+1])*part) / to)
	}
	return out
}

// pauses puts seconds without any sound, and one with the faintest, into x.
func pauses(x []int16, rate int) []int16 {
	faint := hiss(5, rate)
	for i := range faint {
		faint[i] /= 1024
	}
	out := append(make([]int16, rate), x[:len(x)/2]...)
	out = append(append(out, faint...), x[len(x)/2:]...)
	return append(out, make([]int16, rate/2)...)
}

func pairs(x []int16, rate int) (out []pair) {
	add := func(name string, rate int, sent, to []int16) { out = append(out, pair{name, rate, sent, to}) }
	noise := hiss(1, len(x))
	add("the same", rate, x, x)
	for _, db := range []int{20, 10, 5, 0, -5, -15} {
		add(fmt.Sprintf("white noise, %d dB", db), rate, x, mixed(x, noise, float64(db)))
	}
	for _, db := range []int{5, -5} {
		add(fmt.Sprintf("voices, %d dB", db), rate, x, mixed(x, babble(x), float64(db)))
	}
	add("one in 20 of 20 ms lost", rate, x, lossy(x, rate, 1, 20, 2))
	add("one in 3 of 60 ms lost", rate, x, lossy(x, rate, 3, 3, 3))
	add("second half lost", rate, x, each(x, func(i, v int) int { return v * (1 - 2*i/len(x)) }))
	add("all lost", rate, x, make([]int16, len(x)))
	add("clipped at 300", rate, x, each(x, func(_, v int) int { return max(-300, min(300, v)) }))
	add("in steps of 2048", rate, x, each(x, func(_, v int) int { return (v + 1024) >> 11 << 11 }))
	add("echo after 80 ms", rate, x, each(x, func(i, v int) int { return (v + int(x[max(0, i-rate*80/1000)])) / 2 }))
	add("a sixteenth as loud, 5 dB", rate, x, each(mixed(x, noise, 5), func(_, v int) int { return v / 16 }))
	long := pauses(x, rate)
	add("pauses, white noise, 5 dB", rate, long, mixed(long, hiss(4, len(long)), 5))
	add("pauses, losses", rate, long, lossy(long, rate, 2, 10, 6))
	for _, r := range []int{8000, 11025, 44100, 48000} {
		y := stretch(x, rate, r)
		add("white noise, 0 dB", r, y, mixed(y, hiss(7, len(y)), 0))
	}
	add("read as 10 kHz, white noise, 5 dB", Rate, x, mixed(x, noise, 5))
	even := x[:frame/2*301]
	add("read as 10 kHz, of whole frames, losses", Rate, even, lossy(even, Rate, 1, 8, 8))
	add("read as 10 kHz, 0.5 s", Rate, x[8000:13000], mixed(x[8000:13000], noise[:5000], 0))
	return out
}

func recorded(t *testing.T) ([]int16, int) {
	t.Helper()
	f, err := flac.Open("testdata/librivox_0870.flac")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []int16
	for {
		part, err := f.ParseNext()
		if errors.Is(err, io.EOF) {
			return out, int(f.Info.SampleRate)
		} else if err != nil {
			t.Fatal(err)
		}
		for _, v := range part.Subframes[0].Samples {
			out = append(out, int16(v))
		}
	}
}

func samples(x []int16) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v) / 32768
	}
	return out
}

// TestAgainstReference: scores are those of pystoi, which stand in testdata/pystoi.tsv; testdata/SOURCES.md says how they got there.
// With SUBROSA_PAIRS=FOLDER the pairs are written for it.
func TestAgainstReference(t *testing.T) {
	const most = 1e-6 // ours transforms in 32-bit numbers, pystoi in 64
	all := pairs(recorded(t))
	if dir := os.Getenv("SUBROSA_PAIRS"); dir != "" {
		for i, p := range all {
			head := fmt.Sprintf("%d\t%s\n%d\n", p.rate, p.name, len(p.sent))
			b, _ := binary.Append([]byte(head), binary.LittleEndian, append(append([]int16(nil), p.sent...), p.to...))
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.pair", i)), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	table, err := os.ReadFile("testdata/pystoi.tsv")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{}
	for _, l := range strings.Split(strings.TrimSpace(string(table)), "\n") {
		rate, rest, _ := strings.Cut(l, "\t")
		name, value, _ := strings.Cut(rest, "\t")
		if want[rate+" "+name], err = strconv.ParseFloat(value, 64); err != nil {
			t.Fatal(err)
		}
	}
	if len(want) != len(all) {
		t.Errorf("%d pairs in the table, want %d", len(want), len(all))
	}
	worst := 0.0
	for _, p := range all {
		got, err := STOI(resample(samples(p.sent), p.rate), resample(samples(p.to), p.rate))
		if err != nil {
			t.Fatal(p.name, err)
		}
		ref, ok := want[fmt.Sprintf("%d %s", p.rate, p.name)]
		off := math.Abs(got - ref)
		worst = max(worst, off)
		t.Logf("%5d Hz, %-40s %.6f, pystoi %.6f, apart %.1e", p.rate, p.name, got, ref, off)
		if !ok || !(off <= most) {
			t.Errorf("%s at %d Hz: %v, pystoi %v", p.name, p.rate, got, ref)
		}
	}
	t.Logf("worst %.1e of %d pairs", worst, len(all))
}
