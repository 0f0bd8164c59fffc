package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type settings struct {
	Name  string `json:"name"`
	Rate  int    `json:"rate"`
	Inner struct {
		Deep bool `json:"deep"`
	} `json:"inner"`
}

func TestDecode(t *testing.T) {
	tests := []struct {
		name, in string
		want     settings
		err      string // beginning, "" for none
	}{
		{"over defaults", `{"rate": 16000}`, settings{Name: "default", Rate: 16000}, ""},
		{"empty", `{}`, settings{Name: "default", Rate: 48000}, ""},
		{"with space around", " \n{}\n", settings{Name: "default", Rate: 48000}, ""},
		{"misspelt key", "{\n  \"name\": \"x\",\n  \"rat\": 1\n}", settings{}, `3:3: json: unknown field "rat"`},
		{"misspelt key that is a value before", "{\"name\": \"rat\",\n \"rat\" : 1}", settings{}, `2:2: json: unknown field "rat"`},
		{"misspelt key within", "{\"inner\": {\n\t\"deap\": true}}", settings{}, `2:2: json: unknown field "deap"`},
		{"wrong type", "{\n \"rate\": \"fast\"}", settings{}, "2:15: json: cannot unmarshal string"},
		{"no JSON", "{\n rate: 1}", settings{}, "2:2: invalid character 'r'"},
		{"cut short", `{"rate": 1`, settings{}, "1:10: unexpected EOF"},
		{"nothing", "", settings{}, "1:1: EOF"},
		{"two objects", "{}\n{}", settings{}, "2:1: more after the end"},
		{"an array", "[]", settings{}, "1:1: json: cannot unmarshal array"},
	}
	for _, tt := range tests {
		got := settings{Name: "default", Rate: 48000}
		err := Decode([]byte(tt.in), &got)
		if tt.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
				t.Errorf("%s: got error %v, want %s…", tt.name, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "unit.json")
	s := settings{Rate: 1}
	if err := Load(path, &s, true); err != nil || s.Rate != 1 {
		t.Errorf("optional and absent: got %+v, %v", s, err)
	}
	if err := Load(path, &s, false); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("absent: got %v, want an error that names %s", err, path)
	}
	if err := os.WriteFile(path, []byte(`{"rat":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Load(path, &s, true); err == nil || err.Error() != `config: `+path+`:1:2: json: unknown field "rat"` {
		t.Errorf("misspelt: got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"name":"x"}`, `{"inner":{"deep":true}}`, `{"na":1}`, `{"":0}`, "{\n}}", `{"rate":1e99}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s settings
		if err := Decode(b, &s); err != nil {
			line, col := 0, 0
			if _, e := fmt.Sscanf(err.Error(), "%d:%d: ", &line, &col); e != nil || line < 1 || col < 1 {
				t.Errorf("%q: error %q does not begin with line and column", b, err)
			}
		}
	})
}
