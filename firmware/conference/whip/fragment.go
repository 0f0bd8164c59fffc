package whip

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pion/ice/v4"
)

// ErrFragment says that a PATCH is not a fragment of RFC 8840.
var ErrFragment = errors.New("whip: not a trickle-ice-sdpfrag")

const (
	maxFragment   = 16 << 10
	maxCandidates = 64
)

// Fragment is what a PATCH says: candidates of an ICE session.
type Fragment struct {
	Ufrag      string
	Pwd        string
	Candidates int
	End        bool // of candidates
}

// ReadFragment reads RFC 8840, 9: ICE credentials, then m-lines with candidates. Candidates are read and not kept: this server is
// ICE-lite, devices find it.
func ReadFragment(b []byte) (f Fragment, err error) {
	if len(b) > maxFragment {
		return f, fmt.Errorf("%w: %d bytes", ErrFragment, len(b))
	}
	same := func(at *string, v string) error {
		if v == "" || len(v) > 256 || *at != "" && *at != v {
			return fmt.Errorf("%w: credentials are empty, too long, or differ", ErrFragment)
		}
		*at = v
		return nil
	}
	for _, l := range strings.Split(string(b), "\n") {
		l = strings.TrimSuffix(l, "\r")
		key, v, _ := strings.Cut(l, ":")
		switch {
		case key == "a=ice-ufrag":
			err = same(&f.Ufrag, v)
		case key == "a=ice-pwd":
			err = same(&f.Pwd, v)
		case key == "a=candidate":
			if f.Candidates++; f.Candidates > maxCandidates {
				return f, fmt.Errorf("%w: more than %d candidates", ErrFragment, maxCandidates)
			}
			if _, err := ice.UnmarshalCandidate(v); err != nil {
				return f, fmt.Errorf("%w: %w", ErrFragment, err)
			}
		case l == "a=end-of-candidates":
			f.End = true
		case l == "", strings.HasPrefix(l, "m="), strings.HasPrefix(l, "a="): // mid, group, options: of no use here
		default:
			return f, fmt.Errorf("%w: line %.20q", ErrFragment, l)
		}
		if err != nil {
			return f, err
		}
	}
	if f.Ufrag == "" {
		return f, fmt.Errorf("%w: no ice-ufrag", ErrFragment)
	}
	return f, nil
}
