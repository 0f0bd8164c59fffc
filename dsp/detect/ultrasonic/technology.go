package ultrasonic

import "math"

// technology is a published scheme of data over sound: its alphabet of tones and how many sound at once.
// Frequencies are facts measured and listed by Zeppelzauer et al., "SoniControl" (2018), the ggwave
// documentation (tone spacing 46.875 Hz from 15 kHz) and Arp et al., EuroS&P 2017.
type technology struct {
	name      string
	tones     []float64 // Hz, ascending
	halfWidth float64   // Hz, how far a tone of a real device may lie off its published place
	atOnceMin int       // simultaneous tones
	atOnceMax int
	chorded   bool    // sends many tones at once, which begin together,
	clock     float64 // … at multiples of so many seconds
	gap       float64 // s, longest silence inside a transmission
	span      float64 // Hz that the tones of a message spread over at least

	lo, hi  float64   // Hz, the band in which a tone counts for or against it, set by prepare
	density []float32 // logarithm of the density, 1/Hz, of its tones at lo, lo + 1 Hz …, set by prepare
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
		{name: "sonitalk", tones: grid(18000, 100, 16), halfWidth: 9, atOnceMin: 3, atOnceMax: 16, chorded: true, clock: 0.1, gap: 2},
		{name: "ggwave", tones: grid(15000, 46.875, 96), halfWidth: 8, atOnceMin: 4, atOnceMax: 17, chorded: true, clock: 0.064, gap: 1, span: 2500},
	}
	for i := range ts {
		ts[i].prepare()
	}
	return ts
}

const (
	alphabetMargin = 150.0 // Hz by which the band of a technology exceeds its tones
	closeHz        = 1.0   // Hz, standard deviation of most measured tones from their place,
	aboutHz        = 3.0   // … and of those of short symbols and moving sources
	closely        = 0.40  // share of a technology's tones that are measured within the first,
	about          = 0.32  // … within the second,
	listed         = 0.20  // … anywhere within halfWidth of their place, where the published list is off,
	inBand         = 0.97  // … and in its band at all
	strewnHz       = 400.0 // by which the band of an unknown alphabet exceeds its tones, and
	strewnLeast    = 1000.0
	standing       = 0.35   // share of loudspeakers that neither move nor have a clock that is off
	shiftSpread    = 0.0006 // scale of the others' shifts, two-sided exponential
)

// shift is a Doppler shift that is tried, 1 = full scale, with the logarithm of its probability.
type shift struct{ factor, prior float64 }

// shifts are finer than a tone is measured where most shifts are, and reach to those of a loudspeaker that is walked
// about at 1 m/s.
var shifts = func() (all []shift) {
	const fine, coarse, bend, most = 0.000125, 0.00025, 0.001, 0.003
	for x, step := 0.0, fine; x <= most+fine/2; x += step {
		if x > bend-fine/2 {
			step = coarse
		}
		p := (1 - standing) * step / (2 * shiftSpread) * math.Exp(-x/shiftSpread)
		if x == 0 {
			all = append(all, shift{1, math.Log(p + standing)})
			continue
		}
		all = append(all, shift{1 + x, math.Log(p)}, shift{1 - x, math.Log(p)})
	}
	return all
}()

// prepare tabulates the density of a technology's tones.
func (t *technology) prepare() {
	t.lo, t.hi = t.tones[0]-alphabetMargin, t.tones[len(t.tones)-1]+alphabetMargin
	t.density = make([]float32, int(t.hi-t.lo)+1)
	each := 1 / float64(len(t.tones))
	for i := range t.density {
		f := t.lo + float64(i) + 0.5
		sum := (1 - closely - about - listed) / (t.hi - t.lo)
		for _, tone := range t.tones {
			d := f - tone
			sum += each * (closely*normal(d, closeHz) + about*normal(d, aboutHz))
			if math.Abs(d) <= t.halfWidth {
				sum += listed * each / (2 * t.halfWidth)
			}
		}
		t.density[i] = float32(math.Log(inBand * sum))
	}
}

func normal(x, sigma float64) float64 {
	return math.Exp(-x*x/(2*sigma*sigma)) / (sigma * math.Sqrt(2*math.Pi))
}

// evidence is the logarithm of the Bayes factor, in nats, for the distinct tones being of t's alphabet against their
// being of an alphabet nobody knows, which is strewn evenly over a band that the tones just fill: that they lie in t's
// band says little, that they lie on its places says much. All tones share one Doppler shift, which is averaged over.
// For tones that are not of t it exceeds x with a probability of at most exp(-x). outside is the logarithm of the
// density, 1/Hz, of tones outside t's band.
func (t *technology) evidence(tones []float64, atOnce int, outside float64) float64 {
	lo, hi := math.Inf(1), 0.0
	for _, f := range tones {
		lo, hi = math.Min(lo, f), math.Max(hi, f)
	}
	llr, mean := math.Inf(-1), 0.0 // the greatest of the sums, and the mean relative to it
	for _, x := range shifts {
		sum := x.prior
		for _, f := range tones {
			if k := f*x.factor - t.lo; k >= 0 && int(k) < len(t.density) {
				sum += float64(t.density[int(k)])
			} else {
				sum += outside
			}
		}
		if sum > llr {
			mean, llr = mean*math.Exp(llr-sum)+1, sum
		} else if sum > llr-20 {
			mean += math.Exp(sum - llr)
		}
	}
	llr += math.Log(mean) + float64(len(tones))*math.Log(math.Max(strewnLeast, hi-lo+strewnHz))
	if t.span > 0 && hi-lo < t.span {
		llr -= 20
	}
	if atOnce < t.atOnceMin-1 {
		llr -= 4
	}
	return llr - 2*math.Max(0, float64(atOnce-t.atOnceMax))
}

// name returns the technology that the tones speak for most, its evidence in nats, and the probability that it is
// this one rather than another or none. The band searched is [lo, hi].
func name(ts []technology, tones []float64, atOnce int, lo, hi float64) (best int, llr, confidence float64) {
	best = -1
	sum := 1.0 // "none of them" has evidence 0
	outside := math.Log((1 - inBand) / (hi - lo))
	for i := range ts {
		e := ts[i].evidence(tones, atOnce, outside)
		sum += math.Exp(math.Min(e, 300))
		if best < 0 || e > llr {
			best, llr = i, e
		}
	}
	return best, llr, math.Exp(math.Min(llr, 300)) / sum
}
