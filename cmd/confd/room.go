package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"subrosa/firmware/conference/access"
	"subrosa/firmware/conference/binding"
	"subrosa/firmware/conference/call"
	"subrosa/firmware/conference/client"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/sfu"
	"subrosa/firmware/report"
	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/state"
	"subrosa/firmware/topic"
)

// room is a room's conference and what the site says of it.
type room struct {
	id      string
	name    string // for people
	roster  *roster.Roster
	file    bool           // the roster is that of a file
	zone    *time.Location // of the file's dates
	saved   string         // else where it is kept, so that who is signed in still is after a restart
	call    *call.Call
	streams *Streams   // nil: none
	telling sync.Mutex // the last word said of the call is the last that is published

	mu      sync.Mutex
	want    want
	report  call.Report
	version uint64    // of desired
	left    time.Time // when the hall's button was pressed, as the unit said last
}

// want is what the session allows.
type want struct {
	level   level.Level
	allowed bool
}

func (r *room) wanted() want {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.want
}

func (r *room) last() call.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report
}

// openRoom takes up the roster: that of the file, else as the site said it last.
func openRoom(c Config, conf Room, folder state.Folder) (*room, error) {
	r := &room{id: conf.ID, name: cmp.Or(conf.Name, conf.ID), want: want{level: level.Confidential}, file: conf.Roster != "", streams: conf.Streams, saved: folder.Path("roster-" + conf.ID)}
	if c.Broker == "" {
		r.want = want{conf.Level, true}
	}
	if !r.file {
		var err error
		r.roster, err = roster.Load(r.saved)
		return r, err
	}
	r.roster = &roster.Roster{}
	where, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return nil, fmt.Errorf("config: timezone: %w", err)
	}
	f, err := os.Open(conf.Roster)
	if err != nil {
		return nil, fmt.Errorf("config: roster: %w", err)
	}
	defer f.Close()
	r.zone = where
	members, err := roster.ReadCSV(f, where)
	if err != nil {
		return nil, fmt.Errorf("config: roster: %s: %w", conf.Roster, err)
	}
	_, err = r.roster.Replace(time.Now(), members)
	return r, err
}

// openCall opens the room's call.
func (s *server) openCall(r *room) {
	players := 0
	if r.streams != nil {
		players = r.streams.Players
	}
	r.call = call.New(call.Options{
		Streams: r.streams != nil, Players: players,
		Room: r.id, Seats: s.c.Seats, LastN: s.c.LastN, Suites: s.c.Suites, Codecs: s.c.Codecs, Log: s.log, Now: time.Now,
		Media: func(ev sfu.Events) call.Media { return s.sfu.NewRoom(s.c.LastN, ev) },
		ICE:   s.relay.Credentials,
		Gone:  s.relay.End,
		Still: func(id call.Identity) level.Verdict { return s.access.Still(time.Now(), id.Access.(access.Identity)) },
		Bound: func(who call.Identity, identity, key []byte) ([]byte, error) { return s.bound(r, who, identity, key) },
		Admitted: func(word string, group, chair, reference, identity []byte) error {
			return binding.VerifyAdmission(word, binding.Door{Room: r.id, Group: group, Chair: chair, Package: reference, Binding: string(identity)}, time.Now())
		},
		Record: func(kind string, payload map[string]any) {
			if kind == call.KindBegan {
				payload["bundle"] = client.Bundle() // which program the browsers were handed
			}
			s.books.note(r.id, kind, payload)
		},
		Report:   func(rep call.Report) { s.report(r, rep) },
		Declared: func(d call.Declared) { s.declared(r, d) },
	})
	w := r.wanted()
	r.call.SetLevel(w.level, w.allowed)
}

func (s *server) call(id string) *call.Call {
	if r := s.rooms[id]; r != nil {
		return r.call
	}
	return nil
}

// decide asks access who a request comes from.
func (s *server) decide(r *http.Request, room string) (call.Identity, level.Verdict) {
	id, v := s.access.Decide(r, room)
	return call.Identity{Login: id.Login, Member: id.Member, Role: id.Role, OnRoster: id.OnRoster, Access: id}, v
}

// bound checks that a leaf's identity is the participant's own, and returns the thumbprint of its passkey.
func (s *server) bound(r *room, who call.Identity, identity, key []byte) ([]byte, error) {
	c, err := binding.Verify(string(identity), binding.Want{Server: s.access.PublicKey(), Room: r.id, Key: key, Origin: strings.TrimSuffix(s.c.Access.URL, "/"),
		Level: r.wanted().level, Now: time.Now()})
	if err != nil {
		return nil, err
	}
	if c.Member != who.Member || c.Role != who.Role {
		return nil, fmt.Errorf("confd: the binding is another's")
	}
	return c.Passkey, nil
}

// ended acts on the end of a right, at once.
func (s *server) ended(e access.Ended) {
	for id, r := range s.rooms {
		if e.Room == "" || e.Room == id {
			r.call.Drop(e.Member, e.Login)
		}
	}
}

// report tells the site.
func (s *server) report(r *room, rep call.Report) {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.mu.Lock()
	r.report = rep
	r.mu.Unlock()
	s.tell(r, rep)
}

// tell is what report publishes; r.telling is held.
func (s *server) tell(r *room, rep call.Report) {
	if s.site == nil {
		return
	}
	r.mu.Lock()
	version := r.version
	r.mu.Unlock()
	out := report.Conference{DesiredVersion: version, State: rep.State, Level: string(rep.Level), Seats: rep.Seats, CodeLabel: rep.CodeLabel, Bundle: client.Bundle(), Kept: s.files.kept(r.id),
		At: time.Now().UTC(), Sealed: s.sealed, Plain: rep.Plain}
	if r.streams != nil {
		out.Streams = &report.Streams{Open: rep.Open, In: rep.In, Out: rep.Out, At: out.At}
	}
	err := s.site.Report(topic.ConferenceReported(r.id), out)
	if err != nil {
		s.log.Error("confd: not told to the site", "room", r.id, "err", err)
	}
}

// repeatEvery is how often the site is told anew how the call stands: the unit believes no old word.
const repeatEvery = 30 * time.Second

// repeat tells the site until ctx ends.
func (s *server) repeat(ctx context.Context, r *room) {
	t := time.NewTicker(repeatEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			r.telling.Lock()
			s.tell(r, r.last())
			r.telling.Unlock()
		}
	}
}

// declared tells the unit what those elsewhere have said of their rooms.
func (s *server) declared(r *room, d call.Declared) {
	if s.site == nil {
		return
	}
	out := report.Declared{Asked: d.Asked}
	for _, x := range d.Said {
		out.Said = append(out.Said, report.Said{Member: x.Member, Alone: x.Alone})
	}
	if err := s.site.Report(topic.ConferenceDeclared(r.id), out); err != nil {
		s.log.Error("confd: declarations not told to the unit", "room", r.id, "err", err)
	}
}

// asks reports whether a session in this state asks those elsewhere whether they are alone: from the handover until it is over.
func asks(s session.State) bool { return s.Step() || s.Confidential() }

// follow subscribes to what the unit allows and who may attend.
func (s *server) follow(site *shadow.Shadow, r *room) error {
	if err := site.Watch(topic.ConferenceDesired(r.id), func(m shadow.Message) {
		var d report.ConferenceDesired
		if m.Data == nil || json.Unmarshal(m.Data, &d) != nil {
			return
		}
		r.mu.Lock()
		r.want, r.version = want{level.Level(d.Level), d.Allowed}, m.Version
		w := r.want
		leaves := !d.HallLeft.IsZero() && !d.HallLeft.Equal(r.left)
		r.left = d.HallLeft
		r.mu.Unlock()
		if leaves { // first, and whatever else has changed
			r.call.LeaveHall()
		}
		r.call.SetLevel(w.level, w.allowed)
		r.call.Ask(asks(session.State(d.Session)))
	}); err != nil {
		return err
	}
	if r.file {
		return nil
	}
	return site.Watch(topic.Roster(r.id), func(m shadow.Message) {
		if m.Data == nil {
			return
		}
		_, members, err := roster.Decode(m.Data)
		if err == nil {
			_, err = r.roster.Replace(time.Now(), members) // tells access, which tells the calls
		}
		if err == nil {
			err = r.roster.Save(r.saved)
		}
		if err != nil {
			s.log.Error("confd: roster", "room", r.id, "err", err)
		}
	})
}

// seats counts for Prometheus.
func (s *server) seats() prometheus.Collector { return seatCounter{s} }

type seatCounter struct{ s *server }

var seatsDesc = prometheus.NewDesc("subrosa_conference_seats", "Participants in the call of a room.", []string{"room", "level"}, nil)

func (c seatCounter) Describe(ch chan<- *prometheus.Desc) { ch <- seatsDesc }
func (c seatCounter) Collect(ch chan<- prometheus.Metric) {
	for id, r := range c.s.rooms {
		rep := r.last()
		ch <- prometheus.MustNewConstMetric(seatsDesc, prometheus.GaugeValue, float64(rep.Seats), id, string(rep.Level))
	}
}

// media is checked here to fit what calls want.
var _ call.Media = (*sfu.Room)(nil)
