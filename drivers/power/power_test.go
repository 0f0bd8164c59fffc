package power

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// script answers each input from a list, again and again.
type script struct {
	codes map[int][]int
	next  map[int]int
	err   map[int]error
}

func (s *script) Read(input int) (int, error) {
	if err := s.err[input]; err != nil {
		return 0, err
	}
	l := s.codes[input]
	v := l[s.next[input]%len(l)]
	s.next[input]++
	return v, nil
}

func newScript(codes map[int][]int) *script {
	return &script{codes: codes, next: map[int]int{}, err: map[int]error{}}
}

// nominal is the data sheet's part on a 3.3 V reference: −25 mV/dB, +20 dBm.
func nominal(input int) Channel {
	return Channel{Input: input, Band: "ism2400", LoHz: 2.4e9, HiHz: 2.5e9, SlopeMV: -25, InterceptDBm: 20, FloorDBm: -55, LimitDBm: 0,
		UncertaintyDB: 2, Temperature: "23 °C"}
}

func code(dbm float64) int { return int(math.Round(-25 * (dbm - 20) / 3300 * 4096)) }

var t0 = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

func TestLevels(t *testing.T) {
	adc := newScript(map[int][]int{
		0: {0, code(-40), code(-40), code(-40), code(-10)}, // the first is New's
		5: {0, code(-60), code(-60), code(-60), code(-60)},
		6: {0, code(3), code(3), code(3), code(3)},
	})
	b, err := New(adc, Calibration{Format: 1, VrefMV: 3300, Channels: []Channel{nominal(0), nominal(5), nominal(6)}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if err := b.Sample(t0.Add(time.Duration(i) * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	got := b.Dwell(nil)
	if len(got) != 3 {
		t.Fatalf("got %d channels", len(got))
	}
	const step = 3300.0 / 4096 / 25
	burst := 10 * math.Log10((3*1e-4+1e-1)/4) // three of −40 dBm, one of −10
	for i, want := range []struct {
		mean, peak float64
		fm, fp     Flag
	}{{burst, -10, 0, 0}, {-60, -60, BelowFloor, BelowFloor}, {3, 3, Saturated, Saturated}} {
		l := got[i]
		if math.Abs(l.MeanDBm-want.mean) > step || math.Abs(l.PeakDBm-want.peak) > step || l.Mean != want.fm || l.Peak != want.fp {
			t.Errorf("channel %d: got %+v, want %+v", i, l, want)
		}
		if l.Samples != 4 || l.Start != t0 || l.Length != 3*time.Millisecond || math.Abs(l.UncertaintyDB-math.Hypot(2, step/2)) > 1e-9 {
			t.Errorf("channel %d: got %+v", i, l)
		}
	}
	if again := b.Dwell(got[:0]); len(again) != 0 {
		t.Errorf("a dwell without samples gave %v", again)
	}
	adc.err[5] = errors.New("gone")
	if err := b.Sample(t0); err == nil || !strings.Contains(err.Error(), "ism2400: gone") {
		t.Errorf("got %v", err)
	}
	if rest := b.Dwell(nil); len(rest) != 2 || rest[0].Channel != 0 || rest[1].Channel != 2 {
		t.Errorf("the other channels were not read: %v", rest)
	}
}

func TestThreeAnswers(t *testing.T) {
	c := Calibration{Format: 1, VrefMV: 3300, Channels: []Channel{nominal(0)}}
	if _, err := New(nil, c); !errors.Is(err, ErrAbsent) {
		t.Errorf("no converter: %v", err)
	}
	adc := newScript(map[int][]int{0: {1}})
	adc.err[0] = errors.New("broken")
	if _, err := New(adc, c); err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("broken converter: %v", err)
	}
	if _, err := New(adc, Calibration{}); err == nil {
		t.Error("a bank without a calibration")
	}
}

func TestNoAllocation(t *testing.T) {
	b, err := New(newScript(map[int][]int{0: {1000}}), Calibration{Format: 1, VrefMV: 3300, Channels: []Channel{nominal(0)}})
	if err != nil {
		t.Fatal(err)
	}
	levels := make([]Level, 0, 8)
	if n := testing.AllocsPerRun(100, func() { _ = b.Sample(t0); levels = b.Dwell(levels[:0]) }); n != 0 {
		t.Errorf("%g allocations a dwell", n)
	}
}

func TestParseCalibration(t *testing.T) {
	good, err := json.Marshal(Calibration{Format: 1, VrefMV: 3300, Channels: []Channel{nominal(0), nominal(7)}})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := ParseCalibration(good); err != nil || len(c.Channels) != 2 {
		t.Fatalf("got %+v, %v", c, err)
	}
	for old, now := range map[string]string{
		`"format":1`: `"format":2`, `"vref_mv":3300`: `"vref_mv":33`, `"input":7`: `"input":0`, `"input":0`: `"input":8`, `"band"`: `"bnad"`,
		`"slope_mv_per_db":-25`: `"slope_mv_per_db":0`, `"lo_hz":2400000000`: `"lo_hz":2600000000`, `"floor_dbm":-55`: `"floor_dbm":1`,
		`"uncertainty_db":2`: `"uncertainty_db":0`, `"temperature":"23 °C"`: `"temperature":""`, `"ism2400"`: `"ISM 2400"`, `"intercept_dbm":20`: `"intercept_dbm":1e9`,
	} {
		text := strings.Replace(string(good), old, now, 1)
		if text == string(good) {
			t.Fatalf("%s is not in the table", old)
		}
		if _, err := ParseCalibration([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "power: ") {
			t.Errorf("%s: got %v", now, err)
		}
	}
	for _, text := range []string{"", "{}", string(good) + "{}", strings.Repeat(" ", maxCalibration+1)} {
		if _, err := ParseCalibration([]byte(text)); err == nil {
			t.Errorf("%.20q was accepted", text)
		}
	}
}

// FuzzParseCalibration: what is accepted makes a bank whose figures are finite, and survives a round trip.
func FuzzParseCalibration(f *testing.F) {
	good, _ := json.Marshal(Calibration{Format: 1, VrefMV: 3300, Channels: []Channel{nominal(0), nominal(7)}})
	f.Add(good)
	f.Add([]byte(`{"format":1,"vref_mv":3300,"channels":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCalibration(b)
		if err != nil {
			return
		}
		out, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseCalibration(out); err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("round trip: %v, %v", again, err)
		}
		codes := map[int][]int{}
		for i := range 8 {
			codes[i] = []int{0, 4095}
		}
		bank, err := New(newScript(codes), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := bank.Sample(t0); err != nil {
			t.Fatal(err)
		}
		for _, l := range bank.Dwell(nil) {
			if sum := l.MeanDBm + l.PeakDBm + l.UncertaintyDB; math.IsNaN(sum) || math.IsInf(sum, 0) {
				t.Fatalf("%+v", l)
			}
		}
	})
}
