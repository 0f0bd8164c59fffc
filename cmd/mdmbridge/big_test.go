package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"subrosa/firmware/config"
	"subrosa/mdm"
)

// TestMain runs the program itself when the test asks for it, so that it can be killed as a process.
func TestMain(m *testing.M) {
	path := os.Getenv("MDMBRIDGE_TEST_CONFIG")
	if path == "" {
		os.Exit(m.Run())
	}
	lean()
	kinds["instant"] = func(p parts) (mdm.Backend, error) { return newInstant(p.devices), nil }
	c := defaults()
	err := config.Load(path, &c, false)
	if os.Getenv("MDMBRIDGE_TEST_QUICK") != "" {
		c.tune = quick
	}
	if err == nil {
		err = c.check()
	}
	if err == nil {
		var s *site
		state := os.Getenv("MDMBRIDGE_TEST_STATE")
		if s, err = assemble(c, state, true, slog.New(slog.NewTextHandler(os.Stderr, nil))); err == nil {
			err = s.run(context.Background(), filepath.Join(state, marker))
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// process is the program as a process of its own.
type process struct{ cmd *exec.Cmd }

func (h *house) spawn(quickly bool) *process {
	h.t.Helper()
	h.file("config.json", h.conf)
	p := &process{exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), "MDMBRIDGE_TEST_CONFIG="+h.path("config.json"), "MDMBRIDGE_TEST_STATE="+h.path("state"))
	if quickly {
		p.cmd.Env = append(p.cmd.Env, "MDMBRIDGE_TEST_QUICK=1")
	}
	p.cmd.Stderr = h.log
	if err := p.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.nano.Hook("http://"+h.conf.Listen+"/webhook/nanomdm", 0)
	return p
}

// kill is SIGKILL.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// TestKills: random evenings with leases of seconds, in which bridge (SIGKILL), unit and broker (which forgets) die, webhook calls are
// lost, screens lock, phones go away and refuse. None is left locked, none stuck, none without its standing posture.
func TestKills(t *testing.T) {
	runs, phones := 1, 6
	if !testing.Short() {
		runs, phones = 100, 12
	}
	h := newHouse(t, phones)
	for _, q := range h.phones {
		q.Keeps() // the bridge alone gives back
	}
	p := h.spawn(true)
	defer func() { p.kill() }()
	h.until("standing posture", func() bool { s, _ := h.truth(); return s == phones })
	var longest, sum time.Duration
	kills := [3]int{}
	for run := range runs {
		r := rand.New(rand.NewPCG(uint64(run), 5))
		u := h.unit("ratssaal")
		hard := time.Duration(5+r.IntN(4)) * time.Second
		end := time.Now().Add(hard)
		u.lock(h, fmt.Sprintf("run-%d", run), 3*time.Second, hard)
		alive := true
		h.nano.Hook("http://"+h.conf.Listen+"/webhook/nanomdm", 8) // one in eight is lost
		for time.Now().Before(end) {
			<-time.After(time.Duration(100+r.IntN(400)) * time.Millisecond)
			q := h.phones[r.IntN(phones)]
			switch r.IntN(12) {
			case 0:
				p.kill()
				kills[0]++
				p = h.spawn(true)
				h.nano.Hook("http://"+h.conf.Listen+"/webhook/nanomdm", 8)
			case 1:
				h.broker.Close()
				h.openBroker()
				kills[1]++
			case 2:
				if alive && r.IntN(3) == 0 {
					u.kill()
					alive = false
					kills[2]++
				}
			case 3, 4:
				q.Screen(r.IntN(2) == 0)
			case 5:
				q.Reach(r.IntN(2) == 0)
			case 6:
				q.Refuse(r.IntN(2) == 0)
			default:
				if alive {
					u.lock(h, fmt.Sprintf("run-%d", run), 3*time.Second, time.Until(end))
				}
			}
		}
		h.nano.Hook("http://"+h.conf.Listen+"/webhook/nanomdm", 0)
		for _, q := range h.phones {
			q.Refuse(false)
			q.Screen(false)
			q.Reach(true)
		}
		began := time.Now()
		h.until(fmt.Sprintf("return to the standing posture in run %d", run), func() bool { s, l := h.truth(); return s == phones && l == 0 })
		took := time.Since(began)
		longest, sum = max(longest, took), sum+took
		if alive {
			u.open()
			u.kill()
		}
		h.until(fmt.Sprintf("proof of it in run %d", run), func() bool {
			return h.metric("subrosa_mdm_unreturned") == 0 && h.metric("subrosa_mdm_posture_off") == float64(phones)
		})
	}
	t.Logf("measured: %d evenings of %d phones, none stuck; kills: bridge %d, broker %d, unit %d; from the last trouble to all as the standing posture wants: mean %v, longest %v",
		runs, phones, kills[0], kills[1], kills[2], (sum / time.Duration(runs)).Round(time.Millisecond), longest.Round(time.Millisecond))
}

// metric reads a figure of the process; -1: none.
func (h *house) metric(name string) float64 {
	client := &http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + h.conf.Listen + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	m := regexp.MustCompile(`(?m)^` + name + `\{[^}]*\} (\S+)$`).FindSubmatch(b)
	if err != nil || m == nil {
		return -1
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		return -1
	}
	return v
}

// TestTwoHundred: 200 phones of which 20 have locked screens, 10 no network, 4 refuse: counts at every moment, and the time to proof.
func TestTwoHundred(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	const n, screens, away, refusing = 200, 20, 10, 4
	h := newHouse(t, n)
	h.conf.tune = func(c *mdm.Config) { quick(c); c.Relock = 10 * time.Minute }
	h.start()
	began := time.Now()
	h.until("standing posture", func() bool { return h.posture().Off == n })
	t.Logf("measured: standing posture of %d proven %v after the start", n, time.Since(began).Round(10*time.Millisecond))
	for i, p := range h.phones {
		switch {
		case i < screens:
			p.Screen(true)
		case i < screens+away:
			p.Reach(false)
		case i < screens+away+refusing:
			p.Refuse(true)
		}
	}
	u := h.unit("ratssaal")
	defer u.kill()
	began = time.Now()
	u.lock(h, "s1", 300*time.Second, time.Hour)
	last := ""
	show := func() mdm.Report {
		r := h.report("ratssaal")
		if line := fmt.Sprint(r.Counts); line != last && r.Mode == mdm.Locked {
			last = line
			t.Logf("measured: %6v %s", time.Since(began).Round(10*time.Millisecond), line)
		}
		return r
	}
	h.until("proof of all that can", func() bool {
		r := show()
		sum := 0
		for _, k := range r.Counts {
			sum += k
		}
		if r.Mode == mdm.Locked && sum != n {
			t.Errorf("%d of %d are counted: %v", sum, n, r.Counts)
		}
		return r.Counts[mdm.LockedVerified] == n-screens-away-refusing && r.Counts[mdm.NotNow] == screens && r.Counts[mdm.Offline] == away
	})
	t.Logf("measured: %d of %d proven off %v after the wish", n-screens-away-refusing, n, time.Since(began).Round(10*time.Millisecond))
	for _, p := range h.phones[:screens] {
		p.Screen(false)
	}
	h.until("proof of the unlocked", func() bool { return show().Counts[mdm.LockedVerified] == n-away-refusing })
	began = time.Now()
	u.open()
	for _, p := range h.phones {
		p.Reach(true)
	}
	h.until("return", func() bool { s, l := h.truth(); return s == n && l == 0 })
	t.Logf("measured: all %d as the standing posture wants %v after the end", n, time.Since(began).Round(10*time.Millisecond))
}

// TestRaceMissed: the order of things that locks a phone for ever with a naive connector (mdm/nanomdm, TestNaive).
func TestRaceMissed(t *testing.T) {
	h := newHouse(t, 1)
	h.start()
	h.until("standing posture", func() bool { return h.posture().Off == 1 })
	p := h.phones[0]
	p.Screen(true)
	u := h.unit("ratssaal")
	defer u.kill()
	u.lock(h, "s1", 300*time.Second, time.Hour)
	h.until("not now", func() bool { return h.report("ratssaal").Counts[mdm.NotNow] == 1 })
	u.open()
	h.until("the end to be told", func() bool { return h.report("ratssaal").Mode == mdm.Open })
	<-time.After(500 * time.Millisecond) // the naive connector has sent its Remove by now
	p.Screen(false)
	h.until("return", func() bool {
		s, l := h.truth()
		return s == 1 && l == 0 && h.report("ratssaal").Mode == mdm.Open && len(h.report("ratssaal").Counts) == 0
	})
	got := strings.Join(p.Log(), ", ")
	t.Logf("measured: %s", got)
	if !strings.Contains(got, "InstallProfile notnow") || strings.Contains(got, "RemoveProfile error") {
		t.Errorf("the phone did: %s", got)
	}
}

// instant is a management whose devices answer at once: synthetic, to measure the bridge alone.
type instant struct {
	mu     sync.Mutex
	state  map[string]mdm.Observed
	events chan mdm.Event
}

func newInstant(devices []mdm.Device) *instant {
	return &instant{state: make(map[string]mdm.Observed, len(devices)), events: make(chan mdm.Event, 1024)}
}

func (b *instant) Caps(mdm.Device) mdm.Caps {
	return mdm.Caps{Can: mdm.All, Proves: mdm.All, Best: mdm.Restrictions, Lease: true, Limits: []string{}}
}
func (b *instant) Send(ctx context.Context, d mdm.Device, c mdm.Command) error {
	b.mu.Lock()
	o := b.state[d.ID]
	o.Evidence = mdm.Restrictions
	switch c.Kind {
	case mdm.Stand:
		o.Standing = c.Want.Standing
	case mdm.Lock:
		o.Locked, o.Lock, o.Tag = true, c.Want.Lock, c.Want.Tag()
	case mdm.Free:
		o.Locked, o.Lock, o.Tag = false, 0, ""
	}
	b.state[d.ID] = o
	b.mu.Unlock()
	e := mdm.Event{Device: d.ID, Kind: mdm.Acked, Command: c.ID}
	if c.Kind == mdm.Look {
		e.Observed = &o
	}
	select {
	case b.events <- e:
	case <-ctx.Done():
	}
	return nil
}
func (b *instant) Wake(context.Context, mdm.Device) error { return nil }
func (b *instant) Health(context.Context) error           { return nil }
func (b *instant) Run(ctx context.Context, emit func(mdm.Event)) error {
	for {
		select {
		case e := <-b.events:
			emit(e)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TestGrowth measures memory and passes of the bridge, a process of its own, from 100 to 10 000 devices in 100 rooms, and draws
// docs/pictures/mdm-growth.svg if SUBROSA_DRAW is set.
func TestGrowth(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	var rows [][3]float64
	for _, n := range []int{100, 300, 1000, 3000, 10000} {
		rss, pass := growth(t, n)
		t.Logf("measured: %d devices, 100 rooms: %.1f MB resident, longest pass %.2f ms", n, rss, pass)
		rows = append(rows, [3]float64{float64(n), rss, pass})
	}
	if os.Getenv("SUBROSA_DRAW") != "" {
		if err := os.WriteFile("../../docs/pictures/mdm-growth.svg", draw(rows), 0o644); err != nil {
			t.Error(err)
		}
	}
}

func growth(t *testing.T, n int) (rssMB, passMS float64) {
	h := newHouse(t, 0)
	var list []mdm.Device
	for i := range n {
		list = append(list, mdm.Device{ID: fmt.Sprintf("d-%05d", i), Enrolment: fmt.Sprintf("synthetic-%08d-%08d", i, i), Platform: "ios", OS: "18.6"})
	}
	h.file("devices.json", list)
	h.conf.Connectors[0] = Connector{ID: "nanomdm", Kind: "instant", Standing: []string{"assistant"}, Devices: h.path("devices.json")}
	p := h.spawn(false)
	defer p.kill()
	h.until("standing posture", func() bool { return h.metric("subrosa_mdm_posture_off") == float64(n) })
	var units []*roomUnit
	for i := range 100 {
		u := h.unit(fmt.Sprintf("r-%02d", i))
		units = append(units, u)
		d := mdm.Desired{Session: "s", Mode: mdm.Locked, Restrict: []string{"dictation", "microphone?"}, LeaseS: 600, HardEnd: time.Now().Add(time.Hour).UTC().Truncate(time.Second), Devices: []string{}}
		for k := i; k < n; k += 100 {
			d.Devices = append(d.Devices, list[k].ID)
		}
		u.say(d)
	}
	h.until("lock of all", func() bool { return h.locked() == float64(n) })
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(b)
	if err != nil || m == nil {
		t.Skip("no /proc here")
	}
	kb, _ := strconv.ParseFloat(string(m[1]), 64)
	pass := h.metric("subrosa_mdm_pass_longest_seconds") * 1000
	for _, u := range units {
		u.kill()
	}
	return kb / 1024, pass
}

func (h *house) locked() float64 {
	client := &http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + h.conf.Listen + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	m := regexp.MustCompile(`subrosa_mdm_devices\{[^}]*state="locked-verified"\} (\S+)`).FindSubmatch(b)
	if err != nil || m == nil {
		return -1
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if errors.Is(err, strconv.ErrSyntax) {
		return -1
	}
	return v
}
