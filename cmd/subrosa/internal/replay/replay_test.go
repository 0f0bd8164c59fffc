package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/wavfile"
	"subrosa/drivers/sdr"
	"subrosa/dsp/detect"
	"subrosa/dsp/detect/emitter"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/radio"
	"subrosa/firmware/detectors"
)

// result is what a run left behind.
type result struct {
	out, errs string
	err       error
	findings  []Finding
	coverage  []fileCoverage
}

// replayed runs o and, with JSON, decodes what it wrote.
func replayed(t *testing.T, o Options) (r result) {
	t.Helper()
	var out, errs bytes.Buffer
	o.Stdout, o.Stderr = &out, &errs
	if o.Now == nil {
		o.Now = time.Now
	}
	r.err = Run(context.Background(), o)
	r.out, r.errs = out.String(), errs.String()
	if !o.JSON {
		return r
	}
	for line := range strings.Lines(r.out) {
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if strings.Contains(line, `"kind"`) {
			var f Finding
			if err := d.Decode(&f); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			r.findings = append(r.findings, f)
			continue
		}
		var c fileCoverage
		if err := d.Decode(&c); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		r.coverage = append(r.coverage, c)
	}
	return r
}

func writeFile(t *testing.T, path string, b []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wav returns the bytes of a recording with the given channels, of equal length.
func wav(t *testing.T, rate int, channels ...[]float32) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := wavfile.NewWriter(&b, audio.Format{Rate: rate, Channels: len(channels)}, wavfile.PCM16)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]float32, len(channels))
	for i := range channels[0] {
		for c := range channels {
			frame[c] = channels[c][i]
		}
		if err := w.Write(frame); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// tone returns a steady tone over white noise, from one time to another.
func tone(rate int, hz, seconds, from, to float64) []float32 {
	r := siggen.Rand(uint64(hz) + 1)
	x := make([]float32, int(seconds*float64(rate)))
	for i := range x {
		x[i] = 1e-4 * float32(r.NormFloat64())
		if s := float64(i) / float64(rate); s >= from && s < to {
			x[i] += 0.05 * float32(math.Sin(2*math.Pi*hz*s))
		}
	}
	return x
}

const (
	radioRate = 250_000
	burstHz   = 30_000.0 // from the centre
)

// keyed returns noise with a keyed carrier of 200 ms from each time on.
func keyed(seconds float64, starts ...float64) []complex64 {
	r := siggen.Rand(7)
	x := radio.Noise(r, seconds, radioRate, -50)
	for _, s := range starts {
		burst, _ := radio.OOK(r, radio.PWM(siggen.Bits(r, 200), 0.0003, 0.0007), radioRate, -20, burstHz, 0.00002)
		radio.Add(x, int(s*radioRate), burst)
	}
	return x
}

func TestFindingsInOrderWithTimes(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x.cu8"), radio.CU8(keyed(1.5, 0.3, 0.9)))
	for _, tt := range []struct {
		name   string
		format sdr.Format
		hz     float64
		slug   string
	}{
		{"centre known", sdr.Format{Rate: radioRate, Centre: 433.92e6}, 433.92e6 + burstHz, "ism433"},
		{"centre not known", sdr.Format{Rate: radioRate}, burstHz, "unknown"},
	} {
		r := replayed(t, Options{Paths: []string{path}, Radio: tt.format, JSON: true})
		if r.err != nil || len(r.findings) != 2 || len(r.coverage) != 1 {
			t.Fatalf("%s: %v, %d findings, %d coverage lines, want 2 and 1\n%s%s", tt.name, r.err, len(r.findings), len(r.coverage), r.out, r.errs)
		}
		for i, start := range []float64{0.3, 0.9} {
			f := r.findings[i]
			if math.Abs(f.StartS-start) > 0.005 || math.Abs(f.EndS-start-0.2) > 0.005 {
				t.Errorf("%s: burst %d lasts %.4f to %.4f s, want %.1f to %.1f", tt.name, i, f.StartS, f.EndS, start, start+0.2)
			}
			if math.Abs(f.Hz-tt.hz) > 3000 || f.Name != tt.slug || f.Kind != detect.Burst {
				t.Errorf("%s: got %v/%s at %.0f Hz, want burst/%s at %.0f", tt.name, f.Kind, f.Name, f.Hz, tt.slug, tt.hz)
			}
			if f.File != path || f.Channel != "iq" || f.Sense != detect.Radio || f.Side != "unknown" || f.Cause == "" || f.Coverage != r.coverage[0].Coverage {
				t.Errorf("%s: incomplete: %+v", tt.name, f)
			}
		}
		if last := strings.Split(strings.TrimSpace(r.out), "\n"); !strings.Contains(last[len(last)-1], `"coverage"`) || strings.Contains(last[len(last)-1], `"kind"`) {
			t.Errorf("%s: the last line is %s, want the coverage", tt.name, last[len(last)-1])
		}
	}
}

func TestJSONFields(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x_433.92M_250k.cu8"), radio.CU8(keyed(1, 0.3)))
	r := replayed(t, Options{Paths: []string{path}, JSON: true})
	line, _, _ := strings.Cut(r.out, "\n")
	var got map[string]any
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"file", "channel", "kind", "name", "alarm", "sense", "side", "start_s", "end_s", "hz", "bw_hz",
		"level_db", "snr_db", "statistic", "threshold", "pfa", "confidence", "coverage", "cause"} {
		if _, ok := got[key]; !ok {
			t.Errorf("%q is missing in %s", key, line)
		}
		delete(got, key)
	}
	if len(got) > 0 {
		t.Errorf("unpublished fields: %v", got)
	}
}

func TestEveryChannelByItself(t *testing.T) {
	dir, quiet := t.TempDir(), tone(48000, 1, 8, 9, 9)
	line := tone(48000, 18_000, 8, 0.5, 7.5)
	for _, tt := range []struct {
		file     string
		channels [][]float32
		want     []string
	}{
		{"mono.wav", [][]float32{line}, []string{"mono"}},
		{"left.wav", [][]float32{line, quiet}, []string{"left"}},
		{"right.wav", [][]float32{quiet, line}, []string{"right"}},
		{"both.wav", [][]float32{line, line}, []string{"left", "right"}},
		{"third.wav", [][]float32{quiet, quiet, line}, []string{"3"}},
		{"none.wav", [][]float32{quiet, quiet}, nil},
	} {
		r := replayed(t, Options{Paths: []string{writeFile(t, filepath.Join(dir, tt.file), wav(t, 48000, tt.channels...))}, JSON: true})
		var got []string
		for _, f := range r.findings {
			if f.Kind != detect.UltrasonicTone || math.Abs(f.Hz-18000) > 20 {
				t.Errorf("%s: got %v at %.0f Hz", tt.file, f.Kind, f.Hz)
			}
			got = append(got, f.Channel)
		}
		if !slices.Equal(got, tt.want) || r.err != nil {
			t.Errorf("%s: found in %v, want %v (%v)", tt.file, got, tt.want, r.err)
		}
	}
}

func TestCoverage(t *testing.T) {
	dir := t.TempDir()
	silence := func(rate int) []byte { return wav(t, rate, make([]float32, rate)) }
	for _, tt := range []struct {
		file     string
		content  []byte
		en, de   string
		notInOut string
	}{
		{"a_8k.wav", silence(8000), "cannot see above 4 kHz: proves no silence", "nicht messbar: über 4 kHz: belegt keine Stille", ""},
		{"a_16k.wav", silence(16000), "cannot see above 8 kHz: proves no silence", "nicht messbar: über 8 kHz: belegt keine Stille", ""},
		{"a_32k.wav", silence(32000), "cannot see above 16 kHz: proves no silence", "nicht messbar: über 16 kHz: belegt keine Stille", "15.7"},
		{"a_22k.wav", silence(22050), "cannot see above 11.03 kHz: proves no silence", "nicht messbar: über 11,03 kHz: belegt keine Stille", ""},
		{"a_44k.wav", silence(44100), "cannot see above 21.6 kHz; below 15 kHz", "nicht messbar: über 21,6 kHz; unter 15 kHz", "proves no silence"},
		{"a_48k.wav", silence(48000), "cannot see above 23.5 kHz; below 15 kHz", "nicht messbar: über 23,5 kHz; unter 15 kHz", "proves no silence"},
		{"empty.wav", wav(t, 48000, []float32{}), "cannot see anything: no samples; above 23.5 kHz", "nicht messbar: alles: die Aufnahme ist leer; über 23,5 kHz", ""},
		{"r_433.92M_250k.cu8", radio.CU8(keyed(0.5)), "cannot see outside 250 kHz around the tuned centre; steady carriers within",
			"nicht messbar: außerhalb von 250 kHz um die eingestellte Mitte; Dauerträger näher als", ""},
		{"long_433.92M_250k.cu8", radio.CU8(keyed(1)), "cannot see outside 250 kHz", "nicht messbar: außerhalb von 250 kHz", "in less than 1 s"},
		{"slow_433.92M_8k.cu8", make([]byte, 16000), "cannot use emitter: ", "nicht messbar: Prüfung emitter: ", ""},
	} {
		path := writeFile(t, filepath.Join(dir, tt.file), tt.content)
		r := replayed(t, Options{Paths: []string{path}, JSON: true})
		if r.err != nil || len(r.coverage) != 1 || r.coverage[0].File != path || !strings.HasPrefix(r.coverage[0].Coverage, tt.en) {
			t.Errorf("%s: got %v, %+v, want %q", tt.file, r.err, r.coverage, tt.en)
		}
		if tt.notInOut != "" && strings.Contains(r.out, tt.notInOut) {
			t.Errorf("%s: %q in %s", tt.file, tt.notInOut, r.out)
		}
		for lang, want := range map[string]string{"en": tt.en, "de": tt.de} {
			r := replayed(t, Options{Paths: []string{path}, Lang: lang})
			if !strings.Contains(r.errs, path+": "+want) || strings.Contains(r.out, want) {
				t.Errorf("%s in %s: stderr %q, want %q; stdout %q", tt.file, lang, r.errs, want, r.out)
			}
		}
	}
}

func TestShortRadioProvesNoEmitter(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x_250k.cu8"), radio.CU8(keyed(0.9)))
	for lang, want := range map[string]string{"en": "steady emitters in less than 1 s of samples", "de": "Dauersender in weniger als 1 s Aufnahme"} {
		if r := replayed(t, Options{Paths: []string{path}, Lang: lang}); !strings.Contains(r.errs, want) {
			t.Errorf("%s: %q does not say %q", lang, r.errs, want)
		}
	}
}

// TestCoverageIsTranslated holds the German forms against what the detectors say.
func TestCoverageIsTranslated(t *testing.T) {
	check := func(c detect.Coverage) {
		for _, clause := range c.Cannot {
			if translated(clause) == clause {
				t.Errorf("no German for %q", clause)
			}
		}
	}
	acoustic, err := detectors.Build(detectors.Acoustic, nil, detectors.Stream{Rate: 48000})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range acoustic {
		if o, ok := d.(detect.Observer); ok {
			check(o.Coverage())
		}
	}
	receiver, err := detectors.Build(detectors.Radio, nil, detectors.Stream{Rate: radioRate})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range receiver {
		if o, ok := d.(detect.Observer); ok {
			check(o.Coverage())
		}
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, b []byte) string { return writeFile(t, filepath.Join(dir, name), b) }
	good := file("good_433.92M_250k.cu8", radio.CU8(keyed(1, 0.3)))
	whole := wav(t, 48000, tone(48000, 18_000, 6, 0.5, 5.5))
	nan := make([]byte, 8000)
	for i := range 4 {
		nan[4000+i] = 0xff
	}
	for _, tt := range []struct {
		name, path, want string
		err              error
		findings         int // in this file
	}{
		{"no such file", filepath.Join(dir, "nothing.wav"), "nothing.wav", ErrUnread, 0},
		{"unknown ending", file("notes.txt", []byte("x")), "not a known ending", ErrUnread, 0},
		{"unreadable header", file("bad.wav", []byte("RIFFxxxxJUNK")), "bad.wav", ErrUnread, 0},
		{"empty file", file("empty.flac", nil), "empty.flac", ErrUnread, 0},
		{"rate missing", file("norate.cu8", make([]byte, 100)), "--rate", ErrUnread, 0},
		{"not a number", file("nan_433.92M_250k.cf32", nan), "not a finite number", ErrUnread, 0},
		{"folder without recordings", filepath.Dir(file("sub/readme.txt", nil)), "no recording in this folder", ErrUnread, 0},
		{"truncated sample", file("odd_433.92M_250k.cu8", radio.CU8(keyed(1, 0.3))[:499_999]), "mitten in einer Abtastung", nil, 1},
		{"truncated recording", file("cut.wav", whole[:len(whole)-1]), "mitten in einer Abtastung", nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := replayed(t, Options{Paths: []string{tt.path, good}, JSON: true})
			if !errors.Is(r.err, tt.err) || tt.err == nil && r.err != nil {
				t.Errorf("got %v, want %v", r.err, tt.err)
			}
			if !strings.Contains(r.errs, tt.want) {
				t.Errorf("stderr %q does not say %q", r.errs, tt.want)
			}
			n := map[bool]int{}
			for _, f := range r.findings {
				n[f.File == good]++
			}
			if n[true] != 1 || n[false] != tt.findings {
				t.Errorf("%d findings here, want %d; %d in the good file, want 1", n[false], tt.findings, n[true])
			}
		})
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	burst := radio.CU8(keyed(0.6, 0.2))
	for _, name := range []string{"b_250k.cu8", "a/z_250k.cu8", "a/b_250k.CU8", "c_250k.cu8"} {
		writeFile(t, filepath.Join(dir, name), burst)
	}
	writeFile(t, filepath.Join(dir, "labels.tsv"), nil)
	writeFile(t, filepath.Join(dir, "a/README"), nil)
	meta := `{"global":{"core:datatype":"cu8","core:sample_rate":250000},"captures":[{"core:sample_start":0,"core:frequency":433.92e6}]}`
	writeFile(t, filepath.Join(dir, "d.sigmf-meta"), []byte(meta))
	writeFile(t, filepath.Join(dir, "d.sigmf-data"), burst)
	r := replayed(t, Options{Paths: []string{dir}, JSON: true, Lang: "en"})
	var got []string
	for _, c := range r.coverage {
		rel, _ := filepath.Rel(dir, c.File)
		got = append(got, filepath.ToSlash(rel))
	}
	if want := []string{"a/b_250k.CU8", "a/z_250k.cu8", "b_250k.cu8", "c_250k.cu8", "d.sigmf-meta"}; !slices.Equal(got, want) || r.err != nil {
		t.Errorf("read %v, want %v (%v)", got, want, r.err)
	}
	if len(r.findings) != 5 || r.findings[4].Name != "ism433" {
		t.Errorf("got %d findings, want 5, the last with the metadata's centre: %+v", len(r.findings), r.findings)
	}
	if want := "2 files with other endings"; strings.Count(r.errs, "\n") != 1 || !strings.Contains(r.errs, want) {
		t.Errorf("stderr %q, want one line with %q", r.errs, want)
	}
}

func TestKindFilters(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x_250k.cu8"), radio.CU8(keyed(1, 0.3)))
	for kind, want := range map[detect.Kind]int{detect.Burst: 1, detect.NewEmitter: 0, detect.UltrasonicBeacon: 0} {
		r := replayed(t, Options{Paths: []string{path}, Kinds: []detect.Kind{kind}, JSON: true})
		if len(r.findings) != want || len(r.coverage) != 1 {
			t.Errorf("%v: got %d findings and %d coverage lines, want %d and 1", kind, len(r.findings), len(r.coverage), want)
		}
	}
}

func TestBaselineReachesTheDetector(t *testing.T) {
	r := siggen.Rand(3)
	x := radio.Noise(r, 6, radioRate, -50)
	radio.Add(x, 0, radio.Carrier(r, 6, radioRate, -35, burstHz, 0))
	path := writeFile(t, filepath.Join(t.TempDir(), "x_433.92M_250k.cu8"), radio.CU8(x))
	for _, tt := range []struct {
		name     string
		baseline []emitter.Known
		want     int
	}{
		{"none", nil, 1},
		{"this emitter", []emitter.Known{{Hz: 433.92e6 + burstHz, BwHz: 2000, LevelDB: -35}}, 0},
		{"another one", []emitter.Known{{Hz: 433.92e6 - burstHz, BwHz: 2000, LevelDB: -35}}, 1},
	} {
		got := replayed(t, Options{Paths: []string{path}, JSON: true, Baseline: tt.baseline})
		if len(got.findings) != tt.want || tt.want > 0 && got.findings[0].Kind != detect.NewEmitter {
			t.Errorf("%s: got %d findings, want %d: %s", tt.name, len(got.findings), tt.want, got.out)
		}
	}
}

func TestLinesForPeople(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x_433.92M_250k.cu8"), radio.CU8(keyed(1.2, 0.3, 0.8)))
	for lang, want := range map[string][]string{
		"de": {`0,[23]\d\d – 0,\d{3} s +433,9\d* MHz`, "Info", `Kurze Funkaussendung \(433-MHz-Band\)`, "Wetterstation"},
		"en": {`0\.[23]\d\d – 0\.\d{3} s +433\.9\d* MHz`, "info", `Short radio emission \(433 MHz band\)`, "Weather station"},
	} {
		r := replayed(t, Options{Paths: []string{path}, Lang: lang})
		lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
		if len(lines) != 2 {
			t.Fatalf("%s: got %d lines, want 2:\n%s", lang, len(lines), r.out)
		}
		for _, w := range want {
			if !regexp.MustCompile(w).MatchString(lines[0]) {
				t.Errorf("%s: %q is not in %q", lang, w, lines[0])
			}
		}
		if a, b := strings.Index(lines[0], "MHz"), strings.Index(lines[1], "MHz"); a != b {
			t.Errorf("%s: columns are not aligned:\n%s", lang, r.out)
		}
	}
	bare := writeFile(t, filepath.Join(t.TempDir(), "x_250k.cu8"), radio.CU8(keyed(0.6, 0.3)))
	if r := replayed(t, Options{Paths: []string{bare}, Lang: "en"}); !regexp.MustCompile(` \+(29|30|31)[.\d]* kHz `).MatchString(r.out) {
		t.Errorf("an offset without its sign: %q", r.out)
	}
}

// failing takes some bytes and then fails like a full disk.
type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errors.New("no space left")
	}
	return len(b), nil
}

func TestFullDiskIsAnError(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x_250k.cu8"), radio.CU8(keyed(1, 0.3)))
	for _, asJSON := range []bool{true, false} {
		err := Run(context.Background(), Options{Paths: []string{path}, JSON: asJSON, Stdout: &failing{}, Stderr: &bytes.Buffer{}, Now: time.Now})
		if err == nil || errors.Is(err, ErrUnread) || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("JSON %v: got %v", asJSON, err)
		}
	}
}

func TestInterrupt(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x_250k.cu8"), radio.CU8(keyed(1, 0.3)))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	if err := Run(ctx, Options{Paths: []string{path}, Stdout: &out, Stderr: &bytes.Buffer{}, Now: time.Now}); !errors.Is(err, context.Canceled) || out.Len() > 0 {
		t.Errorf("got %v and %q, want it to end", err, out.String())
	}
}

func TestProgress(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a_250k.cu8"), radio.CU8(keyed(0.5)))
	writeFile(t, filepath.Join(dir, "b_250k.cu8"), radio.CU8(keyed(0.5)))
	clock := time.Unix(0, 0)
	now := func() time.Time { clock = clock.Add(progressEvery); return clock }
	quiet := replayed(t, Options{Paths: []string{dir}, JSON: true, Now: now})
	if quiet.errs != "" {
		t.Errorf("without a terminal: stderr %q, want nothing", quiet.errs)
	}
	loud := replayed(t, Options{Paths: []string{dir}, JSON: true, Now: now, Terminal: true})
	for _, want := range []string{"[1/2] a_250k.cu8", "[2/2] b_250k.cu8", "×"} {
		if !strings.Contains(loud.errs, want) {
			t.Errorf("%q is not in %q", want, loud.errs)
		}
	}
	if !strings.HasSuffix(loud.errs, "\r\x1b[K") || strings.Contains(loud.errs, "\n") || loud.out != quiet.out {
		t.Errorf("the line is not taken away: %q", loud.errs)
	}
}
