//go:build cgo && !noportaudio

// Tests on ALSA without a card: its file plugin over its null plugin, which delivers a recording as fast as it is read.

package portaudio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
)

// useALSA makes conf ALSA's whole configuration until the test ends. PortAudio 19.6 aborts the process when no device is
// called default.
func useALSA(tb testing.TB, conf string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "asoundrc")
	if err := os.WriteFile(path, []byte(conf+"\npcm.default { type null }\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Setenv("ALSA_CONFIG_PATH", path)
}

// needDevice skips the test unless ALSA offers the device: its library or plugin may not be installed.
func needDevice(tb testing.TB, name string) {
	tb.Helper()
	devices, err := Devices()
	if err != nil {
		tb.Fatal(err)
	}
	for _, d := range devices {
		if d.Name == name {
			return
		}
	}
	tb.Skipf("ALSA offers no device %q: libasound2-plugins is not installed, or PortAudio is built without ALSA", name)
}

// alsaFile makes the device "recording", which delivers samples of float32, and "kept", which writes what is played to
// the returned file.
func alsaFile(tb testing.TB, x []float32) (kept string) {
	tb.Helper()
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	dir := tb.TempDir()
	in, kept := filepath.Join(dir, "in.raw"), filepath.Join(dir, "kept.raw")
	if err := os.WriteFile(in, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	useALSA(tb, fmt.Sprintf(`
pcm.recording { type file slave.pcm { type null } file "/dev/null" infile %q format "raw" }
pcm.kept { type file slave.pcm { type null } file %q format "raw" }
`, in, kept))
	needDevice(tb, "recording")
	return kept
}

func hiss(n int) []float32 {
	r := rand.New(rand.NewPCG(3, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = r.Float32()*2 - 1
	}
	return x
}

// TestALSAFile compares what arrives through PortAudio and ALSA with the recording, bit for bit.
func TestALSAFile(t *testing.T) {
	for _, tt := range []struct {
		rate, physical int
		channels       []int
	}{
		{48_000, 1, nil}, {96_000, 2, []int{1, 2}}, {192_000, 4, []int{1, 2, 3, 4}}, {192_000, 8, []int{1, 2, 3, 4, 5, 6, 7, 8}},
		{192_000, 4, []int{4, 2}}, {48_000, 3, []int{3}},
	} {
		t.Run(fmt.Sprint(tt.rate, tt.channels), func(t *testing.T) {
			x := hiss(tt.physical * tt.rate / 4)
			alsaFile(t, x)
			src, err := Open(Config{Device: "recording", Format: audio.Format{Rate: tt.rate}, Map: tt.channels, Shared: true})
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			if g := src.(*Source).Grant(); g.Rate != float64(tt.rate) || g.Raw {
				t.Errorf("granted %v", g)
			}
			channels := tt.channels
			if channels == nil {
				channels = []int{1}
			}
			want := make([]float32, len(x)/tt.physical*len(channels))
			pick(want, x, tt.physical, channels)
			compare(t, src, want, len(channels))
		})
	}
}

func compare(t *testing.T, src audio.Source, want []float32, channels int) {
	t.Helper()
	buf := make([]float32, 1000*channels)
	for done := 0; done < len(want); {
		at, n, err := src.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if at != int64(done/channels) {
			t.Fatalf("frame %d has the index %d", done/channels, at)
		}
		for i, v := range buf[:min(n*channels, len(want)-done)] {
			if v != want[done+i] {
				t.Fatalf("sample %d is %g, want %g", done+i, v, want[done+i])
			}
		}
		done += n * channels
	}
}

// TestSharedMustBeAskedFor: what may resample unseen is refused, with a reason, and not taken for absent.
func TestSharedMustBeAskedFor(t *testing.T) {
	alsaFile(t, hiss(480))
	if _, err := Open(Config{Device: "recording"}); err == nil || errors.Is(err, audio.ErrAbsent) {
		t.Errorf("opened unasked: %v", err)
	}
	if _, err := OpenSink(Config{Device: "kept"}); err == nil || errors.Is(err, audio.ErrAbsent) {
		t.Errorf("opened unasked: %v", err)
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("the default device was opened as a raw one")
	} else if !errors.Is(err, audio.ErrAbsent) {
		t.Logf("this machine has raw devices: %v", err)
	}
}

func TestALSAFileConforms(t *testing.T) {
	f := audio.Format{Rate: 48_000, Channels: 2}
	alsaFile(t, hiss(2*48_000))
	audiotest.Run(t, func(tb testing.TB) audio.Source {
		src, err := Open(Config{Device: "recording", Format: f, Shared: true})
		if err != nil {
			tb.Fatal(err)
		}
		return src
	}, audiotest.Want{Format: f, Live: true})
}

// TestALSASink plays into a file, through a map that leaves a channel out.
func TestALSASink(t *testing.T) {
	f := audio.Format{Rate: 96_000, Channels: 2}
	kept := alsaFile(t, hiss(2))
	hear := func(tb testing.TB) (x []float32) {
		b, err := os.ReadFile(kept)
		if err != nil {
			tb.Fatal(err)
		}
		all := make([]float32, len(b)/4)
		if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, all); err != nil {
			tb.Fatal(err)
		}
		// The stream begins with silence, as nothing was written yet.
		for len(all) >= 3 && all[2] == 0 && all[0] == 0 {
			if all[1] != 0 {
				tb.Fatal("channel 2 is not silent")
			}
			all = all[3:]
		}
		x = make([]float32, len(all)/3*2)
		pick(x, all, 3, []int{3, 1})
		return append(make([]float32, 0), x...)
	}
	audiotest.RunSink(t, func(tb testing.TB) audio.Sink {
		s, err := OpenSink(Config{Device: "kept", Format: f, Map: []int{3, 1}, Shared: true})
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}, f, hear)
}

func BenchmarkMicrophone(b *testing.B) {
	alsaFile(b, hiss(4*192_000))
	src, err := Open(Config{Device: "recording", Format: audio.Format{Rate: 192_000}, Map: []int{4, 3, 2, 1}, Shared: true})
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	x := make([]float32, 4*4800)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := src.Read(x); err != nil {
			b.Fatal(err)
		}
	}
}
