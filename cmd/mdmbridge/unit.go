package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"subrosa/cmd/mdmbridge/internal/bridge"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// marker in the state folder asks a running bridge to give everything back; it takes the file away when it has begun.
const marker = "restore-all"

// site is the program: connectors, each with its own store and its own connection, for each has a last will of its own.
type site struct {
	log   *slog.Logger
	conns []*conn
	reg   *prometheus.Registry
	ln    net.Listener
	mux   *http.ServeMux
}

type conn struct {
	id      string
	backend mdm.Backend
	store   *bridge.Store
	shadow  *shadow.Shadow
	bridge  *bridge.Connector
}

// assemble is the wiring diagram.
func assemble(c Config, state string, online bool, log *slog.Logger) (_ *site, err error) {
	s := &site{log: log, reg: prometheus.NewRegistry(), mux: http.NewServeMux()}
	s.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for _, k := range c.Connectors {
		n := &conn{id: k.ID}
		s.conns = append(s.conns, n)
		if err := n.open(c, k, state, online, log); err != nil {
			return nil, err
		}
		webhooks(s.mux, k.ID, n.backend)
		reg := prometheus.WrapRegistererWith(prometheus.Labels{"conn": k.ID}, s.reg)
		reg.MustRegister(metrics{n.bridge})
		if n.shadow != nil {
			reg.MustRegister(n.shadow.Metrics())
		}
	}
	s.mux.HandleFunc("/healthz", s.health)
	s.mux.Handle("/metrics", promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{}))
	if s.ln, err = net.Listen("tcp", c.Listen); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return s, nil
}

func (n *conn) open(c Config, k Connector, state string, online bool, log *slog.Logger) (err error) {
	devices, err := k.devices()
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	dir := filepath.Join(state, k.ID)
	if n.store, err = bridge.OpenStore(dir); err != nil {
		return err
	}
	var port bridge.Site
	if online {
		conf, err := c.tls()
		if err != nil {
			return fmt.Errorf("%w: %w", errInput, err)
		}
		id := topic.Identity{Role: topic.MDMBridge, Conns: []string{k.ID}}
		n.shadow, err = shadow.Open(shadow.Options{Broker: c.Broker, TLS: conf, Identity: id, Dir: filepath.Join(dir, "outbox"), Log: log,
			Presence: map[string]any{"software": "mdmbridge " + k.Kind}})
		if err != nil {
			return err
		}
		port = n.shadow
	}
	if n.backend, err = kinds[k.Kind](parts{devices, n.store, n.shadow, k.Options}); err != nil {
		return fmt.Errorf("%w: connector %s: %w", errInput, k.ID, err)
	}
	core := k.core()
	if c.tune != nil {
		c.tune(&core)
	}
	n.bridge, err = bridge.New(bridge.Options{ID: k.ID, Config: core, Devices: devices, Backend: n.backend, Store: n.store, Site: port, Log: log})
	return err
}

func (s *site) close() {
	var errs []error
	for _, n := range s.conns {
		if n.shadow != nil {
			errs = append(errs, n.shadow.Close())
		}
		if n.store != nil {
			errs = append(errs, n.store.Close())
		}
	}
	if s.ln != nil {
		s.ln.Close()
	}
	if err := errors.Join(errs...); err != nil {
		s.log.Error("stopped", "err", err)
	}
}

// run runs until ctx ends or a part fails.
func (s *site) run(ctx context.Context, order string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	fatal := make(chan error, 2*len(s.conns)+1)
	var wg sync.WaitGroup
	srv := &http.Server{Handler: s.mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	wg.Go(func() {
		if err := srv.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
			fatal <- err
		}
	})
	for _, n := range s.conns {
		wg.Go(func() { fatal <- n.bridge.Run(ctx) })
		if n.shadow != nil {
			wg.Go(func() { fatal <- n.shadow.Run(ctx) })
		}
	}
	wg.Go(func() { s.orders(ctx, order) })
	s.log.Info("mdmbridge runs", "listen", s.ln.Addr().String(), "connectors", len(s.conns))
	var err error
	select {
	case <-ctx.Done():
	case err = <-fatal:
	}
	stop()
	srv.Close()
	wg.Wait()
	return err
}

// orders looks for the marker.
func (s *site) orders(ctx context.Context, path string) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if _, err := os.Stat(path); err != nil {
				continue
			}
			for _, n := range s.conns {
				n.bridge.Release(ctx)
			}
			if err := os.Remove(path); err != nil {
				s.log.Error("the order to restore stays, and is followed again", "err", err)
			}
		}
	}
}

// health is 200 while every management can be worked with and every connection stands.
func (s *site) health(w http.ResponseWriter, _ *http.Request) {
	type line struct {
		OK    bool   `json:"ok"`
		Fault string `json:"fault"`
		MQTT  string `json:"mqtt,omitempty"`
	}
	out, code := map[string]line{}, http.StatusOK
	for _, n := range s.conns {
		l := line{Fault: n.bridge.Figures().Fault}
		l.OK = l.Fault == ""
		if n.shadow != nil {
			st := n.shadow.Status()
			l.MQTT, l.OK = st.String(), l.OK && st.Connected
		}
		if !l.OK {
			code = http.StatusServiceUnavailable
		}
		out[n.id] = l
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(out)
}

// restore gives everything back: through a running bridge, or by itself.
func restore(ctx context.Context, o options, c Config, out io.Writer, log *slog.Logger) error {
	ctx, stop := context.WithTimeout(ctx, o.wait)
	defer stop()
	s, err := assemble(c, o.state, false, log)
	if errors.Is(err, bridge.ErrBusy) {
		return ask(ctx, filepath.Join(o.state, marker), out)
	}
	if err != nil {
		return err
	}
	defer s.close()
	done := make(chan error, 1)
	go func() { done <- s.run(ctx, "") }()
	for _, n := range s.conns {
		n.bridge.Release(ctx)
	}
	t := time.NewTicker(time.Second)
	defer t.Stop()
	last := -1
	began := time.Now()
	for {
		left, known := 0, true
		for _, n := range s.conns {
			f := n.bridge.Figures()
			known = known && f.At.After(began.Add(2*time.Second)) // a pass after the release
			left += f.Unreturned
		}
		if known && left != last {
			fmt.Fprintf(out, "%d devices to be given back / Geräte zurückzugeben\n", left)
			last = left
		}
		if known && left == 0 {
			stop()
			return <-done
		}
		select {
		case err := <-done:
			return errors.Join(err, fmt.Errorf("%d devices are not given back yet: run it again, or start the bridge, which goes on", max(last, 0)))
		case <-t.C:
		}
	}
}

// ask lets the running bridge do it.
func ask(ctx context.Context, path string, out io.Writer) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	for {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			fmt.Fprintln(out, "the running bridge gives everything back; /metrics shows how many are left")
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("the running bridge does not take the order; it stays")
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// examine asks each management.
func examine(ctx context.Context, c Config, out io.Writer) error {
	dir, err := os.MkdirTemp("", "mdmbridge-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c.Listen = "127.0.0.1:0"
	s, err := assemble(c, dir, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer s.close()
	conf, err := c.tls()
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	var errs []error
	for _, n := range s.conns {
		one, stop := context.WithTimeout(ctx, 20*time.Second)
		err := n.backend.Health(one)
		stop()
		if missing := c.names(conf, n.id); missing != nil {
			errs = append(errs, fmt.Errorf("%w: %w", errInput, missing))
			if err == nil {
				continue
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", n.id, err))
			continue
		}
		fmt.Fprintf(out, "%s: ok\n", n.id)
	}
	return errors.Join(errs...)
}
