package mdm

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Set of restrictions: what is off. The zero Set is empty.
type Set uint16

// Restrictions. What a management makes of each is its backend's business.
const (
	Assistant       Set = 1 << iota // voice assistants of the system: Siri, Google Assistant, Bixby, Copilot
	Dictation                       // dictation by network services
	ScreenRecording                 // screenshots and screen recording
	CallRecording                   // recording of calls
	Microphone                      // every microphone; no iPhone can
	Camera
	ExternalAI // other companies' assistants behind the system's own
	end
)

var names = []string{"assistant", "dictation", "screen-recording", "call-recording", "microphone", "camera", "external-ai"}

// All restrictions there are.
const All = end - 1

// ParseSet returns the restrictions named, required and optional ones ("microphone?": where the platform can) apart. A
// restriction named in both ways is required.
func ParseSet(list []string) (required, optional Set, err error) {
	for _, name := range list {
		word, opt := strings.CutSuffix(name, "?")
		i := slices.Index(names, word)
		if i < 0 {
			return 0, 0, fmt.Errorf("mdm: no restriction is called %.40q; there are %s", name, strings.Join(names, ", "))
		}
		if opt {
			optional |= 1 << i
		} else {
			required |= 1 << i
		}
	}
	return required, optional &^ required, nil
}

// Names lists the set in the order of the constants.
func (s Set) Names() []string {
	out := []string{}
	for i, n := range names {
		if s&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// Has reports whether all of o is in s.
func (s Set) Has(o Set) bool { return s&o == o }

// Len is the number of restrictions.
func (s Set) Len() int { return bits.OnesCount16(uint16(s)) }

func (s Set) String() string { return strings.Join(s.Names(), " ") }

// MarshalJSON writes the list of names.
func (s Set) MarshalJSON() ([]byte, error) { return json.Marshal(s.Names()) }

// UnmarshalJSON reads it, without optional ones.
func (s *Set) UnmarshalJSON(b []byte) error {
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	req, opt, err := ParseSet(list)
	if err == nil && opt != 0 {
		err = fmt.Errorf("mdm: %s: nothing is optional here", opt)
	}
	*s = req
	return err
}
