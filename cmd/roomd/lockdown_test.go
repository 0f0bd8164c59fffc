package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/clock"
	"subrosa/firmware/lockdown"
	"subrosa/firmware/state"
)

func TestLockdownConfig(t *testing.T) {
	c, err := (&Lockdown{}).config()
	if err != nil || c.Lease != lockdown.Default.Lease || len(c.Restrict) != len(lockdown.Default.Restrict) {
		t.Errorf("defaults: %+v, %v", c, err)
	}
	c, err = (&Lockdown{Restrict: []string{"assistant"}, GraceMinutes: 15, CapHours: 5, UnplannedHours: 2.5, CheckedIn: true}).config()
	if err != nil || c.Grace != 15*time.Minute || c.Cap != 5*time.Hour || c.Unplanned != 150*time.Minute || !c.CheckedIn || len(c.Restrict) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	for want, l := range map[string]Lockdown{
		"no restriction is called \"erase\"": {Restrict: []string{"erase"}}, "restrict is empty": {Restrict: []string{}}, "cap": {CapHours: 13},
		"grace": {GraceMinutes: 5}, "unplanned": {UnplannedHours: -1},
	} {
		if _, err := l.config(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want an error with %q", l, err, want)
		}
	}
}

func TestRosterFile(t *testing.T) {
	dir := t.TempDir()
	folder, err := state.Open(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	c := defaults()
	c.Roster.File = filepath.Join(dir, "roster.csv")
	if _, _, err := openRoster(c, folder, clock.Wall{}); err == nil {
		t.Error("a file that is not there is taken")
	}
	for in, want := range map[string]string{"id,role,devices,from,to\nErika M.,guest,,,\n": "line 2", "id,role,devices,from,to\nm-1,guest,d-1,,\n": ""} {
		if err := os.WriteFile(c.Roster.File, []byte(in), 0o600); err != nil {
			t.Fatal(err)
		}
		a, _, err := openRoster(c, folder, clock.Wall{})
		switch {
		case want != "":
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Erika") {
				t.Errorf("got %v, want an error with %q and no name", err, want)
			}
		case err != nil || len(a.Roster().Members()) != 1:
			t.Errorf("%v", err)
		}
	}
	for _, bad := range []Roster{{KeepHours: -1}, {KeepHours: 1000}, {HomeBase: "http://x.example"}, {HomeBase: "https://"}, {HomeBase: "https://x.example/?a=b"}} {
		if err := bad.check(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
