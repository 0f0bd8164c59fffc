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
		u := usage{RSS: rss()}
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

// cpu is the processor time of the child, read from here: it does nothing for it.
func (c *child) cpu() time.Duration {
	var used unix.Timespec
	_ = unix.ClockGettime(int32(^c.cmd.Process.Pid<<3|2), &used) // CPUCLOCK_SCHED of a process, as clock_getcpuclockid(3) makes it
	return time.Duration(used.Nano())
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
