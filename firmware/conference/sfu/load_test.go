package sfu

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"subrosa/firmware/seal"
)

// load is a scene: publishers send, and receivers get all of the others.
type load struct {
	publishers, receivers int // receivers beside the publishers; if 0, publishers receive each other
	bitrate               int
}

// side is a scene at one server.
type side struct {
	l         load
	kind      string
	server    *child
	clients   []*client
	publisher []*client
	delays    [2]histogram // sound, pictures: from when a packet was sent until it was read
	perPacket []time.Duration
	delivered int64
	missing   int64
	cpu, took time.Duration
}

// open connects a scene's people to a server of its own, and all get what they are to get.
func (l load) open(t *testing.T, kind string) *side {
	t.Helper()
	s := &side{l: l, kind: kind, server: startChild(t, kind)}
	t.Cleanup(func() {
		for _, x := range s.clients {
			x.close()
		}
	})
	for i := range l.publishers + l.receivers {
		x, err := newClient(fmt.Sprint("p", i), i, i < l.publishers)
		if err != nil {
			t.Fatal(err)
		}
		x.epoch.Store(1)
		x.delays = &s.delays
		s.clients = append(s.clients, x)
		if i < l.publishers {
			s.publisher = append(s.publisher, x)
			if err := x.offer(s.server.offer(x.id), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	var tracks []TrackInfo
	wait(t, "all tracks", func() bool {
		s.send(100 * time.Millisecond)
		tracks = nil
		s.server.get(t, "/tracks", &tracks)
		return len(tracks) == 2*l.publishers
	})
	s.subscribe(t, tracks)
	wait(t, "everything comes", func() bool {
		begun, before := s.sent(), s.received()
		s.send(200 * time.Millisecond)
		s.settle((s.sent()-begun)*l.each() + before)
		return s.received()-before == (s.sent()-begun)*l.each()
	})
	return s
}

// each is to how many people a packet goes.
func (l load) each() int64 {
	if l.receivers > 0 {
		return int64(l.receivers)
	}
	return int64(l.publishers - 1)
}

func (s *side) subscribe(t *testing.T, tracks []TrackInfo) {
	t.Helper()
	for i, x := range s.clients {
		if s.l.receivers > 0 && i < s.l.publishers {
			continue
		}
		mine := tracks
		if s.kind != "bare" {
			mine = nil
			for _, tr := range tracks {
				if tr.Peer != x.id {
					mine = append(mine, tr)
				}
			}
		} else if i < s.l.publishers {
			mine = tracks[:len(tracks)-2] // any eleven will do
		}
		if err := x.offer(s.server.offer(x.id), mine); err != nil {
			t.Fatal(x.id, err)
		}
	}
}

func (s *side) sent() (n int64) {
	for _, c := range s.publisher {
		n += c.sent.Load()
	}
	return n
}

func (s *side) received() (n int64) {
	for _, c := range s.clients {
		n += c.packets.Load()
	}
	return n
}

// send has all publish so much: always as many packets, if later than they should go where the machine is busy.
func (s *side) send(much time.Duration) {
	var wg sync.WaitGroup
	for _, c := range s.publisher {
		wg.Go(func() { s.l.publish(c, much) })
	}
	wg.Wait()
}

// settle waits until so many packets have come, or none comes any more: on a machine that is busy a program may stand still for seconds.
func (s *side) settle(want int64) {
	last, since := int64(-1), time.Now()
	for time.Since(since) < 10*time.Second {
		n := s.received()
		if n >= want {
			return
		}
		if n != last {
			last, since = n, time.Now()
		}
		pause(5 * time.Millisecond)
	}
}

// turn measures a while of the scene.
func (s *side) turn(much time.Duration) time.Duration {
	sent, before, cpu, began := s.sent(), s.received(), s.server.cpu(), time.Now()
	s.send(much)
	want := (s.sent() - sent) * s.l.each()
	s.settle(before + want)
	used, n := s.server.cpu()-cpu, s.received()-before
	s.cpu, s.took = s.cpu+used, s.took+time.Since(began)
	s.delivered, s.missing = s.delivered+n, s.missing+want-n
	per := used / time.Duration(max(1, n))
	s.perPacket = append(s.perPacket, per)
	return per
}

// publish sends 30 frames and 50 packets of sound a second.
func (l load) publish(c *client, much time.Duration) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	frames, sounds := 0, 0
	for now := range tick.C {
		at := min(now.Sub(began), much)
		for ; time.Duration(frames)*time.Second/30 < at; frames++ {
			c.sendVideo(l.bitrate/8/30-40, c.keys.Swap(0) > 0 || frames%300 == 0)
		}
		for ; time.Duration(sounds)*time.Second/50 < at; sounds++ {
			c.sendAudio(80)
		}
		if at == much {
			return
		}
	}
}

func pause(d time.Duration) { <-time.After(d) }

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); pause(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

var scenes = map[string]load{
	"12 x 12 at 400 kbit/s": {publishers: 12, bitrate: 400_000},
	"4 x 30 at 1 Mbit/s":    {publishers: 4, receivers: 30, bitrate: 1_000_000},
}

// against has two servers serve the same scene in turn, a second at a time and each first as often, so that whatever else the machine
// does weighs on both. It returns, in order, the ratios of their processor times for a packet that is delivered.
func (l load) against(t *testing.T, turns int, kinds ...string) (ratios []float64, sides []*side) {
	t.Helper()
	for _, kind := range kinds {
		sides = append(sides, l.open(t, kind))
	}
	var before [2]usage
	for i, s := range sides {
		s.turn(time.Second) // not counted
		s.perPacket, s.delivered, s.missing, s.cpu, s.took = nil, 0, 0, 0, 0
		for k := range s.delays {
			s.delays[k].reset()
		}
		s.server.get(t, "/usage", &before[i])
	}
	for i := range turns {
		first, second := sides[i%2], sides[1-i%2]
		first.turn(time.Second)
		second.turn(time.Second)
		ratios = append(ratios, float64(sides[0].perPacket[i])/float64(sides[1].perPacket[i]))
	}
	for i, s := range sides {
		var after usage
		s.server.get(t, "/usage", &after)
		t.Logf("measured: %s: %v a packet (%v to %v), %.2f cores, %d packets delivered, %d not (it says that %d went out), %d MB, %.2f allocations a packet, %d refused", s.kind, median(s.perPacket), slices.Min(s.perPacket), slices.Max(s.perPacket),
			s.cpu.Seconds()/s.took.Seconds(), s.delivered, s.missing, after.Out-before[i].Out, after.RSS/1024, float64(after.Allocs-before[i].Allocs)/float64(s.delivered), after.Drops-before[i].Drops)
		for k, what := range []string{"sound", "pictures"} {
			t.Logf("measured: %s: %s on its way p50 %v, p99 %v", s.kind, what, s.delays[k].quantile(0.5), s.delays[k].quantile(0.99))
		}
	}
	slices.Sort(ratios)
	return ratios, sides
}

// TestLoad measures processor time for a packet that is delivered, ours and bare pion's.
func TestLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	for _, name := range []string{"12 x 12 at 400 kbit/s", "4 x 30 at 1 Mbit/s"} {
		t.Run(name, func(t *testing.T) {
			const turns = 16
			ratios, sides := scenes[name].against(t, turns, "own", "bare")
			middle := median(ratios)
			t.Logf("measured: %s: %.2f times the bare forwarder's processor time (half of %d turns in %.2f to %.2f, all in %.2f to %.2f)", name, middle, turns,
				ratios[turns/4], ratios[turns-1-turns/4], ratios[0], ratios[turns-1])
			if middle > 0.8 {
				t.Errorf("%.2f times the bare forwarder's processor time, at most 0.8", middle)
			}
			for _, s := range sides {
				if s.missing*200 > s.delivered {
					t.Errorf("%s: %d of %d packets were not delivered: this compares nothing", s.kind, s.missing, s.delivered+s.missing)
				}
			}
		})
	}
}

// TestDelay tells how long packets are on their way through either forwarder in a small call, which leaves a machine idle in between.
func TestDelay(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	_, sides := load{publishers: 3, bitrate: 400_000}.against(t, 8, "own", "bare")
	for _, s := range sides {
		if s.missing > 0 {
			t.Errorf("%s: %d of %d packets were not delivered", s.kind, s.missing, s.delivered+s.missing)
		}
	}
}

// TestSealCosts measures processor time for a packet that is delivered with the seal of a server and without it.
func TestSealCosts(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	if err := seal.Probe(); err != nil {
		t.Skipf("this kernel cannot: %v", err)
	}
	const turns = 16
	ratios, _ := scenes["12 x 12 at 400 kbit/s"].against(t, turns, "sealed", "own")
	t.Logf("measured: sealed, %.2f times the processor time of before (half of %d turns in %.2f to %.2f)", median(ratios), turns, ratios[turns/4], ratios[turns-1-turns/4])
	if median(ratios) > 1.3 {
		t.Errorf("sealed, %.2f times the processor time of before, at most 1.3", median(ratios))
	}
}

func median[T cmp.Ordered](d []T) T {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// histogram counts durations, in steps of 50 µs up to 100 ms.
type histogram [2001]atomic.Int64

const histogramStep = 50 * time.Microsecond

func (h *histogram) add(d time.Duration) { h[min(max(0, d/histogramStep), 2000)].Add(1) }

func (h *histogram) reset() {
	for i := range h {
		h[i].Store(0)
	}
}

// quantile is the upper end of the step that holds it.
func (h *histogram) quantile(q float64) time.Duration {
	var all, n int64
	for i := range h {
		all += h[i].Load()
	}
	for i := range h {
		if n += h[i].Load(); float64(n) >= q*float64(all) {
			return time.Duration(i+1) * histogramStep
		}
	}
	return 0
}
