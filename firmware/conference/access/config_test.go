package access

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"secret": "s3cret\n", "key": strings.Repeat("0a", 32) + "\n", "short": "0a0a", "empty": "\n", "words": "kein Schlüssel"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(text string) (Options, error) {
		t.Helper()
		var c Config
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			t.Fatal(err)
		}
		var o Options
		return o, c.Fill(&o, dir)
	}
	good := `{"url":"https://konferenz.raum.example","name":"Konferenz","sso":{"issuer":"https://sso.raum.example","client_id":"konferenz","secret_file":"secret","pseudonyms_file":"key","acr":["a"],"strong_acr":["a"]}}`
	if _, err := read(good); err != nil {
		t.Fatal(err)
	}
	for old, new := range map[string]string{
		`"name":"Konferenz"`:              `"name":""`,
		`https://konferenz.raum.example`:  `https://192.0.2.1`,
		`"secret_file":"secret"`:          `"secret_file":"absent"`,
		`"pseudonyms_file":"key"`:         `"pseudonyms_file":"short"`,
		`,"pseudonyms_file":"key"`:        ``,
		`"strong_acr":["a"]`:              `"strong_acr":["b"]`,
		`https://sso.raum.example`:        `http://localhost.evil.example`,
		`"client_id":"konferenz"`:         `"client_id":""`,
		`"secret_file":"secret","ps`:      `"secret_file":"empty","ps`,
		`"key","acr":["a"],"strong_acr":`: `"words","acr":["a"],"strong_acr":`,
	} {
		if _, err := read(strings.Replace(good, old, new, 1)); err == nil {
			t.Errorf("%s passed", new)
		}
	}
	if c := (Config{URL: "http://localhost:8082", Name: "Konferenz"}); c.Fill(&Options{}, dir) != nil {
		t.Error("without a city's sign-in: refused")
	}
}
