package journal

import (
	"bytes"
	"testing"
	"time"
)

// FuzzScan: whatever a segment holds, what scan calls good is canonical: encoding it again gives the same bytes,
// and what is neither good nor torn is a break.
func FuzzScan(f *testing.F) {
	var prev digest
	seg := appendHeader(nil, format, prev, 1)
	for seq := range uint64(3) {
		entry, err := Entry{Kind: "test.entry", Time: time.Unix(1e9, 0), Quality: "synced", Payload: []byte(`{"a":1}`)}.encode(make([]byte, saltSize))
		if err != nil {
			f.Fatal(err)
		}
		seg, prev = appendRecord(seg, prev, seq+1, entry.header)
	}
	f.Add(seg)
	f.Add(seg[:len(seg)-1])
	f.Add(seg[:len(seg)-70])
	f.Add(append(bytes.Clone(seg), 0, 0, 0))
	f.Add(append(bytes.Clone(seg[:len(seg)-1]), "xx"...))
	f.Add(seg[:40])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var seqs []uint64
		s, err := scan(bytes.NewReader(b), "x", 1, func(_ bool, seq uint64, _ []byte, _ Entry) error {
			seqs = append(seqs, seq)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, seq := range seqs {
			if seq != uint64(i+1) {
				t.Fatalf("got sequence numbers %v", seqs)
			}
		}
		if s.entries != uint64(len(seqs)) || s.next != s.entries+1 {
			t.Fatalf("%d entries seen, got %+v", len(seqs), s)
		}
		rest := b[s.good:]
		if s.broken == nil && s.torn != int64(len(rest)) && len(bytes.TrimRight(rest[s.torn:], "\x00")) > 0 {
			t.Fatalf("%d bytes after the good ones are neither torn nor a break: %+v", len(rest), s)
		}
		again, err := scan(bytes.NewReader(b[:s.good]), "x", 1, nil)
		if err != nil || again.good != s.good || again.broken != nil || again.prev != s.prev {
			t.Fatalf("the good part alone: got %+v, want %+v", again, s)
		}
		if n := bytes.Count(b[:s.good], []byte{'\n'}); s.good > 0 && n != len(seqs)+1 {
			t.Fatalf("%d good lines, %d entries", n, len(seqs))
		}
	})
}
