// Package emitter finds what transmits: bursts, and emitters that stay on the air and are not in the baseline.
//
//	samples → Welch frames (1 ms, Hann, half overlapping) ┬→ 64 frames: floor → hot cells → bursts
//	                                                      └→ their mean → n of m windows → emitters
//
// The floor of a window is taken where it is quiet: per bin the least of eight short means, then an order statistic
// over the neighbouring bins. It is as fresh as the frames it is used for, so neither the first burst of a
// recording nor an automatic gain control makes it lie. A cell is hot with probability Pfa under noise; a burst
// needs several hot frames in one place, an emitter n of the last m windows: the product of both is what the whole
// detector does under noise.
//
// Bursts are told when they are over. What never pauses is an emitter; it is compared with the baseline and named
// by the band it lies in.
package emitter

import (
	"fmt"
	"math"

	"subrosa/dsp/cfar"
	"subrosa/dsp/detect"
	"subrosa/dsp/spectrum"
	"subrosa/dsp/window"
)

// Known is one emitter of the baseline: heard while the room was known to be in order, or approved.
type Known struct {
	Hz, BwHz float64 // absolute; offsets where the receiver's centre is not known
	LevelDB  float64 // dBFS when it was learned
}

// Config tunes a Detector. Start from Default.
type Config struct {
	Centre   float64 // Hz the receiver is tuned to; 0 = not known
	Baseline []Known
	Pfa      float64 // per cell and frame, for bursts
	PfaMean  float64 // per bin and window, for emitters
	JoinMs   float64 // silence inside a burst that does not end it
	SteadyS  float64 // s for which an emitter must have been on the air
	LouderDB float64 // by which a known emitter must exceed its learned level to be news
}

// Default is the tuning of the unit.
var Default = Config{Pfa: 1e-7, PfaMean: 1e-3, JoinMs: 15, SteadyS: 3, LouderDB: 10}

const (
	lineSeconds  = 0.5 // for which a line stands before it is masked
	lineRatio    = 10  // of a flickering line's peaks to its least short mean
	lineOver     = 2   // floors that a line exceeds
	wanderHz     = 6e3 // by which a line's modulation moves it
	wanderRatio  = 30  // of a wandering line's peaks to its least short mean
	frameSeconds = 1e-3
	frames       = 64   // per window
	group        = 8    // frames per short mean
	sideHz       = 32e3 // of spectrum on each side that gives a bin's floor
	rank         = 0.4
)

// Detector finds bursts and emitters. It is not safe for concurrent use.
type Detector struct {
	c      Config
	rate   float64
	n, hop int
	binHz  float64

	framer  *spectrum.Framer[complex64]
	welch   *spectrum.Welch
	os      *cfar.OS
	psd     [frames][]float32 // ascending frequency
	filled  int
	quiet   []float32 // least short mean per bin
	mean    []float32
	sum     []float32
	floor   []float32 // mean noise power per bin
	limit   []float32 // hot above
	quiets  [][]float32
	line    []float32                 // power of a line that stands in the bin, 0 for none
	short   [frames / group][]float32 // short means of this window
	groups  int                       // of them
	windows int
	bias    float32 // of quiet's order statistic against the mean
	alpha   float32

	bursts   bursts
	emitters emitters
	tracks   uint32

	each   func(int64, []complex64)
	origin int64
	frame  int64 // number of the window's first frame
	end    int64
	begun  bool
	dst    []detect.Detection
}

// New returns a detector for rate complex samples per second.
func New(rate int, c Config) (*Detector, error) {
	if rate < 16000 {
		return nil, fmt.Errorf("emitter: %d samples/s, need at least 16000", rate)
	}
	if !(c.Pfa > 0 && c.Pfa < 0.1 && c.PfaMean > 0 && c.PfaMean < 0.5) {
		return nil, fmt.Errorf("emitter: Pfa %g per cell, %g per window: want probabilities", c.Pfa, c.PfaMean)
	}
	n := 1 << int(math.Round(math.Log2(frameSeconds*float64(rate))))
	n = max(64, min(n, 1<<15))
	d := &Detector{c: c, rate: float64(rate), n: n, hop: n / 2, binHz: float64(rate) / float64(n)}
	d.framer = spectrum.NewFramer[complex64](n, d.hop)
	d.welch = spectrum.NewWelch(n, d.hop, window.Hann(n))
	ref := 2 * max(8, min(int(sideHz/d.binHz), n/2-2))
	if ref >= n-2 {
		ref = n/2 - n/2%2
	}
	k := max(1, int(rank*float64(ref)))
	d.os = cfar.NewOS(0, ref, k)
	for _, p := range []*[]float32{&d.quiet, &d.mean, &d.sum, &d.floor, &d.limit, &d.line} {
		*p = make([]float32, n)
	}
	d.quiets = make([][]float32, max(4, int(lineSeconds*float64(rate)/float64(d.hop*frames))))
	for i := range d.quiets {
		d.quiets[i] = make([]float32, n)
	}
	for i := range d.short {
		d.short[i] = make([]float32, n)
	}
	for i := range d.psd {
		d.psd[i] = make([]float32, n)
	}
	d.bias = quietBias
	d.alpha = float32(-math.Log(c.Pfa) * floorLoss)
	d.bursts = newBursts(d)
	d.emitters = newEmitters(d)
	d.each = d.onFrame
	return d, nil
}

const (
	// quietBias is the mean of the floor's raw estimate over the mean noise power, measured by TestQuietBias.
	quietBias = 0.50
	// floorLoss widens the threshold for the scatter of the floor; held by TestPfa.
	floorLoss = 1.00
)

// Coverage tells the band and what stays unseen.
func (d *Detector) Coverage() detect.Coverage {
	return detect.Coverage{Kind: detect.NewEmitter, LoHz: -d.rate / 2, HiHz: d.rate / 2,
		SensitivityDBFS: 10 * math.Log10(float64(d.alpha)*float64(d.floor[d.n/4])+1e-20),
		Cannot: []string{fmt.Sprintf("see outside %.0f kHz around the tuned centre", d.rate/1000),
			fmt.Sprintf("see steady carriers within %.1f kHz of the tuned centre", 1.5*d.binHz/1000)}}
}

// Detect implements detect.Detector.
func (d *Detector) Detect(dst []detect.Detection, at int64, x []complex64) []detect.Detection {
	d.dst = dst
	switch {
	case len(x) == 0:
		d.finish()
	case d.begun && at != d.end:
		d.finish()
		fallthrough
	default:
		if !d.begun {
			d.begun, d.origin, d.frame, d.filled, d.windows = true, at, 0, 0, 0
		}
		d.framer.Push(at, x, d.each)
		d.end = at + int64(len(x))
	}
	dst, d.dst = d.dst, nil
	return dst
}

func (d *Detector) finish() {
	if !d.begun {
		return
	}
	d.window()
	d.emitters.finish(d)
	d.bursts.finish(d)
	d.emitters.reset()
	d.bursts.reset()
	d.framer.Reset()
	d.begun = false
}

func (d *Detector) onFrame(_ int64, x []complex64) {
	d.welch.Ordered(d.psd[d.filled], x)
	if d.filled++; d.filled == frames {
		d.window()
	}
}

// window works through the collected frames.
func (d *Detector) window() {
	if d.filled == 0 {
		return
	}
	d.measure()
	d.emitters.window(d)
	d.bursts.window(d)
	d.frame += int64(d.filled)
	d.filled = 0
}

// measure sets mean, floor and limit from the collected frames.
func (d *Detector) measure() {
	clear(d.mean)
	clear(d.line)
	groups := max(1, d.filled/group)
	d.groups = groups
	for g := range groups {
		end := (g + 1) * group
		if g == groups-1 {
			end = d.filled
		}
		from := g * group
		copy(d.sum, d.psd[from])
		for _, p := range d.psd[from+1 : end] {
			add(d.sum, p)
		}
		add(d.mean, d.sum)
		scale(d.sum, 1/float32(end-from))
		copy(d.short[g], d.sum)
		if g == 0 {
			copy(d.quiet, d.sum)
		} else {
			least(d.quiet, d.sum)
		}
	}
	scale(d.mean, 1/float32(d.filled))
	d.os.Floor(d.floor, d.quiet)
	bias := d.bias
	if groups < frames/group {
		bias = shortBias[groups]
	}
	for i := range d.floor {
		f := d.floor[i]/bias + leastFloor
		d.floor[i] = f
		d.limit[i] = d.alpha * f
	}
	// The receiver's own offset sits in the middle: only what exceeds its usual power counts there.
	for i := d.n/2 - 1; i <= d.n/2+1; i++ {
		d.limit[i] = max(d.limit[i], 8*d.quiet[i])
	}
	d.maskLines()
	d.emitters.mask(d)
}

// maskLines raises the limit where a line has stood all the while: the receiver's own lines flicker by a few dB, and
// what is keyed pauses.
func (d *Detector) maskLines() {
	k := d.windows % len(d.quiets)
	copy(d.quiets[k], d.quiet)
	if d.windows++; d.windows < len(d.quiets) {
		return
	}
	copy(d.sum, d.quiets[0])
	for _, q := range d.quiets[1:] {
		least(d.sum, q)
	}
	for i, q := range d.sum {
		d.limit[i] = max(d.limit[i], lineRatio*q)
		if q > lineOver*d.floor[i] {
			d.line[i] = q
		}
	}
}

// onLine reports whether a line that has stood all the while, and wanders with its modulation, explains cells of
// the given peak power around a bin position.
func (d *Detector) onLine(centre float64, peak float32) bool {
	c, reach := int(centre), int(wanderHz/d.binHz)+1
	for _, q := range d.line[max(0, c-reach):min(d.n, c+reach+1)] {
		if q > 0 && peak < wanderRatio*q {
			return true
		}
	}
	return false
}

// pauses reports whether the power over the floor in bins lo…hi was away for part of this window. A modulated
// carrier moves between bins; its sum stays.
func (d *Detector) pauses(lo, hi int) bool {
	sum, least := float32(0), float32(math.MaxFloat32)
	for _, p := range d.short[:d.groups] {
		s := float32(0)
		for i := lo; i <= hi; i++ {
			s += p[i] - d.floor[i]
		}
		sum += s
		least = min(least, s)
	}
	return least < 0.4*sum/float32(d.groups)
}

// leastFloor keeps digital silence from being a floor: about 8-bit quantisation noise in one bin is 1e-7.
const leastFloor = 1e-10

// at returns the offset of bin position i, Hz; whole bins have whole positions.
func (d *Detector) at(i float64) float64 { return (i - float64(d.n/2)) * d.binHz }

// sample returns the stream index of the middle of a frame.
func (d *Detector) sample(frame int64) int64 { return d.origin + frame*int64(d.hop) + int64(d.n)/2 }

func (d *Detector) absolute(offset float64) float64 {
	if d.c.Centre <= 0 {
		return 0
	}
	return d.c.Centre + offset
}
