package sfu

import (
	"net"

	"github.com/prometheus/client_golang/prometheus"

	"subrosa/firmware/conference/tripwire"
)

// Addr of the media port.
func (s *SFU) Addr() net.Addr { return s.o.UDP.LocalAddr() }

// Close the media port.
func (s *SFU) Close() error { return s.o.UDP.Close() }

// Metrics are the counters for Prometheus.
func (s *SFU) Metrics() prometheus.Collector { return counters{s} }

type counters struct{ s *SFU }

var (
	inDesc      = prometheus.NewDesc("subrosa_conference_packets_in_total", "Media packets that came from participants.", nil, nil)
	outDesc     = prometheus.NewDesc("subrosa_conference_packets_out_total", "Media packets that went to participants.", nil, nil)
	againDesc   = prometheus.NewDesc("subrosa_conference_packets_again_total", "Media packets sent again out of the cache.", nil, nil)
	missDesc    = prometheus.NewDesc("subrosa_conference_packets_miss_total", "Packets asked for again that were not in the cache any more.", nil, nil)
	droppedDesc = prometheus.NewDesc("subrosa_conference_packets_dropped_total", "Media packets that the tripwire dropped.", []string{"why"}, nil)
)

func (c counters) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{inDesc, outDesc, againDesc, missDesc, droppedDesc} {
		ch <- d
	}
}

func (c counters) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	count(inDesc, c.s.In.Load())
	count(outDesc, c.s.Out.Load())
	count(againDesc, c.s.Retransmitted.Load())
	count(missDesc, c.s.Lost.Load())
	for _, v := range tripwire.Verdicts() {
		if v.Dropped() {
			count(droppedDesc, c.s.Dropped[v].Load(), v.String())
		}
	}
}
