package slot

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"
)

var epoch = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

func TestCeilingsOverAnyWindow(t *testing.T) {
	for _, closed := range []bool{false, true} {
		r := rand.New(rand.NewPCG(1, 1))
		m := New()
		var fills []time.Time
		for now := epoch; now.Before(epoch.Add(3 * time.Hour)); now = now.Add(UrgentEvery) {
			if r.IntN(3) == 0 && m.Left(now, closed) > 0 {
				if !m.Fill(now, closed) {
					t.Fatal("Left > 0, yet Fill says it was too much")
				}
				fills = append(fills, now)
			}
			if r.IntN(5000) == 0 { // a restart keeps the windows
				b, err := json.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				m = New()
				if err := json.Unmarshal(b, m); err != nil {
					t.Fatal(err)
				}
			}
		}
		most := func(w time.Duration) (n int) {
			for i, j := 0, 0; i < len(fills); i++ {
				for fills[i].Sub(fills[j]) >= w {
					j++
				}
				n = max(n, i-j+1)
			}
			return n
		}
		if got := most(time.Minute); got != PerMinute {
			t.Errorf("closed %v: %d filled in the fullest minute, want %d", closed, got, PerMinute)
		}
		if got := most(time.Hour); closed && got > PerHour {
			t.Errorf("%d filled in the fullest closed hour, want at most %d", got, PerHour)
		}
	}
}

func TestBelowSpeech(t *testing.T) {
	const speech = 39.0 // bit/s
	minute := (128*(60.0/16+PerMinute) + choose(120, PerMinute)) / 60
	if minute > 35.3 || minute > speech {
		t.Errorf("%.1f bit/s in the fullest minute", minute)
	}
	if hour := float64(Ceiling(time.Hour)) / 3600; hour > 9.95 {
		t.Errorf("%.2f bit/s in the fullest closed hour", hour)
	}
}

func TestUnknownPastIsUsedUp(t *testing.T) {
	m := UsedUp(epoch)
	if n := m.Left(epoch.Add(59*time.Second), false); n != 0 {
		t.Errorf("%d left within the minute, want 0", n)
	}
	if n := m.Left(epoch.Add(61*time.Second), false); n != PerMinute {
		t.Errorf("%d left after a minute, want %d", n, PerMinute)
	}
	if n := m.Left(epoch.Add(59*time.Minute), true); n != 0 {
		t.Errorf("%d left within a closed hour, want 0", n)
	}
}

func TestOpenHourDoesNotMuteTheClosedOne(t *testing.T) {
	m := New()
	now := epoch
	for range 5 * PerMinute {
		now = now.Add(5 * time.Second)
		if !m.Fill(now, false) {
			t.Fatalf("refused after %v", now.Sub(epoch))
		}
	}
	if n := m.Left(now.Add(time.Minute), true); n != PerMinute {
		t.Errorf("%d left at the beginning of the closed session, want %d", n, PerMinute)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	if n := m.Left(now.Add(time.Minute), true); n != PerMinute {
		t.Errorf("%d left after a restart, want %d", n, PerMinute)
	}
}

func TestFormatOneCountsAsClosed(t *testing.T) {
	m := New()
	for range PerHour {
		m.Fill(epoch, false)
	}
	b, err := json.Marshal(map[string]any{"format": 1, "filled": m.filled})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	if n := m.Left(epoch.Add(2*time.Minute), true); n != 0 {
		t.Errorf("%d left, want 0", n)
	}
}

// TestCeilingHolds fills all that may be filled and compares with what is promised on the wall.
func TestCeilingHolds(t *testing.T) {
	for _, before := range []time.Duration{0, 10 * time.Minute, time.Hour, 90 * time.Minute} {
		m, end := New(), epoch.Add(2*time.Hour)
		since := end.Add(-before)
		for now := epoch; now.Before(end); now = now.Add(UrgentEvery) {
			if closed := !now.Before(since); m.Left(now, closed) > 0 {
				m.Fill(now, closed)
			}
			if now.Sub(epoch)%StatusEvery == 0 {
				m.Status(now)
			}
		}
		if got, most := m.Bits(end), Ceiling(before); got > most || float64(got) < 0.9*float64(most) {
			t.Errorf("closed for %v: %d bits, want at most %d and not much less", before, got, most)
		}
	}
}

func TestClockSetBack(t *testing.T) {
	m := New()
	for range PerMinute {
		m.Fill(epoch, false)
	}
	if n := m.Left(epoch.Add(-5*time.Hour), false); n != 0 {
		t.Errorf("%d left after the clock was set back, want 0", n)
	}
}

func FuzzUnmarshal(f *testing.F) {
	b, _ := json.Marshal(UsedUp(epoch))
	f.Add(b)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := New()
		if m.UnmarshalJSON(b) == nil {
			if n := m.Left(epoch, true); n < 0 || n > PerMinute {
				t.Errorf("%d left", n)
			}
		}
	})
}
