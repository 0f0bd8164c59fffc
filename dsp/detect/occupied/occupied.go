// Package occupied finds out that there is power in a band that had none before: in the slow stream of a power detector
// that sees a whole band at once (AD8318 class), one sample a second or so. It is what covers the bands in which there
// is no receiver; it cannot tell what it is.
//
// # Samples
//
// A sample is the RMS amplitude in the band over one dwell, 1 being 0 dBm: full scale, about where such detectors
// saturate. LevelDB of a finding is therefore in dBm.
//
// # Statistic
//
// The dB of the last Learn dwells in which nothing was found are the floor, with mean m and standard deviation s. For
// dwells that are independent and, in dB, normal, (p − m) / (s·√(1 + 1/n)) of a new one is distributed as Student's t
// with n−1 degrees of freedom (Hahn, "Factors for calculating two-sided prediction intervals", JASA 64, 1969; the
// one-sided case), whatever floor and spread are: a constant false alarm rate. The mean of many samples of noise is
// close to normal in dB. Wireless networks are not: in a band that is in use at the time of learning, false alarms are
// more frequent than stated, and what is weaker than the usual traffic is not found.
//
// A finding needs Confirm dwells in a row above the threshold, so Pfa, which is that of one dwell, is an upper bound for
// it. The floor follows slow changes (temperature, at most the spread within Learn dwells); a signal that rises so slowly
// is not found. What is found is not learned, however long it lasts.
package occupied

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"subrosa/dsp/detect"
)

// Config of a detector.
type Config struct {
	Name       string  // of the band: one of detect.OccupiedBand.Names
	LoHz, HiHz float64 // its edges
	Learn      int     // dwells that make up the floor; 2 minutes of seconds
	Pfa        float64 // of one dwell; at most 1e-3, since what is found is not learned, which narrows the floor
	Confirm    int     // dwells in a row above the threshold
	Release    int     // dwells in a row below it that end a finding
	MinSigmaDB float64 // spread of the floor that is assumed at least: steps of the converter
}

// Default is for dwells of a second. Set name and edges.
var Default = Config{Name: "other", Learn: 120, Pfa: 1e-4, Confirm: 5, Release: 5, MinSigmaDB: 0.25}

// Detector looks after one band.
type Detector struct {
	c         Config
	threshold float64 // of the statistic
	spread    float64 // √(1 + 1/Learn)

	next  int64 // index of the sample that comes now
	begun bool
	track uint32

	floor      []float64 // ring of levels, dB
	at         int       // where the next goes
	n          int       // how many there are
	sum, sumSq float64   // of them, from ref
	ref        float64   // the first level, so that the sums stay small

	above, below int // dwells in a row
	open         bool
	found        detect.Detection
	power        float64 // sum over the dwells above, mW
	hits         int
}

// New returns a detector.
func New(c Config) (*Detector, error) {
	_, named := detect.OccupiedBand.NameIndex(c.Name)
	switch {
	case !named:
		return nil, fmt.Errorf("occupied: no band %q is published", c.Name)
	case !(c.LoHz > 0 && c.HiHz > c.LoHz && c.HiHz < 1e12):
		return nil, fmt.Errorf("occupied: band %g to %g Hz", c.LoHz, c.HiHz)
	case c.Learn < 16 || c.Learn > 1<<16:
		return nil, fmt.Errorf("occupied: floor of %d dwells, want 16 to 65536", c.Learn)
	case !(c.Pfa > 1e-12 && c.Pfa <= 1e-3):
		return nil, fmt.Errorf("occupied: pfa %g, want 1e-12 to 1e-3", c.Pfa)
	case c.Confirm < 1 || c.Release < 1:
		return nil, fmt.Errorf("occupied: confirm %d, release %d, want at least 1", c.Confirm, c.Release)
	case !(c.MinSigmaDB > 0 && c.MinSigmaDB < 20):
		return nil, fmt.Errorf("occupied: spread of at least %g dB, want more than 0 and less than 20", c.MinSigmaDB)
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(c.Learn - 1)}
	return &Detector{c: c, threshold: t.Quantile(1 - c.Pfa), spread: math.Sqrt(1 + 1/float64(c.Learn)), floor: make([]float64, c.Learn)}, nil
}

// Detect implements detect.Detector. A sample that is not finite or not above 0 counts as lost. After a gap, and after
// the end of a stream, the floor is learned anew.
func (d *Detector) Detect(dst []detect.Detection, at int64, x []float32) []detect.Detection {
	if len(x) == 0 {
		dst = d.forget(dst)
		d.begun = false
		return dst
	}
	if d.begun && at != d.next {
		dst = d.forget(dst)
	}
	d.begun, d.next = true, at
	for _, v := range x {
		if p := float64(v); p > 0 && p <= math.MaxFloat32 {
			dst = d.dwell(dst, 20*math.Log10(p))
		} else {
			dst = d.forget(dst)
		}
		d.next++
	}
	return dst
}

// forget ends what is open and drops the floor.
func (d *Detector) forget(dst []detect.Detection) []detect.Detection {
	if d.open {
		dst = d.end(dst)
	}
	d.at, d.n, d.sum, d.sumSq, d.above, d.below, d.power, d.hits = 0, 0, 0, 0, 0, 0, 0, 0
	return dst
}

// dwell takes one level.
func (d *Detector) dwell(dst []detect.Detection, p float64) []detect.Detection {
	if d.n < d.c.Learn {
		d.learn(p)
		return dst
	}
	mean, sigma := d.estimate()
	t := (p - mean) / (sigma * d.spread)
	if t <= d.threshold {
		d.above = 0
		if !d.open {
			d.power, d.hits = 0, 0
			d.learn(p)
			return dst
		}
		if d.below++; d.below >= d.c.Release {
			dst = d.end(dst)
		}
		return dst
	}
	if d.above == 0 && !d.open {
		d.found = detect.Detection{Kind: detect.OccupiedBand, Name: d.c.Name, Start: d.next, Hz: (d.c.LoHz + d.c.HiHz) / 2,
			BwHz: d.c.HiHz - d.c.LoHz, Threshold: d.threshold, Pfa: d.c.Pfa, Alarm: true}
	}
	d.above++
	d.below = 0
	d.power += math.Pow(10, p/10)
	d.hits++
	d.found.Statistic = max(d.found.Statistic, t)
	d.found.End = d.next + 1
	d.found.LevelDB = 10 * math.Log10(d.power/float64(d.hits))
	d.found.SNRDB = d.found.LevelDB - mean
	if !d.open && d.above >= d.c.Confirm {
		d.open = true
		d.track++
		d.found.Track, d.found.Edge = d.track, detect.Appeared
		dst = append(dst, d.found)
	}
	return dst
}

func (d *Detector) end(dst []detect.Detection) []detect.Detection {
	d.found.Edge = detect.Gone
	d.open, d.above, d.below, d.power, d.hits = false, 0, 0, 0, 0
	return append(dst, d.found)
}

// learn takes a level into the floor, in place of the oldest.
func (d *Detector) learn(p float64) {
	if d.n == 0 {
		d.ref = p
	}
	v := p - d.ref
	if d.n == d.c.Learn {
		old := d.floor[d.at]
		d.sum -= old
		d.sumSq -= old * old
	} else {
		d.n++
	}
	d.floor[d.at] = v
	d.sum += v
	d.sumSq += v * v
	if d.at++; d.at == d.c.Learn {
		d.at = 0
		d.again()
	}
}

// again adds the floor up anew, so that rounding does not add up for ever.
func (d *Detector) again() {
	d.sum, d.sumSq = 0, 0
	for _, v := range d.floor {
		d.sum += v
		d.sumSq += v * v
	}
}

// estimate returns mean and standard deviation of the floor, dB.
func (d *Detector) estimate() (mean, sigma float64) {
	n := float64(d.n)
	m := d.sum / n
	return d.ref + m, math.Sqrt(max((d.sumSq-n*m*m)/(n-1), d.c.MinSigmaDB*d.c.MinSigmaDB))
}

// Learned returns which part of the floor is known, 0…1; nothing is found before it is 1.
func (d *Detector) Learned() float64 { return float64(d.n) / float64(d.c.Learn) }

// Coverage implements detect.Observer.
func (d *Detector) Coverage() detect.Coverage {
	c := detect.Coverage{Kind: detect.OccupiedBand, LoHz: d.c.LoHz, HiHz: d.c.HiHz, SensitivityDBFS: math.NaN(),
		Cannot: []string{"tell what it is", "see what is weaker than the band's usual traffic"}}
	if d.n == d.c.Learn {
		mean, sigma := d.estimate()
		c.SensitivityDBFS = mean + sigma*d.spread*d.threshold
	}
	return c
}
