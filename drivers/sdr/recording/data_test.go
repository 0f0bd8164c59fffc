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

	"subrosa/drivers/sdr"
)

// labelled is what the data folder's index says about a recording.
type labelled struct {
	file    string
	format  sdr.Format
	bytes   int64
	seconds float64
	within  float64 // seconds, rounding of the label
}

var measured = regexp.MustCompile(`\bdur ([0-9.]+) ?(m?s)\b`)

// data returns the folder of recordings made by others and the radio samples in it.
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
		if col := strings.Split(lines.Text(), "\t"); Known(col[0]) {
			l, err := parseLabel(col)
			if err != nil {
				t.Fatalf("%s: %v", col[0], err)
			}
			all = append(all, l)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("the data folder's index has no radio recordings")
	}
	return folder, all
}

func parseLabel(col []string) (l labelled, err error) {
	m := measured.FindStringSubmatch(col[7])
	if m == nil {
		return l, fmt.Errorf("no duration in %q", col[7])
	}
	var errs [4]error
	l.file, l.within = col[0], 0.0006
	l.format.Rate, errs[0] = strconv.Atoi(col[3])
	if col[4] != "" {
		l.format.Centre, errs[1] = strconv.ParseFloat(col[4], 64)
	}
	l.bytes, errs[2] = strconv.ParseInt(col[5], 10, 64)
	l.seconds, errs[3] = strconv.ParseFloat(m[1], 64)
	if m[2] == "ms" {
		l.seconds, l.within = l.seconds/1000, 0.000006
	}
	return l, errors.Join(errs[:]...)
}

// TestDataReadsWhole reads every radio recording to its end and compares with its label.
func TestDataReadsWhole(t *testing.T) {
	folder, all := data(t)
	x := make([]complex64, 4096)
	for _, l := range all {
		if err := checkLabel(filepath.Join(folder, l.file), l, x); err != nil {
			t.Errorf("%s: %v", l.file, err)
		}
	}
	t.Logf("%d recordings", len(all))
}

func checkLabel(path string, l labelled, x []complex64) error {
	if _, err := Open(path, sdr.Format{}); !errors.Is(err, sdr.ErrNoRate) {
		return fmt.Errorf("without a hint: got %v, want %v", err, sdr.ErrNoRate)
	}
	src, err := Open(path, l.format)
	if err != nil {
		return err
	}
	defer src.Close()
	if got := src.Format(); got != l.format {
		return fmt.Errorf("got %+v, want %+v", got, l.format)
	}
	e, _ := encoding(path)
	var count int64
	for err == nil {
		var n int
		_, n, err = src.Read(x)
		count += int64(n)
		for _, v := range x[:n] {
			// Only float recordings may go beyond full scale, and none does so by more than half.
			if peak := max(real(v), -real(v), imag(v), -imag(v)); peak > 1.5 || e.String() != "cf32" && peak > 1 {
				return fmt.Errorf("sample %v", v)
			}
		}
	}
	if odd := l.bytes%int64(e.Bytes()) != 0; odd != errors.Is(err, io.ErrUnexpectedEOF) || !odd && err != io.EOF {
		return fmt.Errorf("%d bytes end with %v", l.bytes, err)
	}
	if want := l.bytes / int64(e.Bytes()); count != want {
		return fmt.Errorf("got %d samples, want %d", count, want)
	}
	if got := float64(count) / float64(l.format.Rate); math.Abs(got-l.seconds) > l.within {
		return fmt.Errorf("got %.4f s, want %.4f s", got, l.seconds)
	}
	return nil
}
