package record

import (
	"math"
	"math/rand/v2"
	"testing"

	"subrosa/dsp/detect"
)

func sample(r *rand.Rand) Record {
	rec := Record{Type: Type(1 + r.IntN(int(types)-1)), Seq: uint8(r.IntN(16))}
	switch rec.Type {
	case StatusType:
		for i := range rec.Status.Thirds {
			rec.Status.Thirds[i] = -130 + 140*r.Float64()
		}
		for i := range rec.Status.Bands {
			rec.Status.Bands[i] = math.NaN()
		}
		rec.Status.Health = uint16(r.IntN(1 << healthBits))
		for i := range rec.Status.Coverage[:used] {
			rec.Status.Coverage[i] = Share(r.IntN(4))
		}
		rec.Status.Open = r.IntN(20)
	case Appeared, Gone:
		ks := detect.Kinds()
		f := Finding{Kind: ks[r.IntN(len(ks))], Alarm: r.IntN(2) == 1, Number: uint8(r.IntN(64)), Hz: math.Pow(10, 10*r.Float64()),
			BwHz: math.Pow(10, 7*r.Float64()), LevelDB: -140 * r.Float64(), SNRDB: -40 + 100*r.Float64(), Statistic: 100 * r.Float64(),
			Threshold: 20 * r.Float64(), Pfa: math.Pow(10, -12*r.Float64()), Confidence: r.Float64(), StartAge: 500 * r.Float64(),
			EndAge: 30 * r.Float64(), Coverage: Share(r.IntN(4))}
		if n := f.Kind.Names(); n != nil {
			f.Name = n[r.IntN(len(n))]
		}
		rec.Finding = f
	case Known:
		rec.Known = Emitter{Index: 3, Count: 200, Hz: 433.92e6, BwHz: 12500, LevelDB: -40}
	case Merged:
		rec.Overflow = Overflow{Kind: detect.Burst, Count: 1 + r.IntN(300)}
	case Dying:
		rec.Cause = Cause(1 + r.IntN(int(causes)-1))
	}
	return rec
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		rec := sample(r)
		var a, b [Size]byte
		rec.Encode(&a)
		got, err := Decode(&a)
		if err != nil {
			t.Fatalf("%+v: %v", rec, err)
		}
		if got.Encode(&b); a != b {
			t.Fatalf("%v: decode∘encode changes %x to %x", rec.Type, a, b)
		}
	}
}

func TestFindingKeepsItsFigures(t *testing.T) {
	want := Finding{Kind: detect.UltrasonicBeacon, Name: "ggwave", Alarm: true, Number: 5, Hz: 17063, BwHz: 4172, LevelDB: -58.3,
		SNRDB: 9.2, Statistic: 39, Threshold: 9, Pfa: 1e-6, Confidence: 1, StartAge: 1.3, EndAge: 0.2, Coverage: All}
	var b [Size]byte
	(&Record{Type: Appeared, Seq: 9, Finding: want}).Encode(&b)
	rec, err := Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	got := rec.Finding
	near := func(what string, got, want, tol float64) {
		if math.Abs(got-want) > tol {
			t.Errorf("%s: got %g, want %g ± %g", what, got, want, tol)
		}
	}
	near("hz", got.Hz, want.Hz, 0.5)
	near("bw", got.BwHz, want.BwHz, 0.05*want.BwHz)
	near("level", got.LevelDB, want.LevelDB, 1)
	near("snr", got.SNRDB, want.SNRDB, 0.75)
	near("statistic", got.Statistic, want.Statistic, 0.05*want.Statistic)
	near("threshold", got.Threshold, want.Threshold, 0.05*want.Threshold)
	near("pfa", got.Pfa, want.Pfa, 1e-9)
	near("start", got.StartAge, want.StartAge, 0.051)
	if got.Kind != want.Kind || got.Name != want.Name || !got.Alarm || got.Number != 5 || got.Coverage != All {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRadioFrequencyResolution(t *testing.T) {
	for _, hz := range []float64{24e6, 433.92e6, 868.3e6, 1.766e9, 6e9} {
		var b [Size]byte
		(&Record{Type: Appeared, Finding: Finding{Kind: detect.NewEmitter, Name: "ism433", Hz: hz}}).Encode(&b)
		rec, err := Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if d := math.Abs(rec.Finding.Hz-hz) / hz; d > math.Exp2(-mantissa) {
			t.Errorf("%g Hz comes back as %g", hz, rec.Finding.Hz)
		}
	}
}

func TestOutsideTheGrammar(t *testing.T) {
	status := Record{Type: StatusType}
	var good [Size]byte
	status.Encode(&good)
	for name, spoil := range map[string]func(*[Size]byte){
		"version":            func(b *[Size]byte) { b[0] |= 0x10 },
		"type 7":             func(b *[Size]byte) { b[0] = 0xe0 },
		"empty, a bit set":   func(b *[Size]byte) { *b = [Size]byte{15: 1} },
		"empty, numbered":    func(b *[Size]byte) { *b = [Size]byte{0: 1} },
		"appeared, no kind":  func(b *[Size]byte) { *b = [Size]byte{0: 0x40} },
		"merged, padding":    func(b *[Size]byte) { *b = [Size]byte{0: 0xa0, 1: 0x38, 15: 1} },
		"known out of range": func(b *[Size]byte) { *b = [Size]byte{0: 0x80, 1: 5, 2: 5} },
		"known, none, a bit": func(b *[Size]byte) { *b = [Size]byte{0: 0x80, 4: 1} },
		"merged none":        func(b *[Size]byte) { *b = [Size]byte{0: 0xa0, 1: byte(detect.Burst) << 3} },
		"dying of nothing":   func(b *[Size]byte) { *b = [Size]byte{0: 0xc0} },
		"dying of 4":         func(b *[Size]byte) { *b = [Size]byte{0: 0xc0, 1: 0x40} },
		"spare coverage":     func(b *[Size]byte) { b[15] |= 0x10 },
	} {
		b := good
		spoil(&b)
		if rec, err := Decode(&b); err == nil {
			t.Errorf("%s: accepted as %+v", name, rec)
		}
	}
}

// TestAnyNumberFits: what a detector hands over may be anything; a record must not fail for it.
func TestAnyNumberFits(t *testing.T) {
	for _, v := range []float64{math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, math.Ldexp(1, 48), math.Ldexp(1<<17-0.25, 31), -1} {
		f := Finding{Kind: detect.UltrasonicTone, Hz: v, BwHz: v, LevelDB: v, SNRDB: v, Statistic: v, Threshold: v, Pfa: v, Confidence: v,
			StartAge: v, EndAge: v}
		var b [Size]byte
		(&Record{Type: Gone, Finding: f}).Encode(&b)
		if _, err := Decode(&b); err != nil {
			t.Errorf("%g: %v", v, err)
		}
	}
}

func TestNothingLearned(t *testing.T) {
	var b [Size]byte
	(&Record{Type: Known, Seq: 3}).Encode(&b)
	rec, err := Decode(&b)
	if err != nil || rec.Type != Known || rec.Known != (Emitter{}) {
		t.Errorf("got %+v, %v", rec.Known, err)
	}
}

func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 50 {
		var b [Size]byte
		rec := sample(r)
		rec.Encode(&b)
		f.Add(b[:])
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) != Size {
			return
		}
		b := [Size]byte(in)
		rec, err := Decode(&b)
		if err != nil {
			return
		}
		var again [Size]byte
		if rec.Encode(&again); again != b {
			t.Errorf("%x decodes to %+v, which encodes to %x", b, rec, again)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	rec := Record{Type: Appeared, Finding: Finding{Kind: detect.Burst, Name: "ism433", Hz: 433.92e6}}
	var out [Size]byte
	b.ReportAllocs()
	for b.Loop() {
		rec.Encode(&out)
	}
}
