package nanomdm

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/micromdm/plist"

	"subrosa/mdm"
)

// owned is one of the two profiles that this package can speak of. There is no other value outside of it: what belongs to
// anybody else cannot be named.
type owned uint8

const (
	lockdown owned = iota
	standing
)

// identifier is the profile's PayloadIdentifier: a profile of the same identifier replaces the one before.
func (o owned) identifier() string {
	if o == standing {
		return "de.subrosa.standing"
	}
	return "de.subrosa.lockdown"
}

func (o owned) title() string {
	if o == standing {
		return "subrosa: Sprachassistenten aus / assistants off"
	}
	return "subrosa: Sitzung / session"
}

// key is one key of the payload com.apple.applicationaccess, and what it takes. From apple/device-management,
// mdm/profiles/com.apple.applicationaccess.yaml.
type key struct {
	set        mdm.Set
	name       string
	value      bool    // that switches off
	ios, macos version // first version; 0: never
	supervised bool    // on iOS
	ue         bool    // allowed under User Enrollment
}

// version is major and minor: 18.2 is 1802.
type version int

// keys are all that can be written. Left out for good: allowPairedWatch, which erases the watch, and
// allowExternalIntelligenceIntegrationsSignIn, which signs the user out.
var keys = []key{
	{set: mdm.Assistant, name: "allowAssistant", ios: 500, macos: 1400, ue: true},
	{set: mdm.Dictation, name: "allowDictation", ios: 1003, macos: 1013, supervised: true},
	{set: mdm.Dictation, name: "forceOnDeviceOnlyDictation", value: true, ios: 1405, macos: 1400, ue: true},
	{set: mdm.ScreenRecording, name: "allowScreenShot", ios: 301, macos: 1014, ue: true},
	{set: mdm.CallRecording, name: "allowCallRecording", ios: 1801, macos: 2600, supervised: true},
	{set: mdm.Camera, name: "allowCamera", ios: 400, macos: 1011, supervised: true},
	{set: mdm.ExternalAI, name: "allowExternalIntelligenceIntegrations", ios: 1802, macos: 1502, supervised: true},
}

// parse reads "26.4.1"; what is no version is 0: nothing is possible there.
func parse(os string) version {
	parts := strings.Split(os, ".")
	major, err := strconv.Atoi(parts[0])
	if err != nil || major < 0 || major > 999 {
		return 0
	}
	minor := 0
	if len(parts) > 1 {
		if minor, err = strconv.Atoi(parts[1]); err != nil || minor < 0 || minor > 99 {
			return 0
		}
	}
	return version(major*100 + minor)
}

func phone(d mdm.Device) bool { return d.Platform == "ios" || d.Platform == "ipados" }

// works reports whether the device obeys the key.
func (k key) works(d mdm.Device) bool {
	v, first := parse(d.OS), k.macos
	switch {
	case phone(d):
		first = k.ios
		if k.supervised && !d.Supervised {
			return false
		}
	case d.Platform == "macos":
		if d.UserEnrolled {
			return false
		}
	default:
		return false
	}
	return first > 0 && v >= first && (k.ue || !d.UserEnrolled)
}

// can is what the keys can switch off on the device.
func can(d mdm.Device) (s mdm.Set) {
	for _, k := range keys {
		if k.works(d) {
			s |= k.set
		}
	}
	return s
}

// uuid writes a tag as a UUID, and tagOf reads it.
func uuid(tag string) string {
	if len(tag) != 32 {
		return ""
	}
	t := strings.ToUpper(tag)
	return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
}

func tagOf(uuid string) string { return strings.ToLower(strings.ReplaceAll(uuid, "-", "")) }

// profile is a configuration profile of ours, as a property list. RemovalDate is the hard end: the device gives itself back
// then, even if everything else is dead. There is no DurationUntilRemoval, which would begin at a late installation.
func profile(o owned, d mdm.Device, w mdm.Want) ([]byte, error) {
	set, tag := w.Lock, w.Tag()
	if o == standing {
		set, tag = w.Standing, w.StandingTag()
	}
	restrictions := map[string]any{
		"PayloadType": "com.apple.applicationaccess", "PayloadVersion": 1, "PayloadIdentifier": o.identifier() + ".restrictions",
		"PayloadUUID": uuid(tag[4:] + "0001"), "PayloadDisplayName": o.title(),
	}
	some := false
	for _, k := range keys {
		if set&k.set != 0 && k.works(d) {
			restrictions[k.name] = k.value
			some = true
		}
	}
	if !some {
		return nil, fmt.Errorf("nanomdm: nothing of %q can be switched off on %s %s", set, d.Platform, d.OS)
	}
	p := map[string]any{
		"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": o.identifier(), "PayloadUUID": uuid(tag),
		"PayloadDisplayName": o.title(), "PayloadScope": "System", "PayloadContent": []any{restrictions},
	}
	if d.Supervised {
		p["PayloadRemovalDisallowed"] = true
	}
	if o == lockdown {
		p["RemovalDate"] = w.Until.UTC().Truncate(time.Second)
	}
	return encode(p)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := plist.NewEncoder(&b).Encode(v); err != nil {
		return nil, fmt.Errorf("nanomdm: %w", err)
	}
	return b.Bytes(), nil
}

// request is the body of a command. Its fields are all that can be asked of a device.
type request struct {
	RequestType         string
	Payload             []byte `plist:",omitempty"` // InstallProfile
	Identifier          string `plist:",omitempty"` // RemoveProfile
	ManagedOnly         bool   `plist:",omitempty"` // ProfileList
	ProfileRestrictions bool   `plist:",omitempty"` // Restrictions
}

// command writes a command as a property list.
func command(d mdm.Device, c mdm.Command) ([]byte, error) {
	var r request
	switch c.Kind {
	case mdm.Look:
		if r = (request{RequestType: "ProfileList", ManagedOnly: phone(d)}); c.Round > 0 {
			r = request{RequestType: "Restrictions"}
		}
	case mdm.Stand, mdm.Lock:
		o := lockdown
		if c.Kind == mdm.Stand {
			o = standing
		}
		p, err := profile(o, d, c.Want)
		if err != nil {
			return nil, err
		}
		r = request{RequestType: "InstallProfile", Payload: p}
	case mdm.Free:
		r = request{RequestType: "RemoveProfile", Identifier: lockdown.identifier()}
	default:
		return nil, fmt.Errorf("nanomdm: no command is of %s", c.Kind)
	}
	return encode(struct {
		CommandUUID string
		Command     request
	}{c.ID, r})
}
