package sense

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestParseControl(t *testing.T) {
	tests := []struct {
		line string
		want Control
		err  string // part of the error, "" for none
	}{
		{"S", Control{Verb: 'S'}, ""},
		{"U 12 0", Control{Verb: 'U', Left: 12}, ""},
		{"U 0 1", Control{Verb: 'U', Closed: true}, ""},
		{"L 1", Control{Verb: 'L', Learn: true}, ""},
		{"L 0", Control{Verb: 'L'}, ""},
		{`C {"acoustic":["ultrasonic"],"radio":null}`, Control{Verb: 'C', Config: &Config{Acoustic: []string{"ultrasonic"}}}, ""},
		{`B [{"hz":433920000,"bw_hz":12500,"level_db":-40}]`, Control{Verb: 'B', Baseline: []Emitter{{433.92e6, 12500, -40}}}, ""},
		{"B null", Control{Verb: 'B'}, ""},
		{"K 2000 23280 1000 -20", Control{Verb: 'K', Chirp: Chirp{2000, 23280, 1000, -20}}, ""},
		{"K", Control{Verb: 'K'}, ""},

		{"", Control{}, "empty"},
		{"S now", Control{}, `"now"`},
		{"U 13 0", Control{}, "urgent poll"},
		{"U -1 0", Control{}, "urgent poll"},
		{"U 1", Control{}, "urgent poll"},
		{"U 1 2", Control{}, "urgent poll"},
		{"L", Control{}, "learn"},
		{"L 2", Control{}, "learn"},
		{"K ", Control{}, "want LO HI MS DB"},
		{"K 2000 23280 1000", Control{}, "want LO HI MS DB"},
		{"K 2000 23280 1000 loud", Control{}, "loud"},
		{"K 2000 23280 1000 1", Control{}, "self-test"},
		{"K 2000 1000 1000 -20", Control{}, "self-test"},
		{"K 2000 23280 60000 -20", Control{}, "self-test"},
		{"K 2000 99999999 1000 -20", Control{}, "self-test"},
		{"X", Control{}, "control 'X'"},
		{`C {"acustic":[]}`, Control{}, "acustic"},
		{`B [{"hz":1,"mac":"02:00"}]`, Control{}, "mac"},
		{"B [" + strings.Repeat(`{"hz":1},`, MaxBaseline) + `{"hz":1}]`, Control{}, "at most 200"},
	}
	for _, tt := range tests {
		got, err := ParseControl(tt.line)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%.40q: got error %v, want one with %q", tt.line, err, tt.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%.40q: got %+v, %v, want %+v", tt.line, got, err, tt.want)
		}
		if again, err := ParseControl(got.String()); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%.40q: written as %q it is read as %+v, %v", tt.line, got, again, err)
		}
	}
}

// TestLongestLineFits: the largest baseline with the longest numbers is one line.
func TestLongestLineFits(t *testing.T) {
	b := make([]Emitter, MaxBaseline)
	for i := range b {
		b[i] = Emitter{1.2345678901234567e9, 1.2345678901234567e6, -123.45678901234567}
	}
	if n := len(Control{Verb: 'B', Baseline: b}.String()); n >= MaxLine {
		t.Errorf("%d bytes, at most %d can be read", n, MaxLine)
	}
}

func FuzzParseControl(f *testing.F) {
	for _, s := range []string{"S", "U 3 1", "L 0", `C {"radio":["emitter"]}`, `B [{"hz":1e9}]`, "U 99999999999999999999 0", "K 2000 23280 1000 -20"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, err := ParseControl(line)
		if err != nil {
			return
		}
		again, err := ParseControl(c.String())
		if err != nil || fmt.Sprint(again) != fmt.Sprint(c) {
			t.Errorf("%q: %+v is written as %q and read as %+v, %v", line, c, c, again, err)
		}
	})
}
