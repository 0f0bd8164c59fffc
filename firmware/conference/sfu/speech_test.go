package sfu

import (
	"slices"
	"testing"
	"time"

	"subrosa/firmware/conference/linktest"
)

// TestEstimate: a receiver's low estimate alone holds nothing back; that it lowers it below what it is sent does.
func TestEstimate(t *testing.T) {
	now := time.Unix(1e9, 0)
	var b bound
	for _, rate := range []float64{50_000, 60_000, 2_000_000, 1_500_000} {
		if b.estimated(now, rate, 1e6); b.rate != 0 {
			t.Errorf("estimate %v of what is 1 Mbit/s: at most %v", rate, b.rate)
		}
	}
	if b.estimated(now, 800_000, 1e6); b.rate != 800_000 {
		t.Errorf("lowered below what is sent: at most %v, want 800000", b.rate)
	}
}

// TestAskings: a packet counts as lost once, and is sent again once in 50 ms.
func TestAskings(t *testing.T) {
	var a askings
	now := time.Unix(1e9, 0)
	for i, tt := range []struct {
		seq         uint16
		after       time.Duration
		first, soon bool
	}{{7, 0, true, false}, {7, 10 * time.Millisecond, false, true}, {8, 10 * time.Millisecond, true, false}, {7, 60 * time.Millisecond, false, false}, {7 + 256, 60 * time.Millisecond, true, false}} {
		if first, soon := a.note(tt.seq, now.Add(tt.after)); first != tt.first || soon != tt.soon {
			t.Errorf("%d: packet %d: first %v, soon %v", i, tt.seq, first, soon)
		}
	}
}

// listener stands for a browser's receive side, after sections 5.3 to 5.5 of draft-ietf-rmcat-gcc-02, roughly: over-use is a delay that
// has grown by 40 ms within half a second.
type listener struct {
	delays     []time.Duration // of the last half second
	times      []time.Time
	bits       []int
	estimate   float64
	said       time.Time
	sent, lost uint32 // since it reported
	reportedAt time.Time
}

func (l *listener) take(at, sent time.Time, size int) {
	l.delays, l.times, l.bits = append(l.delays, at.Sub(sent)), append(l.times, at), append(l.bits, size*8)
	for len(l.times) > 0 && at.Sub(l.times[0]) > 500*time.Millisecond {
		l.delays, l.times, l.bits = l.delays[1:], l.times[1:], l.bits[1:]
	}
}

func (l *listener) tell(now time.Time, b *bound, sent float64) {
	got := 0.0
	for _, n := range l.bits {
		got += float64(n) / 0.5
	}
	over := len(l.delays) > 20 && l.delays[len(l.delays)-1]-slices.Min(l.delays) > 40*time.Millisecond
	switch {
	case over && (l.estimate == 0 || 0.85*got < 0.97*l.estimate):
		l.estimate = 0.85 * got
		b.estimated(now, l.estimate, sent)
		l.said = now
	case !over && l.estimate < 1.5*got+10_000:
		l.estimate = max(l.estimate, min(l.estimate*1.008+100, 1.5*got+10_000))
	}
	if now.Sub(l.said) > time.Second {
		b.estimated(now, l.estimate, sent)
		l.said = now
	}
	if now.Sub(l.reportedAt) >= time.Second {
		b.lost(now, uint8(255*l.lost/max(1, l.sent)), l.sent, sent)
		l.lost, l.sent, l.reportedAt = 0, 0, now
	}
}

// TestSpeechBeforePictures plays a receiver to whom four send pictures of two layers, and one speech, over a line that is wide, then
// narrow, then wide again.
func TestSpeechBeforePictures(t *testing.T) {
	var b bound
	var l listener
	now := time.Unix(1e9, 0)
	begin := now
	wide, narrow := linktest.Weather{Rate: 20_000_000, Queue: 300 * time.Millisecond}, linktest.Weather{Rate: 500_000, Queue: 300 * time.Millisecond}
	line := linktest.NewLink(wide, 1)
	wants := make([]want, 4)
	for i := range wants {
		wants[i] = want{track: &Track{source: "camera"}, rates: []float64{120_000, 0, 1_200_000}}
	}
	type flight struct {
		at, sent time.Time
		size     int
	}
	var flying []flight
	layers := []int{2, 2, 2, 2}
	sent, rate, credit := 0.0, 0.0, [4]float64{}
	send := func(size int) bool {
		l.sent++
		sent += float64(size * 8)
		at, ok := line.Pass(now, size)
		if ok {
			flying = append(flying, flight{at, now, size})
		} else {
			l.lost++
		}
		return ok
	}
	var narrowLost, narrowAudio, shown int
	for n := 0; now.Sub(begin) < 150*time.Second; n++ {
		switch now.Sub(begin) {
		case 10 * time.Second:
			line = linktest.NewLink(narrow, 2)
		case 80 * time.Second:
			line = linktest.NewLink(wide, 3)
		}
		settled := now.Sub(begin) > 14*time.Second && now.Sub(begin) < 80*time.Second
		if n%2 == 0 && !send(120) && settled {
			narrowLost++
		}
		if n%2 == 0 && settled {
			narrowAudio++
		}
		for i, layer := range layers {
			if layer < 0 {
				continue
			}
			for credit[i] += wants[i].rates[layer] / 8 / 100; credit[i] > 1000; credit[i] -= 1000 {
				send(1000)
			}
		}
		for len(flying) > 0 && !flying[0].at.After(now) {
			l.take(flying[0].at, flying[0].sent, flying[0].size)
			flying = flying[1:]
		}
		l.tell(now, &b, rate)
		if n%60 == 59 {
			rate, sent = sent/0.6, 0
			b.rise(now, interval)
			layers = allot(wants, 9, budget(b.rate, 40_000))
			for _, x := range layers {
				if x >= 0 && settled {
					shown++
				}
			}
		}
		now = now.Add(10 * time.Millisecond)
	}
	share := float64(narrowLost) / float64(narrowAudio)
	mean := float64(shown) / 110
	t.Logf("measured: 500 kbit/s, pictures of 4.8 Mbit/s beside: from 4 s after the line became narrow on %.1f %% of speech lost in the queue, %.1f of 4 pictures shown on average; 70 s after it became wide layers %v", 100*share, mean, layers)
	if share > 0.02 {
		t.Errorf("%.1f %% of speech is lost in the queue", 100*share)
	}
	if mean < 1 {
		t.Errorf("%.1f of four pictures: too little", mean)
	}
	if !slices.Equal(layers, []int{2, 2, 2, 2}) {
		t.Errorf("layers %v at the end: a good line is not used", layers)
	}
}
