package topic

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"slices"
	"strings"
	"testing"
)

var identities = map[Role]Identity{
	Unit:      {Role: Unit, Unit: "u", Rooms: []string{"r"}},
	Console:   {Role: Console},
	Gateway:   {Role: Gateway, Rooms: []string{"r"}},
	MDMBridge: {Role: MDMBridge, Conns: []string{"c"}},
	Agent:     {Role: Agent, Device: "d"},
	Confd:     {Role: Confd, Rooms: []string{"r"}},
}

// foreign are topics of other units, rooms and devices which unit u of room r may neither write nor read.
var foreign = []string{
	Online("u2"), Health("u2"), Levels("u2"), BaselineReported("u2"), SessionReported("r2"), SessionDesired("r2"),
	Alarm("r2", "x"), Ack("r2", "x"), Roster("r2"), AVReported("r2", "x"), Contact("r2", "x"), LockdownReported("r2", "c"),
	LockdownChecklist("r2", "c"), LockdownSigned("r2", "c"), DeviceOnline("d"),
	DeviceLockdownReported("d"), DeviceLockdownDesired("d"), ConferenceReported("r2"), PolicyDesired("r2"),
}

func TestRightsOfOwnIDsAreTheTables(t *testing.T) {
	for role, id := range identities {
		for _, r := range Table {
			s := constructed[r.Pattern]
			if got, want := MayWrite(id, s), slices.Contains(r.Writers, role); got != want {
				t.Errorf("%s may write %s: got %v, want %v", id, s, got, want)
			}
			want := slices.Contains(r.Writers, role) || slices.Contains(r.Readers, role)
			if got := MayRead(id, s); got != want {
				t.Errorf("%s may read %s: got %v, want %v", id, s, got, want)
			}
		}
	}
}

func TestNothingOfOthers(t *testing.T) {
	unit := identities[Unit]
	for _, s := range foreign {
		if MayWrite(unit, s) {
			t.Errorf("%s may write %s", unit, s)
		}
		if MayRead(unit, s) {
			t.Errorf("%s may read %s", unit, s)
		}
	}
	for _, tt := range []struct {
		id    Identity
		topic string
	}{
		{unit, Checkpoint("u2")},
		{unit, MDMOnline("c")},
		{unit, Approvals()},
		{identities[Gateway], AVReported("r2", "x")},
		{identities[Gateway], Contact("r2", "x")},
		{identities[Confd], ConferenceReported("r2")},
		{identities[MDMBridge], MDMOnline("c2")},
		{identities[MDMBridge], LockdownReported("r", "c2")},
		{identities[MDMBridge], LockdownChecklist("r", "c2")},
		{identities[MDMBridge], LockdownSigned("r", "c")},
		{identities[Unit], LockdownSigned("r2", "c")},
		{identities[Unit], LockdownChecklist("r", "c")},
		{identities[Agent], DeviceLockdownReported("d2")},
		{identities[Console], SessionReported("r")},
		{identities[Console], Alarm("r", "x")},
		{Identity{}, Online("u")},
		{Identity{Role: "root"}, Online("u")},
		{Identity{Role: Unit}, Online("")},
		{Identity{Role: Unit, Unit: Any, Rooms: []string{Any}}, Alarm(Any, "x")},
	} {
		if MayWrite(tt.id, tt.topic) {
			t.Errorf("%s may write %s", tt.id, tt.topic)
		}
	}
}

func TestMayReadFilters(t *testing.T) {
	tests := []struct {
		id     Identity
		filter string
		want   bool
	}{
		{identities[Console], Root + "/#", true},
		{identities[Console], Root + "/room/+/alarm/+", true},
		{identities[Console], "#", false},
		{identities[Console], "$SYS/#", false},
		{identities[Console], "$share/g/" + Root + "/#", false},
		{identities[Unit], Root + "/#", false},
		{identities[Unit], Root + "/room/r/#", true},
		{identities[Unit], Root + "/room/+/#", false},
		{identities[Unit], Root + "/room/r2/#", false},
		{identities[Unit], Root + "/+/r/#", false},
		{identities[Unit], Root + "/unit/u/#", true},
		{identities[Unit], Root + "/unit/u/+", true},
		{identities[Unit], Root + "/unit/+/online", false},
		{identities[Unit], Ack("r", Any), true},
		{identities[Unit], Ack(Any, "x"), false},
		{identities[Unit], MDMOnline(Any), true},
		{identities[Unit], LockdownReported("r", Any), true},
		{identities[Unit], Checkpoint(Any), true},
		{identities[Unit], Root + "/site/#", true},
		{identities[Unit], Root + "/nothing/u", false},
		{identities[Unit], Root + "/unit/u#", false},
		{identities[Unit], Root + "/unit/#/online", false},
		{identities[MDMBridge], LockdownDesired(Any), true},
		{identities[MDMBridge], DeviceLockdownReported(Any), true},
		{identities[MDMBridge], Alarm(Any, Any), false},
		{identities[MDMBridge], MDMPosture(Any), false},
		{identities[MDMBridge], Root + "/mdm/c/#", true},
		{identities[Agent], DeviceLockdownDesired("d"), true},
		{identities[Agent], DeviceLockdownDesired(Any), false},
		{identities[Gateway], AVDesired("r", Any), true},
		{identities[Gateway], Root + "/room/r/#", false},
		{Identity{}, Root + "/#", false},
	}
	for _, tt := range tests {
		if got := MayRead(tt.id, tt.filter); got != tt.want {
			t.Errorf("%s may read %s: got %v, want %v", tt.id, tt.filter, got, tt.want)
		}
	}
}

// matches is MQTT 3.1.1 §4.7 for the tests.
func matches(filter, topic string) bool {
	f, s := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i := range f {
		if f[i] == "#" {
			return true
		}
		if i >= len(s) || f[i] != "+" && f[i] != s[i] {
			return false
		}
	}
	return len(f) == len(s)
}

func cert(cn string, uris ...string) *x509.Certificate {
	c := &x509.Certificate{Subject: pkix.Name{CommonName: cn}}
	for _, s := range uris {
		u, err := url.Parse(s)
		if err != nil {
			panic(err)
		}
		c.URIs = append(c.URIs, u)
	}
	return c
}

func TestIdentityFromCert(t *testing.T) {
	got, err := IdentityFromCert(cert("unit:ratssaal-1", "urn:subrosa:role:unit", "urn:subrosa:unit:ratssaal-1",
		"urn:subrosa:room:ratssaal", "urn:subrosa:room:foyer", "https://example.org/other"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Role != Unit || got.Unit != "ratssaal-1" || !slices.Equal(got.Rooms, []string{"ratssaal", "foyer"}) {
		t.Errorf("got %+v", got)
	}
	for _, id := range identities {
		var uris []string
		for _, u := range id.URIs() {
			uris = append(uris, u.String())
		}
		got, err := IdentityFromCert(cert(id.String(), uris...))
		if err != nil || got.String() != id.String() || !slices.Equal(got.Rooms, id.Rooms) || !slices.Equal(got.Conns, id.Conns) {
			t.Errorf("%s: got %+v, %v", id, got, err)
		}
	}
}

func TestIdentityFromCertRefuses(t *testing.T) {
	tests := map[string]*x509.Certificate{
		"no certificate":     nil,
		"no role":            cert("unit:u", "urn:subrosa:unit:u", "urn:subrosa:room:r"),
		"no URN":             cert("unit:u"),
		"unknown role":       cert("x", "urn:subrosa:role:root"),
		"two roles":          cert("x", "urn:subrosa:role:console", "urn:subrosa:role:unit", "urn:subrosa:unit:u", "urn:subrosa:room:r"),
		"two units":          cert("unit:u", "urn:subrosa:role:unit", "urn:subrosa:unit:u", "urn:subrosa:unit:v", "urn:subrosa:room:r"),
		"unit without room":  cert("unit:u", "urn:subrosa:role:unit", "urn:subrosa:unit:u"),
		"unit without id":    cert("unit:u", "urn:subrosa:role:unit", "urn:subrosa:room:r"),
		"console with unit":  cert("console:c", "urn:subrosa:role:console", "urn:subrosa:unit:u"),
		"wildcard":           cert("unit:u", "urn:subrosa:role:unit", "urn:subrosa:unit:+", "urn:subrosa:room:r"),
		"unknown word":       cert("unit:u", "urn:subrosa:role:unit", "urn:subrosa:unit:u", "urn:subrosa:room:r", "urn:subrosa:power:all"),
		"contradicting name": cert("console:c", "urn:subrosa:role:unit", "urn:subrosa:unit:u", "urn:subrosa:room:r"),
	}
	for name, c := range tests {
		if id, err := IdentityFromCert(c); err == nil {
			t.Errorf("%s: got %+v, want an error", name, id)
		}
	}
}

func BenchmarkMayWrite(b *testing.B) {
	id, s := identities[Unit], Alarm("r", "01jd0000000000000000000000")
	b.ReportAllocs()
	for b.Loop() {
		if !MayWrite(id, s) {
			b.Fatal("refused")
		}
	}
}

func TestFiltersAreWhatMayBeWritten(t *testing.T) {
	for role, id := range identities {
		for i := range Table {
			r := &Table[i]
			own := constructed[r.Pattern]
			got := slices.ContainsFunc(id.Filters(r), func(f string) bool { return matches(f, own) })
			if want := MayWrite(id, own); got != want {
				t.Errorf("%s: filters %q match %s: got %v, want %v", role, id.Filters(r), own, got, want)
			}
			for _, f := range id.Filters(r) {
				if !MayRead(id, f) {
					t.Errorf("%s may not listen to its own %s", role, f)
				}
				for _, s := range foreign {
					if matches(f, s) && !MayWrite(id, s) {
						t.Errorf("%s: filter %s matches %s, which it may not write", role, f, s)
					}
				}
			}
		}
	}
}
