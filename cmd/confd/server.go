package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"subrosa/firmware/conference/access"
	"subrosa/firmware/conference/batch"
	"subrosa/firmware/conference/call"
	"subrosa/firmware/conference/client"
	"subrosa/firmware/conference/crowd"
	"subrosa/firmware/conference/relay"
	"subrosa/firmware/conference/sfu"
	"subrosa/firmware/roster"
	"subrosa/firmware/shadow"
	"subrosa/firmware/state"
	"subrosa/firmware/topic"
)

// server is everything that runs.
type server struct {
	c       Config
	log     *slog.Logger
	access  *access.Service
	sfu     *sfu.SFU
	relay   *relay.Relay
	rooms   map[string]*room
	site    *shadow.Shadow // nil: none
	pages   net.Listener
	tls     *tls.Config
	metrics net.Listener
	reg     *prometheus.Registry
	books   books
	files   files
	certs   certs
	invites net.Listener // nil: none
	sealed  bool
	begun   chan struct{} // closed when bytes from outside may be read
	begin   func()        // closes it, once
	work    sync.WaitGroup
	more    func(*http.ServeMux) // routes of tests; nil
}

// assemble is the wiring diagram.
func assemble(c Config, o options, log *slog.Logger) (*server, error) {
	s := &server{c: c, log: log, rooms: map[string]*room{}, reg: prometheus.NewRegistry(), begun: make(chan struct{})}
	s.begin = sync.OnceFunc(func() { close(s.begun) })
	folder, err := state.Open(o.state)
	if err != nil {
		return nil, err
	}
	broker, pages, err := c.certificates()
	if err != nil {
		return nil, err
	}
	s.tls = pages
	s.certs.hold(broker, pages, c.Access.URL)
	if s.books, err = openBooks(c, o.state); err != nil {
		return nil, err
	}
	rosters := map[string]*roster.Roster{}
	names := map[string]string{}
	for _, r := range c.Rooms {
		x, err := openRoom(c, r, folder)
		if err != nil {
			return nil, err
		}
		s.rooms[r.ID], rosters[r.ID], names[r.ID] = x, x.roster, r.Name
	}
	if s.access, err = s.openAccess(c, o, folder, rosters, names); err != nil {
		return nil, err
	}
	if o.invite != "" || o.token != "" {
		return s, nil
	}
	if s.invites, err = openInvites(o.state, log); err != nil {
		return nil, err
	}
	if err := s.openMedia(); err != nil {
		return nil, err
	}
	for _, r := range s.rooms {
		s.openCall(r)
	}
	if c.Broker != "" {
		if s.site, err = s.openSite(c, o, broker); err != nil {
			return nil, err
		}
	}
	s.access.Watch(s.ended)
	return s, s.listen()
}

func (s *server) openAccess(c Config, o options, folder state.Folder, rosters map[string]*roster.Roster, names map[string]string) (*access.Service, error) {
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return nil, fmt.Errorf("config: timezone: %w", err)
	}
	ao := access.Options{State: folder, Rosters: rosters, Rooms: names, Journal: s.books, Zone: zone, Log: s.log,
		Level: func(room string) string { return string(s.rooms[room].wanted().level) },
		After: func(room string) string { return "/room/" + room }, Streams: s.hasStreams}
	if err := c.Access.Fill(&ao, filepath.Dir(o.config)); err != nil {
		return nil, err
	}
	return access.Open(ao)
}

// listenTCP opens a port, not of MPTCP, which Landlock does not look at.
func listenTCP(address string) (net.Listener, error) {
	var c net.ListenConfig
	c.SetMultipathTCP(false)
	return c.Listen(context.Background(), "tcp", address)
}

// Connections that may be open at once, in all and from one address: a town hall with thirty people in a call behind one is far
// below that, and so is a proxy.
const (
	pageConns, pageEach   = 2048, 512
	mediaConns, mediaEach = 1024, 256
)

// web is a server that waits for nobody: a request is read within half a minute and answered within ten, and who asks for nothing
// more is let go of. WebSockets are theirs who take them over.
func web(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 10 * time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

// held accepts nothing until open is closed.
type held struct {
	net.Listener
	open <-chan struct{}
}

// Accept returns the next connection.
func (h held) Accept() (net.Conn, error) {
	<-h.open
	return h.Listener.Accept()
}

// openMedia opens the one port. What comes to it waits until the server runs.
func (s *server) openMedia() error {
	udp, err := batch.Listen("udp", s.c.Media)
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	tcp, err := listenTCP(udp.LocalAddr().String())
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	udp.Wait, tcp = s.begun, crowd.Limit(held{tcp, s.begun}, mediaConns, mediaEach)
	local := loopback(s.c.Listen)
	if s.relay, err = relay.New(relay.Options{UDP: udp, TCP: tcp, Addresses: s.c.Addresses, Loopback: local, Log: s.log}); err != nil {
		return err
	}
	s.sfu, err = sfu.New(sfu.Options{UDP: udp, TCP: s.relay.ICE(), Addresses: s.c.Addresses, Loopback: local, Log: s.log})
	return err
}

func (s *server) listen() (err error) {
	s.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), s.sfu.Metrics(), s.seats(), s.isSealed(), streamCounter{s}, fileCounter{s})
	if s.site != nil {
		s.reg.MustRegister(s.site.Metrics())
	}
	if s.pages, err = listenTCP(s.c.Listen); err != nil {
		return fmt.Errorf("pages: %w", err)
	}
	s.pages = crowd.Limit(s.pages, pageConns, pageEach)
	if s.c.Metrics != "" {
		if s.metrics, err = listenTCP(s.c.Metrics); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	return nil
}

// handler serves pages, signalling and streams.
func (s *server) handler() http.Handler {
	m := http.NewServeMux()
	m.Handle("/access/", s.access.Handler())
	m.HandleFunc("GET /room/{room}", s.page)
	m.Handle("GET /client/", client.Files())
	m.Handle("GET /room/{room}/signal", call.Socket(s.call, s.decide))
	streams := s.streams()
	m.Handle("/whip/", streams)
	m.Handle("/whep/", streams)
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/access/", http.StatusSeeOther) })
	if s.more != nil {
		s.more(m)
	}
	return s.named(m)
}

// named sends requests to another name away: a page that was loaded under one would have cookies and passkeys of nobody.
func (s *server) named(next http.Handler) http.Handler {
	_, host, _ := strings.Cut(s.c.Access.URL, "://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.tls != nil {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		if r.Host != strings.TrimSuffix(host, "/") {
			http.Error(w, "Diese Konferenz ist unter "+s.c.Access.URL+" erreichbar. / This conference is at "+s.c.Access.URL+".", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// page is the conference's for those who may come in, else the way to sign in.
func (s *server) page(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("room")
	room := s.rooms[id]
	if room == nil {
		http.NotFound(w, r)
		return
	}
	if _, v := s.access.Decide(r, id); !v.May {
		http.Redirect(w, r, "/access/?room="+id, http.StatusSeeOther)
		return
	}
	client.Page(room.name).ServeHTTP(w, r)
}

// run runs the parts until ctx ends or one of them fails.
func (s *server) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.begin()
	fatal := make(chan error, 8)
	start := func(name string, f func(context.Context) error) {
		s.work.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				fatal <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	start("access", s.access.Run)
	start("journal", s.books.run)
	start("files", s.followFiles)
	if s.site != nil {
		start("site", s.site.Run)
	}
	for _, r := range s.rooms {
		s.work.Go(func() { r.call.Run(ctx.Done()) })
		if s.site != nil {
			s.work.Go(func() { s.repeat(ctx, r) })
		}
	}
	srv := web(s.handler(), s.log)
	srv.TLSConfig = s.tls
	serve(s.pages, srv, fatal)
	if s.metrics != nil {
		m := http.NewServeMux()
		m.Handle("GET /metrics", promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{}))
		m.HandleFunc("GET /healthz", s.health)
		ms := web(m, s.log)
		serve(s.metrics, ms, fatal)
		defer ms.Close()
	}
	if s.invites != nil {
		is := web(s.inviteHandler(), s.log)
		serve(s.invites, is, fatal)
		defer is.Close()
	}
	s.log.Info("conference runs", "sealed", s.sealed, "pages", s.c.Access.URL, "media", s.sfu.Addr(), "client", client.Bundle())
	var err error
	select {
	case <-ctx.Done():
	case err = <-fatal:
	}
	cancel()
	done, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	if srv.Shutdown(done) != nil {
		srv.Close()
	}
	s.work.Wait()
	return err
}

func serve(l net.Listener, s *http.Server, fatal chan<- error) {
	go func() {
		err := error(nil)
		if s.TLSConfig != nil {
			err = s.ServeTLS(l, "", "")
		} else {
			err = s.Serve(l)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			fatal <- err
		}
	}()
}

// health says that the parts answer, and how many sit in calls.
func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	out := map[string]any{"ok": true, "sealed": s.sealed, "client": client.Bundle(), "files": s.files.all()}
	rooms := map[string]any{}
	for id, r := range s.rooms {
		rep := r.last()
		rooms[id] = map[string]any{"state": rep.State, "level": rep.Level, "seats": rep.Seats}
	}
	out["rooms"] = rooms
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // who has gone needs no answer
}

func (s *server) close() {
	var errs []error
	if s.files.follow != nil {
		_ = s.files.follow.Close() // closed already where it ran
	}
	if s.access != nil {
		errs = append(errs, s.access.Close())
	}
	if s.site != nil {
		errs = append(errs, s.site.Close())
	}
	if s.relay != nil {
		errs = append(errs, s.relay.Close())
	}
	if s.sfu != nil {
		errs = append(errs, s.sfu.Close())
	}
	errs = append(errs, s.books.close())
	s.begin() // what still waits finds its socket closed
	if err := errors.Join(errs...); err != nil {
		s.log.Warn("stopped", "err", err)
	}
}

// openSite joins the site by MQTT.
func (s *server) openSite(c Config, o options, broker *tls.Config) (*shadow.Shadow, error) {
	id := topic.Identity{Role: topic.Confd}
	for _, r := range c.Rooms {
		id.Rooms = append(id.Rooms, r.ID)
	}
	site, err := shadow.Open(shadow.Options{Broker: c.Broker, TLS: broker, Identity: id, ClientID: "confd-" + c.ID, Dir: filepath.Join(o.state, "outbox"), Now: time.Now, Log: s.log})
	if err != nil {
		return nil, err
	}
	for _, r := range s.rooms {
		if err := s.follow(site, r); err != nil {
			return nil, errors.Join(err, site.Close())
		}
	}
	return site, nil
}
