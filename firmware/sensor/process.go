package sensor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"subrosa/firmware/seal"
)

// Command starts the program with the descriptors that package sense expects: 3 and 4 for records and control, and 5
// and 6 for the given pipes, either of which may be nil. feed is called with the writing ends once the process runs;
// it owns them. The program runs in the box, which is asked for at every
// start, since devices come and go; nil: unsealed.
func Command(box func() *seal.Box, path string, args []string, sound, radio bool, feed func(sound, radio *os.File)) Start {
	return func(ctx context.Context) (*Process, error) {
		var theirs, ours []*os.File
		undo := func() {
			for _, f := range append(theirs, ours...) {
				if f != nil {
					f.Close()
				}
			}
		}
		add := func(wanted, theyRead bool) error {
			if !wanted {
				null, err := os.Open(os.DevNull)
				theirs, ours = append(theirs, null), append(ours, nil)
				return err
			}
			r, w, err := os.Pipe()
			if err != nil {
				return err
			}
			if theyRead {
				r, w = w, r
			}
			ours, theirs = append(ours, r), append(theirs, w)
			return nil
		}
		for _, p := range []struct{ wanted, theyRead bool }{{true, false}, {true, true}, {sound, true}, {radio, true}} {
			if err := add(p.wanted, p.theyRead); err != nil {
				undo()
				return nil, fmt.Errorf("sensor: pipe: %w", err)
			}
		}
		cmd, err := command(box, path, args)
		if err == nil {
			cmd.ExtraFiles = theirs
			err = cmd.Start()
		}
		if err != nil {
			undo()
			return nil, fmt.Errorf("sensor: %w", err)
		}
		for _, f := range theirs {
			f.Close()
		}
		feed(ours[2], ours[3])
		return &Process{Records: ours[0], Control: ours[1], Kill: func() { cmd.Process.Kill() }, Wait: cmd.Wait}, nil
	}
}

// Given are the descriptors that the sensor is given, counted from 0; RecordsFD is the one it may write to.
const (
	Given     = 7
	RecordsFD = 3
)

func command(box func() *seal.Box, path string, args []string) (*exec.Cmd, error) {
	if box != nil {
		if _, err := os.Stat(path); err != nil { // inside, it could not be told
			return nil, err
		}
		return box().Command(path, args...)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = []string{} // nothing of ours is its business
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}
