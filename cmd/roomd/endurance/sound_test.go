package endurance_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/recording"
	"subrosa/drivers/audio/wavfile"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/sound"
)

// beaconFile is a message of ggwave 0.4.0's own making, see SOURCES.md beside it.
const beaconFile = "../../subrosa/internal/demo/testdata/beacon_48000.flac"

const (
	rate    = 48000
	noiseDB = -70.0 // dBFS, white, of the room
)

// programme is what the unit is fed with, as in its file.
type programme struct {
	Rate   int     `json:"rate"`
	Centre float64 `json:"centre_hz,omitempty"`
	Items  []item  `json:"items"`
}

type item struct {
	File   string  `json:"file"`
	At     float64 `json:"at_s"`
	Every  float64 `json:"every_s,omitempty"`
	Loop   bool    `json:"loop,omitempty"`
	GainDB float64 `json:"gain_db,omitempty"`
}

// voice is one beacon: a file whose last sample sounds.
type voice struct {
	name    string
	file    string
	seconds float64
}

// lay writes sound as a recording into the house.
func (h *house) lay(name string, x []float32) string {
	h.t.Helper()
	path := h.path(name)
	f, err := os.Create(path)
	h.must(err)
	w, err := wavfile.NewWriter(f, audio.Format{Rate: rate, Channels: 1}, wavfile.PCM16)
	h.must(err)
	h.must(w.Write(x))
	h.must(w.Close())
	h.must(f.Close())
	return path
}

// silence is the room's noise, for a programme without beacons.
func (h *house) silence() *programme {
	h.t.Helper()
	return &programme{Rate: rate, Items: []item{{File: h.lay("noise.wav", sound.White(siggen.Rand(48), 11, rate, noiseDB)), Loop: true}}}
}

// ggwave is the real recording at snr dB, without the silence at its ends.
func (h *house) ggwave(snr float64) voice {
	h.t.Helper()
	src, err := recording.Open(filepath.FromSlash(beaconFile))
	h.must(err)
	defer src.Close()
	var x []float32
	buf := make([]float32, 1<<14)
	for {
		_, n, err := src.Read(buf)
		x = append(x, buf[:n]...)
		if err != nil {
			break
		}
	}
	peak := float32(0)
	for _, v := range x {
		peak = max(peak, v, -v)
	}
	sounds := func(v float32) bool { return math.Abs(float64(v)) > 0.01*float64(peak) }
	from, to := 0, len(x)
	for from < to && !sounds(x[from]) {
		from++
	}
	for to > from && !sounds(x[to-1]) {
		to--
	}
	return h.voice("ggwave", x[from:to], 15000, 19500, snr)
}

// scheme is a generated message in one of the published alphabets; ggwave, lisnr …
func (h *house) scheme(s sound.Scheme, seed uint64, seconds, snr float64) voice {
	h.t.Helper()
	return h.message(s.Name, s.Message(siggen.Rand(seed), seconds), seed, snr)
}

func (h *house) message(name string, m sound.Message, seed uint64, snr float64) voice {
	h.t.Helper()
	lo, hi := m.BandHz()
	return h.voice(name, m.Render(siggen.Rand(seed), rate), lo, hi, snr, m.On(rate)...)
}

// voice brings x to snr dB over the room's noise, as contract and package siggen define SNR.
func (h *house) voice(name string, x []float32, lo, hi, snr float64, on ...siggen.Span) voice {
	h.t.Helper()
	sound.SetLevel(x, siggen.Level(snr, sound.Density(noiseDB, rate), lo, hi, siggen.AcousticHz), on...)
	h.laid++
	return voice{name: name, file: h.lay(fmt.Sprintf("voice-%d-%s.wav", h.laid, name), x), seconds: float64(len(x)) / rate}
}

// voices are beacons of nine technologies, each of which raises an alarm of its own, in so many variants, of which the
// first of ggwave's is a real recording. Prontoly, which speaks for 250 ms every 4 s and is waited for, comes last.
func (h *house) voices(snr float64, variants int) (out []voice) {
	h.t.Helper()
	schemes := sound.Schemes()
	slices.SortStableFunc(schemes, func(a, b sound.Scheme) int { return strings.Compare(late(a), late(b)) })
	for v := range variants {
		if v == 0 {
			out = append(out, h.ggwave(snr))
		} else {
			m := sound.GGWave(siggen.Rand(uint64(v)), 6+v, sound.GGWaveFast, true)
			out = append(out, h.message("ggwave", m, uint64(v), snr))
		}
		for i, s := range schemes {
			seconds := 2.0
			if s.Name == "prontoly" {
				seconds = 8.3
			}
			out = append(out, h.scheme(s, uint64(100*(v+1)+i), seconds, snr))
		}
	}
	return out
}

func late(s sound.Scheme) string {
	if s.Name == "prontoly" {
		return "last"
	}
	return ""
}

// turns plays the voices one after the other, gap seconds from start to start, for ever.
func (h *house) turns(vs []voice, first, gap float64) *programme {
	p := h.silence()
	for i, v := range vs {
		p.Items = append(p.Items, item{File: v.file, At: first + float64(i)*gap, Every: float64(len(vs)) * gap})
	}
	return p
}
