package room

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
)

var (
	bitsDesc     = prometheus.NewDesc("subrosa_sensor_bits_last_hour", "What the sensor could have said in the last hour at most, bits.", nil, nil)
	ceilingDesc  = prometheus.NewDesc("subrosa_sensor_bits_ceiling", "What it may say in an hour of the present state, bits.", nil, nil)
	restartsDesc = prometheus.NewDesc("subrosa_sensor_restarts_total", "Restarts of the sensor process.", nil, nil)
	openDesc     = prometheus.NewDesc("subrosa_alarms", "Alarms by state.", []string{"state"}, nil)
	okDesc       = prometheus.NewDesc("subrosa_check_ok", "Self-tests: 1 in order, 0 not.", []string{"check"}, nil)
	foundDesc    = prometheus.NewDesc("subrosa_findings_total", "Findings of the sensor; alarm=false is information only.", []string{"kind", "alarm"}, nil)
	mergedDesc   = prometheus.NewDesc("subrosa_findings_merged_total", "Findings that were only counted, because the sensor may say no more.", []string{"kind"}, nil)
	devicesDesc  = prometheus.NewDesc("subrosa_lockdown_devices", "Devices of the session by what is known of them; off: by their own word.", []string{"state"}, nil)
	connDesc     = prometheus.NewDesc("subrosa_lockdown_connectors", "Connectors of device managements.", []string{"reached"}, nil)
	postureDesc  = prometheus.NewDesc("subrosa_posture_devices", "Standing posture of a connector: assistants off by the device's word, those only declared off, and devices managed.", []string{"connector", "count"}, nil)
	hereDesc     = prometheus.NewDesc("subrosa_roster_members", "Members by how they have checked in.", []string{"place"}, nil)
	stateDesc    = prometheus.NewDesc("subrosa_session", "1 for the session's present state.", []string{"state"}, nil)
)

// figures are what is counted since the start.
type figures struct {
	findings map[class]int
	merged   map[detect.Kind]int
}

type class struct {
	kind  detect.Kind
	alarm bool
}

func newFigures() figures {
	return figures{findings: map[class]int{}, merged: map[detect.Kind]int{}}
}

func (f *figures) found(x finding.Finding) { f.findings[class{x.Kind, x.Alarm}]++ }

// Metrics returns the room's figures, the sensor's among them.
func (r *Room) Metrics() prometheus.Collector { return collector{r} }

type collector struct{ r *Room }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{bitsDesc, ceilingDesc, restartsDesc, openDesc, okDesc, foundDesc, mergedDesc, stateDesc,
		devicesDesc, connDesc, postureDesc, hereDesc} {
		ch <- d
	}
}

// Collect asks the room's goroutine; a room that does not run has no figures.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	got := make(chan []prometheus.Metric, 1)
	c.r.post(func() { got <- c.r.measure() })
	select {
	case ms := <-got:
		for _, m := range ms {
			ch <- m
		}
	case <-c.r.done:
	}
}

func (r *Room) measure() (ms []prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ms = append(ms, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...))
	}
	gauge(bitsDesc, float64(r.bits))
	gauge(ceilingDesc, float64(r.ceiling()))
	total := func(d *prometheus.Desc, n int, labels ...string) {
		ms = append(ms, prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...))
	}
	total(restartsDesc, r.p.Sensor.Restarts())
	for c, n := range r.figures.findings {
		total(foundDesc, n, c.kind.String(), strconv.FormatBool(c.alarm))
	}
	for k, n := range r.figures.merged {
		total(mergedDesc, n, k.String())
	}
	count := map[string]float64{"raised": 0, "held": 0, "cleared": 0}
	for _, a := range r.p.Book.Alarms() {
		count[string(a.State)]++
	}
	for s, n := range count {
		gauge(openDesc, n, s)
	}
	for _, k := range r.checks {
		v := 0.0
		if k.OK {
			v = 1
		}
		gauge(okDesc, v, k.Name)
	}
	gauge(stateDesc, 1, string(r.p.Machine.State()))
	r.measureDevices(gauge)
	return ms
}

// measureDevices are the figures of roster and lock.
func (r *Room) measureDevices(gauge func(*prometheus.Desc, float64, ...string)) {
	st := &r.devices.status
	for _, p := range []struct {
		state string
		n     int
	}{{"off", st.Off}, {"claimed", st.Claimed}, {"declared", st.Declared}, {"locked", st.Locked}, {"partial", st.Partial}, {"waiting", st.Waiting},
		{"offline", st.Offline}, {"failed", st.Failed}, {"unmanaged", st.Unmanaged}, {"blind", st.Blind}, {"returning", st.Returning}} {
		gauge(devicesDesc, float64(p.n), p.state)
	}
	gauge(connDesc, float64(st.Reached), "yes")
	gauge(connDesc, float64(st.Connectors-st.Reached), "no")
	for _, p := range st.Postures {
		gauge(postureDesc, float64(p.Proven()), p.Conn, "off")
		gauge(postureDesc, float64(p.Declared), p.Conn, "declared")
		gauge(postureDesc, float64(p.Total), p.Conn, "managed")
	}
	here := r.p.Attendance.Here(r.p.Clock.Now())
	gauge(hereDesc, float64(here.Door), "door")
	gauge(hereDesc, float64(here.Home), "home")
	gauge(hereDesc, float64(here.Members-here.Door-here.Home), "not-yet")
}
