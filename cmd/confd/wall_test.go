package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"subrosa/firmware/report"
	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// serveWall runs a broker and a room's wall behind it: what the conference reports by MQTT is on the page, as package room has it.
func serveWall(t *testing.T, lvl string) (broker, url string) {
	t.Helper()
	broker = startBroker(t)
	u := unit(t, broker)
	h, err := wall.New(wall.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Watch(topic.ConferenceReported("ratssaal"), func(m shadow.Message) {
		c, err := report.ReadConference(m.Data)
		if err != nil {
			t.Error(err)
			return
		}
		h.Update(wall.View{At: time.Now(), Room: "Ratssaal", Session: session.Report{State: session.Closed, Since: time.Now()},
			Call: &wall.Call{State: c.State, Level: c.Level, Seats: c.Seats, Code: c.CodeLabel, Bundle: c.Bundle}})
	}); err != nil {
		t.Fatal(err)
	}
	var said atomic.Pointer[report.Declared]
	if err := u.Watch(topic.ConferenceDeclared("ratssaal"), func(m shadow.Message) {
		d, err := report.ReadDeclared(m.Data)
		if err != nil {
			t.Error(err)
			return
		}
		said.Store(&d)
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	var list roster.Roster
	var members []roster.Member
	for i, role := range []roster.Role{roster.Chair, roster.Clerk, roster.Councillor, roster.Councillor} {
		members = append(members, roster.Member{ID: fmt.Sprintf("m-%d", i), Role: role})
	}
	if _, err := list.Replace(time.Now(), members); err != nil {
		t.Fatal(err)
	}
	publish(t, u, topic.Roster("ratssaal"), &list)
	publish(t, u, topic.ConferenceDesired("ratssaal"), report.ConferenceDesired{Allowed: true, Level: lvl, Session: "planned"})
	m := http.NewServeMux()
	m.Handle("/", h)
	m.HandleFunc("POST /test/session", func(w http.ResponseWriter, r *http.Request) {
		publish(t, u, topic.ConferenceDesired("ratssaal"), report.ConferenceDesired{Allowed: true, Level: lvl, Session: r.FormValue("state")})
	})
	m.HandleFunc("POST /test/leave", func(w http.ResponseWriter, r *http.Request) {
		publish(t, u, topic.ConferenceDesired("ratssaal"), report.ConferenceDesired{Allowed: true, Level: lvl, Session: "planned", HallLeft: time.Now()})
	})
	m.HandleFunc("GET /test/declared", func(w http.ResponseWriter, r *http.Request) { json.NewEncoder(w).Encode(said.Load()) })
	s := httptest.NewServer(m)
	t.Cleanup(func() { h.Close(); s.Close(); cancel(); <-done; u.Close() })
	return broker, s.URL
}
