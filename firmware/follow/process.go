package follow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// stage is the name by which a program is called to be the process that looks.
const stage = "subrosa-follow"

// Stage must be the first thing that main does in a program that uses Start:
//
//	if code, staged := follow.Stage(); staged {
//		os.Exit(code)
//	}
//
// It does nothing unless Start has started the program: then it looks at the files until whoever started it has ended.
func Stage() (code int, staged bool) {
	if len(os.Args) != 1 || os.Args[0] != stage {
		return 0, false
	}
	// What ends the other ends it, by its input; it is not to be gone first.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	if err := watch(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

// watch looks at the sets that in begins with, until in ends.
func watch(in io.Reader, out io.Writer) error {
	var sets []Set
	d := json.NewDecoder(in)
	if err := d.Decode(&sets); err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	over := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, in) // nothing more is said on it
		close(over)
	}()
	watches := make([]Watch, len(sets))
	for i, s := range sets {
		watches[i].Set = s
	}
	t := time.NewTicker(Every)
	defer t.Stop()
	tell := json.NewEncoder(out)
	for now := time.Now(); ; {
		for i := range watches {
			n := watches[i].Look(now)
			if n == nil {
				continue
			}
			if err := tell.Encode(n); err != nil {
				return fmt.Errorf("follow: %w", err)
			}
		}
		select {
		case <-over:
			return nil
		case now = <-t.C:
		}
	}
}

// Follower is the end of the pipe at which news come out.
type Follower struct {
	life io.Closer // closed, the process ends
	pipe io.Closer
	news *json.Decoder
}

// Start starts the process that looks; call it before the seal. The calling program must begin with Stage.
func Start(sets []Set) (*Follower, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	cmd := &exec.Cmd{Path: self, Args: []string{stage}, Env: []string{"GOMAXPROCS=1"}, Stderr: os.Stderr}
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	news, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	f := &Follower{life: life, pipe: news, news: json.NewDecoder(news)}
	if err := json.NewEncoder(life).Encode(sets); err != nil {
		return nil, errors.Join(fmt.Errorf("follow: %w", err), f.Close())
	}
	return f, nil
}

// Next waits for the next news. An error is the end: io.EOF or io.ErrUnexpectedEOF if the process is gone, or an error of
// reading once Close was called.
func (f *Follower) Next() (n News, err error) {
	if err := f.news.Decode(&n); err != nil {
		return n, fmt.Errorf("follow: %w", err)
	}
	return n, nil
}

// Close ends the process that looks, and Next. It may be called by another goroutine than Next's, and in the seal, where a
// process can no longer be waited for: init does that.
func (f *Follower) Close() error { return errors.Join(f.life.Close(), f.pipe.Close()) }
