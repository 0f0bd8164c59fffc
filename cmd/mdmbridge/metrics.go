package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"subrosa/cmd/mdmbridge/internal/bridge"
	"subrosa/mdm"
)

// metrics of one connector.
type metrics struct{ c *bridge.Connector }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("subrosa_mdm_"+name, help, labels, nil)
}

var (
	descDevices    = desc("devices", "Devices by state.", "state")
	descOff        = desc("posture_off", "Devices on which the standing posture is proven.")
	descDeclared   = desc("posture_declared", "Devices whose assistants are off by a person's word only: not proven.")
	descTotal      = desc("posture_devices", "Devices managed.")
	descUnreturned = desc("unreturned", "Devices that a lock may be on although nobody holds them.")
	descFault      = desc("fault", "1 while the management or the store is at fault.")
	descCommands   = desc("commands_total", "Commands handed out.")
	descWakes      = desc("wakes_total", "Devices woken.")
	descEvents     = desc("events_total", "Events taken.")
	descRefused    = desc("wishes_refused_total", "Wishes of rooms refused.")
	descPasses     = desc("passes_total", "Passes of the reconciler.")
	descPass       = desc("pass_seconds", "Duration of the last pass.")
	descLongest    = desc("pass_longest_seconds", "Duration of the longest pass.")
)

// Describe is prometheus.Collector.
func (m metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect is prometheus.Collector.
func (m metrics) Collect(ch chan<- prometheus.Metric) {
	f := m.c.Figures()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	for _, s := range mdm.States {
		gauge(descDevices, float64(f.States[s]), string(s))
	}
	gauge(descOff, float64(f.Posture.Off-f.Posture.Declared()))
	gauge(descDeclared, float64(f.Posture.Declared()))
	gauge(descTotal, float64(f.Posture.Total))
	gauge(descUnreturned, float64(f.Unreturned))
	fault := 0.0
	if f.Fault != "" {
		fault = 1
	}
	gauge(descFault, fault)
	gauge(descPass, f.Pass.Seconds())
	gauge(descLongest, f.Longest.Seconds())
	counter(descCommands, f.Commands)
	counter(descWakes, f.Wakes)
	counter(descEvents, f.Events)
	counter(descRefused, f.Refused)
	counter(descPasses, f.Passes)
}
