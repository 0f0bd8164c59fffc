package replay

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"subrosa/drivers/sdr"
	"subrosa/dsp/detect"
)

// label is a line of a data folder's labels.tsv.
type label struct {
	path    string
	format  sdr.Format
	truth   string
	groups  [][2]float64 // s, of a burst each
	seconds float64
}

func (l label) quality() bool { return strings.Contains(l.truth, "QUALITY") }

// labels reads the labels of a folder of the data, or skips the test where there is none.
func labels(t *testing.T, folder string) (all []label) {
	t.Helper()
	root := os.Getenv("SUBROSA_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, folder)
	f, err := os.Open(filepath.Join(dir, "labels.tsv"))
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
		if !known(col[0]) {
			continue
		}
		l := label{path: filepath.Join(dir, col[0]), truth: col[6]}
		l.format.Rate, _ = strconv.Atoi(col[3])
		l.format.Centre, _ = strconv.ParseFloat(col[4], 64)
		if _, list, ok := strings.Cut(col[7], "t=["); ok {
			list, _, _ = strings.Cut(list, "]")
			for g := range strings.SplitSeq(list, ",") {
				var from, to float64
				if n, _ := fmt.Sscanf(g, "%f-%f", &from, &to); n == 2 {
					l.groups = append(l.groups, [2]float64{from, to})
				}
			}
		}
		_, dur, _ := strings.Cut(col[7], "dur ")
		fmt.Sscanf(dur, "%fs", &l.seconds)
		all = append(all, l)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("%s names no recordings", dir)
	}
	return all
}

// heardIn replays one labelled recording with its own rate and centre, as --rate and --hz give them.
func heardIn(t *testing.T, l label) result {
	t.Helper()
	r := replayed(t, Options{Paths: []string{l.path}, Radio: l.format, JSON: true})
	if r.err != nil {
		t.Errorf("%s: %v: %s", filepath.Base(l.path), r.err, r.errs)
	}
	if len(r.coverage) != 1 {
		t.Errorf("%s: %d coverage lines, want 1", filepath.Base(l.path), len(r.coverage))
	}
	return r
}

func TestDataUltrasonic(t *testing.T) {
	beacons, silent := 0, 0
	for _, l := range labels(t, "audio-ultrasonic") {
		name := filepath.Base(l.path)
		want := "ggwave"
		switch {
		case strings.HasPrefix(name, "silverpush"):
			want = "silverpush"
		case strings.HasPrefix(name, "ggwave_audible"), strings.HasPrefix(name, "ggwave_dt"):
			want = ""
		}
		var names []string
		for _, f := range heardIn(t, l).findings {
			if want == "" {
				t.Errorf("%s: got %v/%s, want nothing", name, f.Kind, f.Name)
			}
			if f.Kind == detect.UltrasonicBeacon {
				names = append(names, f.Name)
			}
		}
		switch {
		case want == "":
			silent++
		case !slices.Contains(names, want) || len(slices.Compact(names)) != 1:
			t.Errorf("%s: got beacons %v, want %s", name, names, want)
		default:
			beacons++
		}
	}
	t.Logf("measured: %d beacons found and named, %d audible recordings silent", beacons, silent)
	if beacons < 26 || silent < 2 {
		t.Errorf("the folder holds less than is known: %d beacons, %d silent", beacons, silent)
	}
}

func TestDataNoAlarmInSound(t *testing.T) {
	for _, folder := range []string{"audio-noise", "audio-speech", "audio-wakeword"} {
		t.Run(folder, func(t *testing.T) {
			files, unproven, info := 0, 0, 0
			for _, l := range labels(t, folder) {
				r := heardIn(t, l)
				files++
				for _, f := range r.findings {
					info++
					if f.Alarm {
						t.Errorf("%s: %v/%s at %.3f s, %.0f Hz", filepath.Base(l.path), f.Kind, f.Name, f.StartS, f.Hz)
					}
				}
				low := l.format.Rate < provingRate
				if says := strings.Contains(r.coverage[0].Coverage, "proves no silence"); says != low {
					t.Errorf("%s at %d Hz: coverage %q", filepath.Base(l.path), l.format.Rate, r.coverage[0].Coverage)
				}
				if low {
					unproven++
				}
			}
			t.Logf("measured: %d recordings without alarm, %d informational findings, %d recordings too slow to prove silence", files, info, unproven)
		})
	}
}

// TestDataRadio looks for a finding in every recording whose label does not doubt it, and compares bursts with the
// labelled groups.
func TestDataRadio(t *testing.T) {
	for _, tt := range []struct {
		folder string
		least  int // groups matched within 5 ms at both ends
	}{
		{"iq-ism", 50},
		{"iq-urh", 4},
	} {
		t.Run(tt.folder, func(t *testing.T) {
			matched, groups, files, recorded := 0, 0, 0, 0.0
			begun := time.Now()
			for _, l := range labels(t, tt.folder) {
				r := heardIn(t, l)
				files++
				recorded += l.seconds
				if len(r.findings) == 0 && !l.quality() {
					t.Errorf("%s: nothing found", filepath.Base(l.path))
				}
				for _, g := range l.groups {
					groups++
					if slices.ContainsFunc(r.findings, func(f Finding) bool { return f.Kind == detect.Burst && near(f, g) }) {
						matched++
					} else {
						t.Logf("%s: no burst at %.3f to %.3f s within 5 ms (label %.60q)", filepath.Base(l.path), g[0], g[1], l.truth)
					}
				}
			}
			t.Logf("measured: %d recordings, %d of %d labelled groups within ±5 ms at both ends, %.0f× real time", files, matched, groups, recorded/time.Since(begun).Seconds())
			if matched < tt.least {
				t.Errorf("%d of %d groups matched, want at least %d", matched, groups, tt.least)
			}
		})
	}
}

func near(f Finding, g [2]float64) bool {
	const within = 0.005 + 0.0005 // labels are rounded to 1 ms
	return math.Abs(f.StartS-g[0]) <= within && math.Abs(f.EndS-g[1]) <= within
}
