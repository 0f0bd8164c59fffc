// Package ultrasonic finds data sent by sound that people do not hear: beacons of advertisements and apps, and
// acoustic modems, between 15 kHz and what the microphone passes.
//
//	samples → STFT (43 ms, Hann, ¾ overlap) → peaks over a GO-OS-CFAR floor → tone segments → beacon | tone
//
// A symbol of such a modem is a tone that stays on one frequency for at least 50 ms; so a segment must last five
// frames, longer than any click spreads over the overlapping windows. Under noise alone segments are rare and
// come as a Poisson process, whose weight within a window passes a threshold with probability Pfa. Other sounds make
// segments, too, but more scraps than segments: a beacon is told where tones that stand far above the floor follow
// each other, are nearly all that sounds in their band, and are long, keep a clock or come back to their places; or,
// from less, where they spell a published alphabet. There is no learning phase: what already plays at start-up is
// found like anything else. Lines that sound together with audible ones of similar level are partials of music, bells
// or machines and count only for a technology whose alphabet they spell.
//
// The technology is named by the Bayes factor of its alphabet of tones against an alphabet that nobody knows, strewn
// at random over the band that the tones fill.
package ultrasonic

import (
	"fmt"
	"math"

	"subrosa/dsp/cfar"
	"subrosa/dsp/detect"
	"subrosa/dsp/spectrum"
	"subrosa/dsp/window"
)

// Config tunes a Detector. Its zero value is not useful; start from Default.
type Config struct {
	LoHz       float64 // lower edge of what counts as ultrasonic, Hz
	HiHz       float64 // upper edge, Hz; limited by the sample rate
	PfaCell    float64 // probability of false alarm per cell and frame
	Pfa        float64 // probability of false alarm per decision window under noise
	FloorDB    float64 // density of the assumed microphone's own noise, dBFS/Hz: lines of digital silence are no sound
	ToneAfter  float64 // s after which an unkeyed line is reported as a steady tone
	MinToneSNR float64 // dB over the floor of its bin that a steady tone must have on average
}

// Default suits a MEMS or electret microphone of 65 dB SNR.
var Default = Config{LoHz: 14950, HiHz: 45000, PfaCell: 1e-4, Pfa: 1e-6, FloorDB: -134, ToneAfter: 3, MinToneSNR: 12}

const (
	frameSeconds = 2048.0 / 48000
	maxRate      = 1_000_000 // samples per second
	audibleHz    = 6000.0    // lines from here to LoHz explain lines above
	minFrames    = 5         // of a segment
	maxPeaks     = 160
	maxSegments  = 192
	sideHz       = 1500.0 // of spectrum on each side of a cell give its floor
	rank         = 0.2    // of the order statistic
	floorBias    = 0.26   // the floor's mean for exponential noise of mean 1: -ln(1-rank) and, of two sides, the greater
)

// Detector finds beacons and steady tones. It is not safe for concurrent use.
type Detector struct {
	c          Config
	rate       int
	n, hop     int
	binHz      float64
	lo, hi     int // bins looked at
	framer     *spectrum.Framer[float32]
	stft       *spectrum.STFT
	goos       *cfar.GOOS
	alpha      float32
	enbw       float64
	psd, floor []float32
	peaks      []peak
	segments   *tracker
	beacon     beacon
	tracks     uint32

	each   func(int64, []float32) // bound once: a method value made per call would allocate
	ended  func(*segment)
	origin int64 // stream index of frame 0
	frame  int64
	end    int64 // stream index expected next
	begun  bool
	dst    []detect.Detection
}

// New returns a detector for mono sound at rate samples per second. It fails when rate cannot carry anything at or
// above Config.LoHz.
func New(rate int, c Config) (*Detector, error) {
	top := 0.49 * float64(rate)
	if !(top >= c.LoHz+500) {
		return nil, fmt.Errorf("ultrasonic: %d samples/s carry sound up to %.1f kHz, need more than %.1f kHz", rate, float64(rate)/2000, (c.LoHz+500)/1000)
	}
	if err := c.check(rate); err != nil {
		return nil, err
	}
	n := 1 << int(math.Round(math.Log2(frameSeconds*float64(rate))))
	d := &Detector{c: c, rate: rate, n: n, hop: n / 4, binHz: float64(rate) / float64(n)}
	w := window.Hann(n)
	d.enbw = window.ENBW(w)
	d.framer = spectrum.NewFramer[float32](n, d.hop)
	d.stft = spectrum.NewSTFT(n, d.hop, w)
	d.lo = int(audibleHz / d.binHz)
	d.hi = int(min(top, c.HiHz) / d.binHz)
	side := int(sideHz / d.binHz)
	k := max(1, int(rank*float64(side)))
	d.goos = cfar.NewGOOS(3, side, k)
	d.alpha = float32(cfar.AlphaOS(side, k, c.PfaCell))
	d.psd = make([]float32, d.stft.Bins())
	d.floor = make([]float32, d.stft.Bins())
	d.peaks = make([]peak, 0, maxPeaks)
	d.segments = newTracker(0.8*d.binHz, c.LoHz, maxSegments, maxPeaks)
	d.beacon = newBeacon(c, d.frameSeconds(), float64(d.hi)*d.binHz, clearRatio*floorBias*float64(d.alpha))
	d.each, d.ended = d.onFrame, d.onEnded
	return d, nil
}

func (c *Config) check(rate int) error {
	probability := func(p float64) bool { return p > 0 && p < 0.1 }
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	switch {
	case rate > maxRate:
		return fmt.Errorf("ultrasonic: %d samples/s are no sound, at most %d", rate, maxRate)
	case !probability(c.Pfa) || !probability(c.PfaCell):
		return fmt.Errorf("ultrasonic: Pfa %g per window, %g per cell: want probabilities", c.Pfa, c.PfaCell)
	case !(c.LoHz >= 2*audibleHz) || !(c.HiHz >= c.LoHz+500) || math.IsInf(c.HiHz, 0):
		return fmt.Errorf("ultrasonic: band %g to %g Hz, want at least 500 Hz from %g Hz up", c.LoHz, c.HiHz, 2*audibleHz)
	case !finite(c.FloorDB) || !finite(c.MinToneSNR) || !(c.ToneAfter >= 0.5) || math.IsInf(c.ToneAfter, 0):
		return fmt.Errorf("ultrasonic: floor %g dBFS/Hz, tones of %g dB after %g s", c.FloorDB, c.MinToneSNR, c.ToneAfter)
	}
	return nil
}

func (d *Detector) frameSeconds() float64 { return float64(d.hop) / float64(d.rate) }

// Coverage tells the band and what stays unseen.
func (d *Detector) Coverage() detect.Coverage {
	c := detect.Coverage{Kind: detect.UltrasonicBeacon, LoHz: d.c.LoHz, HiHz: float64(d.hi) * d.binHz,
		SensitivityDBFS: d.c.FloorDB + 10*math.Log10(d.enbw*d.binHz*float64(d.alpha)*floorBias)}
	c.Cannot = []string{fmt.Sprintf("see above %.1f kHz", c.HiHz/1000), fmt.Sprintf("see below %.0f kHz", c.LoHz/1000)}
	return c
}

// Detect implements detect.Detector.
func (d *Detector) Detect(dst []detect.Detection, at int64, x []float32) []detect.Detection {
	d.dst = dst
	switch {
	case len(x) == 0:
		d.finish()
	case d.begun && at != d.end:
		d.finish()
		fallthrough
	default:
		if !d.begun {
			d.begun, d.origin, d.frame = true, at, 0
		}
		d.framer.Push(at, x, d.each)
		d.end = at + int64(len(x))
	}
	dst, d.dst = d.dst, nil
	return dst
}

// finish closes everything, at the end of the stream or at a gap.
func (d *Detector) finish() {
	if !d.begun {
		return
	}
	for i := range d.segments.slots {
		if s := &d.segments.slots[i]; s.used {
			d.onEnded(s)
			s.used = false
		}
	}
	d.evaluate(true)
	if d.beacon.open {
		d.emitBeacon(detect.Gone)
	}
	d.beacon.reset()
	d.framer.Reset()
	d.begun = false
}

func (d *Detector) onFrame(at int64, x []float32) {
	d.frame = (at - d.origin) / int64(d.hop)
	d.stft.Power(d.psd, x)
	own := float32(math.Pow(10, d.c.FloorDB/10) * d.enbw * d.binHz * 2)
	for i := range d.psd {
		d.psd[i] += own
	}
	d.goos.Floor(d.floor[d.lo:d.hi], d.psd[d.lo:d.hi])
	d.findPeaks()
	d.segments.link(d.frame, d.peaks, d.ended)
	d.evaluate(false)
}

// findPeaks collects the local maxima over the floor that have a valley on both sides.
func (d *Detector) findPeaks() {
	const valley = 0.2 // -7 dB
	d.peaks = d.peaks[:0]
	p := d.psd
	for i := d.lo + 4; i < d.hi-4 && len(d.peaks) < maxPeaks; i++ {
		v := p[i]
		if v <= d.alpha*d.floor[i] || v < p[i-1] || v <= p[i+1] {
			continue
		}
		if min(p[i-2], p[i-3], p[i-4]) > valley*v || min(p[i+2], p[i+3], p[i+4]) > valley*v {
			continue
		}
		off, gain := vertex(p[i-1], v, p[i+1])
		d.peaks = append(d.peaks, peak{hz: (float64(i) + off) * d.binHz, power: float64(v) * gain, floor: float64(d.floor[i]) / floorBias})
	}
}

// vertex interpolates a peak between bins by a parabola through the logarithms: its place, -½…½ bins, and its
// height over the middle bin as a ratio of powers.
func vertex(l, m, r float32) (off, gain float64) {
	a, b, c := math.Log(float64(l)+1e-30), math.Log(float64(m)+1e-30), math.Log(float64(r)+1e-30)
	den := a - 2*b + c
	if den >= 0 {
		return 0, 1
	}
	off = max(-0.5, min(0.5, 0.5*(a-c)/den))
	return off, math.Exp((c - a) / 4 * off)
}

// sample returns the stream index of the middle of a frame.
func (d *Detector) sample(frame int64) int64 { return d.origin + frame*int64(d.hop) + int64(d.n)/2 }

func (d *Detector) onEnded(s *segment) {
	if s.toneTrack != 0 {
		d.emitTone(s, detect.Gone)
		return
	}
	if s.ultrasonic {
		d.beacon.add(s, false)
	}
}

// evaluate looks at the live segments and decides on beacon and tones.
func (d *Detector) evaluate(final bool) {
	b := &d.beacon
	b.live = b.live[:0]
	b.around = 0
	for i := range d.segments.slots {
		s := &d.segments.slots[i]
		if !s.used || !s.ultrasonic || s.toneTrack != 0 {
			continue
		}
		if s.hits >= keepAliveHits && s.last == d.frame && s.hz >= b.loHz-keepAliveHz && s.hz <= b.hiHz+keepAliveHz {
			b.around++
		}
		if s.hits < minFrames {
			continue
		}
		if b.steady(s) {
			if 10*math.Log10(s.meanPower()/(s.floor/float64(s.hits))) >= d.c.MinToneSNR && !s.explained() {
				d.tracks++
				s.toneTrack = d.tracks
				d.emitTone(s, detect.Appeared)
			}
			continue
		}
		b.add(s, true)
	}
	switch b.decide(d.frame, final) {
	case appeared:
		d.tracks++
		b.track = d.tracks
		d.emitBeacon(detect.Appeared)
	case gone:
		d.emitBeacon(detect.Gone)
		b.reset()
	}
}

func (d *Detector) snr(power, floor float64) float64 {
	return 10 * math.Log10(power*d.enbw*d.binHz/(floor*6000)+1e-12)
}

func (d *Detector) emitTone(s *segment, e detect.Edge) {
	n := float64(s.hits)
	d.dst = append(d.dst, detect.Detection{
		Kind: detect.UltrasonicTone, Edge: e, Track: s.toneTrack,
		Start: d.sample(s.born), End: d.sample(s.last), Hz: s.hz, BwHz: 2 * d.binHz,
		LevelDB: 10 * math.Log10(s.meanPower()), SNRDB: d.snr(s.power/n, s.floor/n),
		Statistic: 10 * math.Log10(s.power/s.floor), Threshold: d.c.MinToneSNR, Pfa: d.c.Pfa, Confidence: 1,
	})
}

func (d *Detector) emitBeacon(e detect.Edge) {
	b := &d.beacon
	level, floor := b.level()
	d.dst = append(d.dst, detect.Detection{
		Kind: detect.UltrasonicBeacon, Name: b.name(), Edge: e, Track: b.track, Alarm: true,
		Start: d.sample(b.first), End: d.sample(b.latest), Hz: (b.loHz + b.hiHz) / 2, BwHz: b.hiHz - b.loHz + 2*d.binHz,
		LevelDB: 10 * math.Log10(level), SNRDB: d.snr(level, floor),
		Statistic: b.peakWeight, Threshold: b.threshold, Pfa: d.c.Pfa, Confidence: b.confidence,
	})
}
