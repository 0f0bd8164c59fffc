package endurance_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKills kills sensed, roomd and the console with its broker at random times while beacons keep coming; then the
// same site goes over to mosquitto, which knows nothing of it, is killed too, and stays away for minutes. In the end
// every alarm of the journal is in the console's store exactly once, in its last version, and nothing else is; what
// the broker retains says the same.
func TestKills(t *testing.T) {
	if !nightly {
		t.Parallel()
	}
	inside, outside, pause := 28, 12, 250*time.Millisecond
	if nightly {
		inside, outside, pause = 200, 60, time.Second
	}
	seed := uint64(1)
	if s := os.Getenv("SUBROSA_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	h := newHouse(t, 30)
	h.configure(h.turns(h.voices(15, 1), 20, 16.7), nil)
	k := newKiller(h, seed)
	k.pause = pause
	h.startConsole()
	until(t, "the broker answers", func() bool { return healthy(h.pages) })
	h.begin()
	l := h.listen()
	h.startUnit()
	until(t, "the sensor runs", func() bool { return h.unit.child("sensed") != 0 })

	k.spree(inside, "sensed", "roomd", "console")
	t.Logf("broker inside: %s", k)
	h.toMosquitto()
	k.spree(outside, "sensed", "roomd", "console", "mosquitto")
	t.Logf("with mosquitto too: %s", k)

	h.calm()
	h.judge(l)
	k.judge()
	h.calmLog()
}

// toMosquitto moves the site to an outside broker at the same address.
func (h *house) toMosquitto() {
	h.t.Helper()
	h.console.stop(h.t)
	h.outside = true
	h.startMosquitto()
	h.startConsole()
	until(h.t, "the console reaches mosquitto", func() bool { return healthy(h.pages) })
}

// calm ends the beacons and waits until every alarm is over and told.
func (h *house) calm() {
	h.t.Helper()
	until(h.t, "the console is there", func() bool { return healthy(h.pages) })
	h.configure(h.silence(), nil)
	h.unit.stop(h.t)
	h.startUnit()
	h.rest("all alarms are over", func(f map[string]float64) bool {
		return len(f) > 0 && f[`subrosa_alarms{state="raised"}`]+f[`subrosa_alarms{state="held"}`] == 0
	})
}

// rest waits until the unit has told everything and is as it should be.
func (h *house) rest(what string, ok func(unit map[string]float64) bool) {
	h.t.Helper()
	var unit map[string]float64
	done := within(patience, func() bool {
		unit, _ = figures(h.metrics)
		console, err := figures(h.pages)
		return err == nil && unit["subrosa_mqtt_connected"] == 1 && unit["subrosa_mqtt_queued"] == 0 &&
			console["subrosa_console_alarms_unsaved"] == 0 && ok(unit)
	})
	if !done {
		h.t.Fatalf("waited in vain until %s: %v\n%s", what, unit, h.unitLog.tail(10))
	}
}

// killer kills programs.
type killer struct {
	h       *house
	r       *rand.Rand
	pause   time.Duration // between kills, on average
	kills   map[string]int
	early   int                // of these, before the program worked again
	back    map[string]float64 // longest time until a program worked again, s
	waiting map[string]time.Time
	starts  map[int][]float64  // of sensors, s since boot, by the unit that started them
	seen    map[int]bool       // sensors
	spoken  map[time.Time]bool // slots that were filled
	spent   float64            // greatest share of the sensor's ceiling in an hour
	sensor  int                // the one killed last
}

func newKiller(h *house, seed uint64) *killer {
	return &killer{h: h, r: rand.New(rand.NewPCG(seed, 0)), kills: map[string]int{}, back: map[string]float64{}, waiting: map[string]time.Time{},
		starts: map[int][]float64{}, seen: map[int]bool{}, spoken: map[time.Time]bool{}}
}

func (k *killer) String() string {
	return fmt.Sprintf("kills %v, %d of them before the program was back; longest way back, real s: %v", k.kills, k.early, k.back)
}

// spree kills n times, each of the victims as often as the others.
func (k *killer) spree(n int, victims ...string) {
	k.h.t.Helper()
	var deck []string
	for i := range n {
		deck = append(deck, victims[i%len(victims)])
	}
	k.r.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	for len(deck) > 0 {
		// Mostly short pauses, so that programs are hit while they come up, and long ones, so that alarms end.
		pause := time.Duration(k.r.ExpFloat64() * float64(k.pause))
		switch k.r.IntN(12) {
		case 0:
			pause += 4 * time.Second
		case 1, 2, 3, 4, 5:
			pause /= 8
		}
		deadline := time.Now().Add(min(pause, 12*time.Second))
		within(time.Until(deadline), func() bool { k.look(); return false })
		i := 0
		if deck[i] == "sensed" && k.h.unit.child("sensed") == 0 { // it has to wait for its minute
			i = slices.IndexFunc(deck, func(v string) bool { return v != "sensed" })
			if i < 0 {
				until(k.h.t, "the sensor runs", func() bool { k.look(); return k.h.unit.child("sensed") != 0 })
				i = 0
			}
		}
		k.kill(deck[i])
		deck = slices.Delete(deck, i, i+1)
	}
	until(k.h.t, "all programs are back", func() bool { k.look(); return len(k.waiting) == 0 })
}

// kill kills one program and, unless its parent does that, starts it again.
func (k *killer) kill(name string) {
	h := k.h
	if _, ok := k.waiting[name]; ok {
		k.early++
	}
	switch name {
	case "sensed":
		pid := h.unit.child("sensed")
		if pid == 0 || syscall.Kill(pid, syscall.SIGKILL) != nil {
			return // it has just ended
		}
		k.sensor = pid
	case "roomd":
		h.unit.kill()
		h.startUnit()
	case "console":
		h.console.kill()
		k.absent(300 * time.Millisecond)
		h.startConsole()
	case "mosquitto":
		h.mosquitto.kill()
		k.absent(time.Duration((0.5 + 3*k.r.Float64()) * float64(time.Minute) / h.speed)) // minutes of the scenario
		h.startMosquitto()
	}
	k.kills[name]++
	k.waiting[name] = time.Now()
}

func (k *killer) absent(d time.Duration) { within(d, func() bool { k.look(); return false }) }

// look notes what works again, and what the sensor was allowed.
func (k *killer) look() {
	h := k.h
	works := map[string]func() bool{
		"sensed": func() bool { pid := h.unit.child("sensed"); return pid != 0 && pid != k.sensor },
		"roomd": func() bool {
			f, err := figures(h.metrics)
			return err == nil && f["subrosa_mqtt_connected"] == 1
		},
		"console":   func() bool { return healthy(h.pages) },
		"mosquitto": func() bool { return healthy(h.pages) }, // which means: the console has it
	}
	for name, since := range maps.All(k.waiting) {
		if works[name]() {
			k.back[name] = max(k.back[name], math.Round(time.Since(since).Seconds()*10)/10)
			delete(k.waiting, name)
		}
	}
	if f, err := figures(h.metrics); err == nil && f["subrosa_sensor_bits_ceiling"] > 0 {
		k.spent = max(k.spent, f["subrosa_sensor_bits_last_hour"]/f["subrosa_sensor_bits_ceiling"])
	}
	if pid := h.unit.child("sensed"); pid != 0 && !k.seen[pid] {
		k.seen[pid] = true
		if at, ok := bootTime(pid); ok {
			parent := h.unit.cmd.Process.Pid
			k.starts[parent] = append(k.starts[parent], at)
		}
	}
	var m struct{ Filled []time.Time }
	if b, err := os.ReadFile(h.path("unit", "state", "slots.json")); err == nil && json.Unmarshal(b, &m) == nil {
		for _, at := range m.Filled {
			k.spoken[at.UTC().Round(0)] = true
		}
	}
}

// bootTime returns when a process was started, s since the machine was.
func bootTime(pid int) (float64, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	ticks, err := strconv.ParseFloat(f[19], 64)
	return ticks / 100, err == nil
}

// judge asks whether the sensor kept to its slots and starts, seen from outside and over all restarts.
func (k *killer) judge() {
	t := k.h.t
	t.Helper()
	spoken := slices.SortedFunc(maps.Keys(k.spoken), time.Time.Compare)
	most := 0
	for i := range spoken {
		n := 0
		for j := i; j < len(spoken) && spoken[j].Before(spoken[i].Add(time.Minute)); j++ {
			n++
		}
		most = max(most, n)
	}
	least := 1e9
	for _, at := range k.starts {
		for i := 1; i < len(at); i++ {
			least = min(least, (at[i]-at[i-1])*k.h.speed)
		}
	}
	t.Logf("sensor: %d slots filled, at most %d in any 60 s; at most %.0f %% of the bits of an hour; %d starts, at least %.0f s apart",
		len(spoken), most, 100*k.spent, len(k.seen), least)
	if most > 12 {
		t.Errorf("%d slots were filled in 60 s, want at most 12", most)
	}
	if k.spent > 1 {
		t.Errorf("the sensor had %.2f of the bits it may have in an hour", k.spent)
	}
	if least < 45 { // the times are of two clocks, and the machine may be busy
		t.Errorf("the sensor was started again after %.0f s, want a minute", least)
	}
}
