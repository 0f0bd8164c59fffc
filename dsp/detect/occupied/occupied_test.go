package occupied

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"subrosa/dsp/detect"
	"subrosa/dsp/detect/detecttest"
)

func config() Config {
	c := Default
	c.Name, c.LoHz, c.HiHz = "ism2400", 2.4e9, 2.5e9
	return c
}

func construct(c Config) *Detector {
	d, err := New(c)
	if err != nil {
		panic(err)
	}
	return d
}

// noise returns n dwells of a power detector that sees noise of the given mean power: each the mean of looks
// exponentially distributed samples, as of complex normal noise.
func noise(r *rand.Rand, n, looks int, dbm float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		sum := 0.0
		for range looks {
			sum += r.ExpFloat64()
		}
		x[i] = float32(math.Sqrt(sum / float64(looks) * math.Pow(10, dbm/10)))
	}
	return x
}

// add adds a signal of the given power to dwells [from, to).
func add(x []float32, from, to int, dbm float64) []float32 {
	for i := from; i < to; i++ {
		x[i] = float32(math.Sqrt(float64(x[i])*float64(x[i]) + math.Pow(10, dbm/10)))
	}
	return x
}

func TestConformance(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	long := add(add(noise(r, 24000, 100, -50), 5000, 5100, -45), 12000, 24000, -48) // one over the middle, one to the end
	short := noise(r, 20000, 100, -55)
	for i := range 100 { // bursts, too short to confirm and just long enough
		add(short, 300+190*i, 302+190*i+i%8, -30)
	}
	short[777], short[9000], short[9001] = float32(math.NaN()), 0, float32(math.Inf(1))
	detecttest.Run(t, func() detect.Detector[float32] { return construct(config()) }, [][]float32{long, short})
}

// TestFigures: begin, end, level and excess of a finding, and that what lasts is not learned.
func TestFigures(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	x := add(noise(r, 10000, 400, -50), 1000, 9000, -40)
	d := construct(config())
	var got []detect.Detection
	for i := range x {
		got = d.Detect(got, int64(i), x[i:i+1])
		if i == 1003 && len(got) != 0 || i == 1004 && len(got) != 1 {
			t.Fatalf("after dwell %d: %v", i, got)
		}
	}
	if len(got) != 2 {
		t.Fatalf("got %v", got)
	}
	f := got[1]
	total := 10 * math.Log10(1e-4+1e-5)
	if f.Start != 1000 || f.End != 9000 || math.Abs(f.LevelDB-total) > 0.1 || math.Abs(f.SNRDB-(total+50)) > 0.3 || f.Hz != 2.45e9 || f.BwHz != 1e8 ||
		f.Statistic <= f.Threshold || !f.Alarm || f.Name != "ism2400" {
		t.Errorf("got %+v", f)
	}
	if c := d.Coverage(); !(c.SensitivityDBFS > -50 && c.SensitivityDBFS < -48) || d.Learned() != 1 {
		t.Errorf("coverage %+v", c)
	}
	if c := construct(config()).Coverage(); !math.IsNaN(c.SensitivityDBFS) {
		t.Errorf("before it has learned: %+v", c)
	}
}

// TestPfa: with Confirm 1 the rate of findings in noise is what was asked for, whatever the floor, for dwells that are
// normal in dB, and not above it for those of a real detector; five in a row come, if at all, far less often.
func TestPfa(t *testing.T) {
	const n = 1_500_000
	rate := func(x []float32, c Config) float64 {
		d := construct(c)
		found := d.Detect(nil, 0, x)
		hits := 0
		for _, f := range found {
			if f.Edge == detect.Appeared {
				hits++
			}
		}
		return float64(hits) / float64(len(x))
	}
	r := rand.New(rand.NewPCG(5, 6))
	normal := make([]float32, n)
	for i := range normal {
		normal[i] = float32(math.Pow(10, (-60+1.7*r.NormFloat64())/20))
	}
	c := config()
	c.Confirm, c.Release = 1, 1
	for _, tt := range []struct {
		pfa, lo, hi float64
	}{{1e-3, 0.9, 1.15}, {1e-4, 0.7, 1.3}} { // above 1 since what is found is not learned
		c.Pfa = tt.pfa
		got := rate(normal, c) / tt.pfa
		t.Logf("measured: normal dB, asked for %g: %.2f times that, over %d dwells", tt.pfa, got, n)
		if got < tt.lo || got > tt.hi {
			t.Errorf("pfa %g: got %.2f times that", tt.pfa, got)
		}
	}
	x := noise(r, n/10, 100, -50)
	c.Pfa = 1e-3
	got := rate(x, c) / c.Pfa
	t.Logf("measured: noise of 100 looks, asked for 1e-3: %.2f times that, over %d dwells", got, len(x))
	if got > 1.1 {
		t.Errorf("noise: got %.2f times what was asked for", got)
	}
	if got := rate(normal, config()); got > 0.01*Default.Pfa {
		t.Errorf("five in a row: %g, want far less than %g", got, Default.Pfa)
	}
}

// TestSensitivity: how often signals are found, against the power of the noise; signals of twenty dwells.
func TestSensitivity(t *testing.T) {
	for _, tt := range []struct{ snr, want float64 }{{0, 0.95}, {-3, 0.15}} {
		r := rand.New(rand.NewPCG(7, 8))
		found := 0
		const runs = 200
		for range runs {
			x := add(noise(r, 160, 100, -50), 140, 160, -50+tt.snr)
			if len(construct(config()).Detect(nil, 0, x)) > 0 {
				found++
			}
		}
		got := float64(found) / runs
		t.Logf("measured: signal %+g dB to the band's noise, 20 dwells of 100 looks: found in %.0f %%", tt.snr, 100*got)
		if got < tt.want {
			t.Errorf("%+g dB: found in %.2f of runs, want %.2f", tt.snr, got, tt.want)
		}
	}
}

// TestConstant: a detector whose floor shows nothing but one step of the converter does not divide by nothing.
func TestConstant(t *testing.T) {
	x := make([]float32, 1000)
	for i := range x {
		x[i] = 0.001
	}
	d := construct(config())
	if got := d.Detect(nil, 0, x); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	add(x, 500, 600, -56)
	if got := construct(config()).Detect(nil, 0, x); len(got) != 2 || got[1].Start != 500 || got[1].End != 600 {
		t.Errorf("got %v", got)
	}
}

func TestNew(t *testing.T) {
	for why, change := range map[string]func(*Config){
		"published": func(c *Config) { c.Name = "wlan" }, "band": func(c *Config) { c.HiHz = c.LoHz }, "dwells": func(c *Config) { c.Learn = 2 },
		"pfa": func(c *Config) { c.Pfa = math.NaN() }, "confirm": func(c *Config) { c.Confirm = 0 }, "spread": func(c *Config) { c.MinSigmaDB = 0 },
	} {
		c := config()
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v", why, err)
		}
	}
}
