// Package whip takes public streams in and lets them out: WHIP (RFC 9725) for the hall's mixer, WHEP (draft-ietf-wish-whep-03) for
// the city's page or streaming service. It is the HTTP of it; what may run, and what goes where, the call says.
//
//	POST /whip/ROOM, /whep/ROOM   application/sdp, Bearer ─► 201, answer, Location, ETag, Link: ice-server
//	PATCH Location, If-Match      trickle-ice-sdpfrag ─► 204; an ICE restart ─► 422
//	DELETE Location               ─► 200; the stream is over
//
// A stream's address has 192 random bits. Whoever has begun it with a token shows the same token there, too.
package whip

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"subrosa/firmware/conference/call"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
)

// Call is the part of a call that streams use.
type Call interface {
	Publish(token string, o *signal.Offer) (*call.Stream, *signal.Answer, error)
	Play(token string, o *signal.Offer) (*call.Stream, *signal.Answer, error)
	Streams(id string) bool
	EndStream(id string)
}

// Options of a Server.
type Options struct {
	Call func(room string) Call // nil: none, or without streams
	// Token says whose a token is, for this purpose in this room.
	Token func(token, room string, publish bool, remote string) (id string, err error)
	// Refusal is what an error of Token is in HTTP, and for people.
	Refusal func(error) (status int, slug string, text level.Text, seconds int)
	Free    func(room string) bool       // players need no token
	ICE     func(id string) []signal.ICE // with fresh credentials
	Now     func() time.Time
	Log     *slog.Logger
}

// Server is safe for concurrent use.
type Server struct {
	o    Options
	rate rate

	mu      sync.Mutex
	streams map[string]session // by the last part of its address
}

type session struct {
	room, kind  string
	id          string // of the call's stream
	token       string
	etag, ufrag string
}

// maxSessions of all rooms that are remembered.
const maxSessions = 4096

// New returns a server.
func New(o Options) *Server { return &Server{o: o, streams: map[string]session{}} }

// Handler serves /whip/ and /whep/.
func (s *Server) Handler() http.Handler {
	m := http.NewServeMux()
	for _, kind := range []string{"whip", "whep"} {
		m.HandleFunc("/"+kind+"/{room}", func(w http.ResponseWriter, r *http.Request) { s.endpoint(w, r, kind) })
		m.HandleFunc("/"+kind+"/{room}/{stream}", func(w http.ResponseWriter, r *http.Request) { s.stream(w, r, kind) })
		m.HandleFunc("/"+kind+"/", func(w http.ResponseWriter, _ *http.Request) { pRoom.answer(w) })
	}
	return m
}

// cross lets pages of other sites in: a token, not a cookie, is what opens something here.
func cross(w http.ResponseWriter, methods string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Patch, Retry-After")
	h.Set("X-Content-Type-Options", "nosniff")
}

// method answers what is not asked for by one of methods; false: it has.
func method(w http.ResponseWriter, r *http.Request, methods string) bool {
	cross(w, methods)
	switch {
	case r.Method == http.MethodOptions:
		w.Header().Set("Access-Control-Max-Age", "600")
		if strings.Contains(methods, "POST") {
			w.Header().Set("Accept-Post", "application/sdp")
		}
		w.WriteHeader(http.StatusNoContent)
		return false
	case !slices.Contains(strings.Split(methods, ", "), r.Method):
		w.Header().Set("Allow", methods)
		pMethod.answer(w)
		return false
	}
	return true
}

func (s *Server) endpoint(w http.ResponseWriter, r *http.Request, kind string) {
	if !method(w, r, "POST, OPTIONS") {
		return
	}
	room := r.PathValue("room")
	c := s.o.Call(room)
	if c == nil {
		pRoom.answer(w)
		return
	}
	if d := s.rate.take(s.o.Now(), r.RemoteAddr); d > 0 {
		pRate.wait(d).answer(w)
		return
	}
	token, p := s.token(r, room, kind)
	if p == nil {
		p = s.begin(w, r, c, session{room: room, kind: kind, token: token})
	}
	if p != nil {
		s.o.Log.Debug("whip: refused", "room", room, "kind", kind, "why", p.slug)
		p.answer(w)
	}
}

// token returns the id of the request's token, "" where a player needs none.
func (s *Server) token(r *http.Request, room, kind string) (string, *problem) {
	text := bearer(r)
	switch {
	case text == "" && kind == "whep" && s.o.Free(room):
		return "", nil
	case text == "":
		return "", &pBearer
	}
	id, err := s.o.Token(text, room, kind == "whip", r.RemoteAddr)
	if err != nil {
		status, slug, t, sec := s.o.Refusal(err)
		return "", &problem{status, slug, t, sec}
	}
	return id, nil
}

func bearer(r *http.Request) string {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(text)
}

// body reads a request's body of a type.
func body(w http.ResponseWriter, r *http.Request, want string, most int64) ([]byte, *problem) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != want {
		return nil, &pType
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		return nil, &pLong
	}
	return b, nil
}

func (s *Server) begin(w http.ResponseWriter, r *http.Request, c Call, x session) *problem {
	b, p := body(w, r, "application/sdp", maxSDP)
	if p != nil {
		return p
	}
	publish := x.kind == "whip"
	o, err := ReadOffer(b, publish)
	if err != nil {
		return refused(err)
	}
	run := c.Play
	if publish {
		run = c.Publish
	}
	stream, answer, err := run(x.token, &o.Offer)
	if err != nil {
		s.o.Log.Debug("whip: no stream", "err", err)
		return refused(err)
	}
	var id, tag [24]byte
	rand.Read(id[:])
	rand.Read(tag[:])
	x.id, x.ufrag, x.etag = stream.ID(), o.Ufrag, `"`+base64.RawURLEncoding.EncodeToString(tag[:12])+`"`
	key := base64.RawURLEncoding.EncodeToString(id[:])
	if !s.keep(key, x) {
		c.EndStream(x.id)
		return &pFull
	}
	h := w.Header()
	h.Set("Content-Type", "application/sdp")
	h.Set("Location", "/"+x.kind+"/"+x.room+"/"+key)
	h.Set("ETag", x.etag)
	h.Set("Accept-Patch", "application/trickle-ice-sdpfrag")
	h.Set("Cache-Control", "no-store")
	for _, i := range s.o.ICE(x.id) {
		for _, u := range i.URLs {
			l := "<" + u + `>; rel="ice-server"`
			if i.Username != "" {
				l += fmt.Sprintf(`; username=%q; credential=%q; credential-type="password"`, i.Username, i.Credential)
			}
			h.Add("Link", l)
		}
	}
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, answer.SDP)
	return nil
}

// refused is what an error is in HTTP.
func refused(err error) *problem {
	for _, x := range []struct {
		err error
		p   *problem
	}{{ErrCodecs, &pCodecs}, {call.ErrStreamLevel, &pLevel}, {call.ErrStreamShut, &pShut}, {call.ErrStreamBusy, &pBusy}, {call.ErrStreamNone, &pNone}, {call.ErrStreamFull, &pFull}} {
		if errors.Is(err, x.err) {
			return x.p
		}
	}
	return &pForm
}

// keep remembers a stream's address, and forgets those whose stream is over.
func (s *Server) keep(key string, x session) bool {
	s.mu.Lock()
	all := make(map[string]session, len(s.streams))
	for k, y := range s.streams {
		all[k] = y
	}
	s.mu.Unlock()
	for k, y := range all {
		if c := s.o.Call(y.room); c != nil && c.Streams(y.id) {
			delete(all, k)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range all {
		delete(s.streams, k)
	}
	if len(s.streams) >= maxSessions {
		return false
	}
	s.streams[key] = x
	return true
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request, kind string) {
	if !method(w, r, "PATCH, DELETE, OPTIONS") {
		return
	}
	key := r.PathValue("stream")
	s.mu.Lock()
	x, known := s.streams[key]
	s.mu.Unlock()
	var c Call
	if known && x.kind == kind && x.room == r.PathValue("room") {
		c = s.o.Call(x.room)
	}
	if c == nil || !c.Streams(x.id) {
		pRoom.answer(w)
		return
	}
	if x.token != "" {
		if id, p := s.token(r, x.room, kind); p != nil || id != x.token {
			if p == nil {
				p = &pBearer
			}
			p.answer(w)
			return
		}
	}
	if r.Method == http.MethodDelete {
		c.EndStream(x.id)
		s.mu.Lock()
		delete(s.streams, key)
		s.mu.Unlock()
		w.WriteHeader(http.StatusOK)
		return
	}
	if p := x.patch(w, r); p != nil {
		p.answer(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// patch takes candidates, of which this server needs none, and refuses what it cannot do.
func (x session) patch(w http.ResponseWriter, r *http.Request) *problem {
	match := r.Header.Get("If-Match")
	b, p := body(w, r, "application/trickle-ice-sdpfrag", maxFragment)
	switch {
	case p != nil:
		return p
	case match == "":
		return &pNoMatch
	case match == "*": // RFC 9725, 4.3.3: how a restart is asked for
		return &pRestart
	case subtle.ConstantTimeCompare([]byte(match), []byte(x.etag)) != 1:
		return &pMatch
	}
	f, err := ReadFragment(b)
	switch {
	case err != nil:
		return &pFragment
	case f.Ufrag != x.ufrag:
		return &pRestart
	}
	return nil
}
