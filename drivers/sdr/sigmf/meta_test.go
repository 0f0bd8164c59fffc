package sigmf

import (
	"reflect"
	"strings"
	"testing"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/iqfile"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Meta
	}{
		{
			"usual",
			`{"global":{"core:version":"1.0.0","core:datatype":"ci16_le","core:sample_rate":2.4e6,"vendor:x":[1]},
			  "captures":[{"core:sample_start":0,"core:frequency":868300000}],"annotations":[{"core:sample_start":7}]}`,
			Meta{Encoding: iqfile.CS16, Format: sdr.Format{Rate: 2_400_000, Centre: 868.3e6}, Segments: []Segment{{}}},
		},
		{
			"least",
			`{"global":{"core:datatype":"cu8"}}`,
			Meta{Encoding: iqfile.CU8, Segments: []Segment{{}}},
		},
		{
			"two captures without a gap",
			`{"global":{"core:datatype":"ci8","core:sample_rate":1000},"captures":[{"core:sample_start":0,"core:frequency":1e6},{"core:sample_start":5,"core:frequency":1e6}]}`,
			Meta{Encoding: iqfile.CS8, Format: sdr.Format{Rate: 1000, Centre: 1e6}, Segments: []Segment{{}}},
		},
		{
			"a gap, second file of a split recording",
			`{"global":{"core:datatype":"cf32_le","core:sample_rate":1000,"core:offset":100,"core:num_channels":1},
			  "captures":[{"core:sample_start":100,"core:global_index":5100},{"core:sample_start":110,"core:global_index":5150}]}`,
			Meta{Encoding: iqfile.CF32, Format: sdr.Format{Rate: 1000}, Segments: []Segment{{}, {0, 0}, {10, 50}}},
		},
		{
			"around the samples",
			`{"global":{"core:datatype":"cu8","core:sample_rate":1000,"core:dataset":"x.bin","core:trailing_bytes":3},"captures":[{"core:sample_start":0,"core:header_bytes":44}]}`,
			Meta{Encoding: iqfile.CU8, Format: sdr.Format{Rate: 1000}, Dataset: "x.bin", Header: 44, Trailer: 3, Segments: []Segment{{}}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse([]byte(tt.text))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	global := func(s string) string { return `{"global":{"core:datatype":"cu8","core:sample_rate":1000,` + s + `}}` }
	captures := func(s string) string {
		return `{"global":{"core:datatype":"cu8","core:sample_rate":1000},"captures":[` + s + `]}`
	}
	for _, tt := range []struct{ text, want string }{
		{``, "unexpected end"},
		{`[]`, "cannot unmarshal"},
		{`{}`, `datatype ""`},
		{`{"global":{"core:datatype":"cf64_le"}}`, `datatype "cf64_le"`},
		{`{"global":{"core:datatype":"rf32_le"}}`, `datatype "rf32_le"`},
		{`{"global":{"core:datatype":"cu8","core:sample_rate":-5}}`, "rate -5"},
		{`{"global":{"core:datatype":"cu8","core:sample_rate":0.4}}`, "rate 0.4"},
		{`{"global":{"core:datatype":"cu8","core:sample_rate":1e300}}`, "rate 1e+300"},
		{global(`"core:num_channels":2`), "2 channels"},
		{global(`"core:metadata_only":true`), "no samples"},
		{global(`"core:dataset":"../../etc/passwd"`), "not a file beside it"},
		{global(`"core:dataset":".."`), "not a file beside it"},
		{global(`"core:trailing_bytes":-1`), "trailing bytes -1"},
		{global(`"core:offset":-1`), "offset -1"},
		{captures(`{}`), "capture 0: no start"},
		{captures(`{"core:sample_start":-1}`), "capture 0"},
		{captures(`{"core:sample_start":0,"core:global_index":0},{"core:sample_start":9,"core:global_index":9},{"core:sample_start":8}`), "capture 2 starts at sample 8"},
		{captures(`{"core:sample_start":0,"core:frequency":1e6},{"core:sample_start":9,"core:frequency":2e6}`), "1e+06 and 2e+06 Hz"},
		{captures(`{"core:sample_start":0,"core:frequency":-1}`), "-1 Hz"},
		{captures(`{"core:sample_start":0},{"core:sample_start":1,"core:header_bytes":4}`), "4 header bytes"},
		{captures(`{"core:sample_start":0,"core:global_index":10},{"core:sample_start":5,"core:global_index":14}`), "global index 14"},
	} {
		if _, err := Parse([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.text, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"global":{"core:datatype":"ci16_le","core:sample_rate":2.4e6},"captures":[{"core:sample_start":0,"core:frequency":868300000}]}`))
	f.Add([]byte(`{"global":{"core:datatype":"cu8","core:offset":5,"core:dataset":"a/b"},"captures":[{"core:sample_start":5,"core:global_index":9},{"core:sample_start":1152921504606846976,"core:global_index":1152921504606846976}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			return
		}
		if m.Format.Rate < 0 || m.Format.Centre < 0 || m.Header < 0 || m.Trailer < 0 || strings.ContainsAny(m.Dataset, `/\`) {
			t.Fatalf("%+v", m)
		}
		if m.Segments[0] != (Segment{}) {
			t.Fatalf("starts with %+v", m.Segments[0])
		}
		for i, s := range m.Segments[1:] {
			last := m.Segments[i]
			if s.Sample < last.Sample || s.At-last.At < s.Sample-last.Sample {
				t.Fatalf("%+v follows %+v", s, last)
			}
		}
	})
}
