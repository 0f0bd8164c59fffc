package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"subrosa/firmware/follow"
	"subrosa/firmware/roster"
)

// Kinds of journal entries about files that changed while the conference ran.
const (
	kindRoster = "conference.roster"      // a roster's file was taken in: counts by role
	kindCert   = "conference.certificate" // a renewed certificate was taken in
	kindFile   = "conference.file"        // a change was refused, or files are no longer followed: what there was stays
)

// Why a change was refused, out of a list.
const (
	refusedMissing   = "missing"   // or it cannot be opened
	refusedBroken    = "broken"    // unreadable, or key and certificate do not belong together
	refusedEmpty     = "empty"     // a list of nobody: more likely a cut-off export than a decision
	refusedTime      = "time"      // over, or not valid yet
	refusedName      = "name"      // not for the conference's address
	refusedUnwatched = "unwatched" // the process that looks at the files is gone
)

// refused is a change that is not taken in.
type refused struct {
	reason string // of the list
	err    error
}

func (r *refused) Error() string { return r.reason + ": " + r.err.Error() }
func (r *refused) Unwrap() error { return r.err }

// files are those that are followed while the conference runs.
type files struct {
	follow *follow.Follower // nil: none
	take   map[string]func(now time.Time, contents [][]byte) error

	mu     sync.Mutex
	faults map[string]string // by file: why its last change was refused; "" it was not
}

// openFiles begins to follow rosters and certificates; before the seal, in which they cannot be opened any more.
func (s *server) openFiles() error {
	s.files.take, s.files.faults = map[string]func(time.Time, [][]byte) error{}, map[string]string{}
	var sets []follow.Set
	add := func(name string, take func(time.Time, [][]byte) error, paths ...string) {
		sets = append(sets, follow.Set{Name: name, Paths: paths})
		s.files.take[name], s.files.faults[name] = take, ""
	}
	for _, conf := range s.c.Rooms {
		if r := s.rooms[conf.ID]; r.file {
			add("roster-"+r.id, func(now time.Time, b [][]byte) error { return s.takeRoster(r, now, b[0]) }, conf.Roster)
		}
	}
	if s.certs.pages != nil {
		add("page-certificate", func(now time.Time, b [][]byte) error { return s.takeCert("pages", s.certs.pages, s.certs.host, now, b) }, s.c.pagePair()...)
	}
	if s.certs.broker != nil && s.c.Broker != "" {
		add("broker-certificate", func(now time.Time, b [][]byte) error { return s.takeCert("broker", s.certs.broker, "", now, b) }, s.c.Cert, s.c.Key)
	}
	if len(sets) == 0 {
		return nil
	}
	var err error
	s.files.follow, err = follow.Start(sets)
	return err
}

// hangUp has SIGHUP do nothing: administrators and ACME clients send it to have files read again, which happens by itself, and it
// would end all calls.
func (s *server) hangUp() {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGHUP)
	go func() {
		for range got {
			s.log.Info("confd: SIGHUP: nothing to do, files that change are taken in by themselves; conference.json wants a restart")
		}
	}()
}

// followFiles takes in what changes, until ctx ends.
func (s *server) followFiles(ctx context.Context) error {
	f := s.files.follow
	if f == nil {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer stop()
	for {
		n, err := f.Next()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil: // the conference goes on with what it has
			for name := range s.files.take {
				s.took(name, &refused{refusedUnwatched, err})
			}
			return nil
		case n.Err != "":
			s.took(n.Name, &refused{refusedMissing, errors.New(n.Err)})
		default:
			s.took(n.Name, s.files.take[n.Name](time.Now(), n.Contents))
		}
	}
}

// took says what became of a file's change, loudly where it was refused.
func (s *server) took(name string, err error) {
	why := ""
	if err != nil {
		why = refusedBroken
		if r := (*refused)(nil); errors.As(err, &r) {
			why = r.reason
		}
	}
	s.files.mu.Lock()
	before := s.files.faults[name]
	s.files.faults[name] = why
	s.files.mu.Unlock()
	switch {
	case why != "":
		s.log.Error("confd: a changed file was NOT taken in, what there was stays", "file", name, "reason", why, "err", err)
		s.books.note(roomOf(name), kindFile, map[string]any{"file": fileOf(name), "refused": why})
	case before != "":
		s.log.Info("confd: the file is in order again", "file", name)
	}
	if why == before {
		return
	}
	for _, r := range s.rooms {
		r.telling.Lock()
		if rep := r.last(); rep.State != "" {
			s.tell(r, rep)
		}
		r.telling.Unlock()
	}
}

// roomOf returns the room whose roster a followed file is, "" if it is of none; fileOf what it is.
func roomOf(name string) string {
	if room, is := strings.CutPrefix(name, "roster-"); is {
		return room
	}
	return ""
}

func fileOf(name string) string {
	if roomOf(name) != "" {
		return "roster"
	}
	return name
}

// kept lists the files of a room, and of all, whose last change was refused.
func (f *files) kept(room string) (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(f.faults)) {
		if of := roomOf(name); f.faults[name] != "" && (of == "" || of == room) {
			list = append(list, fileOf(name))
		}
	}
	return list
}

// all returns what became of each file: "" in order, else why not.
func (f *files) all() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.faults)
}

// current leaves those out whose time on the roster is over: they left when it was.
func current(now time.Time, members []roster.Member) []roster.Member {
	return slices.DeleteFunc(members, func(m roster.Member) bool { return !m.To.IsZero() && !now.Before(m.To) })
}

// takeRoster makes a changed file the roster: who is no longer in it is out when this returns.
func (s *server) takeRoster(r *room, now time.Time, csv []byte) error {
	members, err := roster.ReadCSV(bytes.NewReader(csv), r.zone)
	if err != nil {
		return err
	}
	if members = current(now, members); len(members) == 0 {
		return &refused{refusedEmpty, errors.New("the file leaves nobody on the roster; to end a call for all, end it or stop the conference")}
	}
	events, err := r.roster.Replace(now, members) // tells access, which tells the calls
	if err != nil || len(events) == 0 {
		return err
	}
	by := map[roster.What]map[roster.Role]int{}
	for _, e := range events {
		if by[e.What] == nil {
			by[e.What] = map[roster.Role]int{}
		}
		by[e.What][e.Member.Role]++
	}
	payload := map[string]any{"members": len(members)}
	for what, n := range by {
		payload[string(what)] = n
	}
	s.log.Info("confd: the roster's file was taken in", "room", r.id, "members", len(members), "changes", len(events))
	s.books.note(r.id, kindRoster, payload)
	return nil
}

// certs are what TLS shows now.
type certs struct {
	pages, broker *atomic.Pointer[tls.Certificate] // nil: none
	host          string                           // of the conference's address
}

// hold lets both configurations ask for the certificate at each handshake, so that it can be renewed. Connections that
// are open stay.
func (c *certs) hold(broker, pages *tls.Config, address string) {
	if broker != nil {
		c.broker = &atomic.Pointer[tls.Certificate]{}
		c.broker.Store(&broker.Certificates[0])
		broker.Certificates = nil
		broker.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.broker.Load(), nil }
	}
	if pages != nil {
		c.pages = &atomic.Pointer[tls.Certificate]{}
		c.pages.Store(&pages.Certificates[0])
		pages.Certificates = nil
		pages.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pages.Load(), nil }
	}
	if u, err := url.Parse(address); err == nil {
		c.host = u.Hostname()
	}
}

// pagePair returns where the certificate of the pages and its key are.
func (c *Config) pagePair() []string {
	if c.PageCert == "" {
		return []string{c.Cert, c.Key}
	}
	return []string{c.PageCert, c.PageKey}
}

// takeCert takes a renewed certificate in, unless nobody would believe it. host "" does not matter.
func (s *server) takeCert(of string, to *atomic.Pointer[tls.Certificate], host string, now time.Time, pair [][]byte) error {
	c, err := tls.X509KeyPair(pair[0], pair[1])
	if err != nil {
		return err
	}
	if bytes.Equal(c.Certificate[0], to.Load().Certificate[0]) && len(c.Certificate) == len(to.Load().Certificate) {
		return nil
	}
	switch {
	case now.Before(c.Leaf.NotBefore), now.After(c.Leaf.NotAfter):
		return &refused{refusedTime, fmt.Errorf("valid from %s to %s", c.Leaf.NotBefore.Format(time.RFC3339), c.Leaf.NotAfter.Format(time.RFC3339))}
	case host != "" && c.Leaf.VerifyHostname(host) != nil:
		return &refused{refusedName, c.Leaf.VerifyHostname(host)}
	}
	to.Store(&c)
	s.log.Info("confd: a renewed certificate was taken in", "of", of, "until", c.Leaf.NotAfter)
	s.books.note("", kindCert, map[string]any{"of": of, "until": c.Leaf.NotAfter.UTC()})
	return nil
}

type fileCounter struct{ s *server }

var (
	refusedDesc = prometheus.NewDesc("subrosa_conference_file_refused", "1 while a file's last change was refused, so that what was read before holds.", []string{"file"}, nil)
	untilDesc   = prometheus.NewDesc("subrosa_conference_certificate_until_seconds", "When the certificate that is shown ends, in seconds since 1970.", []string{"of"}, nil)
)

func (c fileCounter) Describe(ch chan<- *prometheus.Desc) { ch <- refusedDesc; ch <- untilDesc }
func (c fileCounter) Collect(ch chan<- prometheus.Metric) {
	for name, why := range c.s.files.all() {
		ch <- prometheus.MustNewConstMetric(refusedDesc, prometheus.GaugeValue, float64(min(len(why), 1)), name)
	}
	for of, p := range map[string]*atomic.Pointer[tls.Certificate]{"pages": c.s.certs.pages, "broker": c.s.certs.broker} {
		if p != nil {
			ch <- prometheus.MustNewConstMetric(untilDesc, prometheus.GaugeValue, float64(p.Load().Leaf.NotAfter.Unix()), of)
		}
	}
}
