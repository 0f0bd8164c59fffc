package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"subrosa/cmd/subrosa/internal/replay/picture"
	"subrosa/drivers/audio"
	sound "subrosa/drivers/audio/recording"
	"subrosa/drivers/sdr"
	radio "subrosa/drivers/sdr/recording"
	"subrosa/dsp/detect"
	"subrosa/firmware/detectors"
)

// stream is what a recording is and what could be seen in it.
type stream struct {
	rate     int     // frames per second
	centre   float64 // Hz, 0 for sound or when not known
	frames   int64
	coverage string // English, one line
	clauses  []string
}

// heard is the outcome of one recording.
type heard struct {
	stream
	findings []Finding
	pictures []picture.Panel
	warning  string // read to its end, but …
}

// source yields interleaved samples.
type source[S detect.Sample] interface {
	Read(dst []S) (at int64, n int, err error)
	io.Closer
}

// lane is one channel on its way through its own detectors.
type lane[S detect.Sample] struct {
	name      string
	detectors []detect.Detector[S]
	found     []detect.Detection
	block     []S
	waterfall *picture.Waterfall[S]
}

// blockFrames is how many frames are read at once.
const blockFrames = 16384

// listen reads the recording at path. An error means that it could not be read to its end; what was heard until
// then is returned with it.
func (r *run) listen(ctx context.Context, path string) (*heard, error) {
	switch {
	case sound.Known(path):
		src, err := sound.Open(path)
		if err != nil {
			return nil, err
		}
		f := src.Format()
		var names []string
		for i := range f.Channels {
			names = append(names, channelName(i, f.Channels))
		}
		return scan(ctx, r, path, src, detectors.Acoustic, detectors.Stream{Rate: f.Rate}, names)
	case radio.Known(path):
		src, err := radio.Open(path, r.o.Radio)
		if err != nil {
			return nil, err
		}
		f := src.Format()
		st := detectors.Stream{Rate: f.Rate, Centre: f.Centre, Baseline: r.o.Baseline}
		return scan(ctx, r, path, src, detectors.Radio, st, []string{"iq"})
	}
	return nil, fmt.Errorf("%s: not a known ending; known are .wav .flac .cu8 .cs8 .cs16 .cf32 .sigmf .sigmf-meta", path)
}

// scan runs the detectors of table over every channel of src and closes it.
func scan[S detect.Sample](ctx context.Context, r *run, path string, src source[S], table map[string]detectors.Builder[S],
	st detectors.Stream, names []string) (*heard, error) {
	defer src.Close()
	lanes := make([]lane[S], len(names))
	blind := make(map[string]error) // detectors that cannot use these samples
	for i := range lanes {
		l := &lanes[i]
		*l = lane[S]{name: names[i], block: make([]S, blockFrames)}
		for _, name := range slices.Sorted(maps.Keys(table)) {
			ds, err := detectors.Build(table, []string{name}, st)
			if err != nil {
				blind[name] = err
			}
			l.detectors = append(l.detectors, ds...)
		}
		if r.o.Plot != "" && i < picture.MaxPanels {
			l.waterfall = picture.NewWaterfall[S](st.Rate)
		}
	}
	h := &heard{stream: stream{rate: st.Rate, centre: st.Centre}}
	err := pump(ctx, r, h, src, lanes)
	h.clauses = clauses(lanes[0].detectors, blind, st.Rate, h.frames)
	h.coverage = cannot(h.clauses, "en")
	for i := range lanes {
		r.collect(h, path, lanes[i].name, lanes[i].found)
		if w := lanes[i].waterfall; w != nil {
			h.pictures = append(h.pictures, w.Panel(lanes[i].name, st.Centre))
		}
	}
	order(h.findings)
	return h, err
}

// pump reads src to its end and hands each channel to its lane.
func pump[S detect.Sample](ctx context.Context, r *run, h *heard, src source[S], lanes []lane[S]) error {
	defer func() {
		for i := range lanes {
			lanes[i].push(0, nil)
		}
	}()
	buf := make([]S, blockFrames*len(lanes))
	for {
		at, n, err := src.Read(buf)
		for i := range lanes {
			x := lanes[i].block[:n]
			for k := range x {
				x[k] = buf[k*len(lanes)+i]
			}
			if n > 0 {
				lanes[i].push(at, x)
			}
		}
		h.frames += int64(n)
		r.progress.advance(float64(n) / float64(h.rate))
		switch {
		case err == nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			h.warning = err.Error()
			return nil
		default:
			return err
		}
	}
}

// push hands samples to the detectors, none to end the stream, and keeps what is final.
func (l *lane[S]) push(at int64, x []S) {
	for _, d := range l.detectors {
		before := len(l.found)
		l.found = d.Detect(l.found, at, x)
		kept := l.found[:before]
		for _, f := range l.found[before:] {
			if f.Edge == detect.Gone {
				kept = append(kept, f)
			}
		}
		l.found = kept
	}
	if l.waterfall != nil {
		l.waterfall.Push(at, x)
	}
}

// collect publishes the detections of a channel that were asked for.
func (r *run) collect(h *heard, path, channel string, ds []detect.Detection) {
	for _, d := range ds {
		if len(r.o.Kinds) == 0 || slices.Contains(r.o.Kinds, d.Kind) {
			h.findings = append(h.findings, publish(path, channel, d, h.stream))
		}
	}
}

var (
	_ source[float32]   = audio.Source(nil)
	_ source[complex64] = sdr.Source(nil)
)
