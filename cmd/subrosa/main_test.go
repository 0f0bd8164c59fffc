package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/radio"
)

// ran is what a command line gave.
type ran struct {
	code        int
	out, stderr string
}

func command(args ...string) ran {
	var out, stderr bytes.Buffer
	code := run(context.Background(), args, &out, &stderr)
	return ran{code, out.String(), stderr.String()}
}

// recording writes half a second with one burst, as its name says at 250 kS/s around 433.92 MHz.
func recording(t *testing.T, dir, name string) string {
	t.Helper()
	r := siggen.Rand(1)
	x := radio.Noise(r, 0.5, 250_000, -50)
	burst, _ := radio.OOK(r, radio.PWM(siggen.Bits(r, 200), 0.0003, 0.0007), 250_000, -20, 30_000, 0.00002)
	radio.Add(x, 40_000, burst)
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, radio.CU8(x), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	good, norate := recording(t, dir, "a_433.92M_250k.cu8"), recording(t, dir, "b.cu8")
	bad := filepath.Join(dir, "baseline.json")
	if err := os.WriteFile(bad, []byte(`[{"hz":1}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		says string // on stderr
	}{
		{"", exitUsage, "Usage"},
		{"--help", exitOK, ""},
		{"replay --help", exitOK, ""},
		{"site init --help", exitOK, ""},
		{"version", exitOK, ""},
		{"version now", exitUsage, "accepts 0"},
		{"replya", exitUsage, `did you mean "replay"`},
		{"demoo", exitUsage, "no command"},
		{"demo --headless --state /nonexistent", exitUsage, "--once"},
		{"--bogus", exitUsage, "--bogus"},
		{"replay", exitUsage, "at least 1"},
		{"replay --bogus " + good, exitUsage, "--bogus"},
		{"replay " + good, exitOK, "1 von 1"},
		{"replay --json --kind burst " + good, exitOK, ""},
		{"replay --kind new-emitter " + good, exitOK, ""},
		{"replay --kind bursts " + good, exitUsage, "want one of ultrasonic-beacon, ultrasonic-tone"},
		{"replay --kind none " + good, exitUsage, "want one of"},
		{"replay --lang fr " + good, exitUsage, "want de or en"},
		{"replay --rate fast " + good, exitUsage, "250k"},
		{"replay --rate 0 " + good, exitUsage, "--rate"},
		{"replay --hz -1 " + good, exitUsage, "--hz"},
		{"replay " + norate, exitInput, "--rate"},
		{"replay --rate 250k --hz 433.92M " + norate, exitOK, ""},
		{"replay " + norate + " " + good, exitInput, "1 von 2"},
		{"replay /nonexistent/x.wav", exitInput, "x.wav"},
		{"replay --baseline " + bad + " " + good, exitInput, "entry 1 lacks"},
		{"replay --baseline /nonexistent.json " + good, exitInput, "nonexistent"},
		{"replay --rate 250k --plot " + dir + "/p.png " + good + " " + norate, exitUsage, "give a folder"},
		{"replay --plot " + dir + "/%s-%s.png " + good, exitUsage, "one %s"},
		{"replay --plot /nonexistent/p.png " + good, exitFailed, "plot"},
		{"replay --out /nonexistent/x.jsonl " + good, exitFailed, "x.jsonl"},
		{"site", exitUsage, "Usage"},
		{"site inti", exitUsage, `did you mean "init"`},
		{"site show --state " + dir, exitInput, "site.json"},
		{"completion", exitUsage, "accepts 1"},
		{"completion tcsh", exitUsage, "bash, zsh and fish"},
	} {
		got := command(strings.Fields(tt.args)...)
		if got.code != tt.code || !strings.Contains(got.stderr, tt.says) {
			t.Errorf("subrosa %s: exit %d, want %d; stderr %q, want %q", tt.args, got.code, tt.code, got.stderr, tt.says)
		}
	}
}

// TestHelpHasExamples: every command says what it does and shows how it is used.
func TestHelpHasExamples(t *testing.T) {
	root := newRootCommand()
	for _, c := range append(root.Commands(), root) {
		for _, sub := range append(c.Commands(), c) {
			if sub.Hidden {
				continue
			}
			if sub.Short == "" || !strings.Contains(sub.Example, sub.CommandPath()) {
				t.Errorf("%s: short %q, example %q", sub.CommandPath(), sub.Short, sub.Example)
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if got := command("completion", shell); got.code != exitOK || !strings.Contains(got.out, "subrosa") || got.stderr != "" {
			t.Errorf("%s: exit %d, %d bytes, %q", shell, got.code, len(got.out), got.stderr)
		}
	}
	for _, tt := range []struct{ args, want string }{
		{"__complete replay --kind ultra", "ultrasonic-beacon\n"},
		{"__complete replay --lang ", "de\nen\n"},
		{"__complete rep", "replay\t"},
		{"__complete completion ", "bash\nzsh\nfish\n"},
	} {
		if got := command(strings.Split(tt.args, " ")...); !strings.Contains(got.out, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.args, got.out, tt.want)
		}
	}
}

func TestVersion(t *testing.T) {
	var v version
	got := command("version", "--json")
	if err := json.Unmarshal([]byte(got.out), &v); err != nil || v.Go == "" || v.Version == "" || v.Platform == "" {
		t.Errorf("got %q, %v", got.out, err)
	}
}

func TestReplayWritesWhereToldTo(t *testing.T) {
	dir := t.TempDir()
	good := recording(t, dir, "a_433.92M_250k.cu8")
	out := filepath.Join(dir, "found.jsonl")
	plain := command("replay", "--json", good)
	if got := command("replay", "--json", "--out", out, good); got.code != exitOK || got.out != "" {
		t.Errorf("exit %d, stdout %q", got.code, got.out)
	}
	if b, err := os.ReadFile(out); err != nil || string(b) != plain.out || plain.out == "" {
		t.Errorf("the file has %q, %v, want %q", b, err, plain.out)
	}
}

func TestReplayPlots(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	for _, d := range []string{in, filepath.Join(in, "sub")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		recording(t, d, "a_433.92M_250k.cu8")
	}
	for _, tt := range []struct {
		plot string
		want []string
	}{
		{filepath.Join(dir, "folder") + "/", []string{"folder/a_433.92M_250k-2.png", "folder/a_433.92M_250k.png"}},
		{filepath.Join(dir, "p-%s.png"), []string{"p-a_433.92M_250k-2.png", "p-a_433.92M_250k.png"}},
	} {
		if got := command("replay", "--json", "--plot", tt.plot, in); got.code != exitOK {
			t.Fatalf("exit %d: %s", got.code, got.stderr)
		}
		for _, name := range tt.want {
			f, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				t.Error(err)
				continue
			}
			if _, err := png.Decode(f); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			f.Close()
		}
	}
}

func TestSite(t *testing.T) {
	dir := t.TempDir()
	state := "--state=" + dir
	show := func() (names []string) {
		t.Helper()
		got := command("site", "show", "--json", state)
		if got.code != exitOK {
			t.Fatalf("show: exit %d: %s", got.code, got.stderr)
		}
		for line := range strings.Lines(got.out) {
			var b bundle
			if err := json.Unmarshal([]byte(line), &b); err != nil {
				t.Fatal(err)
			}
			if b.Days < 390 || len(b.Names) == 0 {
				t.Errorf("%s: %d days, names %v", b.Bundle, b.Days, b.Names)
			}
			names = append(names, b.Bundle)
		}
		return names
	}
	first := []string{"broker", "ca", "console", "page", "unit/ratssaal-1"}
	got := command("site", "init", "--name", "Stadt Musterstadt", "--domain", "Raum.example", "--unit", "ratssaal-1=ratssaal", state)
	if got.code != exitOK || !strings.Contains(got.out, "ratssaal.raum.example") {
		t.Fatalf("init: exit %d, %q, %q", got.code, got.out, got.stderr)
	}
	if names := show(); !slices.Equal(names, first) {
		t.Errorf("got %v, want %v", names, first)
	}
	again := command("site", "init", "--name", "X", "--domain", "x.example", "--unit", "a=b", state)
	if again.code != exitFailed || !strings.Contains(again.stderr, "--replace") {
		t.Errorf("init twice: exit %d, %q", again.code, again.stderr)
	}
	if got := command("site", "renew", state); got.code != exitOK || !strings.Contains(got.out, "nothing to do") {
		t.Errorf("renew: exit %d, %q, %q", got.code, got.out, got.stderr)
	}
	if got := command("site", "issue", "--unit", "ausschuss-1=ausschuss", state); got.code != exitOK || got.out != "unit/ausschuss-1\n" {
		t.Errorf("issue: exit %d, %q, %q", got.code, got.out, got.stderr)
	}
	if names := show(); !slices.Equal(names, append(first[:4:4], "unit/ausschuss-1", "unit/ratssaal-1")) {
		t.Errorf("after issue: %v", names)
	}
	for args, want := range map[string]string{
		"init --name X --domain x --unit a":            "want ID=ROOM",
		"init --name X --domain not_a_host --unit a=b": "domain",
		"init --name X --domain x.example":             "no unit",
	} {
		if got := command(append([]string{"site"}, strings.Fields(args+" --state="+t.TempDir())...)...); got.code != exitUsage || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: exit %d, %q, want %q", args, got.code, got.stderr, want)
		}
	}
	if got := command("site", "init", "--config", "/nonexistent.json", state); got.code != exitInput {
		t.Errorf("missing plan: exit %d", got.code)
	}
	packed(t, dir, state)
}

func packed(t *testing.T, dir, state string) {
	out := filepath.Join(dir, "unit.tar")
	for i, want := range []int{exitOK, exitFailed} { // the second would overwrite
		if got := command("site", "pack", "unit/ratssaal-1", "--out", out, state); got.code != want {
			t.Errorf("pack %d: exit %d, want %d: %s", i+1, got.code, want, got.stderr)
		}
	}
	if got := command("site", "pack", "ca", "--out", filepath.Join(dir, "ca.tar"), state); got.code != exitFailed {
		t.Errorf("the authority's key was packed: exit %d", got.code)
	}
	if _, err := os.Stat(filepath.Join(dir, "ca.tar")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a failed pack left its file: %v", err)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	var names []string
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
	if want := []string{"ca.pem", "cert.pem", "key.pem", "unit.json"}; !slices.Equal(names, want) {
		t.Errorf("packed %v, want %v", names, want)
	}
}

// FuzzArguments: no command line makes replay panic or end with a code that is not one of ours.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{"--rate 250k", "--hz 433.92M --json", "--kind burst,tracker", "--plot %s%s", "--lang en --kind", "-- -x", "--rate=1e9 --rate=1"} {
		f.Add(s)
	}
	empty := f.TempDir()
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "-o") || strings.Contains(s, "/") { // may write or read anywhere
			t.Skip()
		}
		args := append([]string{"replay"}, strings.Fields(s)...)
		for _, a := range args[1:] {
			if !strings.HasPrefix(a, "-") { // reads what lies there
				if _, err := os.Lstat(a); err == nil {
					t.Skip()
				}
			}
		}
		switch got := command(append(args, empty)...); got.code {
		case exitOK, exitFailed, exitInput, exitUsage:
		default:
			t.Errorf("%q: exit %d", args, got.code)
		}
	})
}

func TestScreen(t *testing.T) {
	for _, tt := range []struct {
		goos, set string
		want      bool
	}{{"linux", "", false}, {"linux", "DISPLAY", true}, {"linux", "WAYLAND_DISPLAY", true}, {"linux", "SSH_CONNECTION", false}, {"darwin", "", true}} {
		env := func(name string) string { return map[string]string{tt.set: ":0", "": ""}[name] }
		if got := screen(tt.goos, env); got != tt.want {
			t.Errorf("%s with %q set: got %v", tt.goos, tt.set, got)
		}
	}
}
