package endurance_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/sys/unix"

	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/finding"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/provisioning/site"
)

// trouble returns the chair's youngest health alarm about a part of the unit.
func (c *chair) trouble(part string) (alarm.Alarm, bool) {
	v, err := c.view()
	if err != nil {
		return alarm.Alarm{}, false
	}
	for _, a := range v.Alarms { // newest first
		if a.Finding.Name == part && a.Finding.Kind.String() == "sensor-dead" {
			return a, true
		}
	}
	return alarm.Alarm{}, false
}

// rings waits until a part is in trouble, at the chair's page.
func (h *house) rings(c *chair, part string) alarm.Alarm {
	h.t.Helper()
	var a alarm.Alarm
	done := within(patience, func() (ok bool) {
		a, ok = c.trouble(part)
		return ok && a.Finding.Open() && a.State != alarm.Cleared
	})
	if !done {
		h.t.Fatalf("no health alarm %q at the chair's page:\n%s", part, h.unitLog.tail(10))
	}
	return a
}

// ends waits until that alarm is over.
func (h *house) ends(c *chair, part, id string) {
	h.t.Helper()
	done := within(patience, func() bool {
		a, ok := c.trouble(part)
		return ok && a.Finding.ID == id && a.State == alarm.Cleared
	})
	if !done {
		a, _ := c.trouble(part)
		h.t.Fatalf("health alarm %q goes on: %+v\n%s", part, a, h.unitLog.tail(10))
	}
}

// hears waits until the unit has raised one more alarm for a beacon: it measures and tells the chair.
func (h *house) hears(c *chair) {
	h.t.Helper()
	count := func() (n int) {
		v, err := c.view()
		if err != nil {
			return -1
		}
		for _, a := range v.Alarms {
			if a.Finding.Kind.String() == "ultrasonic-beacon" {
				n += 1 + a.Merged
			}
		}
		return n
	}
	before := -1
	until(h.t, "the unit goes on listening", func() bool {
		n := count()
		if before < 0 {
			before = n
		}
		return before >= 0 && n > before
	})
}

// once asserts that the parts stand in one line of the log.
func once(t *testing.T, d *diary, parts ...string) {
	t.Helper()
	if got := d.lines(parts...); len(got) != 1 {
		t.Errorf("got %d lines with %q, want one: %q", len(got), parts, got)
	}
}

// calmLog asserts that nothing has panicked.
func (h *house) calmLog() {
	h.t.Helper()
	for _, d := range []*diary{h.unitLog, h.consoleLog} {
		if s := d.String(); strings.Contains(s, "goroutine ") || strings.Contains(s, "panic:") || strings.Contains(s, "DATA RACE") {
			h.t.Errorf("a stack trace:\n%s", s)
		}
	}
}

// listening is a house whose unit hears beacons every 15 s at 20 times the speed.
func listening(t *testing.T) *house {
	h := newHouse(t, 20)
	h.configure(h.turns(h.voices(15, 1), 10, 15), nil)
	return h
}

// plan asks the unit for a session in ten minutes, as the console does.
func (h *house) plan() {
	h.t.Helper()
	now := h.clock.Now()
	from, to := now.Add(10*time.Minute), now.Add(2*time.Hour)
	name := topic.SessionDesired(roomID)
	top, err := topic.Parse(name)
	h.must(err)
	e, err := event.Wrap("/console", top.EventType(""), name[len(topic.Root)+1:], now, rand.Text(), session.Desired{Version: 1,
		Writer: "test", Role: session.Clerk, State: session.Planned, Kind: "council", Level: "nonpublic", From: &from, To: &to})
	h.must(err)
	b, err := e.Encode()
	h.must(err)
	if tok := h.client("console", func(mqtt.Client) {}).Publish(name, 1, true, b); !tok.WaitTimeout(patience) || tok.Error() != nil {
		h.t.Fatalf("plan: %v", tok.Error())
	}
}

// TestFaultsFullDisk lets no file of the running unit grow any more, and later lifts that.
func TestFaultsFullDisk(t *testing.T) {
	t.Parallel()
	h := listening(t)
	h.startConsole()
	until(t, "the broker answers", func() bool { return healthy(h.pages) })
	h.begin()
	l := h.listen()
	h.startUnit()
	c := h.chair()
	h.hears(c)

	pid := h.unit.cmd.Process.Pid
	var before unix.Rlimit
	h.must(unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &before))
	full := before
	full.Cur = 1024
	h.must(unix.Prlimit(pid, unix.RLIMIT_FSIZE, &full, nil))
	a := h.rings(c, "journal")
	if a.Recorded() {
		t.Errorf("the alarm about the journal counts as recorded: %+v", a)
	}
	told := len(l.versions())
	h.plan()
	until(t, "the session is planned", func() bool { v, err := c.view(); return err == nil && v.Session.State == session.Planned })
	polls := func() float64 { f, _ := figures(h.metrics); return f["subrosa_sensor_bits_last_hour"] }
	bits := polls()
	h.hears(c)
	until(t, "the sensor is polled on a full disk", func() bool { return polls() > bits })
	f, err := figures(h.metrics)
	h.must(err)
	if f["subrosa_sensor_restarts_total"] != 0 || !h.unit.alive() {
		t.Errorf("the full disk ended the sensor or the unit:\n%s", h.unitLog.tail(10))
	}
	if n := len(l.versions()); n != told {
		t.Errorf("%d alarms were told outside that are not on record", n-told)
	}
	for _, part := range []string{"journal", "state", "outbox"} { // once, although some files still fit and others do not
		once(t, h.unitLog, "level=WARN msg=health", "part="+part, "file too large")
	}

	h.must(unix.Prlimit(pid, unix.RLIMIT_FSIZE, &before, nil))
	for _, part := range []string{"journal", "state", "outbox"} {
		b, _ := c.trouble(part)
		h.ends(c, part, b.Finding.ID)
	}
	until(t, "what happened meanwhile is on record", func() bool { return h.chronicle().planned == 1 })
	h.calm()
	h.judge(l)
	h.calmLog()
}

// TestFaultsDeadBroker starts the unit without a broker, and takes it away again later.
func TestFaultsDeadBroker(t *testing.T) {
	t.Parallel()
	h := listening(t)
	h.begin()
	h.startUnit()
	c := h.chair()
	h.hears(c)
	a := h.rings(c, "broker")
	if after := a.Finding.Start.Sub(h.clock.Epoch); after < 55*time.Second {
		t.Errorf("health alarm after %v, want about a minute", after)
	}
	once(t, h.unitLog, "msg=\"no broker\"", h.brokerURL(), "connection refused")
	h.startConsole()
	h.ends(c, "broker", a.Finding.ID)
	l := h.listen()
	h.hears(c)

	h.console.kill()
	b := h.rings(c, "broker")
	h.hears(c)
	h.startConsole()
	h.ends(c, "broker", b.Finding.ID)
	h.calm()
	h.judge(l)
	h.calmLog()
}

// TestFaultsCertificate gives the unit, or the broker, a certificate of another site.
func TestFaultsCertificate(t *testing.T) {
	for _, tt := range []struct {
		name         string
		unit, broker bool // has another site's
		unitSays     string
		consoleSays  string
	}{
		{name: "unit", unit: true, unitSays: "unknown certificate authority", consoleSays: "unknown authority"},
		{name: "broker", broker: true, unitSays: "certificate signed by unknown authority", consoleSays: "bad certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := listening(t)
			other, err := site.Init(h.path("other"), plan(), time.Now(), rand.Reader)
			h.must(err)
			mine := h.site
			if tt.unit {
				bundle := other.Path("unit/" + unitID)
				h.conf["cert"], h.conf["key"] = filepath.Join(bundle, "cert.pem"), filepath.Join(bundle, "key.pem")
			}
			if tt.broker {
				h.site = other
			}
			h.startConsole()
			until(t, "the broker answers", func() bool { return healthy(h.pages) })
			h.site = mine
			h.configure(h.turns(h.voices(15, 1), 10, 15), nil)
			h.begin()
			h.startUnit()
			c := h.chair()
			h.rings(c, "broker")
			h.hears(c)
			once(t, h.unitLog, "msg=\"no broker\"", h.brokerURL(), tt.unitSays)
			if got := h.consoleLog.lines("broker refused", tt.consoleSays); len(got) == 0 {
				t.Errorf("the console says nothing of it: %q", h.consoleLog)
			}
			h.calmLog()
		})
	}
}

// TestFaultsWrongKey gives the unit a certificate and the key of another.
func TestFaultsWrongKey(t *testing.T) {
	h := newHouse(t, 1)
	wrong := filepath.Join(h.site.Path("unit/"+otherID), "key.pem")
	missing := h.path("none.pem")
	for name, tt := range map[string]struct{ field, file, says string }{
		"key of another":      {"key", wrong, "private key does not match public key"},
		"no certificate":      {"cert", missing, "no such file"},
		"authority is no PEM": {"ca", h.path("console.json"), "holds no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			h.conf = map[string]any{tt.field: tt.file}
			h.configure(h.silence(), nil)
			log := &diary{}
			p := start(t, log, program(t, "roomd"), h.unitArgs()...)
			if code := p.code(t); code != 2 {
				t.Errorf("exit %d, want 2", code)
			}
			clean(t, log.String(), "roomd", 1)
			once(t, log, "roomd: ", tt.file, tt.says)
		})
	}
}

// TestFaultsForeignTopic lets one unit write the alarms of another's room.
func TestFaultsForeignTopic(t *testing.T) {
	t.Parallel()
	h := listening(t)
	h.startConsole()
	until(t, "the broker answers", func() bool { return healthy(h.pages) })
	h.begin()
	l := h.listen()
	h.startUnit()
	id := finding.NewID(h.clock.Now(), rand.Reader)
	foreign, own := topic.Alarm(roomID, id), topic.Contact(foyerID, "door")
	seen := make(chan string, 16)
	h.client("console", func(c mqtt.Client) {
		for _, name := range []string{foreign, own} {
			c.Subscribe(name, 1, func(_ mqtt.Client, m mqtt.Message) { seen <- m.Topic() })
		}
	})
	thief := h.client("unit/"+otherID, func(mqtt.Client) {})
	for _, name := range []string{foreign, own} { // refused, or the connection is closed and comes back
		tok := thief.Publish(name, 1, true, `{"specversion":"1.0"}`)
		if !tok.WaitTimeout(patience) {
			t.Fatalf("the broker does not answer to %s", name)
		}
	}
	select {
	case got := <-seen:
		if got != own {
			t.Errorf("the broker took %s from %s", got, otherID)
		}
	case <-time.After(patience):
		t.Error("the unit's own topic does not work any more")
	}
	until(t, "a line in the console's log", func() bool { return len(h.consoleLog.lines("broker refused")) > 0 })
	once(t, h.consoleLog, "broker refused", otherID, foreign)
	db, err := sql.Open("sqlite", "file:"+h.path("site-state", "console", "console.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	h.must(err)
	defer db.Close()
	until(t, "an entry in the audit trail", func() bool {
		var n int
		err := db.QueryRowContext(context.Background(), `SELECT count(*) FROM audit WHERE what = 'broker.refused' AND target LIKE ?`, "%"+otherID+"%"+foreign).Scan(&n)
		return err == nil && n == 1
	})
	h.hears(h.chair())
	h.calm()
	h.judge(l)
	h.calmLog()
}

// TestFaultsNoSensor: the sensor's program is not there, and comes later.
func TestFaultsNoSensor(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 20)
	h.sensed = h.path("sensed")
	h.configure(h.turns(h.voices(15, 1), 10, 15), nil)
	h.startConsole()
	until(t, "the broker answers", func() bool { return healthy(h.pages) })
	h.begin()
	l := h.listen()
	h.startUnit()
	c := h.chair()
	until(t, "a health alarm about the sensor", func() bool { _, ok := c.trouble("sensor-process"); return ok })
	if got := h.unitLog.lines("sensor ended", h.sensed, "no such file"); len(got) == 0 {
		t.Errorf("no line that names the program:\n%s", h.unitLog)
	}
	h.must(os.Symlink(program(t, "sensed"), h.sensed))
	h.hears(c)
	h.calm()
	h.judge(l)
	h.calmLog()
}
