// Package nanomdmtest runs the real NanoMDM v0.9.0 inside a test, with scripted devices. What is synthetic: the devices, and
// the push service in Apple's place, which wakes them at once. The server, its queue, its certificates and its webhook are
// NanoMDM's own.
package nanomdmtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/micromdm/nanolib/log"
	"github.com/micromdm/nanomdm/cryptoutil"
	httpapi "github.com/micromdm/nanomdm/http/api"
	httpmdm "github.com/micromdm/nanomdm/http/mdm"
	"github.com/micromdm/nanomdm/push"
	"github.com/micromdm/nanomdm/push/nanopush"
	"github.com/micromdm/nanomdm/service/certauth"
	"github.com/micromdm/nanomdm/service/multi"
	"github.com/micromdm/nanomdm/service/nanomdm"
	"github.com/micromdm/nanomdm/service/webhook"
	"github.com/micromdm/nanomdm/storage/inmem"
)

// Key of the server's API.
const Key = "lab-api-key"

// Secret is the key of its webhook's HMAC.
var Secret = []byte("lab-webhook-secret-16")

// Server is a NanoMDM.
type Server struct {
	URL  string
	http *httptest.Server

	mu       sync.Mutex
	phones   map[string]*Phone
	hook     string // URL of the webhook; "" loses everything
	lose     int    // one in so many webhook calls is lost; 0: none
	pushDown atomic.Bool
	forge    atomic.Bool // webhook calls are signed with another key
	Enqueued atomic.Int64
}

// Start runs a server until the test ends.
func Start(t testing.TB) *Server {
	s := &Server{phones: map[string]*Phone{}}
	store := inmem.New()
	quiet := log.NopLogger
	core := nanomdm.New(store)
	hook := webhook.New("http://127.0.0.1:0/", webhook.WithTokenUpdateTalley(store), webhook.WithClient(s), webhook.WithHMACSecret(Secret))
	svc := certauth.New(multi.New(quiet, core, hook), store)
	mux := http.NewServeMux()
	mux.Handle("/mdm", httpmdm.CertExtractMdmSignatureMiddleware(httpmdm.CheckinAndCommandHandler(svc, quiet),
		httpmdm.MdmSignatureVerifierFunc(cryptoutil.VerifyMdmSignature)))
	api := http.NewServeMux()
	httpapi.HandleAPIv1("/v1", api, quiet, store, s)
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		if user, key, ok := r.BasicAuth(); !ok || user != "nanomdm" || key != Key {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPut {
			s.Enqueued.Add(1)
		}
		api.ServeHTTP(w, r)
	})
	s.http = httptest.NewServer(mux)
	s.URL = s.http.URL
	t.Cleanup(func() {
		s.mu.Lock()
		all := s.phones
		s.mu.Unlock()
		for _, p := range all {
			p.end()
		}
		s.http.Close()
	})
	return s
}

// Do is the HTTP client of NanoMDM's webhook: to the present address, with the losses asked for.
func (s *Server) Do(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	to, lose := s.hook, s.lose
	s.mu.Unlock()
	if to == "" || lose > 0 && rand.IntN(lose) == 0 {
		return nil, errors.New("lost on the way")
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, to, r.Body)
	if err != nil {
		return nil, err
	}
	req.Header = r.Header
	if s.forge.Load() {
		req.Header.Set("X-Hmac-Signature", "Zm9yZ2Vk")
	}
	return http.DefaultClient.Do(req)
}

// Hook sends webhook calls to the URL from now on, and loses one in so many; 0: none.
func (s *Server) Hook(url string, lose int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook, s.lose = url, lose
}

// Forge signs webhook calls wrongly.
func (s *Server) Forge(on bool) { s.forge.Store(on) }

// PushFails makes the push service refuse.
func (s *Server) PushFails(on bool) { s.pushDown.Store(on) }

// Stop ends the server before the test ends.
func (s *Server) Stop() { s.http.CloseClientConnections(); s.http.Close() }

// Push is push.Pusher, in Apple's place.
func (s *Server) Push(_ context.Context, ids []string) (map[string]*push.Response, error) {
	if s.pushDown.Load() {
		return nil, errors.New("no push certificate")
	}
	out := map[string]*push.Response{}
	for _, id := range ids {
		s.mu.Lock()
		p := s.phones[id]
		s.mu.Unlock()
		switch {
		case p != nil && p.gone():
			// In the words of nanopush.Provider for an answer 410 of Apple's.
			out[id] = &push.Response{Err: fmt.Errorf("push HTTP status: %d: %w", http.StatusGone, &nanopush.JSONPushError{Reason: "Unregistered", Timestamp: 1764374400000})}
		case p != nil:
			out[id] = &push.Response{Id: "synthetic"}
			p.Wake()
		}
	}
	return out, nil
}
