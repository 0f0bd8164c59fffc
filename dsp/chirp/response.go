package chirp

import (
	"fmt"
	"math"

	"subrosa/dsp/fft"
)

// Config tunes an Ear. Its zero value is not useful; start from Default.
type Config struct {
	Search  float64 // s within which the sweep must begin to arrive, counted from the first sample
	LeastDB float64 // of response, re the level played: a band below is not heard, however clearly
	RangeDB float64 // likewise, below the strongest band that is heard
	Lock    float64 // sum over the bands of ln(ratio), each at most lockEach, from when on there is an arrival at all
	Ratio   float64 // of power at the arrival over that around it, from when on a band is heard
}

// Default suits a loudspeaker in or beside the microphone's case. What its thresholds give, TestFalseAlarms and
// TestDetection measure: sound that is no sweep reaches a sum of 12 (jingling keys), the sweep 18 if six bands carry it.
var Default = Config{Search: 3.3, LeastDB: -70, RangeDB: 45, Lock: 15, Ratio: 8}

// lockEach is what a band may add to the sum: many bands must agree on the moment.
const lockEach = 3

// Tail is how much longer than Search and sweep the recording must be, s: what lies around the last arrival.
const Tail = 0.1

// Verdict on a band.
type Verdict uint8

const (
	Masked   Verdict = iota // other sound was too loud to tell: try again
	Heard                   // the sweep arrived
	NotHeard                // it would have been heard, had loudspeaker and microphone worked in this band
)

func (v Verdict) String() string {
	return [...]string{"masked", "heard", "not heard"}[min(v, NotHeard)]
}

// Band is what was found out about one third-octave band, or the part of it that the sweep crosses.
type Band struct {
	CentreHz   float64 // exact, base 10 (IEC 61260-1)
	LoHz, HiHz float64
	ResponseDB float64 // direct sound over what was played; of a masked band the least that would have been heard
	SNRDB      float64 // of the arrival over what lies around it, after compression of the sweep
	Delay      int     // of the arrival in samples from the first one; -1 unless heard
	Verdict    Verdict
}

// The arrival and what it is compared with, s from the arrival. Sound that is no sweep comes out of the inverse filter
// spread over the time that the sweep takes through a band (60 ms and more), so it is as loud around as in the gate.
// The gate is short so that it holds the direct sound and little of the room's.
const (
	gateFrom, gateTo     = -0.002, 0.004
	beforeFrom, beforeTo = -0.045, -0.006
	afterFrom, afterTo   = 0.010, 0.050
	step                 = 0.0005 // of the search
	near                 = 3      // ms by which bands may arrive apart
)

// Ear finds a sweep in a recording. It is not safe for concurrent use. New allocates all it needs.
type Ear struct {
	c     Config
	sweep Sweep
	n     int // samples of a recording
	real  *fft.Real
	inRe  []float32 // spectrum of the inverse filter
	inIm  []float32
	x     []float32 // recording, zero-padded
	re    []float32
	im    []float32
	bands []filter
	score []float64
}

// filter is one band's way back into time, at a rate of its own.
type filter struct {
	band   Band
	lo     int // first bin
	taper  []float32
	ideal  float64 // energy of a perfect arrival
	plan   *fft.Plan
	in     [2][]float32
	out    [2][]float32
	sum    []float64 // of energy up to each of its samples
	rate   float64   // its samples per second
	signal []float64 // S at each step of the search
}

// NewEar returns an Ear for a sweep.
func NewEar(s Sweep, c Config) (*Ear, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if !(c.Search > 0 && c.Search <= 10 && c.Ratio > 1 && c.RangeDB > 0 && c.Lock > 0) {
		return nil, fmt.Errorf("chirp: configuration %+v", c)
	}
	e := &Ear{c: c, sweep: s, n: int(math.Ceil((c.Search+s.Seconds+Tail)*float64(s.Rate))) + 1}
	m := 1
	for m < e.n+s.N() {
		m *= 2
	}
	e.real = fft.NewReal(m)
	e.x, e.re, e.im = make([]float32, m), make([]float32, m/2+1), make([]float32, m/2+1)
	e.inRe, e.inIm = make([]float32, m/2+1), make([]float32, m/2+1)
	copy(e.x, s.Inverse())
	e.real.Forward(e.inRe, e.inIm, e.x)
	e.score = make([]float64, int(c.Search/step)+1)
	plans := map[int]*fft.Plan{}
	for _, b := range Bands(s) {
		e.bands = append(e.bands, newFilter(b, s.Rate, m, len(e.score), plans))
	}
	return e, nil
}

// leastPart of a third-octave band must be crossed by the sweep for the band to count.
const leastPart = 0.15

// Bands returns the bands that a sweep crosses, lowest first.
func Bands(s Sweep) (out []Band) {
	for k := 10; k <= 60; k++ {
		c := math.Pow(10, float64(k)/10)
		lo, hi := c*math.Pow(10, -0.05), c*math.Pow(10, 0.05)
		full := hi - lo
		lo, hi = math.Max(lo, s.LoHz), math.Min(hi, s.HiHz)
		if hi-lo >= leastPart*full {
			out = append(out, Band{CentreHz: c, LoHz: lo, HiHz: hi, Delay: -1})
		}
	}
	return out
}

func newFilter(b Band, rate, m, steps int, plans map[int]*fft.Plan) filter {
	bin := float64(m) / float64(rate)
	f := filter{band: b, lo: int(math.Ceil(b.LoHz * bin))}
	width := int(math.Floor(b.HiHz*bin)) - f.lo
	p := 2
	for p < width {
		p *= 2
	}
	if plans[p] == nil {
		plans[p] = fft.New(p)
	}
	f.plan = plans[p]
	f.rate = float64(rate) * float64(p) / float64(m)
	f.taper = make([]float32, width)
	const edge = 0.2 // of the band on each side: what an arrival spreads in time falls quickly
	for i := range f.taper {
		t := (math.Min(float64(i), float64(width-1-i)) + 0.5) / (edge * float64(width))
		if t < 1 {
			f.taper[i] = float32(0.5 - 0.5*math.Cos(math.Pi*t))
		} else {
			f.taper[i] = 1
		}
		f.ideal += float64(f.taper[i]) * float64(f.taper[i])
	}
	f.ideal *= float64(p) // Parseval, of a transform that is not divided by p
	for i := range 2 {
		f.in[i], f.out[i] = make([]float32, p), make([]float32, p)
	}
	f.sum, f.signal = make([]float64, p+1), make([]float64, steps)
	return f
}

// N returns how many samples Listen wants.
func (e *Ear) N() int { return e.n }

// Listen looks for the sweep, played at levelDB dBFS, in the recording x of N samples, and appends the bands to dst,
// lowest first. It panics when x is shorter.
func (e *Ear) Listen(dst []Band, x []float32, levelDB float64) []Band {
	clear(e.x)
	copy(e.x, x[:e.n])
	e.real.Forward(e.re, e.im, e.x)
	clear(e.x) // it is a recording of a room
	for i, a := range e.re {
		b, c, d := e.im[i], e.inRe[i], e.inIm[i]
		e.re[i], e.im[i] = a*c-b*d, a*d+b*c
	}
	clear(e.score)
	for i := range e.bands {
		f := &e.bands[i]
		f.arrivals(e.re, e.im)
		for k := range e.score {
			s := f.ratio(e.origin() + float64(k)*step)
			f.signal[k] = s
			if s > 1 {
				e.score[k] += math.Min(math.Log(s), lockEach)
			}
		}
	}
	clear(e.re)
	clear(e.im)
	at := e.arrival()
	from, ratio := len(dst), e.c.Ratio
	for i := range e.bands {
		b := e.bands[i].judge(at, e.origin(), e.sweep.Rate, ratio, levelDB)
		if b.Verdict == Heard && e.score[at] < e.c.Lock { // the bands do not agree: no sweep, or a masked one
			b.Verdict, b.Delay = Masked, -1
		}
		dst = append(dst, b)
	}
	e.verdicts(dst[from:])
	e.forget()
	return dst
}

// arrival returns the step of the search at which the sweep arrives: where most bands agree. Of several such moments,
// which a distorting loudspeaker makes, it is the one with most power, as distortion is weaker than what is distorted.
func (e *Ear) arrival() (at int) {
	const nearly = 0.6 // of the greatest agreement
	for k, v := range e.score {
		if v > e.score[at] {
			at = k
		}
	}
	least, most := math.Max(e.c.Lock, nearly*e.score[at]), 0.0
	for k, v := range e.score {
		if v < least {
			continue
		}
		power := 0.0
		for i := range e.bands {
			if f := &e.bands[i]; f.signal[k] >= e.c.Ratio {
				s, _ := f.energy(e.origin()+float64(k)*step+gateFrom, e.origin()+float64(k)*step+gateTo)
				power += s / f.ideal
			}
		}
		if power > most {
			at, most = k, power
		}
	}
	return at
}

// origin is where, in s, an arrival without delay comes out of the inverse filter.
func (e *Ear) origin() float64 { return float64(e.sweep.N()-1) / float64(e.sweep.Rate) }

// forget clears what is left of the recording.
func (e *Ear) forget() {
	for i := range e.bands {
		f := &e.bands[i]
		for k := range 2 {
			clear(f.in[k])
			clear(f.out[k])
		}
		clear(f.sum)
	}
}

// arrivals takes the band out of the spectrum and sums its energy in time.
func (f *filter) arrivals(re, im []float32) {
	for k := range 2 {
		clear(f.in[k])
	}
	for i, t := range f.taper {
		f.in[0][i], f.in[1][i] = re[f.lo+i]*t, im[f.lo+i]*t
	}
	f.plan.Inverse(f.out[0], f.out[1], f.in[0], f.in[1])
	sum := 0.0
	for i, a := range f.out[0] {
		b := f.out[1][i]
		sum += float64(a)*float64(a) + float64(b)*float64(b)
		f.sum[i+1] = sum
	}
}

// energy between two times, s, whole samples.
func (f *filter) energy(from, to float64) (sum float64, n int) {
	i, j := int(math.Round(from*f.rate)), int(math.Round(to*f.rate))
	i, j = max(0, min(i, len(f.sum)-1)), max(0, min(j, len(f.sum)-1))
	return f.sum[j] - f.sum[i], j - i
}

// around is the power before or after an arrival at t, whichever is greater.
func (f *filter) around(t float64) float64 {
	a, n := f.energy(t+beforeFrom, t+beforeTo)
	b, m := f.energy(t+afterFrom, t+afterTo)
	return math.Max(a/float64(max(n, 1)), b/float64(max(m, 1)))
}

// ratio is the power in the gate about t over that around it; 0 where there is nothing.
func (f *filter) ratio(t float64) float64 {
	s, n := f.energy(t+gateFrom, t+gateTo)
	if s <= 0 || n == 0 {
		return 0
	}
	return s / float64(n) / math.Max(f.around(t), math.SmallestNonzeroFloat64)
}

// judge measures the band at step at of the search, give or take near. Whether what is weak counts as heard is not
// decided yet.
func (f *filter) judge(at int, origin float64, rate int, ratio, levelDB float64) Band {
	b := f.band
	const reach = int(near * 1e-3 / step)
	best := at
	for k := max(0, at-reach); k <= min(at+reach, len(f.signal)-1); k++ {
		if f.signal[k] > f.signal[best] {
			best = k
		}
	}
	t := origin + float64(best)*step
	s, n := f.energy(t+gateFrom, t+gateTo)
	noise := f.around(t) * float64(n)
	got := f.signal[best]
	b.SNRDB = dB(got - 1)
	if got >= ratio {
		b.Verdict = Heard
		b.ResponseDB = dB((s-noise)/f.ideal) - levelDB
		b.Delay = max(0, f.peak(t, origin, rate))
	} else {
		b.ResponseDB = dB(ratio*noise/f.ideal) - levelDB
	}
	return b
}

// peak returns the loudest moment in the gate about t, as a delay in samples of the recording.
func (f *filter) peak(t, origin float64, rate int) int {
	i, j := int((t+gateFrom)*f.rate), int((t+gateTo)*f.rate)
	best := max(i, 0)
	for k := best; k < min(j, len(f.sum)-1); k++ {
		if f.sum[k+1]-f.sum[k] > f.sum[best+1]-f.sum[best] {
			best = k
		}
	}
	return int(math.Round((float64(best)/f.rate - origin) * float64(rate)))
}

// verdicts weighs the bands against each other: what is weaker than it should be is not heard, and so is what would
// have been heard if it were not.
func (e *Ear) verdicts(bands []Band) {
	least := e.c.LeastDB
	for _, b := range bands {
		if b.Verdict == Heard {
			least = math.Max(least, b.ResponseDB-e.c.RangeDB)
		}
	}
	for i := range bands {
		if b := &bands[i]; b.ResponseDB < least {
			b.Verdict, b.Delay = NotHeard, -1
		}
	}
}

func dB(power float64) float64 { return 10 * math.Log10(math.Max(power, 1e-20)) }
