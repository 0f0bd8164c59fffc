package endurance_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"subrosa/drivers/audio/recording"
	"subrosa/firmware/slot"
)

// speechFile is real speech of a meeting, see SOURCES.md beside it.
const speechFile = "../../subrosa/internal/demo/testdata/meeting_16000.flac"

// TestSpeechStaysInside plays real speech to the unit and looks for it, as samples of any usual form and as features,
// in every byte that leaves: state, logs, MQTT.
func TestSpeechStaysInside(t *testing.T) {
	t.Parallel()
	const speed, minutes = 20, 4
	h := newHouse(t, speed)
	path, err := filepath.Abs(filepath.FromSlash(speechFile))
	h.must(err)
	beacon := h.ggwave(15)
	h.configure(&programme{Rate: rate, Items: []item{{File: path, Loop: true}, {File: beacon.file, At: 60, Every: 100}}}, nil)
	h.startConsole()
	until(t, "the broker answers", func() bool { return healthy(h.pages) })
	h.begin()
	o := h.observe()
	h.startUnit()
	select {
	case <-h.clock.After(minutes * time.Minute):
	case <-h.unit.done:
		t.Fatalf("unit ended:\n%s", h.unitLog.tail(5))
	}
	x := h.samples(path)
	needle := newNeedle(x)
	until(t, "enough has left to prove something", func() bool { return len(o.on("/levels")) > 0 && len(o.on("")) >= 20 })
	took := h.clock.Now().Sub(h.clock.Epoch)
	all := h.everything(o)
	loud := loudest(x, 64)
	planted := append([]byte("log line "), pcm16(loud)...)
	if needle.in(planted) == "" || needle.in([]byte(base64.StdEncoding.EncodeToString(planted))) == "" || needle.in(float32s(loud)) == "" || needle.in(pcm8(loud)) == "" {
		t.Fatal("the search does not find speech that is there")
	}
	if form := needle.in(all); form != "" {
		t.Errorf("speech was found as %s in what leaves the unit", form)
	}
	// Features from which speech can be made again have tens of values a second in each band. These have one in 16 s.
	if n, most := len(o.on("/levels")), int(took/slot.StatusEvery)+2; n > most {
		t.Errorf("levels left %d times in %s, want at most %d", n, took, most)
	}
	t.Logf("measured: %.1f s of speech, %d bytes of state, logs and MQTT searched: nothing found; levels left %d times in %s",
		float64(len(x))/16000, len(all), len(o.on("/levels")), took.Round(time.Second))
}

// samples returns a recording as it is.
func (h *house) samples(path string) (x []float32) {
	src, err := recording.Open(path)
	h.must(err)
	defer src.Close()
	buf := make([]float32, 1<<14)
	for {
		_, n, err := src.Read(buf)
		x = append(x, buf[:n]...)
		if err != nil {
			return x
		}
	}
}

// needle is speech in several forms, cut into words of 8 bytes.
type needle map[[8]byte]string

func newNeedle(x []float32) needle {
	n := needle{}
	add := func(form string, b []byte, step int) {
		for i := 0; i+8 <= len(b); i += step {
			n[[8]byte(b[i:])] = form
		}
	}
	for i := 0; i+8 <= len(x); i++ {
		w := x[i : i+8]
		if loudness(w) < 0.003 { // silence is everywhere
			continue
		}
		add("16-bit samples", pcm16(w[:4]), 8)
		add("floats", float32s(w[:2]), 8)
		if loudness(w) > 0.05 { // else 8 bits say little
			add("8-bit samples", pcm8(w), 8)
		}
	}
	return n
}

// loudness is the mean magnitude.
func loudness(x []float32) (mean float64) {
	for _, v := range x {
		mean += math.Abs(float64(v)) / float64(len(x))
	}
	return mean
}

// loudest returns the loudest n samples in a row.
func loudest(x []float32, n int) []float32 {
	best := x[:n]
	for i := 0; i+n <= len(x); i += n {
		if loudness(x[i:i+n]) > loudness(best) {
			best = x[i : i+n]
		}
	}
	return best
}

func pcm16(x []float32) (b []byte) {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(math.Round(float64(v)*32768))))
	}
	return b
}

func pcm8(x []float32) (b []byte) {
	for _, v := range x {
		b = append(b, byte(128+math.Round(float64(v)*127)))
	}
	return b
}

func float32s(x []float32) (b []byte) {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

var (
	inBase64 = regexp.MustCompile(`[A-Za-z0-9+/]{24,}`)
	inHex    = regexp.MustCompile(`[0-9a-fA-F]{32,}`)
)

// in returns the form in which the speech is in b, as it is or written in base64 or hexadecimal; "" if it is not.
func (n needle) in(b []byte) string {
	if form := n.raw(b); form != "" {
		return form
	}
	for _, s := range inBase64.FindAll(b, -1) {
		if d, err := base64.RawStdEncoding.DecodeString(string(s[:len(s)/4*4])); err == nil && n.raw(d) != "" {
			return n.raw(d) + " in base64"
		}
	}
	for _, s := range inHex.FindAll(b, -1) {
		if d, err := hex.DecodeString(string(s[:len(s)/2*2])); err == nil && n.raw(d) != "" {
			return n.raw(d) + " in hexadecimal"
		}
	}
	return ""
}

// raw needs two words in a row: one of 8-bit samples may be there by chance.
func (n needle) raw(b []byte) string {
	for i := 0; i+16 <= len(b); i++ {
		form, ok := n[[8]byte(b[i:])]
		if next, ok2 := n[[8]byte(b[i+8:])]; ok && ok2 && form == next {
			return form
		}
	}
	return ""
}
