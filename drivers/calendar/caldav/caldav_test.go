package caldav

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"subrosa/drivers/calendar"
	"subrosa/drivers/calendar/ics"
)

// double answers as RFC 4791, section 7.8.1, shows: a multistatus with calendar-data of each entry. It refuses a report
// that is none, that is not limited in time, or that comes without the right password.
func double(t *testing.T, entries ...string) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		switch {
		case user != "raum" || password != "geheim":
			w.WriteHeader(http.StatusUnauthorized)
			return
		case r.Method != "REPORT" || !strings.Contains(string(b), "calendar-query") || !strings.Contains(string(b), "time-range") || r.URL.Path != "/dav/sitzungen/":
			http.Error(w, "not a calendar-query of a time", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/xml; charset=utf-8")
		w.WriteHeader(http.StatusMultiStatus)
		fmt.Fprint(w, `<?xml version="1.0"?><D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">`)
		for i, e := range entries {
			fmt.Fprintf(w, `<D:response><D:href>/dav/sitzungen/%d.ics</D:href><D:propstat><D:prop><D:getetag>"%d"</D:getetag><C:calendar-data>%s</C:calendar-data></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>`,
				i, i, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nDTSTAMP:20261101T000000Z\r\n"+e+"\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
		}
		fmt.Fprint(w, `</D:multistatus>`)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestMeetings(t *testing.T) {
	s := double(t, "UID:a\r\nSUMMARY:Hauptausschuss\r\nCATEGORIES:nichtöffentlich\r\nDTSTART:20261124T170000Z\r\nDURATION:PT2H", "UID:b\r\nDTSTART:20261125T170000Z\r\nRRULE:FREQ=DAILY;COUNT=2")
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	src, err := New(s.URL+"/dav/sitzungen/", "raum", "geheim", ics.Rules{Closed: []string{"nichtöffentlich"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := src.Meetings(context.Background(), from, from.AddDate(0, 2, 0))
	if err != nil || len(got) != 3 || got[0].Title != "Hauptausschuss" || got[0].Public != calendar.No || got[1].Public != calendar.Unknown {
		t.Errorf("got %+v, %v", got, err)
	}
	wrong, err := New(s.URL+"/dav/sitzungen/", "raum", "falsch", ics.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Meetings(context.Background(), from, from.AddDate(0, 2, 0)); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong password: %v", err)
	}
	if _, err := New("https://a:b@x/", "", "", ics.Rules{}); err == nil {
		t.Error("a password in the address")
	}
}
