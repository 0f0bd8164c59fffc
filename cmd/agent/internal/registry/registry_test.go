package registry

import (
	"context"
	"io/fs"
	"log/slog"
	"maps"
	"testing"
	"time"

	"subrosa/cmd/agent/internal/warden"
	"subrosa/firmware/state"
	"subrosa/mdm"
)

// hive is a registry made of variables: numbers are uint32, texts strings, anything else []byte.
type hive map[string]any

func (hive) Users() ([]string, error) {
	return []string{"S-1-5-21-1-1-1-1001", "S-1-5-21-1-1-1-1002"}, nil
}

func (h hive) DWord(root, key, name string) (uint32, error) {
	switch v := h[root+`\`+key+`\`+name].(type) {
	case nil:
		return 0, fs.ErrNotExist
	case uint32:
		return v, nil
	}
	return 0, ErrType
}

func (h hive) Text(root, key, name string) (string, error) {
	if v, ok := h[root+`\`+key+`\`+name].(string); ok {
		return v, nil
	}
	return "", ErrType
}

func (h hive) SetDWord(root, key, name string, v uint32) error {
	h[root+`\`+key+`\`+name] = v
	return nil
}

func (h hive) SetText(root, key, name, v string) error {
	h[root+`\`+key+`\`+name] = v
	return nil
}

func (h hive) Delete(root, key, name string) error {
	delete(h, root+`\`+key+`\`+name)
	return nil
}

const (
	privacy = `\SOFTWARE\Policies\Microsoft\Windows\AppPrivacy\`
	search  = `\SOFTWARE\Policies\Microsoft\Windows\Windows Search\`
	copilot = `\SOFTWARE\Policies\Microsoft\Windows\WindowsCopilot\TurnOffWindowsCopilot`
	user1   = `S-1-5-21-1-1-1-1001`
	user2   = `S-1-5-21-1-1-1-1002`
)

func TestLockAndBack(t *testing.T) {
	h := hive{privacy + "LetAppsAccessMicrophone": uint32(1), search + "AllowCortana": "1", user1 + copilot: uint32(0)}
	before := maps.Clone(h)
	f, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	w, err := warden.Open(f, slog.New(slog.DiscardHandler), now, Policies{h})
	if err != nil {
		t.Fatal(err)
	}
	d := mdm.DeviceDesired{Version: 1, Command: "c", Mode: mdm.Locked, Restrict: []string{"assistant", "microphone"}, LeaseS: 60, HardEnd: now.Add(time.Hour)}
	if err := w.Take(now, d); err != nil {
		t.Fatal(err)
	}
	r, err := w.Step(context.Background(), now)
	if err != nil || r.State != mdm.LockedVerified {
		t.Errorf("%+v, %v", r, err)
	}
	want := hive{privacy + "LetAppsAccessMicrophone": uint32(2), privacy + "LetAppsActivateWithVoice": uint32(2),
		privacy + "LetAppsActivateWithVoiceAboveLock": uint32(2), search + "AllowCortana": uint32(0), user1 + copilot: uint32(1), user2 + copilot: uint32(1)}
	if !maps.Equal(h, want) {
		t.Errorf("locked: %v\nwant %v", h, want)
	}
	if r, err = w.Step(context.Background(), now.Add(2*time.Minute)); err != nil || r.State != mdm.OpenVerified || !maps.Equal(h, before) {
		t.Errorf("after: %+v, %v, %v\nwant %v", r, err, h, before)
	}
}

func TestForeignTypeIsLeftAlone(t *testing.T) {
	h := hive{search + "AllowCortana": struct{}{}}
	if _, err := (Policies{h}).List(context.Background()); err == nil {
		t.Error("a value of unknown type was taken")
	}
	for _, id := range []string{"|Nothing", user1 + "|AllowCortana", "|TurnOffWindowsCopilot"} {
		if err := (Policies{h}).Set(context.Background(), id, "dword:1"); err == nil || len(h) != 1 {
			t.Errorf("%s was written: %v", id, h)
		}
	}
	if err := (Policies{h}).Set(context.Background(), "|AllowCortana", "dword:-1"); err == nil {
		t.Error("-1 was written")
	}
}
