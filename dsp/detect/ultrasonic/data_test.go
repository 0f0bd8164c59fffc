package ultrasonic_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mewkiz/flac"

	"subrosa/dsp/detect/ultrasonic"
)

// dataFolder returns a folder of the recordings that are not part of the repository.
func dataFolder(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("SUBROSA_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("recordings: %v", err)
	}
	return dir
}

// recording is a decoded FLAC file, one slice per channel.
type recording struct {
	name     string
	rate     int
	channels [][]float32
}

func (r *recording) seconds() float64 { return float64(len(r.channels[0])) / float64(r.rate) }

// decode reads a FLAC file whole.
func decode(t *testing.T, path string) *recording {
	t.Helper()
	s, err := flac.ParseFile(path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer s.Close()
	r := &recording{name: filepath.Base(path), rate: int(s.Info.SampleRate), channels: make([][]float32, s.Info.NChannels)}
	scale := 1 / float32(int64(1)<<(s.Info.BitsPerSample-1))
	for {
		f, err := s.ParseNext()
		if errors.Is(err, io.EOF) {
			return r
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for c, sub := range f.Subframes {
			for _, v := range sub.Samples {
				r.channels[c] = append(r.channels[c], float32(v)*scale)
			}
		}
	}
}

// decodeAll reads every FLAC file of a folder.
func decodeAll(t *testing.T, dir string) []*recording {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.flac"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no FLAC files in %s (%v)", dir, err)
	}
	rs := make([]*recording, len(paths))
	for i, p := range paths {
		rs[i] = decode(t, p)
	}
	return rs
}

// TestDataUltrasonic holds the detector against the recordings of ggwave, of a SilverPush beacon, and of mixes of
// beacons with real rooms.
func TestDataUltrasonic(t *testing.T) {
	for _, r := range decodeAll(t, dataFolder(t, "audio-ultrasonic")) {
		t.Run(r.name, func(t *testing.T) {
			found := listen(t, r.rate, r.channels[0])
			want := ""
			switch {
			case strings.HasPrefix(r.name, "ggwave_ultrasound"), strings.HasPrefix(r.name, "mix_"):
				want = "ggwave"
			case strings.HasPrefix(r.name, "silverpush"):
				want = "silverpush"
			}
			if want == "" {
				if len(alarms(found)) > 0 {
					t.Errorf("audible transmission, want silence; got%s", show(found, r.rate))
				}
				return
			}
			bs := beacons(found)
			if len(bs) != 1 {
				t.Fatalf("got %d beacons, want 1 %s:%s", len(bs), want, show(found, r.rate))
			}
			t.Logf("%s", show(bs, r.rate))
			if bs[0].SNRDB >= 6 && bs[0].Name != want {
				t.Errorf("named %q at %.1f dB, want %q", bs[0].Name, bs[0].SNRDB, want)
			}
		})
	}
}

// TestDataMixTimes holds the extent of the beacons in the mixes against their exact labels.
func TestDataMixTimes(t *testing.T) {
	dir := dataFolder(t, "audio-ultrasonic")
	for name, want := range map[string][2]float64{
		"mix_00_max_typing": {1.50, 2.57}, "mix_01_max_car_engine": {1.50, 2.50}, "mix_02_meeting_trn02": {1.50, 2.95},
		"mix_03_meeting_trn05": {1.50, 3.08}, "mix_04_max_crowd_cheering": {1.50, 3.91},
		"mix_05_tdsp_applause2": {1.50, 3.14}, "mix_06_de_words_1": {1.50, 3.33},
	} {
		t.Run(name, func(t *testing.T) {
			r := decode(t, filepath.Join(dir, name+".flac"))
			bs := beacons(listen(t, r.rate, r.channels[0]))
			if len(bs) != 1 {
				t.Fatalf("got %d beacons, want 1", len(bs))
			}
			from, to := float64(bs[0].Start)/float64(r.rate), float64(bs[0].End)/float64(r.rate)
			if from < want[0]-0.1 || from > want[0]+0.5 || to < want[1]-0.5 || to > want[1]+0.3 {
				t.Errorf("got %.2f to %.2f s, want %.2f to %.2f s", from, to, want[0], want[1])
			}
		})
	}
}

// TestDataSilence hears everything that holds no beacon, every channel, and must stay silent.
func TestDataSilence(t *testing.T) {
	heard, silent, deaf := 0.0, 0.0, 0
	for _, folder := range []string{"audio-noise", "audio-speech", "audio-wakeword"} {
		for _, r := range decodeAll(t, dataFolder(t, folder)) {
			if r.rate < 44100 {
				if _, err := ultrasonic.New(r.rate, ultrasonic.Default); err == nil && 0.49*float64(r.rate) < ultrasonic.Default.LoHz {
					t.Errorf("%s/%s: rate %d cannot carry 15 kHz, want an error", folder, r.name, r.rate)
				} else if err != nil {
					deaf++
					continue
				}
			}
			for c, x := range r.channels {
				found := listen(t, r.rate, x)
				heard += r.seconds()
				silent += r.seconds()
				if loud := alarms(found); len(loud) > 0 {
					silent -= r.seconds()
					t.Errorf("%s/%s channel %d: want no alarm, got%s", folder, r.name, c, show(found, r.rate))
				} else if len(found) > 0 {
					t.Logf("%s/%s channel %d: information%s", folder, r.name, c, show(found, r.rate))
				}
			}
		}
	}
	if heard < 60 || deaf == 0 {
		t.Errorf("heard %.0f s, %d files of too low a rate: the recordings are not what they were", heard, deaf)
	}
	t.Logf("%.0f of %.0f s of real sound without an alarm; %d files of too low a rate refused", silent, heard, deaf)
}
