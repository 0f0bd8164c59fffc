package mdm

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func wish() Desired {
	return Desired{Version: 42, Session: "s17-1c", Mode: Locked, Restrict: []string{"assistant", "dictation", "microphone?"}, LeaseS: 300,
		HardEnd: time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC), Devices: []string{"d-7f3a", "d-91c0"}}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDesired(t *testing.T) {
	if d, err := ReadDesired(encode(t, wish())); err != nil || !reflect.DeepEqual(d, wish()) {
		t.Fatalf("%+v, %v", d, err)
	}
	for name, change := range map[string]func(*Desired){
		"no version":    func(d *Desired) { d.Version = 0 },
		"mode":          func(d *Desired) { d.Mode = "ajar" },
		"no session":    func(d *Desired) { d.Session = "" },
		"no lease":      func(d *Desired) { d.LeaseS = 0 },
		"endless lease": func(d *Desired) { d.LeaseS = 1 << 40 },
		"no hard end":   func(d *Desired) { d.HardEnd = time.Time{} },
		"device":        func(d *Desired) { d.Devices = []string{"Frau Meier"} },
		"restriction":   func(d *Desired) { d.Restrict = []string{"erase"} },
		"devices":       func(d *Desired) { d.Devices = make([]string, MaxDevices+1) },
	} {
		d := wish()
		change(&d)
		if _, err := ReadDesired(encode(t, d)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, s := range []string{"", "null", "{}", `[]`, strings.Replace(string(encode(t, wish())), `"mode"`, `"erase":true,"mode"`, 1), string(encode(t, wish())) + "{}"} {
		if _, err := ReadDesired([]byte(s)); err == nil {
			t.Errorf("%q: taken", s)
		}
	}
}

func TestReports(t *testing.T) {
	r := Report{Version: 3, DesiredVersion: 42, Mode: Locked, Counts: map[State]int{LockedVerified: 11, NotNow: 3}, Evidence: Restrictions, Microphones: Count{5, 5}}
	if _, err := ReadReport(encode(t, r)); err != nil {
		t.Error(err)
	}
	r.Counts["gone"] = 1
	if _, err := ReadReport(encode(t, r)); err == nil {
		t.Error("an unknown state is taken")
	}
	d := DeviceReport{Version: 1, State: LockedVerified, Evidence: AgentSays, InForce: []string{"microphone"}}
	if _, err := ReadDeviceReport(encode(t, d)); err != nil {
		t.Error(err)
	}
	d.Error = "Frau Meier hat abgelehnt"
	if _, err := ReadDeviceReport(encode(t, d)); err == nil {
		t.Error("free text is taken")
	}
	p := Posture{Version: 1, Off: 243, Total: 250, At: time.Now(), Evidence: ProfileList, Standing: []string{"assistant"}}
	if _, err := ReadPosture(encode(t, p)); err != nil {
		t.Error(err)
	}
	p.Off = 251
	if _, err := ReadPosture(encode(t, p)); err == nil {
		t.Error("251 of 250 are off")
	}
}

func TestSet(t *testing.T) {
	req, opt, err := ParseSet([]string{"assistant", "microphone?", "dictation?", "dictation"})
	if err != nil || req != Assistant|Dictation || opt != Microphone {
		t.Errorf("%v, %v, %v", req, opt, err)
	}
	if got := All.Names(); len(got) != len(names) || All.Len() != len(names) {
		t.Errorf("%v", got)
	}
	var s Set
	if err := json.Unmarshal(encode(t, Assistant|Camera), &s); err != nil || s != Assistant|Camera {
		t.Errorf("%v, %v", s, err)
	}
	if err := json.Unmarshal([]byte(`["microphone?"]`), &s); err == nil {
		t.Error("optional ones are taken as required")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(encode(f, wish()))
	f.Add(encode(f, Report{Version: 1, Mode: Open, Evidence: Ack, Counts: map[State]int{NotNow: 1}}))
	f.Add(encode(f, DeviceDesired{Version: 1, Mode: Open, Command: "sr-d-1-free"}))
	f.Add(encode(f, DeviceReport{Version: 1, State: Stuck, Evidence: NoEvidence}))
	f.Add(encode(f, Posture{Version: 1, Evidence: NoEvidence}))
	f.Add(encode(f, Checklist{Version: 1, Points: []Point{{Device: "d-1", Command: "sr-d-1-2-lock", Kind: PointLock, Off: []string{"assistant"}}}}))
	f.Add(encode(f, Signatures{Version: 1, Signed: []Signature{{Device: "d-1", Command: "sr-d-1-2-lock", Role: "chair", Done: true, At: wish().HardEnd}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := ReadDesired(b); err == nil {
			if _, err := ReadDesired(encode(t, d)); err != nil {
				t.Errorf("cannot read again what was read: %v", err)
			}
		}
		ReadReport(b)
		ReadDeviceDesired(b)
		ReadDeviceReport(b)
		ReadPosture(b)
		if s, err := ReadSignatures(b); err == nil && len(s.Signed) > MaxPoints {
			t.Error("more signatures than there can be points")
		}
		ReadChecklist(b)
		ReadPresence(b)
	})
}

// TestSignatures: a declaration is of one device, one command, one role that a unit can vouch for, and one time.
func TestSignatures(t *testing.T) {
	good := Signature{Device: "d-1", Command: "sr-d-1-2-lock", Role: "chair", Done: true, At: wish().HardEnd}
	if s, err := ReadSignatures(encode(t, Signatures{Version: 1, Signed: []Signature{good}})); err != nil || s.Signed[0] != good {
		t.Fatalf("%+v, %v", s, err)
	}
	for name, change := range map[string]func(*Signature){
		"a name for a role": func(s *Signature) { s.Role = "Frau Meier" },
		"the bridge's role": func(s *Signature) { s.Role = "facility" },
		"no time":           func(s *Signature) { s.At = time.Time{} },
		"no command":        func(s *Signature) { s.Command = "" },
		"a name":            func(s *Signature) { s.Device = "Telefon Meier" },
		"a long command":    func(s *Signature) { s.Command = strings.Repeat("a", 129) },
	} {
		s := good
		change(&s)
		if _, err := ReadSignatures(encode(t, Signatures{Version: 1, Signed: []Signature{s}})); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	p := Point{Device: "d-1", Command: "sr-d-1-2-lock", Kind: PointLock, Platform: "ios", Off: []string{"assistant"}}
	if _, err := ReadChecklist(encode(t, Checklist{Version: 1, Points: []Point{p}})); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]Checklist{
		"twice": {Points: []Point{p, p}}, "a kind": {Points: []Point{{Device: "d-1", Command: "c", Kind: "erase"}}},
		"many": {Points: make([]Point, MaxPoints+1)}, "optional": {Points: []Point{{Device: "d-1", Command: "c", Kind: PointLock, Off: []string{"microphone?"}}}},
	} {
		if _, err := ReadChecklist(encode(t, c)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestDeclared: what is off by a person's word is never among what is proven, also where only the evidence tells.
func TestDeclared(t *testing.T) {
	for i, tt := range []struct {
		p    Posture
		want int
	}{{Posture{Off: 3, Counts: map[State]int{LockedVerified: 2, Declared: 1}, Evidence: Signed}, 1}, {Posture{Off: 3, Counts: map[State]int{LockedVerified: 3}}, 0},
		{Posture{Off: 3, Evidence: Signed}, 3}, {Posture{Off: 3, Evidence: Ack}, 3}, {Posture{Off: 3, Evidence: ProfileList}, 0}} {
		if got := tt.p.Declared(); got != tt.want {
			t.Errorf("%d: %d, want %d", i, got, tt.want)
		}
	}
}
