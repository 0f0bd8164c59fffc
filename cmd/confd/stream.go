package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"subrosa/firmware/conference/access"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/whip"
)

// hasStreams reports whether a room has public streams at all.
func (s *server) hasStreams(room string) bool {
	r := s.rooms[room]
	return r != nil && r.streams != nil
}

// streams serves WHIP and WHEP.
func (s *server) streams() http.Handler {
	use := map[bool]access.Use{true: access.Publish, false: access.Play}
	return whip.New(whip.Options{
		Call: func(room string) whip.Call {
			if !s.hasStreams(room) {
				return nil
			}
			return s.rooms[room].call
		},
		Token: func(token, room string, publish bool, remote string) (string, error) {
			return s.access.Stream(token, room, use[publish], remote)
		},
		Refusal: func(err error) (int, string, level.Text, int) { return s.access.StreamRefusal(err) },
		Free:    func(room string) bool { return s.rooms[room].streams.Free },
		ICE:     s.relay.Credentials, Now: time.Now, Log: s.log,
	}).Handler()
}

// streamToken makes a token for whoever runs the machine, while no conference runs.
func (s *server) streamToken(o options, w io.Writer) error {
	if !s.hasStreams(o.token) {
		return fmt.Errorf("config: room %s has no streams: add \"streams\": {} to it", o.token)
	}
	use := access.Play
	if o.publish {
		use = access.Publish
	}
	_, token, err := s.access.FirstStreamToken(o.token, use, time.Duration(o.hours)*time.Hour)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, token)
	return err
}

// streamWish is the same while it runs.
func (s *server) streamWish(w http.ResponseWriter, r *http.Request) {
	hours, err := strconv.Atoi(r.FormValue("hours"))
	var b bytes.Buffer
	if err == nil {
		err = s.streamToken(options{token: r.PathValue("room"), publish: r.FormValue("publish") == "true", hours: hours}, &b)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.Write(b.Bytes())
}

type streamCounter struct{ s *server }

var (
	streamsDesc = prometheus.NewDesc("subrosa_conference_streams", "Public streams of a room that run.", []string{"room", "way"}, nil)
	openDesc    = prometheus.NewDesc("subrosa_conference_streams_open", "1 while the chair has opened public streams.", []string{"room"}, nil)
)

func (c streamCounter) Describe(ch chan<- *prometheus.Desc) { ch <- streamsDesc; ch <- openDesc }
func (c streamCounter) Collect(ch chan<- prometheus.Metric) {
	for id, r := range c.s.rooms {
		if r.streams == nil {
			continue
		}
		rep, open := r.last(), 0.0
		if rep.Open {
			open = 1
		}
		ch <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, open, id)
		ch <- prometheus.MustNewConstMetric(streamsDesc, prometheus.GaugeValue, float64(rep.In), id, "in")
		ch <- prometheus.MustNewConstMetric(streamsDesc, prometheus.GaugeValue, float64(rep.Out), id, "out")
	}
}
