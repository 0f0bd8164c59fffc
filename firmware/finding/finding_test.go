package finding

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"subrosa/dsp/detect"
)

var evening = time.Date(2026, 11, 21, 18, 30, 0, 123_456_789, time.FixedZone("CET", 3600))

func example() Finding {
	end := evening.Add(3 * time.Second)
	return Finding{
		ID: NewID(evening, rand.Reader), Kind: detect.UltrasonicBeacon, Name: "silverpush", Alarm: true,
		Sense: detect.Acoustic, Side: Inside, Start: evening, End: &end, Hz: 18525.04, BwHz: 1950, LevelDB: -61.23,
		SNRDB: 9.87, Statistic: 14.123456789, Threshold: 11.5, Pfa: 1.23456e-9, Confidence: 0.987,
		Coverage: "sound 2.5–24 kHz", Cause: AdvertBeacon,
	}
}

func TestNewIDKnown(t *testing.T) {
	// Two ends of the range and a pattern worked out by hand: 0x0123456789AB ms, then ten bytes 0xFF.
	for _, tt := range []struct {
		ms   int64
		fill byte
		want string
	}{
		{0, 0, "00000000000000000000000000"},
		{1<<48 - 1, 0xff, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"},
		{-5, 0, "00000000000000000000000000"},
		{1, 0, "00000000010000000000000000"},
		{32, 0x00, "00000000100000000000000000"},
		{0x0123456789AB, 0xff, "014D2PF2DBZZZZZZZZZZZZZZZZ"},
	} {
		got := NewID(time.UnixMilli(tt.ms), bytes.NewReader(bytes.Repeat([]byte{tt.fill}, 10)))
		if got != tt.want {
			t.Errorf("NewID(%d ms, %#x…): got %s, want %s", tt.ms, tt.fill, got, tt.want)
		}
	}
}

func TestNewIDSortsByTime(t *testing.T) {
	var ids []string
	seen := map[string]bool{}
	for i := range 2000 {
		at := evening.Add(time.Duration(i) * 7 * time.Millisecond)
		id := NewID(at, rand.Reader)
		if !ValidID(id) || seen[id] {
			t.Fatalf("id %q: valid %v, seen before %v", id, ValidID(id), seen[id])
		}
		if got, want := IDTime(id), at.Truncate(time.Millisecond); !got.Equal(want) {
			t.Fatalf("IDTime(%s): got %v, want %v", id, got, want)
		}
		seen[id] = true
		ids = append(ids, id)
	}
	if !slices.IsSorted(ids) {
		t.Error("ids of growing times are not sorted")
	}
}

func TestNewIDPanicsWithoutRandomness(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewID(evening, iotest.ErrReader(errors.New("no entropy")))
}

func TestValidID(t *testing.T) {
	good := NewID(evening, rand.Reader)
	for _, s := range []string{"", good[1:], good + "0", strings.ToLower("0ABCDEFGHJKMNPQRSTVWXYZ000"), "8" + good[1:],
		good[:25] + "U", good[:25] + "/", good[:24] + "é"} {
		if ValidID(s) || !IDTime(s).IsZero() {
			t.Errorf("ValidID(%q): got true, want false", s)
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	open := example()
	open.End = nil
	for _, f := range []Finding{example(), open, {Kind: detect.SensorDead, Name: "journal"}} {
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var got Finding
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if want := f.Rounded(); !reflect.DeepEqual(got, want) {
			t.Errorf("round trip of %s:\ngot  %+v\nwant %+v", b, got, want)
		}
	}
}

func TestJSONFieldNames(t *testing.T) {
	b, err := json.Marshal(example())
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	want := strings.Fields("id kind name alarm sense side start end hz bw_hz level_db snr_db statistic threshold pfa confidence coverage cause")
	for _, k := range want {
		if _, ok := m[k]; !ok {
			t.Errorf("published field %q is missing in %s", k, b)
		}
	}
	if len(m) != len(want) {
		t.Errorf("got %d fields, want %d: %s", len(m), len(want), b)
	}
}

func TestJSONNeverNaN(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64,
		math.SmallestNonzeroFloat64, math.Copysign(0, -1)} {
		f := example()
		v := reflect.ValueOf(&f).Elem()
		for i := range v.NumField() {
			if v.Field(i).Kind() == reflect.Float64 {
				v.Field(i).SetFloat(x)
			}
		}
		b, err := json.Marshal(f)
		if err != nil {
			t.Errorf("%g: %v", x, err)
			continue
		}
		if bytes.Contains(b, []byte(":-0,")) {
			t.Errorf("%g: negative zero in %s", x, b)
		}
	}
}

func TestValidate(t *testing.T) {
	ok := example()
	if err := ok.Validate(); err != nil {
		t.Fatalf("example: %v", err)
	}
	early := evening.Add(-time.Second)
	for _, tt := range []struct {
		want   string
		damage func(*Finding)
	}{
		{"id", func(f *Finding) { f.ID = "x" }},
		{"kind", func(f *Finding) { f.Kind = 200 }},
		{"kind", func(f *Finding) { f.Kind = detect.None }},
		{"has no name", func(f *Finding) { f.Name = "ism433" }},
		{"sense", func(f *Finding) { f.Sense = "sixth" }},
		{"side", func(f *Finding) { f.Side = "" }},
		{"start", func(f *Finding) { f.Start = time.Time{} }},
		{"end", func(f *Finding) { f.End = &early }},
		{"hz", func(f *Finding) { f.Hz = math.NaN() }},
		{"bw_hz", func(f *Finding) { f.BwHz = -1 }},
		{"snr_db", func(f *Finding) { f.SNRDB = math.Inf(1) }},
		{"pfa", func(f *Finding) { f.Pfa = 1.5 }},
		{"confidence", func(f *Finding) { f.Confidence = -0.1 }},
		{"coverage", func(f *Finding) { f.Coverage = "two\nlines" }},
		{"coverage", func(f *Finding) { f.Coverage = strings.Repeat("x", MaxCoverage+1) }},
		{"coverage", func(f *Finding) { f.Coverage = "\xff" }},
		{"cause", func(f *Finding) { f.Cause = "ghost" }},
	} {
		f := example()
		tt.damage(&f)
		if err := f.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got error %v, want one about %q", err, tt.want)
		}
	}
}

func TestCauseOf(t *testing.T) {
	for _, tt := range []struct {
		kind detect.Kind
		name string
		hz   float64
		want Cause
	}{
		{detect.UltrasonicTone, "", 15625, OldTelevision},
		{detect.UltrasonicTone, "", 15734, OldTelevision},
		{detect.UltrasonicTone, "", 19800, PowerSupply},
		{detect.UltrasonicTone, "", 25000, MotionSensor},
		{detect.UltrasonicTone, "", 40000, MotionSensor},
		{detect.UltrasonicTone, "", 60000, PowerSupply},
		{detect.UltrasonicBeacon, "silverpush", 18500, AdvertBeacon},
		{detect.UltrasonicBeacon, "ggwave", 16500, DataOverSound},
		{detect.UltrasonicBeacon, "unknown", 20500, PairingTone},
		{detect.Burst, "ism433", 433.92e6, SmallRadio},
		{detect.Burst, "ism868", 868.3e6, BuildingRadio},
		{detect.NewEmitter, "fm", 99.9e6, GuideTransmitter},
		{detect.OccupiedBand, "fm", 99.9e6, Broadcast},
		{detect.NewEmitter, "hall-mic", 823.5e6, HallMicrophone},
		{detect.NewEmitter, "pmr", 446.05e6, HouseRadio},
		{detect.OccupiedBand, "gsm900-ul", 900e6, MobilePhone},
		{detect.AVHot, "recorder", 0, LeftOn},
		{detect.SensorDead, "journal", 0, StorageFull},
		{detect.None, "", 0, ""},
	} {
		if got := CauseOf(tt.kind, tt.name, tt.hz); got != tt.want {
			t.Errorf("CauseOf(%s, %q, %g): got %q, want %q", tt.kind, tt.name, tt.hz, got, tt.want)
		}
	}
}

// forbidden are words that the product never says: they accuse, point at people, or call a room clean.
var forbidden = regexp.MustCompile(`(?i)täter|spion|überwach|wanze|lausch|verdächtig|schuldig|abhör|kein befund|sitzplatz|stadtrat|` +
	`\bspy|culprit|suspect|surveil|eavesdrop|\bbugs?\b|guilty|perpetrator|no finding|\bseat\b|\bclean\b|\bsauber|all clear|\bsicher\b|nachricht von|anruf von`)

func TestTexts(t *testing.T) {
	type named struct {
		what string
		f    func(lang string) string
		line int // longest, in characters; 0: may be the same in both languages
	}
	var all []named
	for _, k := range detect.Kinds() {
		all = append(all, named{"kind " + k.String(), func(l string) string { return KindText(l, k) }, 45})
		if _, ok := kindTexts[k]; !ok {
			t.Errorf("kind %s has no text", k)
		}
		for _, n := range append(slices.Clone(k.Names()), "") {
			if c := CauseOf(k, n, 1000); !c.Valid() {
				t.Errorf("%s %q: cause %q is not published", k, n, c)
			}
			if n == "" {
				continue
			}
			all = append(all, named{k.String() + " " + n, func(l string) string { return NameText(l, k, n) }, 0})
			_, plain := nameTexts[n]
			_, own := kindNames[kindName{k, n}]
			if !plain && !own {
				t.Errorf("%s: name %s has no text", k, n)
			}
		}
	}
	for _, c := range Causes() {
		all = append(all, named{"cause " + string(c), c.Text, 110}, named{"advice " + string(c), c.Advice, 130})
	}
	all = append(all, named{"no cause", Cause("").Advice, 140})
	for _, n := range all {
		de, en := n.f("de"), n.f("en")
		for lang, s := range map[string]string{"de": de, "en": en} {
			if s == "" || strings.TrimSpace(s) != s || strings.ContainsAny(s, "\n\t<>&") {
				t.Errorf("%s, %s: %q is not one line", n.what, lang, s)
			}
			if m := forbidden.FindString(s); m != "" {
				t.Errorf("%s, %s: %q has the word %q", n.what, lang, s, m)
			}
			if n.line > 0 && len([]rune(s)) > n.line {
				t.Errorf("%s, %s: %d characters, at most %d: %q", n.what, lang, len([]rune(s)), n.line, s)
			}
		}
		if n.line > 0 && de == en {
			t.Errorf("%s: the same in both languages: %q", n.what, de)
		}
		if n.f("fr") != de {
			t.Errorf("%s: another language does not get German", n.what)
		}
	}
}

func TestCausesAreUsedAndOnce(t *testing.T) {
	used := map[Cause]bool{}
	for _, r := range rules {
		used[r.cause] = true
	}
	for _, c := range bandCauses {
		used[c] = true
	}
	seen := map[Cause]bool{}
	for _, c := range Causes() {
		if seen[c] {
			t.Errorf("%s has two texts", c)
		}
		seen[c] = true
		if !used[c] {
			t.Errorf("%s is never the cause of anything", c)
		}
		delete(used, c)
	}
	for c := range used {
		t.Errorf("%s has no text", c)
	}
}

func TestTitle(t *testing.T) {
	f := example()
	for lang, want := range map[string]string{
		"de": "Ultraschallsignal mit Daten (SilverPush), 18,53\u00a0kHz",
		"en": "Ultrasonic data signal (SilverPush), 18.53\u00a0kHz",
	} {
		if got := f.Title(lang); got != want {
			t.Errorf("Title(%s): got %q, want %q", lang, got, want)
		}
	}
	bare := Finding{Kind: detect.Hotspot}
	if got, want := bare.Title("de"), "Mobiler WLAN-Zugangspunkt"; got != want {
		t.Errorf("Title: got %q, want %q", got, want)
	}
}

func TestHertz(t *testing.T) {
	for _, tt := range []struct {
		hz     float64
		de, en string
	}{
		{0, "0 Hz", "0 Hz"}, {100, "100 Hz", "100 Hz"}, {15625, "15,62 kHz", "15.62 kHz"}, {20000, "20 kHz", "20 kHz"},
		{433.92e6, "433,92 MHz", "433.92 MHz"}, {2.4e9, "2,4 GHz", "2.4 GHz"}, {-12500, "-12,5 kHz", "-12.5 kHz"},
	} {
		for lang, want := range map[string]string{"de": tt.de, "en": tt.en} {
			if got := strings.ReplaceAll(Hertz(lang, tt.hz), "\u00a0", " "); got != want {
				t.Errorf("Hertz(%s, %g): got %q, want %q", lang, tt.hz, got, want)
			}
		}
	}
}

// FuzzJSON: whatever decodes and is valid is written and read again as the same.
func FuzzJSON(f *testing.F) {
	b, _ := json.Marshal(example())
	f.Add(b)
	f.Add([]byte(`{"kind":"burst","hz":1e400}`))
	f.Add([]byte(`{"pfa":-1e-320,"statistic":1.7976931348623157e308}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var one Finding
		if json.Unmarshal(b, &one) != nil {
			return
		}
		if one.Validate() != nil {
			return
		}
		again, err := json.Marshal(one)
		if err != nil {
			t.Fatalf("valid finding does not encode: %v", err)
		}
		var two Finding
		if err := json.Unmarshal(again, &two); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if want := one.Rounded(); !reflect.DeepEqual(two, want) {
			t.Fatalf("got %+v, want %+v", two, want)
		}
		if !reflect.DeepEqual(two.Rounded(), two) {
			t.Fatalf("rounding twice changes %+v", two)
		}
	})
}
