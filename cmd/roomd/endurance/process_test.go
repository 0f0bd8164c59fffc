package endurance_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a running program.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *diary
	done chan struct{}
	err  error // once done is closed
}

// diary keeps what programs say; the runs of one program share it.
type diary struct {
	mu sync.Mutex
	b  bytes.Buffer
	f  io.Writer // also to this file
}

func (d *diary) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.b.Write(b)
	if d.f != nil {
		d.f.Write(b)
	}
	return len(b), nil
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.String()
}

// lines returns those that hold all parts.
func (d *diary) lines(parts ...string) (out []string) {
	for line := range strings.Lines(d.String()) {
		all := true
		for _, p := range parts {
			all = all && strings.Contains(line, p)
		}
		if all {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// tail returns the last lines.
func (d *diary) tail(n int) string {
	all := strings.Split(strings.TrimSpace(d.String()), "\n")
	return strings.Join(all[max(0, len(all)-n):], "\n")
}

// start starts a program that ends with the test.
func start(t *testing.T, log *diary, path string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(path), cmd: exec.Command(path, args...), log: log, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill ends it by SIGKILL.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// stop ends it in order, and by force if it does not.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Errorf("%s does not end", p.name)
		p.kill()
	}
}

// code waits for the end and returns the exit code.
func (p *process) code(t *testing.T) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.kill()
		t.Fatalf("%s does not end by itself:\n%s", p.name, p.log.tail(10))
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return exit.ExitCode()
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	return 0
}

// child returns the process of that name that p has started, 0 if there is none now.
func (p *process) child(name string) int { return child(p.cmd.Process.Pid, name) }

func child(parent int, name string) int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// PID (NAME) STATE PPID …
		head, rest, ok := strings.Cut(string(b), " (")
		comm, rest, ok2 := strings.Cut(rest, ") ")
		f := strings.Fields(rest)
		if !ok || !ok2 || comm != name || len(f) < 2 || f[0] == "Z" || f[1] != strconv.Itoa(parent) {
			continue
		}
		pid, _ := strconv.Atoi(head)
		return pid
	}
	return 0
}

// run runs a program to its end.
func run(t *testing.T, path string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(path, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(fmt.Errorf("%s: %w", path, err))
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
