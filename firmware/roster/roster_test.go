package roster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	berlin = time.FixedZone("CET", 3600)
	now    = time.Date(2026, 11, 21, 18, 30, 0, 0, berlin)
)

func member(id string) Member {
	return Member{ID: id, Role: Councillor, Devices: []string{id + "-tablet", id + "-phone"}}
}

// brief is the events as one line.
func brief(events []Event) string {
	var s []string
	for _, e := range events {
		s = append(s, string(e.What)+" "+e.Member.ID+strings.Join(append([]string{""}, e.Lost...), " -"))
	}
	return strings.Join(s, ", ")
}

func TestChanges(t *testing.T) {
	var r Roster
	var watched []Event
	stop := r.Watch(func(e Event) { watched = append(watched, e); r.Members() })
	guest := member("g1")
	guest.Session = "s-2026-11-21"
	short := member("m3")
	short.To = now.Add(time.Hour)
	moved := member("m1")
	moved.Devices = []string{"m1-phone", "m1-laptop"}
	var version uint64
	for _, tt := range []struct {
		name string
		do   func() ([]Event, error)
		want string
		err  error
	}{
		{"add", func() ([]Event, error) { return r.Add(now, member("m1")) }, "added m1", nil},
		{"add again", func() ([]Event, error) { return r.Add(now, member("m1")) }, "", ErrExists},
		{"add guest", func() ([]Event, error) { return r.Add(now, guest) }, "added g1", nil},
		{"import", func() ([]Event, error) { return r.Replace(now, []Member{moved, member("m2"), short}) },
			"changed m1 -m1-tablet, added m2, added m3", nil},
		{"import again", func() ([]Event, error) { return r.Replace(now, []Member{moved, member("m2"), short}) }, "", nil},
		{"remove", func() ([]Event, error) { return r.Remove(now, "m2") }, "removed m2 -m2-tablet -m2-phone", nil},
		{"remove again", func() ([]Event, error) { return r.Remove(now, "m2") }, "", ErrUnknown},
		{"before the end", func() ([]Event, error) { return r.Expire(short.To.Add(-1)), nil }, "", nil},
		{"at the end", func() ([]Event, error) { return r.Expire(short.To), nil }, "removed m3 -m3-tablet -m3-phone", nil},
		{"another session", func() ([]Event, error) { return r.EndSession(now, "s-other"), nil }, "", nil},
		{"no session", func() ([]Event, error) { return r.EndSession(now, ""), nil }, "", nil},
		{"session over", func() ([]Event, error) { return r.EndSession(now, "s-2026-11-21"), nil }, "removed g1 -g1-tablet -g1-phone", nil},
	} {
		watched = nil
		events, err := tt.do()
		if got := brief(events); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.name, got, err, tt.want, tt.err)
		}
		if !reflect.DeepEqual(watched, events) {
			t.Errorf("%s: watched %q, want %q", tt.name, brief(watched), brief(events))
		}
		if len(events) > 0 {
			version++
		}
		if got := r.Version(); got != version {
			t.Errorf("%s: version %d, want %d", tt.name, got, version)
		}
	}
	stop()
	watched = nil
	if _, err := r.Add(now, member("m9")); err != nil || watched != nil {
		t.Errorf("after stop: got %v, %v", watched, err)
	}
}

func TestMay(t *testing.T) {
	var r Roster
	m := member("m1")
	m.From, m.To = now, now.Add(time.Hour)
	if _, err := r.Add(now, m); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		id   string
		at   time.Time
		want bool
	}{
		{"m1", now.Add(-1), false}, {"m1", now, true}, {"m1", now.Add(time.Hour - 1), true}, {"m1", now.Add(time.Hour), false},
		{"m2", now, false}, {"", now, false},
	} {
		if got := r.May(tt.id, tt.at); got != tt.want {
			t.Errorf("May(%q, %v): got %v, want %v", tt.id, tt.at, got, tt.want)
		}
	}
}

func TestCallersShareNothing(t *testing.T) {
	var r Roster
	m := member("m1")
	events, err := r.Add(now, m)
	if err != nil {
		t.Fatal(err)
	}
	m.Devices[0] = "x"
	events[0].Member.Devices[0] = "y"
	r.Members()[0].Devices[0] = "z"
	if got, _ := r.Member("m1"); got.Devices[0] != "m1-tablet" {
		t.Errorf("got device %q, want m1-tablet", got.Devices[0])
	}
}

func TestConcurrentEventsInOrder(t *testing.T) {
	var r Roster
	present := map[string]bool{} // as a consumer knows it, from events alone
	r.Watch(func(e Event) { present[e.Member.ID] = e.What != Removed })
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				id := fmt.Sprintf("m%d", i%7)
				r.Add(now, member(id))
				r.Remove(now, id)
			}
		})
	}
	wg.Wait()
	for i := range 7 {
		id := fmt.Sprintf("m%d", i)
		if _, on := r.Member(id); on != present[id] {
			t.Errorf("%s: on the roster %v, the events say %v", id, on, present[id])
		}
	}
}

func TestSaveLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.json")
	r, err := Load(path)
	if err != nil || len(r.Members()) != 0 {
		t.Fatalf("no file: got %v, %v", r.Members(), err)
	}
	m := member("m1")
	m.From, m.To, m.Session = now, now.Add(time.Hour), "s1"
	for _, m := range []Member{m, {ID: "unit-1", Role: Room}} {
		if _, err := r.Add(now, m); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // over an old file too
		if err := r.Save(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Load(path)
	if err != nil || got.Version() != r.Version() || len(got.Members()) != 2 || !got.Members()[0].equal(r.Members()[0]) || !got.Members()[1].equal(r.Members()[1]) {
		t.Errorf("got version %d %+v, %v, want version %d %+v", got.Version(), got.Members(), err, r.Version(), r.Members())
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v, want 0600", fi.Mode(), err)
	}
	for _, bad := range []string{"", "{}", `{"format":2,"version":1,"members":[]}`, `{"format":1,"members":[{"id":"A"}]}`,
		`{"format":1,"version":1,"members":[],"names":[]}`, `{"format":1,"version":1,"members":[]} x`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Load of %q: got %v, want an error that names the file", bad, err)
		}
	}
	if err := r.Save(filepath.Join(path, "below-a-file")); err == nil {
		t.Error("Save to an impossible path: no error")
	}
}

func TestTopicContent(t *testing.T) {
	var r Roster
	if _, err := r.Add(now, Member{ID: "m1", Role: Chair, Devices: []string{"d1"}}); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(&r)
	if want := `{"version":1,"members":[{"id":"m1","role":"chair","devices":["d1"]}]}`; err != nil || string(b) != want {
		t.Errorf("got %s, %v, want %s", b, err, want)
	}
	version, members, err := Decode(b)
	if err != nil || version != 1 || len(members) != 1 || members[0].ID != "m1" {
		t.Errorf("Decode: got %d, %v, %v", version, members, err)
	}
}

func TestReadCSV(t *testing.T) {
	const head = "id,role,devices,from,to\n"
	for _, tt := range []struct {
		name, in, want string
	}{
		{"empty", "", "empty file"},
		{"head only", head, "[]"},
		{"all", head + "m-01,councillor,t1 p1,2026-11-21,2026-11-22\nm-02,chair,,,\n",
			"[m-01 councillor [t1 p1] 2026-11-21T00:00:00+01:00 2026-11-23T00:00:00+01:00] [m-02 chair [] - -]"},
		{"semicolons, mark, carriage returns", "\ufeffid;role;devices;from;to\r\nm-01;guest;t1;2026-11-21T18:30:00+01:00;\r\n",
			"[m-01 guest [t1] 2026-11-21T18:30:00+01:00 -]"},
		{"quoted", head + `"m-01","staff","t1","",""`, "[m-01 staff [t1] - -]"},
		{"surplus column", "id,role,devices,from,to,name\nm-01,chair,,,,Erika\n", "line 1 is not"},
		{"other order", "role,id,devices,from,to\n", "line 1 is not"},
		{"name", head + "m-01,chair,,,\nErika Mustermann,guest,,,\n", "line 3: roster: id is not"},
		{"mail", head + "erika@example.org,guest,,,\n", "line 2: roster: id is not"},
		{"umlaut", head + "müller,guest,,,\n", "line 2: roster: id is not"},
		{"role", head + "m-01,mayor,,,\n", "line 2: roster: m-01: role is not"},
		{"device", head + "m-01,guest,AA:BB:CC,,\n", "line 2: roster: m-01: device 1 is not an id"},
		{"device twice", head + "m-01,guest,d d,,\n", "device d twice"},
		{"date", head + "m-01,guest,,21.11.2026,\n", "line 2: from: no date"},
		{"far date", head + "m-01,guest,,,9999-12-31\n", "line 2: to: no date"},
		{"backwards", head + "m-01,guest,,2026-11-22,2026-11-20\n", "line 2: roster: m-01: to"},
		{"twice", head + "m-01,guest,,,\n\nm-01,guest,,,\n", "line 4: m-01 is in line 2 already"},
		{"short row", head + "m-01,guest\n", "line 2: has 2 columns"},
		{"quotes", head + "m-01,\"guest,,,\n", "line"},
		{"every bad line", head + "A,guest,,,\nB,guest,,,\n", "line 3: roster: id"},
		{"too large", head + strings.Repeat("x", MaxCSV), "larger than"},
	} {
		members, err := ReadCSV(strings.NewReader(tt.in), berlin)
		if err != nil {
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got error %v, want one with %q", tt.name, err, tt.want)
			}
			if members != nil {
				t.Errorf("%s: members beside an error: %v", tt.name, members)
			}
			if strings.Contains(strings.ToLower(err.Error()), "erika") {
				t.Errorf("%s: the error repeats a name: %v", tt.name, err)
			}
			continue
		}
		var got []string
		for _, m := range members {
			got = append(got, fmt.Sprintf("[%s %s %v %s %s]", m.ID, m.Role, m.Devices, instant(m.From), instant(m.To)))
		}
		if s := strings.Join(got, " "); s != tt.want && !(tt.want == "[]" && s == "") {
			t.Errorf("%s: got %s, want %s", tt.name, s, tt.want)
		}
	}
}

func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339)
}

func TestFull(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,role,devices,from,to\n")
	for i := range MaxMembers + 1 {
		fmt.Fprintf(&b, "m-%d,guest,,,\n", i)
	}
	if _, err := ReadCSV(strings.NewReader(b.String()), berlin); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
}

// FuzzCSV: what is read is valid, and goes through a file unchanged.
func FuzzCSV(f *testing.F) {
	f.Add("id,role,devices,from,to\nm-01,councillor,t1 p1,2026-11-21,2026-11-22\n")
	f.Add("\ufeffid;role;devices;from;to\r\nm-01;guest;;;2026-11-21T18:30:00+01:00\r\n")
	f.Add("id,role,devices,from,to\n\"m\n01\",chair,,,\n")
	f.Fuzz(func(t *testing.T, in string) {
		members, err := ReadCSV(strings.NewReader(in), time.UTC)
		if err != nil {
			return
		}
		var r Roster
		if _, err := r.Replace(now, members); err != nil {
			t.Fatalf("what was read is refused: %v", err)
		}
		b, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		_, again, err := Decode(b)
		if err != nil || len(again) != len(members) {
			t.Fatalf("got %d of %d members back, %v", len(again), len(members), err)
		}
		for i, m := range r.Members() {
			if !m.equal(again[i]) || strings.ContainsAny(m.ID, "@ .") {
				t.Fatalf("got %+v, want %+v", again[i], m)
			}
		}
	})
}
