package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// programs are those that the demo starts; they lie beside the one that runs it. The conference is for people.
func programs(headless bool) []string {
	list := []string{"roomd", "sensed", "console"}
	if !headless {
		list = append(list, "confd")
	}
	return list
}

// findPrograms returns the folder of the programs, or an error that says how to build them.
func findPrograms(headless bool) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	dir := filepath.Dir(exe)
	for _, p := range programs(headless) {
		if _, err := os.Stat(filepath.Join(dir, p)); err != nil {
			return "", fmt.Errorf("demo: %s is not beside %s; build all programs with `make build`", p, exe)
		}
	}
	return dir, nil
}

// process is a running program.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error
	tail *tail
}

// start starts a program whose standard output goes, line by line, to out and whose log is kept in a file.
func start(dir, logs, name string, out func(string), args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(logs, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	p := &process{name: name, cmd: exec.Command(filepath.Join(dir, name), args...), done: make(chan struct{}), tail: &tail{}}
	p.cmd.Stderr = io.MultiWriter(log, p.tail)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	// A terminal's interrupt is for the demo alone, which then ends the others in order; they end with it in any case.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		log.Close()
		return nil, fmt.Errorf("demo: %w", err)
	}
	go func() {
		for s := bufio.NewScanner(stdout); s.Scan(); {
			out(s.Text())
		}
		p.err = p.cmd.Wait()
		log.Close()
		close(p.done)
	}()
	return p, nil
}

// failed describes a process that ended by itself.
func (p *process) failed() error {
	return fmt.Errorf("demo: %s ended (%v): %s", p.name, p.err, p.tail.last())
}

const endWithin = 8 * time.Second

// stop ends the process, and kills it if it does not.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(endWithin):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// tail keeps the last lines of a log.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if n := len(t.b) - 4096; n > 0 {
		t.b = t.b[n:]
	}
	return len(b), nil
}

func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	return lines[len(lines)-1]
}

// address returns the wanted loopback address, or a free one when that is taken or none is wanted.
func address(wanted string) (string, error) {
	for _, a := range []string{wanted, "127.0.0.1:0"} {
		if a == "" {
			continue
		}
		l, err := net.Listen("tcp", a)
		if err != nil {
			continue
		}
		defer l.Close()
		return l.Addr().String(), nil
	}
	return "", errors.New("demo: no free port on 127.0.0.1")
}

// reach waits until something listens at addr.
func reach(ctx context.Context, addr string, p *process) error {
	var d net.Dialer
	for {
		c, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.done:
			return p.failed()
		case <-ctx.Done():
			return fmt.Errorf("demo: %s does not listen at %s: %w", p.name, addr, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
