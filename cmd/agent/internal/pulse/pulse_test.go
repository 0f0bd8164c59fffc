//go:build linux

package pulse

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"subrosa/cmd/agent/internal/warden"
	"subrosa/firmware/state"
	"subrosa/mdm"
)

// laptop is an agent's warden on a real sound server.
type laptop struct {
	*warden.Warden
	t    *testing.T
	kick chan struct{}
	n    uint64

	mu      sync.Mutex
	reports []mdm.DeviceReport
	stop    func()
}

func (s *sound) laptop(dir string) *laptop {
	s.t.Helper()
	f, err := state.Open(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	w, err := warden.Open(f, slog.New(slog.DiscardHandler), time.Now(), s.Server)
	if err != nil {
		s.t.Fatal(err)
	}
	l := &laptop{Warden: w, t: s.t, kick: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.Run(ctx, l.kick, l.tell) })
	l.stop = func() { cancel(); wg.Wait() }
	s.t.Cleanup(l.stop)
	return l
}

func (l *laptop) tell(r mdm.DeviceReport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reports = append(l.reports, r)
}

func (l *laptop) last() (r mdm.DeviceReport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.reports); n > 0 {
		r = l.reports[n-1]
	}
	return r
}

func (l *laptop) wish(mode mdm.Mode, lease int) {
	l.t.Helper()
	l.n = max(l.n+1, uint64(time.Now().UnixNano()))
	d := mdm.DeviceDesired{Version: l.n, Command: "c", Mode: mode, LeaseS: lease, HardEnd: time.Now().Add(time.Hour)}
	if mode == mdm.Locked {
		d.Restrict = []string{"microphone"}
	}
	if err := l.Take(time.Now(), d); err != nil {
		l.t.Fatal(err)
	}
	l.kick <- struct{}{}
}

func (l *laptop) reaches(s mdm.State) {
	l.t.Helper()
	until(l.t, "state "+string(s), func() bool { return l.last().State == s && l.last().DesiredVersion == l.n })
}

// servers are the two real ones.
var servers = []struct {
	name  string
	start func(*testing.T) *sound
	more  func(*sound) *recording
}{{"PulseAudio", pulseAudio, func(s *sound) *recording { return s.parec("mic") }}, {"PipeWire", pipeWire, func(s *sound) *recording { return s.pwRecord("mic") }}}

// TestRealServers holds a running recording against the lock: heard before, exactly nothing while locked, heard after.
func TestRealServers(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			s := server.start(t)
			mic, out, more := s.parec("mic"), s.parec("out.monitor"), server.more(s)
			before := mic.reaches("microphone before", loud)
			out.reaches("output before", loud)
			more.reaches("second program before", loud)
			l := s.laptop(t.TempDir())
			l.wish(mdm.Locked, 300)
			l.reaches(mdm.LockedVerified)
			mic.reaches("microphone locked", silent)
			out.reaches("output's monitor locked", silent)
			more.reaches("second program locked", silent)
			for range 10 {
				if p, q, r := mic.peak(), out.peak(), more.peak(); p|q|r != 0 {
					t.Fatalf("peaks %d, %d, %d while locked", p, q, r)
				}
			}
			l.wish(mdm.Open, 0)
			l.reaches(mdm.OpenVerified)
			t.Logf("measured: %s: peak %d before, 0 locked, %d after", server.name, before, mic.reaches("microphone after", loud))
		})
	}
}

// TestFormerState: what was muted before stays muted after, and the rest comes back.
func TestFormerState(t *testing.T) {
	s := pulseAudio(t)
	s.must("pactl", "set-source-mute", "mic", "1")
	l := s.laptop(t.TempDir())
	l.wish(mdm.Locked, 300)
	l.reaches(mdm.LockedVerified)
	if got := s.must("pactl", "get-source-mute", "out.monitor"); got != "Mute: yes" {
		t.Errorf("locked: out.monitor: %s", got)
	}
	l.wish(mdm.Open, 0)
	l.reaches(mdm.OpenVerified)
	if m, o := s.must("pactl", "get-source-mute", "mic"), s.must("pactl", "get-source-mute", "out.monitor"); m != "Mute: yes" || o != "Mute: no" {
		t.Errorf("after: mic %s, out.monitor %s", m, o)
	}
}

// TestCircumvented: somebody unmutes, and a source appears, while locked.
func TestCircumvented(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			s := server.start(t)
			l := s.laptop(t.TempDir())
			l.wish(mdm.Locked, 300)
			l.reaches(mdm.LockedVerified)
			began := time.Now()
			s.must("pactl", "set-source-mute", "mic", "0")
			until(t, "mute again", func() bool { return s.must("pactl", "get-source-mute", "mic") == "Mute: yes" })
			t.Logf("measured: %s: muted again %v after the program that unmutes was started", server.name, time.Since(began).Round(time.Millisecond))
			until(t, "report", func() bool { return l.last().Error == mdm.FaultCircumvent && l.last().State == mdm.LockedVerified })
			before := l.Counts()
			s.must("pactl", "load-module", "module-null-sink", "sink_name=late")
			until(t, "mute of a new source", func() bool {
				out, err := s.cmd("pactl", "get-source-mute", "late.monitor")
				return err == nil && out == "Mute: yes"
			})
			if now := l.Counts(); now.Circumvented != before.Circumvented {
				t.Error("a new source counts as circumvention")
			}
			l.wish(mdm.Open, 0)
			l.reaches(mdm.OpenVerified)
			if got := s.must("pactl", "get-source-mute", "late.monitor"); got != "Mute: no" {
				t.Errorf("the new source after: %s", got)
			}
		})
	}
}

// TestServerRestarts: a sound server that ends and starts again has forgotten everything; its sources are muted again, and given back.
func TestServerRestarts(t *testing.T) {
	s := pulseAudio(t)
	l := s.laptop(t.TempDir())
	l.wish(mdm.Locked, 300)
	l.reaches(mdm.LockedVerified)
	s.must("pactl", "exit")
	until(t, "report that the server is gone", func() bool { return l.last().State == mdm.Error })
	s.startPulse()
	l.reaches(mdm.LockedVerified)
	if got := s.must("pactl", "get-source-mute", "mic"); got != "Mute: yes" {
		t.Errorf("after the restart: %s", got)
	}
	if l.last().Error != "" {
		t.Errorf("a restart counts as %s", l.last().Error)
	}
	l.wish(mdm.Open, 0)
	l.reaches(mdm.OpenVerified)
	if got := s.must("pactl", "get-source-mute", "mic"); got != "Mute: no" {
		t.Errorf("after the lock: %s", got)
	}
}

// TestOwnLease: nobody renews, and there is no network in this test at all.
func TestOwnLease(t *testing.T) {
	s := pulseAudio(t)
	l := s.laptop(t.TempDir())
	l.wish(mdm.Locked, 3)
	l.reaches(mdm.LockedVerified)
	l.reaches(mdm.OpenVerified)
	if got := s.must("pactl", "get-source-mute", "mic"); got != "Mute: no" {
		t.Errorf("after the lease: %s", got)
	}
}

// TestCrash: the agent ends in the middle of a lock; the next start goes on until the lease is over.
func TestCrash(t *testing.T) {
	s := pulseAudio(t)
	dir := t.TempDir()
	l := s.laptop(dir)
	l.wish(mdm.Locked, 5)
	l.reaches(mdm.LockedVerified)
	l.stop()
	if got := s.must("pactl", "get-source-mute", "mic"); got != "Mute: yes" {
		t.Errorf("after the end of the program: %s", got)
	}
	again := s.laptop(dir)
	again.n = l.n
	again.reaches(mdm.OpenVerified)
	if got := s.must("pactl", "get-source-mute", "mic"); got != "Mute: no" {
		t.Errorf("after the lease: %s", got)
	}
}
