package imported

import (
	"strings"
	"testing"
	"time"

	"subrosa/mdm"
)

var (
	now    = time.Date(2026, 11, 28, 18, 0, 0, 0, time.UTC)
	berlin = time.FixedZone("CET", 3600)
)

const good = "\xef\xbb\xbfDevice;platform;assistant;microphone;reported\r\n" +
	"d-1;ios;off;unknown;2026-11-28T17:40:00+01:00\r\n" +
	"d-2;android;AUS;off;28.11.2026 18:30\r\n" + // 17:30 UTC
	"d-3;ios;on;;2026-11-28\r\n" +
	"d-4;;unbekannt;;2026-11-28 12:00\r\n" +
	"d-5;windows;off;;2026-11-20\r\n"

func TestPosture(t *testing.T) {
	r, err := ParseCSV([]byte(good), now, berlin)
	if err != nil {
		t.Fatal(err)
	}
	p := r.Posture(now, mdm.Assistant, Fresh)
	if p.Off != 2 || p.Total != 5 || !p.At.Equal(time.Date(2026, 11, 28, 16, 40, 0, 0, time.UTC)) || p.Evidence != mdm.Signed {
		t.Errorf("%+v", p)
	}
	if p.Counts[mdm.Declared] != 2 || p.Counts[mdm.Error] != 1 || p.Counts[mdm.Unknown] != 2 {
		t.Errorf("%v", p.Counts)
	}
	p.Version = 1
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	if p := r.Posture(now.Add(Fresh), mdm.Assistant, Fresh); p.Off != 0 || p.Counts[mdm.Unknown] != 5 || p.Evidence.Proves() || !p.At.IsZero() {
		t.Errorf("a day later: %+v", p)
	}
	if p := r.Posture(now, mdm.Assistant|mdm.Microphone, Fresh); p.Off != 1 {
		t.Errorf("with the microphone: %+v", p)
	}
	if old, young := r.Age(now); old.Hours() < 8*24 || young != 30*time.Minute {
		t.Errorf("age %v to %v", old, young)
	}
}

func TestComma(t *testing.T) {
	r, err := ParseCSV([]byte("reported,device,assistant\n2026-11-28T17:00:00Z,d-1,off\n"), now, berlin)
	if err != nil || len(r) != 1 || r[0].Off != mdm.Assistant {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRefused(t *testing.T) {
	head := "device;assistant;reported\n"
	for bad, why := range map[string]string{
		"":                                      "empty",
		head:                                    "no device",
		"device;assistant\nd-1;off\n":           "reported is missing",
		"device;assistant;reported;name\n":      `"name"`,
		"device;assistant;reported;camera?":     `"camera?"`,
		"device;assistant;reported;device\n":    "twice",
		head + "Meier, Anna;off;2026-11-28\n":   "line 2",
		head + "d-1;yes;2026-11-28\n":           "want off, on or unknown",
		head + "d-1;off;yesterday\n":            "line 2",
		head + "d-1;off;2026-11-28T18:06:00Z\n": "future",
		head + "d-1;off;2026-11-28\nd-2;off;2026-11-28\nd-1;on;2026-11-28\n": "line 4: device d-1 stands in line 2",
		head + "d-1;off\n":        "wrong number of fields",
		head + "d-1;off;\n":       "reported",
		"\xff\xfed\x00e\x00v\x00": "UTF-8",
	} {
		if _, err := ParseCSV([]byte(bad), now, berlin); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %s", bad, err, why)
		}
	}
}

func FuzzParseCSV(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("device,assistant,reported\nd-1,off,2026-11-28"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseCSV(b, now, berlin)
		if err != nil {
			return
		}
		p := r.Posture(now, mdm.Assistant, Fresh)
		p.Version = 1
		if err := p.Check(); err != nil || p.Total != len(r) {
			t.Errorf("%+v: %v", p, err)
		}
		if late := r.Posture(now.Add(Fresh+tolerance), mdm.Assistant, Fresh); late.Off != 0 {
			t.Errorf("stale, and counted: %+v", late)
		}
	})
}
