package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWords: what somebody types wrongly is told once, in one line that says what to do.
func TestWords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "conference.json")
	if err := os.WriteFile(file, []byte(`{"id": "conf", "listen": "127.0.0.1:0", "plain": true, "media": "127.0.0.1:0", "access": {"url": "http://localhost:1", "name": "Konferenz"},
		"rooms": [{"id": "ratssaal", "name": "Ratssaal", "level": "internal", "roster": "roster.csv"}, {"id": "saal-2", "name": "Saal 2", "level": "internal", "roster": "roster.csv"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args  string
		wants []string
		usage bool
	}{
		{"--nonsense", []string{"-nonsense", "--help"}, true},
		{"--config " + filepath.Join(t.TempDir(), "none.json"), []string{"none.json", "no such file", "--config says"}, false},
		{"--config " + file + " --first-invite saal-3", []string{"saal-3", "ratssaal, saal-2"}, true},
		{"--config " + file + " --stream-token saal-3 --play", []string{"saal-3", "ratssaal, saal-2"}, true},
		{"--stream-token ratssaal --play --hours 9999", []string{"9999", "1 to 744"}, true},
		{"--stream-token ratssaal", []string{"--publish", "--play"}, true},
		{"what", []string{`"what"`, "--help"}, true},
	} {
		err := run(context.Background(), append(strings.Fields(tt.args), "--state", t.TempDir()))
		var usage *usageError
		if err == nil || errors.As(err, &usage) != tt.usage || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, wrong usage %v, want %v", tt.args, err, errors.As(err, &usage), tt.usage)
			continue
		}
		for _, w := range tt.wants {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not name %q", tt.args, err, w)
			}
		}
	}
}
