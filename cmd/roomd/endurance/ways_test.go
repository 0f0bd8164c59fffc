package endurance_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/record"
	"subrosa/firmware/report"
	"subrosa/firmware/seal"
	"subrosa/firmware/slot"
)

// observer keeps every byte that a subscriber with the right to read all can see, and when it came.
type observer struct {
	mu   sync.Mutex
	seen []sight
}

type sight struct {
	at      time.Time // real
	topic   string
	payload []byte
}

func (h *house) observe() *observer {
	h.t.Helper()
	o := &observer{}
	h.client("console", func(c mqtt.Client) {
		c.Subscribe("subrosa/v1/#", 1, func(_ mqtt.Client, m mqtt.Message) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.seen = append(o.seen, sight{time.Now(), m.Topic(), bytes.Clone(m.Payload())})
		})
	})
	return o
}

// on returns what came on topics with that ending.
func (o *observer) on(ending string) (out []sight) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.seen {
		if strings.HasSuffix(s.topic, ending) || ending == "" {
			out = append(out, s)
		}
	}
	return out
}

// haunted starts a house whose sensor is the hostile one, and waits d of its time.
func haunted(t *testing.T, way string, speed float64, d time.Duration) (*house, *observer) {
	t.Helper()
	if err := seal.Probe(); err != nil {
		t.Skipf("this kernel seals nothing: %v", err)
	}
	h := newHouse(t, speed)
	exe, err := os.Executable()
	h.must(err)
	h.sensed = h.path("hostile-" + way)
	if os.Link(exe, h.sensed) != nil {
		b, err := os.ReadFile(exe)
		h.must(err)
		h.must(os.WriteFile(h.sensed, b, 0o755))
	}
	h.configure(h.silence(), nil)
	h.startConsole()
	until(t, "the broker answers", func() bool { return healthy(h.pages) })
	h.begin()
	o := h.observe()
	h.startUnit()
	select {
	case <-h.clock.After(d):
	case <-h.unit.done:
		t.Fatalf("unit ended:\n%s", h.unitLog.tail(5))
	}
	return h, o
}

// everything is every byte that the unit has written or sent: state, logs, MQTT.
func (h *house) everything(o *observer) []byte {
	var all bytes.Buffer
	h.must(filepath.WalkDir(h.path("unit", "state"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) { // replaced just now
			return nil
		}
		all.Write(b)
		return err
	}))
	all.WriteString(h.unitLog.String() + h.consoleLog.String())
	for _, s := range o.on("") {
		all.WriteString(s.topic)
		all.Write(s.payload)
	}
	return all.Bytes()
}

// TestHostileRecords: every field of every record that may leave is filled with secret bits. What a subscriber can read
// back is counted; the ceiling holds.
func TestHostileRecords(t *testing.T) {
	t.Parallel()
	const minutes = 10
	h, o := haunted(t, "records", 30, minutes*time.Minute)
	bits, statuses := h.readLevels(o)
	fields, alarms := h.readAlarms(o)
	if statuses < 20 || alarms == 0 {
		t.Fatalf("%d statuses and %d alarms on MQTT in %d min", statuses, alarms, minutes)
	}
	hour := (bits + fields) * 60 / minutes
	t.Logf("measured: record fields: %.0f bit an hour to a subscriber, %.0f of them in %d statuses, %.0f in %d alarms in %d min; ceiling %d",
		hour, bits*60/minutes, statuses, fields*60/minutes, alarms, minutes, slot.Ceiling(0))
	if most := float64(slot.Ceiling(0)); hour > most {
		t.Errorf("%.0f bit an hour, over the ceiling of %.0f", hour, most)
	}
	if h.unit.child("hostile-records") == 0 {
		t.Error("a sensor that keeps to the grammar was ended")
	}
}

// readLevels reads the secret back from the levels. It returns the bits that were right.
func (h *house) readLevels(o *observer) (bits float64, statuses int) {
	r := secret("levels")
	for _, s := range o.on("/levels") {
		e, err := event.Decode(s.payload)
		h.must(err)
		l, err := event.Data[report.Levels](e)
		h.must(err)
		for range 5 { // levels may be lost, being QoS 0
			want := secretStatus(r)
			if !slices.Equal(dbs(l.Thirds, func(x report.Third) float64 { return x.DB }), want.Thirds[:]) {
				continue
			}
			bits += 10 * math.Log2(31)
			if slices.Equal(dbs(l.Bands, func(x report.Band) float64 { return x.DB }), want.Bands[:]) {
				bits += 8 * math.Log2(31)
			}
			if l.Open == want.Open {
				bits += 4
			}
			statuses++
			break
		}
	}
	return bits, statuses
}

// readAlarms reads the secret back from the alarms: each field that says what was sent counts with what it can tell.
func (h *house) readAlarms(o *observer) (bits float64, alarms int) {
	r := secret("findings")
	var sent []sentFinding
	for i := range 2000 {
		sent = append(sent, secretFinding(r, uint8(i+1)).Finding)
	}
	seen := map[string]bool{}
	for _, s := range o.on("") {
		if !strings.Contains(s.topic, "/alarm/") || len(s.payload) == 0 || seen[s.topic] {
			continue
		}
		e, err := event.Decode(s.payload)
		h.must(err)
		a, err := event.Data[alarm.Alarm](e)
		h.must(err)
		got := a.Finding
		best := slices.MinFunc(sent, func(x, y sentFinding) int { return cmp.Compare(math.Abs(x.Hz-got.Hz), math.Abs(y.Hz-got.Hz)) })
		off := math.Abs(best.Hz - got.Hz)
		if got.Kind != best.Kind || off > 1e5 {
			continue
		}
		seen[s.topic] = true
		alarms++
		bits += math.Log2(1.7e9 / (2*off + best.Hz/(1<<17)))
		for _, f := range []struct {
			right bool
			bits  float64
		}{{got.Name == best.Name, 5}, {near(got.BwHz, best.BwHz), math.Log2(20)}, {near(got.LevelDB, best.LevelDB), 6}, {near(got.SNRDB, best.SNRDB), 6},
			{near(got.Statistic, best.Statistic), 6.3}, {near(got.Threshold, best.Threshold), 6.3}, {math.Abs(got.Confidence-best.Confidence) < 1.0/30, 4}} {
			if f.right {
				bits += f.bits
			}
		}
	}
	return bits, alarms
}

type sentFinding = record.Finding

// near allows for what publishing rounds off.
func near(a, b float64) bool { return math.Abs(a-b) <= 0.04*math.Abs(b)+1e-9 }

// entropy is what a binary symbol with that share of errors carries.
func entropy(errs float64) float64 {
	if errs = min(errs, 1-errs); errs <= 0 {
		return 1
	}
	return 1 + errs*math.Log2(errs) + (1-errs)*math.Log2(1-errs)
}

// TestHostileEnds: the sensor ends at times of its choosing. What the times of the health messages tell is counted.
func TestHostileEnds(t *testing.T) {
	t.Parallel()
	const minutes = 15
	h, o := haunted(t, "ends", 30, minutes*time.Minute)
	ends := len(h.unitLog.lines("sensor ended"))
	if ends < minutes/2-1 || ends > minutes+1 {
		t.Errorf("it ended %d times in %d min, want about one a minute and never more", ends, minutes)
	}
	dead := 0
	for _, s := range o.on("/health") {
		if bytes.Contains(s.payload, []byte(`"sensor-process","ok":false`)) {
			dead++
		}
	}
	// An end is noticed at one of the ticks of its minute: log2(120) bits, and one for how it ended.
	perHour := float64(ends) * 60 / minutes * (math.Log2(float64(time.Minute/slot.UrgentEvery)) + 1)
	t.Logf("measured: restarts: %d ends seen by a subscriber in %d min, at most %.0f bit an hour; each is charged as a slot", ends, minutes, perHour)
	if dead == 0 {
		t.Error("no end was seen at all")
	}
}

// TestHostileElsewhere: everything that is not a record, tried by a sensor that never sealed itself and by one that did.
func TestHostileElsewhere(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"outside", "inside"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			h, o := haunted(t, way, 20, time.Minute)
			levels := o.on("/levels")
			if len(levels) == 0 {
				t.Fatalf("it told nothing:\n%s", h.unitLog.tail(5))
			}
			e, err := event.Decode(levels[len(levels)-1].payload)
			h.must(err)
			l, err := event.Data[report.Levels](e)
			h.must(err)
			var did []string
			for i, v := range append(dbs(l.Thirds, func(x report.Third) float64 { return x.DB }), dbs(l.Bands, func(x report.Band) float64 { return x.DB })...) {
				if i < len(elsewhere) && v > -50 {
					did = append(did, elsewhere[i])
				}
			}
			if pid := h.unit.child("hostile-" + way); pid != 0 {
				b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				t.Logf("%s: other processes of the unit read %q as its arguments (%v)", way, bytes.Trim(b, "\x00"), err)
			}
			// Its own memory is its own, and arguments lie in it: who may read /proc on the unit sees them change.
			allowed := []string{"arguments in /proc/PID/cmdline"}
			if way == "outside" { // before it is sealed a thread may be named, as libraries do
				allowed = append(allowed, "name in /proc/PID/comm")
			}
			for _, d := range did {
				if !slices.Contains(allowed, d) {
					t.Errorf("%s succeeded", d)
				}
			}
			if b := h.everything(o); bytes.Contains(b, []byte(marker[:16])) {
				t.Errorf("the marker left the unit")
			}
			_, tmp := os.Stat("/tmp/" + strings.ReplaceAll(marker, " ", "-"))
			_, shm := os.Stat("/dev/shm/subrosa-leak")
			if tmp == nil || shm == nil {
				t.Error("it wrote a file")
			}
			t.Logf("measured: %s: of %d other ways %d succeeded (%s), 0 bit reached a subscriber", way, len(elsewhere), len(did), strings.Join(did, ", "))
		})
	}
}

func dbs[T any](xs []T, db func(T) float64) (out []float64) {
	for _, x := range xs {
		out = append(out, db(x))
	}
	return out
}

// TestHostileLoad: the sensor keeps the cores busy or not, and someone on the network asks the wall how fast it answers.
func TestHostileLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly; wants a machine of its own")
	}
	h, _ := haunted(t, "load", 1, 5*time.Second)
	c := http.Client{Timeout: 5 * time.Second}
	byBit := map[int64][]float64{}
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		began := time.Now()
		resp, err := c.Get("http://" + h.wall + "/")
		if err != nil {
			continue
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		n := began.UnixNano() / int64(burnEvery)
		byBit[n] = append(byBit[n], time.Since(began).Seconds())
	}
	var values []float64
	var bits []bool
	for n, ds := range byBit {
		slices.Sort(ds)
		values = append(values, ds[len(ds)/2])
		bits = append(bits, loadBit(time.Unix(0, n*int64(burnEvery))))
	}
	best := 0.5
	for _, th := range values { // the observer knows the best threshold: an upper bound
		wrong := 0
		for i, v := range values {
			if (v > th) != bits[i] {
				wrong++
			}
		}
		e := float64(wrong) / float64(len(values))
		best = min(best, e, 1-e)
	}
	t.Logf("measured: processor load: %d half seconds, %.1f %% read wrongly by their median answer time, about %.0f bit an hour", len(values), 100*best, entropy(best)*7200)
}
