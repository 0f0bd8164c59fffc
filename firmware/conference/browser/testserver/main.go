// Testserver is the other side in the tests of the conference's page: it speaks docs/conference-signalling.md and forwards media
// like confd, but has no gate and none of confd's care, and on order it is hostile: it goes on sending to who was removed, replays,
// mixes participants, injects plaintext, tampers, withholds, reorders. It listens on loopback only and is no part of any program.
//
//	testserver [--client FOLDER]    prints its address; FOLDER is a page of another build, for hostile members, at /room/X?other
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"

	"subrosa/firmware/conference/binding"
	"subrosa/firmware/conference/client"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

const room = "ratssaal"

// server is a room of one call.
type server struct {
	key    ed25519.PrivateKey
	api    *webrtc.API
	level  level.Level
	suite  signal.Suite
	codec  string
	mu     sync.Mutex
	seats  map[string]*seat // by participant
	serial int
	seq    uint64
	group  []byte
	tag    uint32
	epoch  uint64
	leaves []string // participant by leaf, "" empty
	ver    uint64
	tracks map[string]*track
	evil   evil
	log    []sent // what was ordered, for those who come back
}

type sent struct {
	seq  uint64
	to   string // participant, or "" for all members
	from string
	b    []byte
}

// newServer has a key that is always the same, as confd's is after a restart.
func newServer(l level.Level, codec string, loopback bool) (*server, error) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	api, err := newAPI(codec, loopback)
	if err != nil {
		return nil, err
	}
	return &server{key: key, api: api, level: l, suite: signal.XWing, codec: codec, seats: map[string]*seat{}, tracks: map[string]*track{}}, nil
}

func main() {
	other := flag.String("client", "", "folder of another build of the page")
	lvl := flag.String("level", string(level.Nonpublic), "of the session")
	codec := flag.String("codec", "vp8", "vp8 or vp9")
	port := flag.Int("port", 0, "0: any")
	everywhere := flag.Bool("everywhere", false, "media on every interface: for a network namespace that has no way out, as Firefox has no media on loopback")
	flag.Parse()
	s, err := newServer(level.Level(*lvl), *codec, !*everywhere)
	if err == nil {
		err = s.serve(*other, *port)
	}
	fmt.Fprintln(os.Stderr, "testserver:", err)
	os.Exit(1)
}

func (s *server) serve(other string, port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	m := http.NewServeMux()
	m.HandleFunc("GET /test/login", s.login)
	m.HandleFunc("POST /test/evil", s.setEvil)
	m.HandleFunc("GET /test/figures", s.figures)
	m.HandleFunc("GET /access/me", s.me)
	m.HandleFunc("POST /access/bind", s.bind)
	m.Handle("GET /room/{room}", page(other))
	m.Handle("GET /client/", client.Files())
	m.Handle("GET /other/", http.StripPrefix("/other/", http.FileServer(http.Dir(other))))
	m.HandleFunc("GET /room/{room}/signal", s.socket)
	fmt.Printf("testserver: http://localhost:%d\n", l.Addr().(*net.TCPAddr).Port)
	return http.Serve(l, m)
}

// page is ours, or for a hostile member that of the other build.
func page(other string) http.Handler {
	ours := client.Page("Ratssaal")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("other") {
			http.ServeFile(w, r, other+"/index.html")
			return
		}
		ours.ServeHTTP(w, r)
	})
}

// login makes a browser somebody: no test of sign-in, which package access has.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	http.SetCookie(w, &http.Cookie{Name: "who", Value: q.Get("member") + "." + q.Get("role"), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	to := "/room/" + room + "?lang=" + q.Get("lang")
	for _, k := range []string{"mode", "other"} {
		if q.Has(k) {
			to += "&" + k + "=" + q.Get(k)
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func who(r *http.Request) (member string, role roster.Role, ok bool) {
	c, err := r.Cookie("who")
	if err != nil {
		return "", "", false
	}
	for i := range c.Value {
		if c.Value[i] == '.' {
			return c.Value[:i], roster.Role(c.Value[i+1:]), true
		}
	}
	return "", "", false
}

func rights(role roster.Role) (out []level.Right) {
	for _, x := range level.Rights {
		if level.May(role, x) {
			out = append(out, x)
		}
	}
	return out
}

func (s *server) me(w http.ResponseWriter, r *http.Request) {
	member, role, ok := who(r)
	if !ok {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "signed-out"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"identity": map[string]any{"room": room, "member": member, "role": role, "factors": []string{"sso", "totp"}, "may": true, "lobby": role != roster.Chair, "declaration": level.For(s.level).Declaration, "rights": rights(role)}})
}

func (s *server) bind(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Room string
		Key  []byte
	}
	member, role, ok := who(r)
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || !ok {
		answer(w, http.StatusForbidden, map[string]any{"error": "request"})
		return
	}
	now := time.Now().Unix()
	c := binding.Claim{V: 1, Room: room, Member: member, Role: role, Factors: []level.Factor{level.SSO, level.Code}, Key: ask.Key, From: now, To: now + 4*3600, Nonce: make([]byte, 16)}
	rand.Read(c.Nonce)
	payload, err := c.Encode()
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"error": "request"})
		return
	}
	token, err := binding.Sign(s.key, payload, nil)
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"error": "request"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"binding": token, "server": []byte(s.key.Public().(ed25519.PublicKey))})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

var upgrader = websocket.Upgrader{Subprotocols: []string{"subrosa-conference-1"}}
