// Package registry switches off Windows' voice assistants through the policies that Microsoft documents for it.
//
//	HKLM SOFTWARE\Policies\Microsoft\Windows\AppPrivacy  LetAppsAccessMicrophone, LetAppsActivateWithVoice,
//	     LetAppsActivateWithVoiceAboveLock = 2 (force deny)            Policy CSP – Privacy
//	HKLM SOFTWARE\Policies\Microsoft\Windows\Windows Search  AllowCortana = 0      Policy CSP – Experience
//	each user's SOFTWARE\Policies\Microsoft\Windows\WindowsCopilot  TurnOffWindowsCopilot = 1   Policy CSP – WindowsAI
//
// What was there is kept as it was: another number, a text, or nothing. LetAppsAccessMicrophone reaches only apps from the store
// and only when they start; package coreaudio mutes the microphones themselves. The Copilot app of newer versions is not ruled by
// TurnOffWindowsCopilot: it needs AppLocker, which is left to the administrator (Limit).
//
// The logic is tried on a registry made of variables; it has never run on Windows.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"subrosa/cmd/agent/internal/warden"
	"subrosa/mdm"
)

// Limit is the slug for the Copilot app.
const Limit = "copilot-app-not-covered"

// Hive is the part of the registry that is needed. A value that is not there is fs.ErrNotExist. Root is "" for the machine, else
// a user's SID.
type Hive interface {
	Users() ([]string, error) // whose hives are loaded
	DWord(root, key, name string) (uint32, error)
	Text(root, key, name string) (string, error) // ErrType for a DWORD
	SetDWord(root, key, name string, v uint32) error
	SetText(root, key, name, v string) error
	Delete(root, key, name string) error
}

// ErrType says that a value is of another type.
var ErrType = errors.New("registry: value of another type")

const policies = `SOFTWARE\Policies\Microsoft\Windows\`

// policy is one value.
type policy struct {
	key, name string
	off       uint32
	user      bool
	serves    mdm.Set
}

var table = []policy{
	{policies + "AppPrivacy", "LetAppsAccessMicrophone", 2, false, mdm.Microphone},
	{policies + "AppPrivacy", "LetAppsActivateWithVoice", 2, false, mdm.Assistant},
	{policies + "AppPrivacy", "LetAppsActivateWithVoiceAboveLock", 2, false, mdm.Assistant},
	{policies + "Windows Search", "AllowCortana", 0, false, mdm.Assistant},
	{policies + "WindowsCopilot", "TurnOffWindowsCopilot", 1, true, mdm.Assistant},
}

// Policies is the Switch.
type Policies struct{ Hive Hive }

// Name is "policies".
func (Policies) Name() string { return "policies" }

// Covers assistants, and helps with the microphone.
func (Policies) Covers() mdm.Set { return mdm.Assistant | mdm.Microphone }

// Limits names the Copilot app.
func (Policies) Limits() []string { return []string{Limit} }

const absent = "absent"

// List returns every policy, those of users for each whose hive is loaded.
func (p Policies) List(context.Context) ([]warden.Item, error) {
	users, err := p.Hive.Users()
	if err != nil {
		return nil, fmt.Errorf("registry: users: %w", err)
	}
	var out []warden.Item
	for _, e := range table {
		roots := []string{""}
		if e.user {
			roots = users
		}
		for _, root := range roots {
			v, err := p.read(root, e)
			if err != nil {
				return nil, err
			}
			out = append(out, warden.Item{ID: root + "|" + e.name, Value: v, Off: number(e.off), Serves: e.serves})
		}
	}
	return out, nil
}

func number(v uint32) string { return "dword:" + strconv.FormatUint(uint64(v), 10) }

func (p Policies) read(root string, e policy) (string, error) {
	v, err := p.Hive.DWord(root, e.key, e.name)
	switch {
	case err == nil:
		return number(v), nil
	case errors.Is(err, fs.ErrNotExist):
		return absent, nil
	case !errors.Is(err, ErrType):
		return "", fmt.Errorf("registry: %s: %w", e.name, err)
	}
	s, err := p.Hive.Text(root, e.key, e.name)
	if err != nil {
		return "", fmt.Errorf("registry: %s is neither a number nor a text; it is left alone: %w", e.name, err)
	}
	return "text:" + s, nil
}

// Set writes a value in the form that List gave.
func (p Policies) Set(_ context.Context, id, value string) error {
	root, name, _ := strings.Cut(id, "|")
	for _, e := range table {
		if e.name != name || e.user != (root != "") {
			continue
		}
		if value == absent {
			return p.Hive.Delete(root, e.key, name)
		}
		if s, ok := strings.CutPrefix(value, "text:"); ok {
			return p.Hive.SetText(root, e.key, name, s)
		}
		s, ok := strings.CutPrefix(value, "dword:")
		v, err := strconv.ParseUint(s, 10, 32)
		if !ok || err != nil {
			return fmt.Errorf("registry: %s: no value is written %.40q", name, value)
		}
		return p.Hive.SetDWord(root, e.key, name, uint32(v))
	}
	return fmt.Errorf("registry: no policy is called %.80q", id)
}

// Watch looks every two seconds.
func (Policies) Watch(ctx context.Context, changed func()) error {
	t := time.NewTicker(2 * time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			changed()
		}
	}
}
