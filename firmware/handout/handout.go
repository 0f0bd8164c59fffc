// Package handout gives a unit's evidence to its site's console: a bundle of a time, asked for over HTTPS, with a client
// certificate of the console's role and nothing else. It is a way of its own because payloads never go over MQTT, where a
// broker would keep them, and because only a bundle can be checked by whoever gets it.
//
//	GET /v1/evidence?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z
//	    200  application/zip, made and verified before its first byte is sent
//	    400  times that are none        403  another role than console
//	    404  no entry in this time      503  another bundle is being made; Retry-After
//
// A time that is not given is no limit. One bundle is made at a time: a unit has other things to do.
package handout

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"subrosa/firmware/bundle"
	"subrosa/firmware/topic"
)

// Path is where the evidence is asked for.
const Path = "/v1/evidence"

// writeFor is how long a peer may take to fetch a bundle.
const writeFor = 10 * time.Minute

// Source is a journal that can sign its head.
type Source interface {
	bundle.Source
	Checkpoint(note.Signer) ([]byte, error)
}

// Options of a Handler.
type Options struct {
	Journal Source
	Signer  note.Signer // the unit's key
	Public  string      // its verifier key
	Log     *slog.Logger
}

// Handler answers the console.
type Handler struct {
	o   Options
	one sync.Mutex // held while a bundle is made and sent
}

// New returns a handler.
func New(o Options) *Handler { return &Handler{o: o} }

// ServerTLS is how a unit listens: whoever has no certificate of the site does not even see HTTP.
func ServerTLS(unit tls.Certificate, site *x509.CertPool) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{unit}, ClientCAs: site, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}
}

// Server returns an HTTP server for h with limits against slow peers.
func (h *Handler) Server(conf *tls.Config) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, h)
	return &http.Server{Handler: mux, TLSConfig: conf, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: writeFor, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10,
		ErrorLog: slog.NewLogLogger(h.o.Log.Handler(), slog.LevelDebug)}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		http.Error(w, "a client certificate of the site is needed", http.StatusForbidden)
		return
	}
	id, err := topic.IdentityFromCert(r.TLS.PeerCertificates[0])
	if err != nil || id.Role != topic.Console {
		h.o.Log.Warn("evidence refused", "peer", id.String())
		http.Error(w, "evidence is for the console of the site", http.StatusForbidden)
		return
	}
	from, to, err := times(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !h.one.TryLock() {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "another bundle is being made", http.StatusServiceUnavailable)
		return
	}
	defer h.one.Unlock()
	b, err := h.make(from, to)
	switch {
	case errors.Is(err, bundle.ErrEmpty):
		http.Error(w, "no entry in this time", http.StatusNotFound)
		return
	case err != nil:
		h.o.Log.Error("no evidence can be given", "err", err)
		http.Error(w, "the unit cannot make the bundle; its log says why", http.StatusInternalServerError)
		return
	}
	h.o.Log.Info("evidence given to the console", "from", from, "to", to, "bytes", len(b))
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b) // the peer's end of it tells
}

// make makes the bundle, once more if a payload was deleted meanwhile.
func (h *Handler) make(from, to time.Time) (b []byte, err error) {
	for range 3 {
		c, err := h.o.Journal.Checkpoint(h.o.Signer)
		if err != nil {
			return nil, err
		}
		b, report, err := bundle.Checked(h.o.Journal, bundle.Options{From: from, To: to, Checkpoint: c, Signer: h.o.Signer, Public: h.o.Public})
		if err != nil {
			return nil, err
		}
		if !report.Overtaken() {
			return b, nil // damage, too, is for those who ask
		}
	}
	return nil, errors.New("handout: contents were deleted again and again meanwhile")
}

// times reads from and to; unknown or doubled parameters are errors.
func times(q url.Values) (from, to time.Time, err error) {
	for name, list := range q {
		dst, ok := map[string]*time.Time{"from": &from, "to": &to}[name]
		if !ok || len(list) != 1 {
			return from, to, fmt.Errorf("%.20q: want from and to, once each", name)
		}
		if *dst, err = time.Parse(time.RFC3339, list[0]); err != nil {
			return from, to, fmt.Errorf("%s: want a time such as 2026-11-01T00:00:00Z", name)
		}
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, errors.New("from must lie before to")
	}
	return from, to, nil
}
