package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"subrosa/drivers/audio/flacfile"
	"subrosa/dsp/speechtest"
	"subrosa/firmware/conference/linktest"
)

// speechFile is read aloud in browser/loss.spec.mjs; its source and licence stand beside it.
const speechFile = "../../dsp/speechtest/testdata/librivox_0870.flac"

// badLine serves browser/loss.spec.mjs: a relay with weather before the media port, the speech that is sent, and the judge of what came.
type badLine struct {
	s      *testServer
	mu     sync.Mutex
	relay  *linktest.Relay
	speech []float32
	rate   int
}

func (b *badLine) handle(m *http.ServeMux) {
	m.HandleFunc("POST /test/line", b.line)
	m.HandleFunc("GET /test/speech", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, speechFile) })
	m.HandleFunc("POST /test/heard", b.heard)
}

// weather is what the browser test asks for: milliseconds and bit/s.
type weather struct {
	Loss, Burst                float64
	Delay, Jitter, Rate, Queue int
	Seed                       uint64
}

func (x weather) link() linktest.Weather {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	return linktest.Weather{Loss: x.Loss, Burst: x.Burst, Delay: ms(x.Delay), Jitter: ms(x.Jitter), Rate: x.Rate, Queue: ms(x.Queue)}
}

// line sets the weather in both directions, and answers with the port before which it is, and with what the line did until now.
func (b *badLine) line(w http.ResponseWriter, r *http.Request) {
	var x weather
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&x); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var up, down linktest.Counts
	if b.relay == nil {
		var err error
		if b.relay, err = linktest.Listen(b.s.sfu.Addr().(*net.UDPAddr).AddrPort(), x.link(), x.link(), x.Seed); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	} else {
		up, down = b.relay.Counts()
		b.relay.Set(x.link(), x.link(), x.Seed)
	}
	json.NewEncoder(w).Encode(map[string]any{"port": b.relay.Addr().Port(), "up": up, "down": down})
}

// heard answers with the score of 32-bit samples, little-endian, mono.
func (b *badLine) heard(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	rate, rateErr := strconv.Atoi(r.FormValue("rate"))
	if err := errors.Join(err, rateErr, b.load()); err != nil || rate < 8000 || rate > 192000 {
		http.Error(w, fmt.Sprint(rate, err), http.StatusBadRequest)
		return
	}
	got := make([]float32, len(raw)/4)
	for i := range got {
		got[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	score, err := speechtest.Compare(b.speech, b.rate, got, rate)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	json.NewEncoder(w).Encode(score)
}

func (b *badLine) load() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.speech != nil {
		return nil
	}
	f, err := flacfile.Open(speechFile)
	if err != nil {
		return err
	}
	defer f.Close()
	b.rate = f.Format().Rate
	buf := make([]float32, 4096)
	for {
		_, n, err := f.Read(buf)
		b.speech = append(b.speech, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (b *badLine) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.relay != nil {
		b.relay.Close()
	}
}
