package shadow

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Status of the connection and the outbox.
type Status struct {
	Connected bool
	Since     time.Time // connected, or not, since
	Err       error     // why not connected, or what the connection lacks
	Queued    int       // states the broker has not acknowledged
	Oldest    time.Time // of them
	Refused   string    // topic on which the broker hangs up
	Disk      error     // why the outbox is not on disk
}

// String is one line for people.
func (s Status) String() string {
	line := "broker: not connected"
	if s.Connected {
		line = "broker: connected"
	}
	line += " since " + s.Since.Format("15:04:05")
	if s.Err != nil {
		line += ": " + s.Err.Error()
	}
	if s.Queued > 0 {
		line += fmt.Sprintf("; %d queued since %s", s.Queued, s.Oldest.Format("15:04:05"))
	}
	if s.Refused != "" {
		line += "; broker refuses " + s.Refused
	}
	if s.Disk != nil {
		line += "; " + s.Disk.Error()
	}
	return line
}

// Status returns the present state.
func (s *Shadow) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Connected: s.link.up, Since: s.link.since, Err: s.link.err, Disk: s.diskErr}
	st.Queued, st.Oldest, st.Refused = s.box.waiting()
	return st
}

type counters struct {
	published, acked, received, connects uint64
	dropped                              uint64 // levels without a connection
	healed                               uint64 // states sent again because the broker held something else
	foreign                              uint64 // messages that are not events
	conflicts                            uint64
}

// Metrics returns a collector of the connection's figures.
func (s *Shadow) Metrics() prometheus.Collector { return collector{s} }

type collector struct{ s *Shadow }

func metric(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("subrosa_mqtt_"+name, help, nil, nil)
}

var (
	descConnected = metric("connected", "1 while the broker is connected.")
	descQueued    = metric("queued", "States the broker has not acknowledged.")
	descOldest    = metric("oldest_seconds", "Age of the oldest of them.")
	descDisk      = metric("disk_failed", "1 while the outbox is not on disk.")
	descPublished = metric("published_total", "States sent.")
	descAcked     = metric("acknowledged_total", "States acknowledged by the broker.")
	descReceived  = metric("received_total", "Messages received.")
	descConnects  = metric("connections_total", "Connections made.")
	descDropped   = metric("dropped_total", "Messages without memory dropped.")
	descHealed    = metric("healed_total", "States sent again because the broker held something else.")
	descForeign   = metric("foreign_total", "Messages received that are not events.")
	descConflicts = metric("conflicts_total", "States that somebody else with the same identity seems to write.")
)

// Describe is prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect is prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	st := c.s.Status()
	c.s.mu.Lock()
	n := c.s.count
	c.s.mu.Unlock()
	var age float64
	if st.Queued > 0 {
		age = c.s.opt.Now().Sub(st.Oldest).Seconds()
	}
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	counter := func(d *prometheus.Desc, v uint64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	gauge(descConnected, flag(st.Connected))
	gauge(descQueued, float64(st.Queued))
	gauge(descOldest, age)
	gauge(descDisk, flag(st.Disk != nil))
	counter(descPublished, n.published)
	counter(descAcked, n.acked)
	counter(descReceived, n.received)
	counter(descConnects, n.connects)
	counter(descDropped, n.dropped)
	counter(descHealed, n.healed)
	counter(descForeign, n.foreign)
	counter(descConflicts, n.conflicts)
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
