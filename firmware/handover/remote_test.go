package handover

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/session"
)

func TestRemote(t *testing.T) {
	at := time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	var r Remote
	point := func(want string, proven bool, remote ...string) {
		t.Helper()
		got := r.Points(remote)
		if len(got) != 1 || got[0].Name != Alone || got[0].Step != session.Handover || got[0].Detail != want || got[0].Proven != proven {
			t.Errorf("%v: %+v, want %s, proven %v", remote, got, want, proven)
		}
	}
	if got := r.Points(nil); got != nil {
		t.Errorf("nobody is remote: %+v", got)
	}
	point(AloneWaiting, false, "m-1")
	r.Declare(at, "m-1", true)
	r.Declare(at, "m-9", true) // is not remote
	point("remote-said", true, "m-1")
	point(AloneWaiting, false, "m-1", "m-2")
	r.Declare(at, "m-2", false)
	point(AloneNot, false, "m-1", "m-2", "m-3")
	p := r.Points([]string{"m-1", "m-2"})[0]
	if May(session.Chair, p) || May(session.Clerk, p) {
		t.Error("a person may confirm away that somebody is not alone")
	}
	if p = r.Points([]string{"m-1", "m-3"})[0]; !May(session.Chair, p) || May(session.Clerk, p) {
		t.Error("the chair, and nobody else, may confirm for somebody who has said nothing")
	}
	r.Link("secret-1", "m-1")
	r.Link("secret-2", "m-2")
	b, err := json.Marshal(r.Memory())
	if err != nil || strings.Contains(string(b), "secret") {
		t.Errorf("%s, %v: the secret is kept", b, err)
	}
	var again Remote
	var m RemoteMemory
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	again.Recall(m)
	if who, ok := again.Member("secret-2"); !ok || who != "m-2" {
		t.Errorf("after a restart: %q", who)
	}
	if _, ok := again.Member("secret-3"); ok {
		t.Error("a secret of nobody speaks")
	}
	again.Forget(func(m string) bool { return m != "m-2" })
	if _, ok := again.Member("secret-2"); ok {
		t.Error("the link of a removed member speaks")
	}
	r.Begin()
	point(AloneWaiting, false, "m-1")
	if _, ok := r.Member("secret-1"); !ok {
		t.Error("a new handover has taken the link")
	}
	if r.End(); len(r.Memory().Links)+len(r.Memory().Said) != 0 {
		t.Errorf("after the session: %+v", r.Memory())
	}
}
