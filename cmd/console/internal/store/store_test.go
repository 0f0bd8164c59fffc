package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/finding"
)

var t0 = time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)

func open0(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "console.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func some(i int, version uint64, state alarm.State) alarm.Alarm {
	at := t0.Add(time.Duration(i) * time.Second)
	return alarm.Alarm{
		Room: "ratssaal", State: state, Version: version, Raised: at, Changed: at,
		Finding: finding.Finding{ID: finding.NewID(at, zeros{}), Kind: detect.Burst, Name: "ism433", Alarm: true, Sense: detect.Radio, Side: finding.Unknown, Start: at},
	}
}

func TestAlarmsAreKeptOnceInTheirHighestVersion(t *testing.T) {
	s := open0(t)
	steps := []struct {
		a       alarm.Alarm
		changed bool
		state   alarm.State
	}{
		{some(1, 1, alarm.Raised), true, alarm.Raised},
		{some(1, 1, alarm.Raised), false, alarm.Raised},
		{some(1, 3, alarm.Cleared), true, alarm.Cleared},
		{some(1, 2, alarm.Held), false, alarm.Cleared}, // late
		{some(1, 3, alarm.Held), false, alarm.Cleared}, // same version again
	}
	for i, st := range steps {
		changed, err := s.PutAlarm(t.Context(), st.a)
		if err != nil || changed != st.changed {
			t.Fatalf("step %d: got %v, %v, want %v", i, changed, err, st.changed)
		}
		as, err := s.Alarms(t.Context(), "", 10)
		if err != nil || len(as) != 1 || as[0].State != st.state {
			t.Fatalf("step %d: got %+v, %v, want one in state %s", i, as, err, st.state)
		}
	}
	vs, err := s.AlarmVersions(t.Context())
	if err != nil || len(vs) != 1 || vs[steps[0].a.Finding.ID] != 3 {
		t.Errorf("versions: got %v, %v", vs, err)
	}
}

func TestAuditIsAppendOnly(t *testing.T) {
	s := open0(t)
	for i := range 3 {
		if err := s.Append(t.Context(), Audit{At: t0, Role: "facility", Account: 2, What: "alarm.answered", Target: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []string{`DELETE FROM audit`, `UPDATE audit SET what = 'x' WHERE seq = 1`} {
		if _, err := s.w.Exec(q); err == nil {
			t.Errorf("%s: the trail took it", q)
		}
	}
	got, err := s.Trail(t.Context(), 0, 2)
	if err != nil || len(got) != 2 || got[0].Target != "2" || got[1].Target != "1" {
		t.Fatalf("got %+v, %v", got, err)
	}
	got, err = s.Trail(t.Context(), got[1].Seq, 10)
	if err != nil || len(got) != 1 || got[0].Target != "0" || !got[0].At.Equal(t0) {
		t.Fatalf("older: got %+v, %v", got, err)
	}
}

func TestMigrationFromEveryVersion(t *testing.T) {
	for v := range steps {
		path := filepath.Join(t.TempDir(), "old.db")
		db, err := sql.Open("sqlite", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range v {
			if _, err := db.Exec(steps[i]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, v)); err != nil {
			t.Fatal(err)
		}
		if v > 0 {
			if _, err := db.Exec(`INSERT INTO setting VALUES ('k', 'kept')`); err != nil {
				t.Fatal(err)
			}
		}
		db.Close()
		s, err := Open(path)
		if err != nil {
			t.Fatalf("from version %d: %v", v, err)
		}
		if err := s.PutStep(t.Context(), "ratssaal", Step{Version: 1, At: t0, State: "open"}); err != nil {
			t.Errorf("from version %d: %v", v, err)
		}
		if got, err := s.Setting(t.Context(), "k"); v > 0 && (err != nil || got != "kept") {
			t.Errorf("from version %d: setting %q, %v", v, got, err)
		}
		s.Close()
	}
}

func TestNewerFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, len(steps)+1)); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if s, err := Open(path); err == nil {
		s.Close()
		t.Error("a newer file was opened")
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "console.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		st, err := os.Stat(p)
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want %v", p, st.Mode(), err, want)
		}
	}
}

func TestRetain(t *testing.T) {
	s := open0(t)
	old, young := some(1, 1, alarm.Cleared), some(1000, 1, alarm.Raised)
	for _, a := range []alarm.Alarm{old, young} {
		if _, err := s.PutAlarm(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	n, err := s.Retain(t.Context(), t0, t0.Add(500*time.Second), t0)
	if err != nil || n != 1 {
		t.Fatalf("got %d, %v, want 1", n, err)
	}
	as, err := s.Alarms(t.Context(), "ratssaal", 10)
	if err != nil || len(as) != 1 || as[0].Finding.ID != young.Finding.ID {
		t.Errorf("left: %+v, %v", as, err)
	}
	// What lost its details is still known: a repeat does not bring it back.
	if changed, err := s.PutAlarm(t.Context(), old); err != nil || changed {
		t.Errorf("repeat of a deleted alarm: %v, %v", changed, err)
	}
}

func TestStepsOncePerVersion(t *testing.T) {
	s := open0(t)
	for _, st := range []Step{{1, t0, "open", nil}, {2, t0.Add(time.Minute), "handover", []string{"degraded"}}, {2, t0.Add(time.Hour), "closed", nil}} {
		if err := s.PutStep(t.Context(), "r", st); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Steps(t.Context(), "r", 10)
	if err != nil || len(got) != 2 || got[0].State != "open" || got[1].State != "handover" || len(got[1].Flags) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestLastAdministratorStays(t *testing.T) {
	s := open0(t)
	add := func(name, role string) int64 {
		h := []byte(name)
		if err := s.PutLink(t.Context(), h, Link{Role: role, Purpose: "enrol", Created: t0, Expires: t0.Add(time.Hour)}, false); err != nil {
			t.Fatal(err)
		}
		_, id, err := s.UseLink(t.Context(), h, t0, func(Link) error { return nil }, &User{Name: name, Password: "x", Secret: []byte{1}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	a, b := add("a", "admin"), add("b", "admin")
	if err := s.SetActive(t.Context(), a, false, "admin"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetActive(t.Context(), b, false, "admin"); err == nil {
		t.Error("the last administrator was disabled")
	}
	if err := s.SetActive(t.Context(), 99, true, "admin"); !errors.Is(err, ErrNone) {
		t.Errorf("unknown account: got %v", err)
	}
}

func BenchmarkPutAlarm(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "console.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	i := 0
	for b.Loop() {
		i++
		if _, err := s.PutAlarm(context.Background(), some(i, 1, alarm.Raised)); err != nil {
			b.Fatal(err)
		}
	}
}
