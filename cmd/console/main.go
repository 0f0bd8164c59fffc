// Program console is the facility managers' page for all rooms of a site, with the site's MQTT broker inside.
//
//	console --mqtt-tls site/broker --tls site/page        a site: broker :8883 (mutual TLS), pages by TLS
//	console --dev                                         development: broker also on 127.0.0.1:1883, no TLS
//	console --demo                                        prints a link that signs in once; loopback only
//	console --print-link                                  a fresh link for the first administrator, then ends
//	console --broker tls://mqtt.raum.example:8883 --client-tls site/console    an outside broker
//
// It keeps its state in STATE/console: broker.db (retained state, sessions of units that are away) and console.db
// (accounts, alarms, audit trail). Both hold secrets or findings: mode 0600, and the folder belongs on an
// encrypted disk.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
	_ "time/tzdata" // containers without a zone file

	"subrosa/cmd/console/internal/access"
	"subrosa/cmd/console/internal/broker"
	"subrosa/cmd/console/internal/desk"
	"subrosa/cmd/console/internal/fleet"
	"subrosa/cmd/console/internal/page"
	"subrosa/cmd/console/internal/store"
)

// Exit codes, as for all programs.
const (
	exitFailed = 1
	exitInput  = 2
	exitUsage  = 64
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(exitUsage)
	case errors.Is(err, errInput):
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(exitInput)
	default:
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(exitFailed)
	}
}

// run is the wiring: store, broker, live picture, pages. It returns when ctx ends or a part fails.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	c, err := settings(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	st, err := store.Open(filepath.Join(c.State, "console", "console.db"))
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	acc := access.New(st)
	if c.printLink {
		return printLink(ctx, acc, c, stdout)
	}
	fl, err := fleet.New(ctx, st, log)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	br, err := openBroker(c, st, log)
	if err != nil {
		return err
	}
	if br != nil {
		defer func() { err = errors.Join(err, br.Close()) }()
	}
	link, err := connect(ctx, c, fl, br, log)
	if err != nil {
		return err
	}
	defer link.Close()
	d, err := openDesk(c, fl, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	h, err := pages(c, st, acc, fl, link, br, d, log)
	if err != nil {
		return err
	}
	ln, conf, err := listen(c)
	if err != nil {
		return err
	}
	if err := offerLink(ctx, acc, c, ln.Addr(), stdout); err != nil {
		ln.Close()
		return err
	}
	return serve(ctx, cancel, fl, st, c, h.Server(conf), ln, log)
}

// serve runs until ctx ends, then lets open pages finish.
func serve(ctx context.Context, cancel context.CancelFunc, fl *fleet.Fleet, st *store.Store, c config, srv *http.Server, ln net.Listener, log *slog.Logger) error {
	secure := srv.TLSConfig != nil
	var wg sync.WaitGroup
	wg.Go(func() { _ = fl.Run(ctx) })
	wg.Go(func() { retain(ctx, st, c, log) })
	failed := make(chan error, 1)
	wg.Go(func() {
		if secure {
			failed <- srv.ServeTLS(ln, "", "")
		} else {
			failed <- srv.Serve(ln)
		}
	})
	log.Info("console runs", "listen", ln.Addr().String(), "tls", secure)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	fl.Close() // ends the event streams
	end, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	if serr := srv.Shutdown(end); serr != nil {
		err = errors.Join(err, serr, srv.Close())
	}
	wg.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	log.Info("console ended")
	return err
}

func openBroker(c config, st *store.Store, log *slog.Logger) (*broker.Broker, error) {
	if c.Broker != "" {
		return nil, nil
	}
	o := broker.Options{
		Path: filepath.Join(c.State, "console", "broker.db"), DevListen: c.MQTTDevListen, Deny: c.Deny, Log: log,
		Refused: newRefusals(st, log, time.Now).note,
	}
	if c.MQTTTLS != "" {
		conf, err := broker.ServerTLS(filepath.Join(c.MQTTTLS, "cert.pem"), filepath.Join(c.MQTTTLS, "key.pem"), filepath.Join(c.MQTTTLS, "ca.pem"))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errInput, err)
		}
		o.Listen, o.TLS = c.MQTTListen, conf
	}
	b, err := broker.Open(o)
	if err != nil {
		return nil, err
	}
	for name, a := range map[string]net.Addr{"mutual TLS": b.Addr(), "development, without TLS": b.DevAddr()} {
		if a != nil {
			log.Info("broker listens", "listen", a.String(), "for", name)
		}
	}
	return b, nil
}

func connect(ctx context.Context, c config, fl *fleet.Fleet, b *broker.Broker, log *slog.Logger) (*fleet.Link, error) {
	o := fleet.LinkOptions{URL: c.Broker, User: "console", Log: log}
	if b != nil {
		o.Open = b.Dial
		return fleet.Connect(ctx, fl, o), nil
	}
	if c.ClientTLS != "" {
		conf, err := fleet.ClientTLS(filepath.Join(c.ClientTLS, "cert.pem"), filepath.Join(c.ClientTLS, "key.pem"), filepath.Join(c.ClientTLS, "ca.pem"))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errInput, err)
		}
		o.TLS = conf
	}
	return fleet.Connect(ctx, fl, o), nil
}

func pages(c config, st *store.Store, acc *access.Service, fl *fleet.Fleet, link *fleet.Link, b *broker.Broker, d *desk.Desk, log *slog.Logger) (*page.Handler, error) {
	health := []page.Probe{{Name: "broker", Check: link.Check}, {Name: "store", Check: st.Check}}
	if b != nil {
		health = append(health, page.Probe{Name: "broker store", Check: b.Check})
	}
	return page.New(page.Options{
		Access: acc, Store: st, Fleet: fl, Commands: fleet.Commands{Fleet: fl, To: link}, Rooms: c.Rooms, Location: c.location, Lang: c.Lang,
		Secure: c.TLS != "", Issuer: "subrosa " + c.Site, Metrics: metrics(fl, link, b), Health: health, Desk: d, Log: log,
	})
}

func listen(c config) (net.Listener, *tls.Config, error) {
	var conf *tls.Config
	if c.TLS != "" {
		cert, err := tls.LoadX509KeyPair(filepath.Join(c.TLS, "cert.pem"), filepath.Join(c.TLS, "key.pem"))
		if err != nil {
			return nil, nil, fmt.Errorf("%w: certificate of the pages: %w", errInput, err)
		}
		conf = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	}
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, nil, fmt.Errorf("pages: %w", err)
	}
	return ln, conf, nil
}

// baseURL is where people reach the pages.
func (c config) baseURL(addr string) string {
	if c.URL != "" {
		return strings.TrimRight(c.URL, "/")
	}
	scheme := "http://"
	if c.TLS != "" {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		addr = net.JoinHostPort("localhost", port)
	}
	return scheme + addr
}

// offerLink prints the link with which the first person gets in, if one is needed.
func offerLink(ctx context.Context, acc *access.Service, c config, addr net.Addr, stdout io.Writer) error {
	base := c.baseURL(addr.String())
	if c.demo {
		token, err := acc.DemoLink(ctx, time.Now(), c.demoToken)
		if err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		_, err = fmt.Fprintln(stdout, base+"/demo/"+token)
		return err
	}
	need, err := acc.NeedsFirst(ctx)
	if err != nil || !need {
		return err
	}
	return writeLink(ctx, acc, c, base, stdout)
}

func printLink(ctx context.Context, acc *access.Service, c config, stdout io.Writer) error {
	return writeLink(ctx, acc, c, c.baseURL(c.Listen), stdout)
}

func writeLink(ctx context.Context, acc *access.Service, c config, base string, stdout io.Writer) error {
	token, err := acc.FirstLink(ctx, time.Now())
	if err != nil {
		return err
	}
	note := "Einmal-Link für das erste Verwaltungskonto, gültig 15 Minuten:"
	if c.Lang == "en" {
		note = "One-time link for the first administrator, valid for 15 minutes:"
	}
	_, err = fmt.Fprintf(stdout, "%s\n%s/enrol/%s\n", note, base, token)
	return err
}

// retain deletes what is too old, at start and once an hour.
func retain(ctx context.Context, st *store.Store, c config, log *slog.Logger) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		now := time.Now()
		n, err := st.Retain(ctx, now, now.AddDate(0, 0, -c.DetailDays), now.AddDate(0, 0, -c.SessionDays))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Error("old details cannot be deleted", "err", err)
		case n > 0:
			log.Info("details of old alarms deleted", "alarms", n)
			if err := st.Append(ctx, store.Audit{At: now, Role: "console", What: "retention", Detail: fmt.Sprint(n)}); err != nil {
				log.Error("deletion cannot be recorded", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
