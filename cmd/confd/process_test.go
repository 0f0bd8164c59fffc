package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"subrosa/firmware/conference/access"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/tripwire"
	"subrosa/firmware/follow"
	"subrosa/firmware/roster"
)

// TestMain makes this program the conference of tests that want it as a process of its own.
func TestMain(m *testing.M) {
	if code, staged := follow.Stage(); staged {
		os.Exit(code)
	}
	if code, staged := askIssuer(); staged {
		os.Exit(code)
	}
	if len(os.Args) > 1 && os.Args[1] == "be-confd" {
		if err := beConfd(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "confd:", err)
			os.Exit(2)
		}
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// beConfd is main's run, with routes for tests.
func beConfd(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGXFSZ)
	o, err := parse(args)
	if err != nil {
		return err
	}
	c, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	s, err := assemble(c, o, newLog(false))
	if err != nil {
		return err
	}
	defer s.close()
	s.more = (&testServer{server: s}).routes
	if err := s.openFiles(); err != nil {
		return err
	}
	s.hangUp()
	if err := s.seal(o); err != nil {
		return err
	}
	return s.run(ctx)
}

// routes are those of tests.
func (s *testServer) routes(m *http.ServeMux) {
	m.HandleFunc("GET /test/login", func(w http.ResponseWriter, r *http.Request) {
		c, err := s.signIn(r.FormValue("member"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.SetCookie(w, c)
		http.Redirect(w, r, "/room/ratssaal?"+r.URL.RawQuery, http.StatusSeeOther)
	})
	m.HandleFunc("GET /test/invite", func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		made, err := s.access.Invite(roster.Clerk, access.Order{Room: "ratssaal", Member: r.FormValue("member"), Purpose: access.Join, From: now.Add(-time.Minute), To: now.Add(time.Hour)})
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		fmt.Fprint(w, made.Link[strings.LastIndex(made.Link, "#")+1:])
	})
	m.HandleFunc("GET /test/figures", func(w http.ResponseWriter, r *http.Request) {
		drops := map[string]uint64{}
		for _, v := range tripwire.Verdicts() {
			if n := s.sfu.Dropped[v].Load(); n > 0 {
				drops[v.String()] = n
			}
		}
		json.NewEncoder(w).Encode(map[string]any{"in": s.sfu.In.Load(), "out": s.sfu.Out.Load(), "again": s.sfu.Retransmitted.Load(), "dropped": drops})
	})
	m.HandleFunc("POST /test/remove", func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		_, err := s.rooms["ratssaal"].roster.Remove(time.Now(), r.FormValue("member"))
		fmt.Fprintln(w, time.Since(began), err)
	})
	m.HandleFunc("POST /test/level", func(w http.ResponseWriter, r *http.Request) {
		s.rooms["ratssaal"].call.SetLevel(level.Level(r.FormValue("level")), true)
	})
	m.HandleFunc("POST /test/attempts", func(w http.ResponseWriter, r *http.Request) {
		var x world
		if err := json.NewDecoder(r.Body).Decode(&x); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		json.NewEncoder(w).Encode(x.attempts())
	})
}

// process is a conference as a process of its own.
type process struct {
	cmd        *exec.Cmd
	c          Config
	url, state string

	mu   sync.Mutex
	said []string
	gone chan struct{}
	err  error
}

// newProcess starts one, and returns when it answers.
func newProcess(t testing.TB, path string, args ...string) *process {
	t.Helper()
	p := tryProcess(t, path, args...)
	wait(t, "the conference", func() bool {
		select {
		case <-p.gone:
			t.Fatalf("the conference ended: %v %q", p.err, p.log())
		default:
		}
		r, err := http.Get("http://" + p.c.Metrics + "/healthz")
		if err == nil {
			r.Body.Close()
		}
		return err == nil
	})
	return p
}

// tryProcess starts one that may end by itself.
func tryProcess(t testing.TB, path string, args ...string) *process {
	t.Helper()
	c, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{c: c, url: c.Access.URL, state: filepath.Join(filepath.Dir(path), "state"), gone: make(chan struct{})}
	p.cmd = exec.Command(exe, append([]string{"be-confd", "--config", path, "--state", p.state}, args...)...)
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.said = append(p.said, lines.Text())
			p.mu.Unlock()
		}
		p.err = p.cmd.Wait()
		close(p.gone)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.gone
		if t.Failed() {
			t.Logf("the conference said %q", p.log())
		}
	})
	return p
}

func (p *process) log() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.said...)
}

// stop ends it as an init system does.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.gone:
		return p.err
	case <-time.After(15 * time.Second):
		return errors.New("it runs on after SIGTERM")
	}
}

// health is what /healthz says.
type health struct {
	OK, Sealed bool
	Files      map[string]string
}

func (p *process) health(t testing.TB) (h health) {
	t.Helper()
	r, err := http.Get("http://" + p.c.Metrics + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&h); err != nil {
		t.Fatal(err)
	}
	return h
}

// cookie signs a member in.
func (p *process) cookie(t testing.TB, member string) *http.Cookie {
	t.Helper()
	var c *http.Cookie
	wait(t, "an invite for "+member, func() bool {
		r, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(p.url + "/test/login?member=" + member)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if r.StatusCode == http.StatusSeeOther {
			c = r.Cookies()[0]
		}
		return c != nil
	})
	return c
}
