package sfu

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"subrosa/firmware/conference/batch"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/conference/tripwire"
	"subrosa/firmware/seal"
)

// TestMain lets the test program be the server that is measured, in a process of its own.
func TestMain(m *testing.M) {
	if kind := os.Getenv("SUBROSA_SFU_CHILD"); kind != "" {
		if err := serveChild(kind); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// usage is what the child says of itself.
type usage struct {
	CPU    time.Duration
	RSS    int // kB
	Allocs uint64
	Out    uint64
	Drops  uint64
}

func serveChild(kind string) error {
	var offer func(string, *signal.Offer) (*signal.Answer, error)
	var list func() []TrackInfo
	out := func() (n, drops uint64) { return 0, 0 }
	switch kind {
	case "bare":
		b, err := newBare()
		if err != nil {
			return err
		}
		offer, list = b.offer, b.list
	default:
		debug.SetGCPercent(50)
		s, room, err := newTestRoom(io.Discard, Events{})
		if err != nil {
			return err
		}
		var mu sync.Mutex
		leaf := 0
		senders := map[string]*tripwire.Sender{}
		offer = func(id string, o *signal.Offer) (*signal.Answer, error) {
			mu.Lock()
			if senders[id] == nil {
				senders[id] = &tripwire.Sender{}
				senders[id].Turn(time.Now(), testTag, leaf, 1, false)
				leaf++
			}
			w := senders[id]
			mu.Unlock()
			return room.Peer(id, w).Offer(o)
		}
		list = room.Tracks
		out = func() (n, drops uint64) {
			for i := range s.Dropped {
				drops += s.Dropped[i].Load()
			}
			return s.Out.Load(), drops
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /offer", func(w http.ResponseWriter, r *http.Request) {
		var o signal.Offer
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		a, err := offer(r.FormValue("peer"), &o)
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		json.NewEncoder(w).Encode(a)
	})
	mux.HandleFunc("GET /tracks", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(list()) })
	mux.HandleFunc("GET /usage", func(w http.ResponseWriter, _ *http.Request) {
		var used unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &used)
		u := usage{CPU: time.Duration(used.Nano()), RSS: rss()}
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		u.Allocs = ms.Mallocs
		u.Out, u.Drops = out()
		json.NewEncoder(w).Encode(u)
	})
	if os.Getenv("SUBROSA_SFU_PROFILE") != "" {
		mux.HandleFunc("GET /profile", profile)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if kind == "sealed" {
		if err := (seal.Server{UDP: true, Read: []string{"/proc/self/status"}}).Seal(); err != nil {
			return err
		}
	}
	fmt.Println(l.Addr())
	go http.Serve(l, mux)
	io.Copy(io.Discard, os.Stdin) // until the test ends
	return nil
}

func newTestRoom(log io.Writer, ev Events) (*SFU, *Room, error) {
	udp, err := batch.Listen("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	s, err := New(Options{UDP: udp, Loopback: true, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		return nil, nil, err
	}
	if ev.Tracks == nil {
		ev.Tracks = func() {}
	}
	if ev.Alarm == nil {
		ev.Alarm = func(Alarm) {}
	}
	return s, s.NewRoom(30, ev), nil
}

// rss is the resident memory in kB.
func rss() int {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		var kb int
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kb); n == 1 {
			return kb
		}
	}
	return 0
}

// child is a server in a process of its own.
type child struct {
	cmd  *exec.Cmd
	in   io.Closer
	base string
}

func startChild(t *testing.T, kind string) *child {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SUBROSA_SFU_CHILD="+kind)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, in: in, base: "http://" + strings.TrimSpace(line)}
	t.Cleanup(c.stop)
	return c
}

func (c *child) stop() {
	c.in.Close()
	c.cmd.Wait()
}

func (c *child) get(t *testing.T, path string, v any) {
	t.Helper()
	r, err := http.Get(c.base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		t.Fatal(err)
	}
}

func (c *child) offer(id string) func(*signal.Offer) (*signal.Answer, error) {
	return func(o *signal.Offer) (*signal.Answer, error) {
		b, _ := json.Marshal(o)
		r, err := http.Post(c.base+"/offer?peer="+id, "application/json", bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		defer r.Body.Close()
		if r.StatusCode != 200 {
			text, _ := io.ReadAll(r.Body)
			return nil, fmt.Errorf("%s", text)
		}
		var a signal.Answer
		return &a, json.NewDecoder(r.Body).Decode(&a)
	}
}

// load is a scene: publishers send, and receivers get all of the others.
type load struct {
	publishers, receivers int // receivers beside the publishers; if 0, publishers receive each other
	bitrate               int
	warm, run             time.Duration
}

// result of one run.
type result struct {
	perPacket time.Duration
	cores     float64
	out       float64 // packets/s, as received
	rss       int
	allocs    float64 // a packet that went out
	drops     uint64
}

func (l load) measure(t *testing.T, kind string) result {
	t.Helper()
	c := startChild(t, kind)
	var clients []*client
	defer func() {
		for _, x := range clients {
			x.close()
		}
		c.stop()
	}()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	for i := range l.publishers + l.receivers {
		x, err := newClient(fmt.Sprint("p", i), i, i < l.publishers)
		if err != nil {
			t.Fatal(err)
		}
		x.epoch.Store(1)
		clients = append(clients, x)
		if i < l.publishers {
			if err := x.offer(c.offer(x.id), nil); err != nil {
				t.Fatal(err)
			}
			wg.Add(1)
			go l.publish(x, stop, &wg)
		}
	}
	var tracks []TrackInfo
	wait(t, "all tracks", func() bool {
		tracks = nil
		c.get(t, "/tracks", &tracks)
		return len(tracks) == 2*l.publishers
	})
	for i, x := range clients {
		if l.receivers > 0 && i < l.publishers {
			continue
		}
		mine := tracks
		if kind != "bare" {
			mine = nil
			for _, tr := range tracks {
				if tr.Peer != x.id {
					mine = append(mine, tr)
				}
			}
		} else if i < l.publishers {
			mine = tracks[:len(tracks)-2] // any eleven will do
		}
		if err := x.offer(c.offer(x.id), mine); err != nil {
			t.Fatal(x.id, err)
		}
	}
	pause(l.warm)
	var a, b usage
	c.get(t, "/usage", &a)
	before, began := total(clients), time.Now()
	pause(l.run)
	c.get(t, "/usage", &b)
	after, took := total(clients), time.Since(began)
	n := float64(after - before)
	return result{perPacket: time.Duration(float64(b.CPU-a.CPU) / n), cores: (b.CPU - a.CPU).Seconds() / took.Seconds(), out: n / took.Seconds(), rss: b.RSS,
		allocs: float64(b.Allocs-a.Allocs) / n, drops: b.Drops}
}

func total(clients []*client) (n int64) {
	for _, c := range clients {
		c.mu.Lock()
		for _, r := range c.got {
			n += r.packets.Load()
		}
		c.mu.Unlock()
	}
	return n
}

// publish sends 30 frames and 50 packets of sound a second.
func (l load) publish(c *client, stop chan struct{}, wg *sync.WaitGroup) {
	defer wg.Done()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	frames, sounds := 0, 0
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			at := now.Sub(began)
			for ; time.Duration(frames)*time.Second/30 < at; frames++ {
				c.sendVideo(l.bitrate/8/30-40, c.keys.Swap(0) > 0 || frames%300 == 0)
			}
			for ; time.Duration(sounds)*time.Second/50 < at; sounds++ {
				c.sendAudio(80)
			}
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

// TestLoad measures processor time for a packet that goes out, ours and bare pion's in turn, so that what else the machine
// does weighs on both.
func TestLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	for _, name := range []string{"12 x 12 at 400 kbit/s", "4 x 30 at 1 Mbit/s"} {
		l := scenes[name]
		l.warm, l.run = 4*time.Second, 6*time.Second
		var ours, theirs []time.Duration
		rounds := 3
		for i := range rounds {
			for _, kind := range []string{"own", "bare"} {
				r := l.measure(t, kind)
				t.Logf("measured: %s: %s: %v a packet, %.2f cores, %.0f packets/s, %d MB, %.2f allocations a packet, %d dropped", name, kind, r.perPacket, r.cores, r.out, r.rss/1024, r.allocs, r.drops)
				if kind == "own" {
					ours = append(ours, r.perPacket)
				} else {
					theirs = append(theirs, r.perPacket)
				}
				_ = i
			}
		}
		ratio := float64(median(ours)) / float64(median(theirs))
		t.Logf("measured: %s: %.2f times the bare forwarder's processor time", name, ratio)
		if ratio > 0.8 {
			t.Errorf("%s: %.2f times the bare forwarder's processor time, at most 0.8", name, ratio)
		}
	}
}

// TestSealCosts measures processor time for a packet that goes out with the seal of a server and without it, in turn.
func TestSealCosts(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	if err := seal.Probe(); err != nil {
		t.Skipf("this kernel cannot: %v", err)
	}
	l := scenes["12 x 12 at 400 kbit/s"]
	l.warm, l.run = 4*time.Second, 6*time.Second
	by := map[string][]time.Duration{}
	order := []string{"own", "sealed"}
	for range 5 {
		slices.Reverse(order) // what comes first is not always the same
		for _, kind := range order {
			r := l.measure(t, kind)
			t.Logf("measured: %s: %v a packet, %.2f cores, %.0f packets/s", kind, r.perPacket, r.cores, r.out)
			by[kind] = append(by[kind], r.perPacket)
		}
	}
	ratio := float64(median(by["sealed"])) / float64(median(by["own"]))
	t.Logf("measured: sealed, %.2f times the processor time of before", ratio)
	if ratio > 1.3 {
		t.Errorf("sealed, %.2f times the processor time of before, at most 1.3", ratio)
	}
}

func median(d []time.Duration) time.Duration {
	d = append([]time.Duration(nil), d...)
	for i := range d {
		for j := i; j > 0 && d[j] < d[j-1]; j-- {
			d[j], d[j-1] = d[j-1], d[j]
		}
	}
	return d[len(d)/2]
}
