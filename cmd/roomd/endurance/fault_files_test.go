package endurance_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/sound"
)

// wav makes a recording whose header says what it is told to.
func wav(tag, channels, rate, bits, align uint16, size uint32, data []byte) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, tag)
	b = binary.LittleEndian.AppendUint16(b, channels)
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate)*uint32(align))
	b = binary.LittleEndian.AppendUint16(b, align)
	b = binary.LittleEndian.AppendUint16(b, bits)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, size)
	b = append(b, data...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// spoilt lists recordings that are not what they say.
func spoilt(t *testing.T) []struct {
	name  string
	b     []byte
	code  int    // of replay, contract §5
	hint  string // in the line
	radio bool
} {
	t.Helper()
	noise := sound.White(siggen.Rand(7), 1, rate, noiseDB)
	var pcm, float []byte
	for i, v := range noise {
		pcm = binary.LittleEndian.AppendUint16(pcm, uint16(int16(32767*v)))
		if i == len(noise)/2 {
			v = float32(math.NaN())
		}
		float = binary.LittleEndian.AppendUint32(float, math.Float32bits(v))
	}
	beacon, err := os.ReadFile(filepath.FromSlash(beaconFile))
	if err != nil {
		t.Fatal(err)
	}
	cu8 := make([]byte, 250_001)
	for i := range cu8 {
		cu8[i] = byte(127 + i*7%3)
	}
	n := uint32(len(pcm))
	return []struct {
		name  string
		b     []byte
		code  int
		hint  string
		radio bool
	}{
		{"frames-lie.wav", wav(1, 8, rate, 16, 2, n, pcm), 2, "header says 2 bytes a frame", false},
		{"size-lies.wav", wav(1, 1, rate, 16, 2, 10*n, pcm), 0, "", false},
		{"no-rate.wav", wav(1, 1, 0, 16, 2, n, pcm), 2, "header says 0 frames a second", false},
		{"cut.flac", beacon[:len(beacon)*2/3], 0, "", false},
		{"nan.wav", wav(3, 1, rate, 32, 4, 2*n, float), 2, "not a finite number", false},
		{"odd_433.92M_250k.cu8", cu8, 0, "", true},
	}
}

// clean reports a fault of what a program has said: more than max lines that begin with its name, a stack trace.
func clean(t *testing.T, stderr, name string, most int) {
	t.Helper()
	n := 0
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, name+": ") {
			n++
		}
	}
	if n == 0 || n > most || strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "panic") {
		t.Errorf("got %d lines, want 1 to %d and no stack:\n%s", n, most, stderr)
	}
}

// TestFaultsReplay gives each spoilt recording to replay, before a good one.
func TestFaultsReplay(t *testing.T) {
	t.Parallel()
	good, err := filepath.Abs(filepath.FromSlash(beaconFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range spoilt(t) {
		t.Run(tt.name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), tt.name)
			if err := os.WriteFile(bad, tt.b, 0o600); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := run(t, program(t, "subrosa"), "replay", "--json", "--lang", "en", bad, good)
			if code != tt.code {
				t.Errorf("exit %d, want %d", code, tt.code)
			}
			clean(t, stderr, "subrosa", 2)
			told := ""
			for line := range strings.Lines(stderr) {
				if strings.HasPrefix(line, "subrosa: ") && strings.Contains(line, bad) {
					told += line
				}
			}
			if strings.Count(told, "\n") != 1 || !strings.Contains(told, tt.hint) {
				t.Errorf("got %q, want one line with the file and %q", told, tt.hint)
			}
			found := false
			for line := range strings.Lines(stdout) {
				var f struct{ File, Name string }
				if err := json.Unmarshal([]byte(line), &f); err != nil {
					t.Errorf("not JSON: %s", line)
				}
				found = found || f.File == good && f.Name == "ggwave"
			}
			if !found {
				t.Errorf("the good recording was not done:\n%s", stdout)
			}
		})
	}
}

// TestFaultsFeed gives each to a unit in place of its microphone or receiver: the unit does not start with what it
// cannot play.
func TestFaultsFeed(t *testing.T) {
	for _, tt := range spoilt(t) {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, 1)
			bad := h.path(tt.name)
			h.must(os.WriteFile(bad, tt.b, 0o600))
			items := []item{{File: bad, Loop: true}}
			if tt.radio {
				h.configure(nil, &programme{Rate: 250_000, Centre: 433.92e6, Items: items})
			} else {
				h.configure(&programme{Rate: rate, Items: items}, nil)
			}
			h.startUnit()
			if code := h.unit.code(t); code != 2 {
				t.Errorf("exit %d, want 2", code)
			}
			clean(t, h.unitLog.String(), "roomd", 1)
			if len(h.unitLog.lines("roomd: ", bad, tt.hint)) != 1 {
				t.Errorf("got %q, want one line with the file and %q", h.unitLog, tt.hint)
			}
		})
	}
}

// TestFaultsConfig misspells a key.
func TestFaultsConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(file, []byte("{\n  \"unit\": \"ratssaal-1\",\n  \"brocker\": \"tls://localhost\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	console := filepath.Join(t.TempDir(), "y.json")
	if err := os.WriteFile(console, []byte("{\n  \"lang\": \"de\",\n  \"lisen\": \"127.0.0.1:1\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"roomd", file + `:3:3: json: unknown field "brocker"`, []string{"--config", file, "--state", t.TempDir(), "--unsealed"}},
		{"console", console + `:3:3: json: unknown field "lisen"`, []string{"--config", console, "--state", t.TempDir()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, _, stderr := run(t, program(t, tt.name), tt.args...)
			if code != 2 {
				t.Errorf("exit %d, want 2", code)
			}
			clean(t, stderr, tt.name, 1)
			if !strings.Contains(stderr, tt.want) {
				t.Errorf("got %q, want %q", stderr, tt.want)
			}
		})
	}
}

// TestFaultsFullOutput writes findings to a full disk.
func TestFaultsFullOutput(t *testing.T) {
	good, err := filepath.Abs(filepath.FromSlash(beaconFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{"--out": {"--out", "/dev/full", good}, "stdout": {good}} {
		t.Run(name, func(t *testing.T) {
			script := `exec "$0" replay --json "$@" >/dev/full`
			code, _, stderr := run(t, "/bin/sh", append([]string{"-c", script, program(t, "subrosa")}, args...)...)
			if code != 1 {
				t.Errorf("exit %d, want 1", code)
			}
			clean(t, stderr, "subrosa", 2)
			if !strings.Contains(stderr, "no space left on device") {
				t.Errorf("got %q, want what is wrong", stderr)
			}
		})
	}
}
