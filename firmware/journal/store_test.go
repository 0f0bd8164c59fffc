package journal

import (
	"context"
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	d := t.TempDir()
	for range 3 {
		j, err := Open(d, Options{SegmentBytes: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := j.Append(context.Background(), Entry{Kind: "unit.started", Time: time.Now(), Quality: "synced"}); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		if err := j.Read(5, func(uint64, Entry) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		t.Log(n, j.Last(), j.Recovered())
		j.Close()
	}
	t.Log(Verify(d))
}
