package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"subrosa/cmd/console/internal/broker"
	"subrosa/cmd/console/internal/fleet"
)

// metrics serves the console's figures. They count; they name no room, unit, account or address.
func metrics(fl *fleet.Fleet, link *fleet.Link, b *broker.Broker) http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge := func(name, help string, f func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "subrosa_console_" + name, Help: help}, f))
	}
	count := func(name, help string, f func() float64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "subrosa_console_" + name + "_total", Help: help}, f))
	}
	gauge("rooms", "Rooms known.", func() float64 { return float64(fl.Stats().Rooms) })
	gauge("units", "Units known.", func() float64 { return float64(fl.Stats().Units) })
	gauge("units_unreachable", "Units that are offline or silent.", func() float64 { return float64(fl.Stats().Stale) })
	gauge("alarms_open", "Alarms neither answered nor over.", func() float64 { return float64(fl.Stats().OpenAlarms) })
	gauge("alarms_unsaved", "Alarms that could not be stored yet.", func() float64 { return float64(fl.Stats().Unsaved) })
	count("messages", "Messages received.", func() float64 { return float64(fl.Stats().Messages) })
	count("messages_ignored", "Messages that were malformed or too large.", func() float64 { return float64(fl.Stats().Malformed) })
	gauge("broker_up", "1 while the broker answers.", func() float64 {
		if link.Up() {
			return 1
		}
		return 0
	})
	if b != nil {
		gauge("broker_clients", "Clients connected to the broker inside.", func() float64 { return float64(b.Stats().Connected) })
		gauge("broker_retained", "Retained messages.", func() float64 { return float64(b.Stats().Retained) })
		gauge("broker_inflight", "Messages waiting for clients.", func() float64 { return float64(b.Stats().Inflight) })
		count("broker_received", "Messages the broker received.", func() float64 { return float64(b.Stats().Received) })
		count("broker_sent", "Messages the broker sent.", func() float64 { return float64(b.Stats().Sent) })
		count("broker_refused", "Connections, messages and subscriptions refused.", func() float64 { return float64(b.Stats().Refused) })
		count("broker_slow", "Clients dropped because they did not keep up.", func() float64 { return float64(b.Stats().Slow) })
		count("broker_store_failures", "Writes to disk that failed.", func() float64 { return float64(b.Stats().StoreFailed) })
	}
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
}
