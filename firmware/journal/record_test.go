package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestFormIsAsDrawn builds a segment from the drawing in the package's comment, not from the code.
func TestFormIsAsDrawn(t *testing.T) {
	at := time.Date(2026, 11, 21, 18, 30, 0, 0, time.FixedZone("CET", 3600))
	prev := make([]byte, 32)
	want := fmt.Sprintf("{\"format\":2,\"first\":1,\"prev\":\"%s\"}\n", strings.Repeat("00", 32))
	got := appendHeader(nil, format, digest{}, 1)
	var chain digest
	for seq := uint64(1); seq <= 3; seq++ {
		kind := fmt.Sprintf("test.n%d", seq)
		entry := fmt.Sprintf(`{"kind":"%s","time":"2026-11-21T17:30:00Z","quality":"synced"}`, kind)
		hashed := append(bytes.Clone(prev), 0, 0, 0, 0, 0, 0, 0, byte(seq))
		sum := sha256.Sum256(append(hashed, entry...))
		want += fmt.Sprintf("{\"seq\":%d,\"prev\":\"%s\",\"entry\":%s,\"hash\":\"%s\"}\n", seq, hex.EncodeToString(prev), entry, hex.EncodeToString(sum[:]))
		prev = sum[:]

		b, err := Entry{Kind: kind, Time: at, Quality: "synced"}.encode(make([]byte, saltSize))
		if err != nil {
			t.Fatal(err)
		}
		got, chain = appendRecord(got, chain, seq, b.header)
	}
	if string(got) != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	s, err := scan(strings.NewReader(want), "x", 1, nil)
	if err != nil || s.broken != nil || s.entries != 3 || s.prev != chain {
		t.Errorf("scan: got %+v, %v, want 3 good entries", s, err)
	}
}
