//go:build !(linux && (amd64 || arm64))

package seal

import (
	"fmt"
	"os/exec"
	"runtime"
)

var errSystem = fmt.Errorf("%w: %s/%s, want linux on amd64 or arm64", ErrUnsupported, runtime.GOOS, runtime.GOARCH)

// Probe says that nothing can be enforced here.
func Probe() error { return errSystem }

// Inside fails.
func Inside(Rights) error { return errSystem }

// Seal fails.
func (Server) Seal() error { return errSystem }

// Box is the outer seal.
type Box struct {
	Read, List []string
	Devices    []string
	Out        []int
	Given      int
	Shared     bool
}

// Command fails.
func (Box) Command(string, ...string) (*exec.Cmd, error) { return nil, errSystem }

// Try fails.
func (*Box) Try() error { return errSystem }

// Stage does nothing.
func Stage() (code int, staged bool) { return 0, false }

// USB returns nothing.
func USB() []Call { return nil }

// Capture returns nothing.
func Capture() []Call { return nil }
