package lockdown

import (
	"strings"
	"testing"
	"time"

	"subrosa/firmware/session"
	"subrosa/mdm"
)

// counted is a desk whose session of 18 devices is locked.
func counted(t *testing.T) (*Desk, uint64) {
	t.Helper()
	d := desk(t)
	var devices []string
	for i := range 18 {
		devices = append(devices, string(rune('a'+i)))
	}
	w, ok := d.Step(t0, room(session.Planned, devices...))
	if !ok {
		t.Fatal("nothing asked")
	}
	return d, w.Version
}

func words(s Status) string {
	var out []string
	for _, l := range s.Lines() {
		out = append(out, l.DE)
	}
	return strings.Join(out, " / ")
}

func TestWords(t *testing.T) {
	d, v := counted(t)
	check := func(what, want string, proven any) {
		t.Helper()
		s := d.Status(t0)
		if got := words(s); got != want {
			t.Errorf("%s: got\n%s, want\n%s", what, got, want)
		}
		if n := s.Off + s.Claimed + s.Locked + s.Partial + s.Waiting + s.Offline + s.Failed + s.Unmanaged + s.Blind; n != s.Devices {
			t.Errorf("%s: %d devices counted out of %d: %+v", what, n, s.Devices, s)
		}
		if got := d.Proven(t0); got != proven {
			t.Errorf("%s: proven %v, want %v", what, got, proven)
		}
	}
	check("no connector", "Keine Verwaltung der Geräte verbunden: Telefone ins Schließfach", nil)
	d.Online(t0, "nanomdm", true)
	check("not spoken yet", "Assistenten aus: 0 · wird gesperrt: 18", nil)
	d.Take("nanomdm", &Report{Count: 1, Version: v - 1, States: map[mdm.State]int{mdm.LockedVerified: 14}})
	check("of an earlier session", "Assistenten aus: 0 · wird gesperrt: 18", nil)
	d.Take("nanomdm", &Report{Count: 2, Version: v, States: map[mdm.State]int{mdm.LockedVerified: 11, mdm.NotNow: 3, mdm.Unmanaged: 4}, Microphones: 5, MicrophonesOff: 5})
	check("as in the issue", "Assistenten aus: 11 · Bildschirm gesperrt, bitte einmal entsperren: 3 · nicht verwaltet: 4 · Mikrofon abschaltbar: 5, davon aus: 5", false)
	d.Take("nanomdm", &Report{Count: 3, Version: v + 1, States: map[mdm.State]int{mdm.LockedVerified: 14, mdm.Unmanaged: 4}})
	check("unlocked once", "Assistenten aus: 14 · nicht verwaltet: 4", nil)
	d.Online(t0, "agent", true)
	d.Take("agent", &Report{Count: 4, Version: v, States: map[mdm.State]int{mdm.LockedVerified: 2, mdm.LockedAcked: 1, mdm.Partial: 1, mdm.Unmanaged: 14}})
	check("two connectors", "Assistenten aus: 16 · zugestellt, nicht nachweisbar: 1 · teilweise aus: 1", false)
	d.Take("agent", &Report{Count: 5, Version: v + 1, States: map[mdm.State]int{mdm.LockedVerified: 4, mdm.Unmanaged: 14}})
	check("all of them", "Assistenten aus: 18", true)
	d.Take("agent", &Report{Count: 0, Version: v + 1, States: map[mdm.State]int{mdm.Error: 4}})
	check("an old word", "Assistenten aus: 18", true)
	d.Take("agent", &Report{Count: 1, At: t0.Add(time.Second), Version: v + 1, States: map[mdm.State]int{mdm.LockedVerified: 3, mdm.Pending: 1, mdm.Unmanaged: 14}})
	check("a connector that has lost its memory", "Assistenten aus: 17 · wird gesperrt: 1", nil)
	d.Take("agent", &Report{Count: 2, At: t0.Add(2 * time.Second), Version: v + 1, States: map[mdm.State]int{mdm.LockedVerified: 4, mdm.Unmanaged: 14}})
	d.Online(t0, "nanomdm", false)
	check("one is lost", "Assistenten aus: 4 · ohne Rückmeldung: 14 / Verbindung zur Geräteverwaltung unterbrochen (1 von 2): Telefone ins Schließfach", nil)
	d.Online(t0, "agent", false)
	check("all are lost", "Verwaltung der Geräte nicht erreichbar: Telefone ins Schließfach", nil)
	d.Online(t0, "agent", true)
	d.Take("nanomdm", nil)
	d.Take("agent", &Report{Count: 7, Version: v + 1, States: map[mdm.State]int{mdm.Error: 1, mdm.Stuck: 1, mdm.Offline: 1, mdm.Pending: 1}})
	check("trouble", "Assistenten aus: 0 · wird gesperrt: 1 · nicht erreichbar: 1 · nicht gesperrt: 2 · ohne Rückmeldung: 14 / "+
		"Verbindung zur Geräteverwaltung unterbrochen (1 von 2): Telefone ins Schließfach", false)
}

func TestGivingBack(t *testing.T) {
	d, v := counted(t)
	d.Online(t0, "nanomdm", true)
	d.Take("nanomdm", &Report{Count: 8, Version: v, States: map[mdm.State]int{mdm.LockedVerified: 18}})
	d.Step(t0, room(session.Restoring))
	if got, want := words(d.Status(t0)), "Sperre aufgehoben; noch nicht zurückgestellt: 18"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	d.Take("nanomdm", &Report{Count: 9, Version: v + 1, States: map[mdm.State]int{mdm.OpenVerified: 17, mdm.Restoring: 1}})
	if got, want := words(d.Status(t0)), "Sperre aufgehoben; noch nicht zurückgestellt: 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	d.Take("nanomdm", &Report{Count: 10, Version: v + 1, States: map[mdm.State]int{mdm.OpenVerified: 18}})
	if s := d.Status(t0); s.Phase != Idle || len(s.Lines()) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestPosture(t *testing.T) {
	d := desk(t)
	d.Standing("nanomdm", &Posture{Off: 243, Total: 250, At: t0.Add(-13 * time.Minute)})
	d.Standing("nanomdm", &Posture{Off: 1, Total: 250, At: t0.Add(-time.Hour)}) // delivered late
	d.Online(t0, "nanomdm", true)
	s := d.Status(t0)
	cet := time.FixedZone("CET", 3600)
	if len(s.Postures) != 1 || s.Postures[0].Old {
		t.Fatalf("%+v", s.Postures)
	}
	if got := s.Postures[0].Text(t0, cet); got.DE != "243 von 250 aus, Stand 19:02" || got.EN != "243 of 250 off, as of 19:02" {
		t.Errorf("%+v", got)
	}
	later := t0.Add(25 * time.Hour)
	if s := d.Status(later); !s.Postures[0].Old || s.Postures[0].Text(later, cet).DE != "243 von 250 aus, Stand 21.11.2026, 19:02 Uhr" {
		t.Errorf("a day later: %+v", s.Postures)
	}
	d.Standing("nanomdm", nil)
	if s := d.Status(t0); len(s.Postures) != 0 {
		t.Errorf("emptied: %+v", s.Postures)
	}
}

// TestManyConnectors: what a broker can make the desk remember has bounds.
func TestManyConnectors(t *testing.T) {
	d := desk(t)
	for i := range 1000 {
		d.Online(t0, string(rune('a'+i%26))+string(rune('a'+i/26)), true)
	}
	if n := d.Status(t0).Connectors; n != maxConnectors {
		t.Errorf("%d connectors, want %d", n, maxConnectors)
	}
}

// TestImportedPosture: what somebody has brought is judged by its age, is no connection that could be lost, and is declared.
func TestImportedPosture(t *testing.T) {
	d := desk(t)
	d.Standing("jamf", &Posture{Off: 2, Declared: 2, Total: 5, At: t0.Add(-time.Hour), Evidence: mdm.Signed})
	s := d.Status(t0)
	if len(s.Postures) != 1 || s.Postures[0].Old || s.Postures[0].Proven() != 0 || s.Connectors != 0 || len(s.Lost) != 0 {
		t.Errorf("%+v", s)
	}
	if s := d.Status(t0.Add(24 * time.Hour)); !s.Postures[0].Old {
		t.Errorf("a day later: %+v", s.Postures)
	}
	d.Standing("nanomdm", &Posture{Off: 3, Declared: 1, Total: 5, At: t0})
	d.Online(t0, "nanomdm", false)
	if s := d.Status(t0); len(s.Lost) != 1 || len(s.Postures) != 2 || !s.Postures[1].Old {
		t.Errorf("a connector that is lost: %+v", s)
	} else if got := s.Postures[1].Text(t0, time.UTC).DE; !strings.HasSuffix(got, ", davon 1 erklärt, nicht nachgewiesen") {
		t.Error(got)
	}
}
