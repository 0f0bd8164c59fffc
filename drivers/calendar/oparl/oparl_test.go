package oparl

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"subrosa/drivers/calendar"
)

// ris is a double of a council information system. Its answers are shaped as OParl 1.1 has them: the object of a list in
// chapter "Objektlisten und Paginierung" (data, pagination, links.next), Body.meeting, Meeting and AgendaItem in
// chapter "Schema".
type ris struct {
	*httptest.Server
	pages []string // bodies of the list
	sent  int      // pages sent whole
	next  func(page int) string
}

func newRIS(t *testing.T, pages ...string) *ris {
	r := &ris{pages: pages}
	r.next = func(page int) string { return fmt.Sprintf("%s/meetings?page=%d", r.URL, page+1) }
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if q.URL.Path == "/body/1" {
			fmt.Fprintf(w, `{"id":"%s/body/1","type":"https://schema.oparl.org/1.1/Body","name":"Musterstadt","meeting":"%s/meetings"}`, r.URL, r.URL)
			return
		}
		page := 1
		fmt.Sscanf(q.URL.Query().Get("page"), "%d", &page)
		tag := fmt.Sprintf(`"%d-%d"`, page, len(r.pages[page-1]))
		if q.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		r.sent++
		w.Header().Set("ETag", tag)
		links := `{}`
		if page < len(r.pages) {
			links = fmt.Sprintf(`{"next":%q}`, r.next(page))
		}
		fmt.Fprintf(w, `{"data":[%s],"pagination":{"totalElements":3},"links":%s}`, r.pages[page-1], links)
	}))
	t.Cleanup(r.Close)
	return r
}

func meetingJSON(id, start, more string) string {
	return fmt.Sprintf(`{"id":"https://ris.example/meeting/%s","type":"https://schema.oparl.org/1.1/Meeting","name":"Rat %s","start":%q,"location":{"room":"Ratssaal"},"unknownField":1%s}`, id, id, start, more)
}

func items(public ...string) string {
	var list []string
	for i, p := range public {
		s := fmt.Sprintf(`{"id":"https://ris.example/item/%d","number":"%d","name":"TOP"`, i, i+1)
		if p != "" {
			s += `,"public":` + p
		}
		list = append(list, s+"}")
	}
	return `,"agendaItem":[` + strings.Join(list, ",") + "]"
}

var (
	from = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	to   = from.AddDate(0, 2, 0)
)

func source(t *testing.T, address, room string) *Source {
	t.Helper()
	s, err := New(address, room)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPublic(t *testing.T) {
	for want, more := range map[string]string{
		"unknown 0 0 0": "",
		"unknown 0 0 1": `,"agendaItem":[]`,
		"public 2 0 0":  items("true", "true"),
		"mixed 3 1 0":   items("true", "true", "false"),
		"mixed 3 1 1":   items("true", "", "false"),
		"closed 2 2 0":  items("false", "false"),
		"unknown 2 0 2": items("true", ""),
		"unknown 1 0 3": items("null"),
	} {
		r := newRIS(t, meetingJSON("1", "2026-11-24T18:00:00+01:00", more))
		got, err := source(t, r.URL+"/meetings", "ratssaal").Meetings(context.Background(), from, to)
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, %v", more, got, err)
		}
		if m := got[0]; !strings.HasPrefix(want, fmt.Sprintf("%s %d %d ", m.Public, m.Items, m.Shut)) {
			t.Errorf("%s: got %+v, want %s", more, m, want)
		}
	}
}

func TestClosedFrom(t *testing.T) {
	more := `,"end":"2026-11-24T21:00:00+01:00","agendaItem":[{"public":true,"start":"2026-11-24T18:00:00+01:00"},{"public":false,"start":"2026-11-24T20:10:00+01:00"},{"public":false,"start":"2026-11-24T19:30:00+01:00"}]`
	got, err := Parse([]byte(`{"data":[` + meetingJSON("1", "2026-11-24T18:00:00+01:00", more) + `]}`))
	if err != nil || len(got) != 1 || got[0].Closed.UTC().Format("15:04") != "18:30" || got[0].End.UTC().Format("15:04") != "20:00" || got[0].Public != calendar.Mixed {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestPages(t *testing.T) {
	r := newRIS(t, meetingJSON("1", "2026-11-10T18:00:00+01:00", "")+","+meetingJSON("2", "2020-01-01T18:00:00+01:00", ""),
		meetingJSON("3", "2026-11-17T18:00:00+01:00", `,"cancelled":true`)+","+meetingJSON("4", "2026-11-18T18:00:00+01:00", `,"deleted":true`),
		meetingJSON("5", "2026-11-24T18:00:00+01:00", ""))
	s := source(t, r.URL+"/body/1", "Ratssaal")
	for range 3 {
		got, err := s.Meetings(context.Background(), from, to)
		if err != nil || len(got) != 2 {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if r.sent != 3 {
		t.Errorf("%d pages were sent whole, want 3 and then none", r.sent)
	}
	r.pages[2] += "," + meetingJSON("6", "2026-11-25T18:00:00+01:00", "")
	if got, err := s.Meetings(context.Background(), from, to); err != nil || len(got) != 3 || r.sent != 4 {
		t.Errorf("after a change: %d meetings, %d pages sent, %v", len(got), r.sent, err)
	}
	if got, err := source(t, r.URL+"/body/1", "Kantine").Meetings(context.Background(), from, to); err != nil || len(got) != 0 {
		t.Errorf("another room: %v, %v", got, err)
	}
}

func TestHostile(t *testing.T) {
	r := newRIS(t, meetingJSON("1", "2026-11-10T18:00:00+01:00", ""), "", "")
	r.next = func(int) string { return r.URL + "/meetings" }
	if _, err := source(t, r.URL+"/meetings", "").Meetings(context.Background(), from, to); err == nil || !strings.Contains(err.Error(), "leads back") {
		t.Errorf("a loop: %v", err)
	}
	r.next = func(page int) string { return "http://127.0.0.2:1/meetings" }
	if _, err := source(t, r.URL+"/meetings", "").Meetings(context.Background(), from, to); err == nil || !strings.Contains(err.Error(), "leads to another host") {
		t.Errorf("another host: %v", err)
	}
	n := 0
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		fmt.Fprintf(w, `{"data":[],"links":{"next":"?page=%d"}}`, n)
	}))
	defer endless.Close()
	if _, err := source(t, endless.URL+"/", "").Meetings(context.Background(), from, to); err == nil || n > maxPages {
		t.Errorf("%d pages, %v", n, err)
	}
	for _, body := range []string{"", "[]", "{}", `{"data":1}`, `{"type":"https://schema.oparl.org/1.1/Body"}`, "<html>", strings.Repeat("x", 9<<20)} {
		one := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) }))
		if _, err := source(t, one.URL, "").Meetings(context.Background(), from, to); err == nil {
			t.Errorf("%.30q was taken", body)
		}
		one.Close()
	}
	moved := httptest.NewServer(http.RedirectHandler("http://127.0.0.2:1/", http.StatusFound))
	defer moved.Close()
	if _, err := source(t, moved.URL, "").Meetings(context.Background(), from, to); err == nil || !strings.Contains(err.Error(), "another host") {
		t.Errorf("a redirect: %v", err)
	}
	// One meeting that cannot be read does not hide the others, and is said.
	r = newRIS(t, `{"id":"x","start":"morgen"},`+meetingJSON("1", "2026-11-10T18:00:00+01:00", ""))
	if got, err := source(t, r.URL+"/meetings", "").Meetings(context.Background(), from, to); len(got) != 1 || err == nil || !strings.Contains(err.Error(), "1 meetings cannot be read") {
		t.Errorf("got %v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"data":[` + meetingJSON("1", "2026-11-24T18:00:00+01:00", items("true", "", "false")) + `],"links":{"next":"x"}}`))
	f.Add([]byte(`{"type":"https://schema.oparl.org/1.1/Body","meeting":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _ := Parse(b)
		for _, m := range got {
			if m.Start.IsZero() && m.Public == calendar.Yes || m.Shut+m.Unsaid > m.Items || m.Public == calendar.Yes && (m.Items == 0 || m.Shut+m.Unsaid > 0) {
				t.Errorf("%+v", m)
			}
		}
	})
}
