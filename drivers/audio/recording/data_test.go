package recording

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// labelled is what the data folder's index says about a recording.
type labelled struct {
	file     string
	rate     int
	channels int
	seconds  float64
	peak     float64 // dB below full scale
}

var measured = regexp.MustCompile(`^dur ([0-9.]+)s; (\d+) ch; peak (-?[0-9.]+) dBFS`)

// data returns the folder of recordings made by others and the sound in it.
func data(t *testing.T) (folder string, all []labelled) {
	t.Helper()
	folder = os.Getenv("SUBROSA_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(folder, "labels.tsv"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no data folder")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		col := strings.Split(lines.Text(), "\t")
		m := measured.FindStringSubmatch(col[7])
		if !Known(col[0]) {
			continue
		}
		if m == nil {
			t.Fatalf("%s: no duration in %q", col[0], col[7])
		}
		l := labelled{file: col[0]}
		var errs [4]error
		l.rate, errs[0] = strconv.Atoi(col[3])
		l.seconds, errs[1] = strconv.ParseFloat(m[1], 64)
		l.channels, errs[2] = strconv.Atoi(m[2])
		l.peak, errs[3] = strconv.ParseFloat(m[3], 64)
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatalf("%s: %v", col[0], err)
		}
		all = append(all, l)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("the data folder's index has no sound")
	}
	return folder, all
}

// TestDataReadsWhole reads every recording of sound to its end and compares with its label.
func TestDataReadsWhole(t *testing.T) {
	folder, all := data(t)
	x := make([]float32, 4096)
	for _, l := range all {
		if err := checkLabel(filepath.Join(folder, l.file), l, x); err != nil {
			t.Errorf("%s: %v", l.file, err)
		}
	}
	t.Logf("%d recordings", len(all))
}

func checkLabel(path string, l labelled, x []float32) error {
	src, err := Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	f := src.Format()
	if f.Rate != l.rate || f.Channels != l.channels {
		return fmt.Errorf("got %+v, want %d channels at %d", f, l.channels, l.rate)
	}
	var frames int64
	var peak float32
	for err == nil {
		var n int
		_, n, err = src.Read(x)
		frames += int64(n)
		for _, v := range x[:n*f.Channels] {
			peak = max(peak, v, -v)
		}
	}
	if err != io.EOF {
		return err
	}
	if got := float64(frames) / float64(f.Rate); math.Abs(got-l.seconds) > 0.006 {
		return fmt.Errorf("got %.3f s, want %.2f s", got, l.seconds)
	}
	if got := 20 * math.Log10(float64(peak)); math.Abs(got-l.peak) > 0.06 {
		return fmt.Errorf("got a peak of %.2f dB, want %.1f dB", got, l.peak)
	}
	return nil
}
