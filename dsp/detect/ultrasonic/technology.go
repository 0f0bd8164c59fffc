package ultrasonic

import (
	"math"
	"slices"
	"sort"
)

// technology is a published scheme of data over sound: its alphabet of tones and how many sound at once.
// Frequencies are facts measured and listed by Zeppelzauer et al., "SoniControl" (2018), the ggwave
// documentation (tone spacing 46.875 Hz from 15 kHz) and Arp et al., EuroS&P 2017.
type technology struct {
	name      string
	tones     []float64 // Hz, ascending
	halfWidth float64   // Hz, how far a tone may lie off its place
	atOnceMin int       // simultaneous tones
	atOnceMax int
	gap       float64 // s, longest silence inside a transmission
	span      float64 // Hz that the tones of a message spread over at least
	p         float64 // chance that any tone of the band lies on the grid, set by prepare
	lo, hi    float64
}

func grid(lo, step float64, n int) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = lo + step*float64(i)
	}
	return t
}

func technologies() []technology {
	ts := []technology{
		{name: "google-nearby", tones: grid(18500, 1500.0/63, 64), halfWidth: 5, atOnceMin: 1, atOnceMax: 2, gap: 2},
		{name: "lisnr", tones: []float64{18750, 18895, 19051, 19196, 19509}, halfWidth: 12, atOnceMin: 1, atOnceMax: 3, gap: 2},
		{name: "prontoly", tones: []float64{16968, 17054, 17138, 17226, 17312, 17398, 17488, 17571, 17927, 18432, 18697,
			18776, 18949, 19035, 19056, 19379, 19466, 19724}, halfWidth: 8, atOnceMin: 1, atOnceMax: 3, gap: 4.5},
		{name: "shopkick", tones: grid(19960, 80, 22), halfWidth: 8, atOnceMin: 1, atOnceMax: 3, gap: 2},
		{name: "silverpush", tones: grid(18000, 75, 27), halfWidth: 9, atOnceMin: 1, atOnceMax: 3, gap: 3},
		{name: "signal360", tones: []float64{18776, 18949, 19466}, halfWidth: 12, atOnceMin: 1, atOnceMax: 3, gap: 3},
		{name: "sonarax", tones: []float64{18785, 18870, 18955, 19040, 19125, 19210, 19940}, halfWidth: 9, atOnceMin: 1, atOnceMax: 4, gap: 2},
		{name: "sonitalk", tones: grid(18000, 100, 16), halfWidth: 9, atOnceMin: 1, atOnceMax: 16, gap: 2},
		{name: "ggwave", tones: grid(15000, 46.875, 96), halfWidth: 8, atOnceMin: 4, atOnceMax: 17, gap: 1, span: 2500},
	}
	for i := range ts {
		ts[i].prepare()
	}
	return ts
}

// alphabetMargin widens the band in which a tone counts for or against a technology.
const alphabetMargin = 150.0 // Hz

func (t *technology) prepare() {
	t.lo, t.hi = t.tones[0]-alphabetMargin, t.tones[len(t.tones)-1]+alphabetMargin
	covered, last := 0.0, math.Inf(-1)
	for _, f := range t.tones {
		covered += f + t.halfWidth - math.Max(last, f-t.halfWidth)
		last = f + t.halfWidth
	}
	t.p = covered / (t.hi - t.lo)
}

// nearest returns the distance of f to the nearest tone, Hz.
func (t *technology) nearest(f float64) float64 {
	i := sort.SearchFloat64s(t.tones, f)
	d := math.Inf(1)
	if i < len(t.tones) {
		d = t.tones[i] - f
	}
	if i > 0 {
		d = math.Min(d, f-t.tones[i-1])
	}
	return d
}

const (
	onGrid   = 0.92 // share of a technology's tones that are measured on their place
	inBand   = 0.97 // … that lie within its band at all
	stepLost = 1.5  // price, in nats, of assuming a Doppler shift
)

// evidence is the log-likelihood ratio, in nats, of the distinct tones belonging to t against tones strewn evenly
// over the searched band [lo, hi]. How many tones sound at once weighs in as one more observation.
func (t *technology) evidence(tones []float64, atOnce int, shift, lo, hi float64) float64 {
	uniform := 1 / (hi - lo)
	outside := (1 - inBand) * uniform
	on := math.Log((outside + inBand*onGrid/(t.p*(t.hi-t.lo))) / uniform)
	off := math.Log((outside + inBand*(1-onGrid)/((1-t.p)*(t.hi-t.lo))) / uniform)
	out := math.Log(outside / uniform)
	llr := 0.0
	for _, f := range tones {
		f *= 1 + shift
		switch {
		case !(f >= t.lo && f <= t.hi):
			llr += out
		case t.nearest(f) <= t.halfWidth:
			llr += on
		default:
			llr += off
		}
	}
	if t.span > 0 && len(tones) > 0 && slices.Max(tones)-slices.Min(tones) < t.span {
		llr -= 20
	}
	if atOnce > t.atOnceMax+1 || atOnce < t.atOnceMin-1 {
		llr -= 4
	}
	return llr
}

// onGrid is the log-likelihood ratio, in nats, of the tones that lie in t's band lying on its places rather than
// anywhere in that band: what clutter that happens to fall into the band does not have.
func (t *technology) onGrid(tones []float64) float64 {
	best := math.Inf(-1)
	for _, shift := range doppler {
		llr := 0.0
		for _, f := range tones {
			f *= 1 + shift
			switch {
			case f < t.lo || f > t.hi:
			case t.nearest(f) <= t.halfWidth:
				llr += math.Log(onGrid / t.p)
			default:
				llr += math.Log((1 - onGrid) / (1 - t.p))
			}
		}
		if shift != 0 {
			llr -= stepLost
		}
		best = math.Max(best, llr)
	}
	return best
}

// doppler are the shifts tried, 1 = full scale: a loudspeaker that is walked about at up to 1 m/s moves a tone by 0.3 %.
var doppler = []float64{0, -0.001, 0.001, -0.002, 0.002, -0.003, 0.003}

// name returns the technology that the tones speak for, its evidence in nats, and the probability that it is this
// one rather than another or none.
func name(ts []technology, tones []float64, atOnce int, lo, hi float64) (best int, llr, confidence float64) {
	best = -1
	sum := 1.0 // "none of them" has evidence 0
	for i := range ts {
		e := math.Inf(-1)
		for _, s := range doppler {
			v := ts[i].evidence(tones, atOnce, s, lo, hi)
			if s != 0 {
				v -= stepLost
			}
			e = math.Max(e, v)
		}
		sum += math.Exp(math.Min(e, 300))
		if best < 0 || e > llr {
			best, llr = i, e
		}
	}
	return best, llr, math.Exp(math.Min(llr, 300)) / sum
}
