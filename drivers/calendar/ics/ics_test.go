package ics

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/drivers/calendar"
)

var berlin = func() *time.Location {
	l, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return l
}()

// document wraps entries into a calendar. Lines end as RFC 5545 wants them.
func document(entries ...string) []byte {
	s := "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//\n"
	for _, e := range entries {
		s += "BEGIN:VEVENT\nDTSTAMP:20261101T000000Z\n" + strings.TrimSpace(e) + "\nEND:VEVENT\n"
	}
	return []byte(strings.ReplaceAll(s+"END:VCALENDAR\n", "\n", "\r\n"))
}

var (
	from = time.Date(2026, 11, 1, 0, 0, 0, 0, berlin)
	to   = time.Date(2026, 12, 31, 0, 0, 0, 0, berlin)
)

func TestParse(t *testing.T) {
	rules := Rules{Room: "ratssaal", Closed: []string{"Nichtöffentlich"}, Open: []string{"Öffentlich"}, Zone: berlin}
	for _, tt := range []struct {
		name, entry string
		want        []string // starts, in Berlin
		end         string
		public      calendar.Public
	}{
		{"with a zone", "UID:a\nSUMMARY:Hauptausschuss\nLOCATION:Rathaus\\, Ratssaal\nDTSTART;TZID=Europe/Berlin:20261124T180000\nDTEND;TZID=Europe/Berlin:20261124T210000", []string{"24.11. 18:00"}, "21:00", calendar.Unknown},
		{"Exchange's zone", "UID:a\nLOCATION:Ratssaal\nDTSTART;TZID=W. Europe Standard Time:20261124T180000\nDURATION:PT2H", []string{"24.11. 18:00"}, "20:00", calendar.Unknown},
		{"UTC", "UID:a\nLOCATION:RATSSAAL\nDTSTART:20261124T170000Z\nDTEND:20261124T190000Z", []string{"24.11. 18:00"}, "20:00", calendar.Unknown},
		{"no zone, no end, closed", "UID:a\nLOCATION:Ratssaal\nCATEGORIES:Rat,nichtöffentlich\nDTSTART:20261124T180000", []string{"24.11. 18:00"}, "", calendar.No},
		{"both categories", "UID:a\nLOCATION:Ratssaal\nCATEGORIES:Öffentlich\nCATEGORIES:Nichtöffentlich\nDTSTART:20261124T180000", []string{"24.11. 18:00"}, "", calendar.Mixed},
		{"each week but two, over the change of the clocks", "UID:a\nLOCATION:Ratssaal\nDTSTART;TZID=Europe/Berlin:20261013T180000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;UNTIL=20261208T170000Z\n" +
			"EXDATE;TZID=Europe/Berlin:20261110T180000,20261117T180000", []string{"03.11. 18:00", "24.11. 18:00", "01.12. 18:00", "08.12. 18:00"}, "19:00", calendar.Unknown},
		{"extra dates", "UID:a\nLOCATION:Ratssaal\nDTSTART;TZID=Europe/Berlin:20261103T180000\nRDATE;TZID=Europe/Berlin:20261105T190000", []string{"03.11. 18:00", "05.11. 19:00"}, "", calendar.Unknown},
		{"another room", "UID:a\nLOCATION:Sitzungszimmer 2\nDTSTART:20261124T180000", nil, "", ""},
		{"cancelled", "UID:a\nLOCATION:Ratssaal\nSTATUS:CANCELLED\nDTSTART:20261124T180000", nil, "", ""},
		{"all day", "UID:a\nLOCATION:Ratssaal\nDTSTART;VALUE=DATE:20261124", nil, "", ""},
		{"long ago", "UID:a\nLOCATION:Ratssaal\nDTSTART:20201124T180000", nil, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(document(tt.entry), rules, from, to)
			if err != nil {
				t.Fatal(err)
			}
			var starts []string
			for _, m := range got {
				starts = append(starts, m.Start.In(berlin).Format("02.01. 15:04"))
				end := ""
				if !m.End.IsZero() {
					end = m.End.In(berlin).Format("15:04")
				}
				if end != tt.end || m.Public != tt.public || m.ID == "" {
					t.Errorf("got %+v, want the end %q and %v", m, tt.end, tt.public)
				}
			}
			if !slices.Equal(starts, tt.want) {
				t.Errorf("starts %v, want %v", starts, tt.want)
			}
		})
	}
}

func TestMovedOccurrence(t *testing.T) {
	b := document("UID:a\nSUMMARY:Rat\nDTSTART;TZID=Europe/Berlin:20261103T180000\nRRULE:FREQ=WEEKLY;COUNT=3",
		"UID:a\nSUMMARY:Rat\nRECURRENCE-ID;TZID=Europe/Berlin:20261110T180000\nDTSTART;TZID=Europe/Berlin:20261111T190000")
	got, err := Parse(b, Rules{Zone: berlin}, from, to)
	if err != nil || len(got) != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, m := range got {
		if s := m.Start.In(berlin).Format("02.01. 15:04"); s == "10.11. 18:00" {
			t.Error("the meeting that was moved is there still")
		}
	}
}

// TestBadEntries: what cannot be read is counted and does not hide the rest.
func TestBadEntries(t *testing.T) {
	good := "UID:good\nDTSTART:20261124T180000Z"
	for _, bad := range []string{"UID:x", "UID:x\nDTSTART:morgen", "UID:x\nDTSTART;TZID=Mars/Olympus:20261124T180000", "UID:x\nDTSTART:20261124T180000Z\nDTEND:20261124T170000Z",
		"UID:x\nDTSTART:20261124T180000Z\nDURATION:-PT1H", "UID:x\nDTSTART:20261124T180000Z\nRRULE:FREQ=SECONDLY", "UID:x\nDTSTART:20261124T180000Z\nRRULE:FREQ=OFTEN",
		"UID:x\nDTSTART:20261124T180000Z\nRRULE:FREQ=DAILY;BYMINUTE=0,1,2", "UID:x\nDTSTART:00010101T180000Z\nRRULE:FREQ=DAILY",
		"UID:x\nDTSTART:20261124T180000Z\nRRULE:FREQ=DAILY\nEXDATE:gestern"} {
		got, err := Parse(document(bad, good), Rules{}, from, to)
		if len(got) != 1 || err == nil || !strings.Contains(err.Error(), "1 entries cannot be read") {
			t.Errorf("%q: got %d meetings, %v", bad, len(got), err)
		}
	}
	for _, none := range []string{"", "hello", "BEGIN:VCALENDAR\r\n", "<html></html>"} {
		if _, err := Parse([]byte(none), Rules{}, from, to); err == nil {
			t.Errorf("%q is a calendar", none)
		}
	}
}

func TestForEver(t *testing.T) {
	got, err := Parse(document("UID:a\nDTSTART:20000101T180000Z\nRRULE:FREQ=DAILY"), Rules{}, from, from.AddDate(100, 0, 0))
	if err != nil || len(got) > maxRepeats {
		t.Errorf("%d meetings, %v", len(got), err)
	}
}

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.ics")
	if err := os.WriteFile(name, document("UID:a\nDTSTART:20261124T180000Z"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := File(name, Rules{}).Meetings(context.Background(), from, to); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := File(name+"x", Rules{}).Meetings(context.Background(), from, to); err == nil {
		t.Error("a file that is not there")
	}
}

func TestURL(t *testing.T) {
	sent := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case user != "raum" || password != "geheim":
			w.WriteHeader(http.StatusUnauthorized)
		case r.Header.Get("If-None-Match") == `"1"`:
			w.WriteHeader(http.StatusNotModified)
		default:
			sent++
			w.Header().Set("ETag", `"1"`)
			w.Write(document("UID:a\nDTSTART:20261124T180000Z"))
		}
	}))
	defer s.Close()
	src, err := URL(s.URL+"/kalender.ics", "raum", "geheim", Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got, err := src.Meetings(context.Background(), from, to); err != nil || len(got) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	if sent != 1 {
		t.Errorf("sent %d times, want once and then not modified", sent)
	}
	wrong, err := URL(s.URL, "raum", "falsch", Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Meetings(context.Background(), from, to); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("got %v", err)
	}
	for _, bad := range []string{"ftp://x/", "https://u:p@x/", "", "http://example.org/a.ics"} {
		if _, err := URL(bad, "u", "p", Rules{}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(document("UID:a\nSUMMARY:Rat\nDTSTART;TZID=Europe/Berlin:20261103T180000\nRRULE:FREQ=WEEKLY;COUNT=3\nEXDATE:20261110T170000Z"))
	f.Add(document("UID:a\nDTSTART:20261124T180000Z\nDURATION:PT2H"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _ := Parse(b, Rules{Zone: berlin}, from, to)
		for _, m := range got {
			if m.Start.Before(from) || !m.Start.Before(to) || !m.End.IsZero() && !m.End.After(m.Start) || len([]rune(m.Title)) > 120 {
				t.Errorf("%+v", m)
			}
		}
	})
}
