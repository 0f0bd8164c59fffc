package linktest

import (
	"encoding/binary"
	"errors"
	"math"
	"net"
	"os"
	"testing"
	"time"
)

// play sends n packets, one every gap, and returns which came, with their delays.
func play(l *Link, n, size int, gap time.Duration) (delays []time.Duration) {
	now := time.Unix(0, 0)
	for range n {
		if at, ok := l.Pass(now, size); ok {
			delays = append(delays, at.Sub(now))
		} else {
			delays = append(delays, -1)
		}
		now = now.Add(gap)
	}
	return delays
}

func TestLoss(t *testing.T) {
	for _, burst := range []float64{1, 4} {
		got := play(NewLink(Weather{Loss: 0.05, Burst: burst}, 1), 200_000, 100, time.Millisecond)
		lost, runs := 0, 0
		for i, d := range got {
			if d < 0 {
				lost++
				if i == 0 || got[i-1] >= 0 {
					runs++
				}
			}
		}
		share, length := float64(lost)/float64(len(got)), float64(lost)/float64(runs)
		want := max(burst, 1/(1-0.05))
		if math.Abs(share-0.05) > 0.005 || math.Abs(length-want) > 0.15 {
			t.Errorf("bursts of %v: %.4f lost, %.2f in a row on average, want 0.05 and %.2f", burst, share, length, want)
		}
	}
}

func TestQueue(t *testing.T) {
	// 972 bytes and 28 of headers each 8 ms are 1 Mbit/s; half of it passes, and waits for as long as the queue is
	l := NewLink(Weather{Rate: 500_000, Queue: 200 * time.Millisecond}, 1)
	got := play(l, 1000, 972, 8*time.Millisecond)
	longest := time.Duration(0)
	for _, d := range got {
		longest = max(longest, d)
	}
	if l.Passed < 500 || l.Passed > 520 || l.Full != 1000-l.Passed || longest < 195*time.Millisecond || longest > 220*time.Millisecond {
		t.Errorf("%d passed, %d found it full, longest %v", l.Passed, l.Full, longest)
	}
}

func TestJitterKeepsOrderAndSeed(t *testing.T) {
	w := Weather{Delay: 20 * time.Millisecond, Jitter: 50 * time.Millisecond, Loss: 0.1}
	a, b := play(NewLink(w, 7), 1000, 100, 5*time.Millisecond), play(NewLink(w, 7), 1000, 100, 5*time.Millisecond)
	last, spread := time.Duration(0), map[time.Duration]bool{}
	for i := range a {
		if a[i] != b[i] {
			t.Fatal("the same seed, another fate")
		}
		if a[i] < 0 {
			continue
		}
		at := time.Duration(i)*5*time.Millisecond + a[i]
		if at < last || a[i] < 20*time.Millisecond || a[i] > 70*time.Millisecond {
			t.Fatalf("packet %d comes at %v after %v, delay %v", i, at, last, a[i])
		}
		last = at
		spread[a[i].Truncate(10*time.Millisecond)] = true
	}
	if len(spread) < 4 {
		t.Errorf("delays fall into %d tens of milliseconds only", len(spread))
	}
}

// TestRelay: both ways, over real sockets.
func TestRelay(t *testing.T) {
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() { // an echo
		buf := make([]byte, 100)
		for {
			n, from, err := server.ReadFromUDP(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteToUDP(buf[:n], from)
		}
	}()
	r, err := Listen(server.LocalAddr().(*net.UDPAddr).AddrPort(), Weather{Delay: 5 * time.Millisecond}, Weather{Loss: 0.2, Delay: 5 * time.Millisecond}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(r.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	end := began.Add(30 * time.Second)
	got, sent, last, buf := 0, 0, -1, make([]byte, 100)
	for {
		up, down := r.Counts()
		if up.Passed == sent && down.Passed+down.Lost == sent && got == down.Passed { // no more than sockets hold are on their way
			if sent == 500 {
				if down.Lost < 60 || down.Lost > 140 {
					t.Errorf("%d of 500 lost on the way back, want some 100", down.Lost)
				}
				return
			}
			for range 50 {
				_, _ = c.Write(binary.BigEndian.AppendUint32(nil, uint32(sent)))
				sent++
			}
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		n, err := c.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(end) {
			continue
		}
		if err != nil {
			t.Fatalf("%v: %d sent, %d came, %+v up, %+v down", err, sent, got, up, down)
		}
		if got == 0 && time.Since(began) < 10*time.Millisecond {
			t.Errorf("the first came back after %v", time.Since(began))
		}
		got++
		i := int(binary.BigEndian.Uint32(buf[:n]))
		if i <= last {
			t.Fatalf("%d after %d", i, last)
		}
		last = i
	}
}
