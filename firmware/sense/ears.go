package sense

import "subrosa/dsp/detect"

// ears are the channels of one stream: each has its detectors, what they find becomes one list.
type ears[S detect.Sample] struct {
	channels int
	using    [][]detect.Detector[S] // by channel
	buf      []S                    // frames as they come, interleaved
	column   []S                    // one channel of them
	own      [][]detect.Detection   // by channel, of one block
	found    []detect.Detection     // of all
	fusion   *fusion                // nil with one channel
	now      int64
}

func newEars[S detect.Sample](rate, channels int) *ears[S] {
	frames := max(256, rate/blocksPerSecond)
	e := &ears[S]{channels: channels, buf: make([]S, frames*channels), found: make([]detect.Detection, 0, 64)}
	if channels > 1 {
		e.column, e.own, e.fusion = make([]S, frames), make([][]detect.Detection, channels), newFusion(rate)
	}
	return e
}

// split returns the samples of a channel of the n frames read, until it is called again.
func (e *ears[S]) split(channel, n int) []S {
	if e.channels == 1 {
		return e.buf[:n]
	}
	x, rest := e.column[:n], e.buf[channel:]
	for i := range x {
		x[i] = rest[i*e.channels]
	}
	return x
}

// peak returns the greatest magnitudes of the channels that are listened to. It leaves the first channel split.
func (e *ears[S]) peak(n int) (p extremes) {
	for c := max(1, len(e.using)) - 1; c >= 0; c-- {
		p.channels[c%maxChannels] = peakOf(e.split(c, n))
		p.most = max(p.most, p.channels[c%maxChannels])
		p.used = max(p.used, c%maxChannels+1)
	}
	return p
}

// detect shows n frames to the detectors of each channel.
func (e *ears[S]) detect(at int64, n int) {
	e.now = at + int64(n)
	for c := range e.using {
		e.hear(c, at, e.split(c, n))
	}
	e.fuse()
}

// end ends the detectors' streams.
func (e *ears[S]) end() {
	for c := range e.using {
		e.hear(c, 0, nil)
	}
	e.fuse()
}

// hear shows samples of a channel to its detectors.
func (e *ears[S]) hear(c int, at int64, x []S) {
	if e.fusion == nil {
		for _, d := range e.using[c] {
			e.found = d.Detect(e.found, at, x)
		}
		return
	}
	own := e.own[c][:0]
	for k, d := range e.using[c] {
		had := len(own)
		own = d.Detect(own, at, x)
		number(own[had:], k)
	}
	e.own[c] = own
}

// fuse makes one list of what the channels have found in a block: first those that know a name.
func (e *ears[S]) fuse() {
	if e.fusion == nil {
		return
	}
	for _, first := range [...]bool{true, false} {
		for c := range e.using {
			if named(e.own[c]) == first {
				e.found = e.fusion.take(e.found, c, e.now, e.own[c])
			}
		}
	}
}

// named reports whether something has appeared whose name is known.
func named(ds []detect.Detection) bool {
	for i := range ds {
		if ds[i].Edge == detect.Appeared && ds[i].Name != unknown {
			return true
		}
	}
	return false
}

// number keeps apart what the detectors of a channel have numbered alike.
func number(ds []detect.Detection, detector int) {
	for i := range ds {
		ds[i].Track |= uint32(detector) << 24
	}
}

// maxChannels is how many microphones a unit has at most.
const maxChannels = 8

// extremes are greatest magnitudes by channel.
type extremes struct {
	most     float32
	used     int
	channels [maxChannels]float32
}

func (e *extremes) widen(o extremes) {
	e.most, e.used = max(e.most, o.most), max(e.used, o.used)
	for c := range o.channels {
		e.channels[c] = max(e.channels[c], o.channels[c])
	}
}

// dead reports whether a channel has yielded nothing but zeros: a microphone that is broken or cut off.
func (e *extremes) dead() bool {
	for _, p := range e.channels[:e.used] {
		if p == 0 {
			return true
		}
	}
	return false
}
