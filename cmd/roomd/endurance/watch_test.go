package endurance_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // driver "sqlite"

	"subrosa/firmware/alarm"
	"subrosa/firmware/journal"
	"subrosa/firmware/session"
)

// figures returns a program's metrics: those without labels by name, others as name{labels}.
func figures(addr string) (map[string]float64, error) {
	c := http.Client{Timeout: 5 * time.Second}
	resp, err := c.Get("http://" + addr + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	out := map[string]float64{}
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		if i := strings.LastIndexByte(s.Text(), ' '); i > 0 && s.Text()[0] != '#' {
			if v, err := strconv.ParseFloat(s.Text()[i+1:], 64); err == nil {
				out[s.Text()[:i]] = v
			}
		}
	}
	return out, nil
}

// healthy reports whether a page's health answers OK.
func healthy(addr string) bool {
	c := http.Client{Timeout: 2 * time.Second}
	resp, err := c.Get("http://" + addr + "/healthz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// kept is an alarm in the console's store.
type kept struct {
	version uint64
	alarm   alarm.Alarm
}

// stored reads the console's alarms out of its file, by id; rows counts them.
func (h *house) stored() (out map[string]kept, rows int, err error) {
	db, err := sql.Open("sqlite", "file:"+h.path("site-state", "console", "console.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, 0, err
	}
	defer db.Close()
	rs, err := db.QueryContext(context.Background(), `SELECT id, version, body FROM alarm`)
	if err != nil {
		return nil, 0, err
	}
	defer rs.Close()
	out = map[string]kept{}
	for rs.Next() {
		var id string
		var v int64
		var body []byte
		if err := rs.Scan(&id, &v, &body); err != nil {
			return nil, 0, err
		}
		k := kept{version: uint64(v)}
		if err := json.Unmarshal(body, &k.alarm); err != nil {
			return nil, 0, err
		}
		out[strings.ToUpper(id)] = k
		rows++
	}
	return out, rows, rs.Err()
}

// chronicle is what the unit's journal says of its alarms.
type chronicle struct {
	raised  map[string]int         // times each alarm was raised
	last    map[string]alarm.Alarm // last state of each
	planned int                    // times a session was planned
	faults  []string
	count   uint64
}

// chronicle reads a copy of the journal, with the package that writes it, after every byte was verified.
func (h *house) chronicle() chronicle {
	h.t.Helper()
	dir := h.t.TempDir()
	h.must(os.CopyFS(dir+"/journal", os.DirFS(h.path("unit", "state", "journal"))))
	rep, err := journal.Verify(dir + "/journal")
	h.must(errors.Join(err, rep.Err()))
	j, err := journal.Open(dir+"/journal", journal.Options{Now: h.clock.Now, Quality: h.clock.Quality()})
	h.must(err)
	defer j.Close()
	c := chronicle{raised: map[string]int{}, last: map[string]alarm.Alarm{}, count: rep.Entries}
	h.must(j.Read(1, func(_ uint64, e journal.Entry) error {
		if e.Kind == "session.changed" {
			var to struct{ To session.State }
			if err := json.Unmarshal(e.Payload, &to); err == nil && to.To == session.Planned {
				c.planned++
			}
		}
		if !strings.HasPrefix(e.Kind, "alarm.") {
			return nil
		}
		var r alarm.Record
		if err := json.Unmarshal(e.Payload, &r); err != nil {
			return err
		}
		a := r.Alarm
		if e.Kind == alarm.KindRaised {
			c.raised[a.Finding.ID]++
		}
		before, known := c.last[a.Finding.ID]
		if known && a.Version <= before.Version {
			c.faults = append(c.faults, "journal: version of "+a.Finding.ID+" does not grow")
		}
		if !known && e.Kind != alarm.KindRaised {
			c.faults = append(c.faults, "journal: "+a.Finding.ID+" begins with "+e.Kind)
		}
		c.last[a.Finding.ID] = a
		return nil
	}))
	return c
}
