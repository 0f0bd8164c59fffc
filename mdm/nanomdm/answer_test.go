package nanomdm

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/micromdm/plist"

	"subrosa/mdm"
)

func device(string) mdm.Device { return mdm.Device{Platform: "ios", OS: "18.6"} }

func connected(status, command, raw string) []byte {
	return fmt.Appendf(nil, `{"topic":"mdm.Connect","acknowledge_event":{"udid":"U","status":%q,"command_uuid":%q,"raw_payload":%q},"created_at":"2026-11-21T18:00:00Z"}`,
		status, command, base64.StdEncoding.EncodeToString([]byte(raw)))
}

const plistHead = `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>Status</key><string>Acknowledged</string>`

func TestDecodeHook(t *testing.T) {
	w := mdm.Want{Standing: mdm.Assistant, Lock: mdm.Dictation, Until: time.Unix(2e9, 0)}
	list := plistHead + `<key>ProfileList</key><array>
		<dict><key>PayloadIdentifier</key><string>com.city.restrictions</string><key>PayloadUUID</key><string>X</string></dict>
		<dict><key>PayloadIdentifier</key><string>de.subrosa.standing</string><key>PayloadUUID</key><string>` + uuid(w.StandingTag()) + `</string></dict>
		<dict><key>PayloadIdentifier</key><string>de.subrosa.lockdown</string><key>PayloadUUID</key><string>` + uuid(w.Tag()) + `</string></dict></array></dict></plist>`
	name, e, err := DecodeHook(connected("Acknowledged", "sr-d-1-1-look", list), device)
	if err != nil || name != "U" || e.Kind != mdm.Acked || e.Observed == nil {
		t.Fatalf("%q, %+v, %v", name, e, err)
	}
	if o := e.Observed; o.Standing != w.Standing || o.Lock != w.Lock || o.Tag != w.Tag() || !o.Locked || !o.More || o.Evidence != mdm.ProfileList {
		t.Errorf("%+v", o)
	}
	force := plistHead + `<key>GlobalRestrictions</key><dict><key>restrictedBool</key><dict>
		<key>allowAssistant</key><dict><key>value</key><false/></dict><key>allowDictation</key><dict><key>value</key><true/></dict></dict></dict></dict></plist>`
	if _, e, err = DecodeHook(connected("Acknowledged", "sr-d-1-2-look", force), device); err != nil || e.Observed == nil || e.Observed.InForce != mdm.Assistant {
		t.Errorf("%+v, %v", e.Observed, err)
	}
	for _, tt := range []struct {
		b    string
		kind mdm.EventKind
	}{
		{string(connected("NotNow", "sr-d-1-3-lock", plistHead+"</dict></plist>")), mdm.Busy},
		{string(connected("Idle", "", "")), mdm.Awake},
		{string(connected("Error", "sr-d-1-3-lock", plistHead+"</dict></plist>")), mdm.Failed},
		{`{"topic":"mdm.CheckOut","checkin_event":{"udid":"U"}}`, mdm.Left},
		{`{"topic":"mdm.TokenUpdate","checkin_event":{"udid":"U","token_update_tally":1}}`, mdm.Joined},
		{`{"topic":"mdm.TokenUpdate","checkin_event":{"udid":"U","token_update_tally":2}}`, mdm.Awake},
	} {
		if n, e, err := DecodeHook([]byte(tt.b), device); err != nil || n != "U" || e.Kind != tt.kind {
			t.Errorf("%s: %q, %+v, %v", tt.b, n, e, err)
		}
	}
	for _, bad := range []string{"", "{}", "[]", string(connected("Maybe", "x", "")), string(connected("Acknowledged", "sr-d-1-1-look", "<plist>"))} {
		if _, _, err := DecodeHook([]byte(bad), device); err == nil {
			t.Errorf("%q: taken", bad)
		}
	}
}

func FuzzDecodeHook(f *testing.F) {
	f.Add(connected("Acknowledged", "sr-d-1-1-look", plistHead+"</dict></plist>"))
	f.Add([]byte(`{"topic":"mdm.CheckOut","checkin_event":{"udid":"U"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, e, err := DecodeHook(b, device); err == nil && n != "" && e.Kind == 0 {
			t.Errorf("an event of no kind: %+v", e)
		}
	})
}

// TestProfiles: whatever is asked, only our identifiers and keys are written, and a lock ends on the device by itself.
func TestProfiles(t *testing.T) {
	until := time.Unix(2e9, 0)
	d := mdm.Device{Platform: "ios", OS: "18.6", Supervised: true}
	for set := mdm.Set(1); set <= mdm.All; set++ {
		for _, o := range []owned{lockdown, standing} {
			b, err := profile(o, d, mdm.Want{Standing: set, Lock: set, Until: until})
			if set == mdm.Microphone {
				if err == nil {
					t.Error("a profile against microphones")
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			var p struct {
				PayloadIdentifier, PayloadUUID string
				RemovalDate                    time.Time
				PayloadContent                 []map[string]any
			}
			if err := plist.Unmarshal(b, &p); err != nil {
				t.Fatal(err)
			}
			if p.PayloadIdentifier != o.identifier() || len(p.PayloadUUID) != 36 || p.RemovalDate.Equal(until) != (o == lockdown) || len(p.PayloadContent) != 1 {
				t.Fatalf("%v: %+v", set, p)
			}
			for k, v := range p.PayloadContent[0] {
				if _, isKey := v.(bool); isKey && !knownKey(k, set) {
					t.Errorf("%v: key %s", set, k)
				}
			}
			if s, ok := mdm.TagSet(tagOf(p.PayloadUUID)); !ok || s != set {
				t.Errorf("%v is read back as %v", set, s)
			}
		}
	}
}

func knownKey(name string, set mdm.Set) bool {
	for _, k := range keys {
		if k.name == name {
			return k.set&set != 0
		}
	}
	return false
}
