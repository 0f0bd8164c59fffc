//go:build linux

package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/turn/v5"
	"github.com/pion/webrtc/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"subrosa/firmware/conference/access"
	"subrosa/firmware/conference/notebook"
	"subrosa/firmware/conference/sfu"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/journal"
	"subrosa/firmware/report"
	"subrosa/firmware/roster"
	"subrosa/firmware/topic"
)

// realBroker is Debian's mosquitto where it is installed, else the one that the other tests have.
func realBroker(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			t.Log("mosquitto is not installed: the broker is that of the other tests")
			return strings.Replace(startBroker(t), "127.0.0.1", "localhost", 1)
		}
	}
	port := freePort(t)
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, "listener %d 127.0.0.1\nallow_anonymous true\npersistence false\n", port), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	wait(t, "mosquitto", func() bool { return closed(net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))) == nil })
	return fmt.Sprintf("tcp://localhost:%d", port) // a name, which is looked up
}

// city is the OpenID provider of github.com/zitadel/oidc, as its own example runs it, with tokens and keys at another port than
// its pages, as providers behind several gateways have them.
func city(t *testing.T, back string) (issuer string) {
	t.Helper()
	var handler http.Handler
	begin := func() (address string) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
		t.Cleanup(s.Close)
		return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	}
	issuer = begin()
	storage.RegisterClients(storage.NativeClient("konferenz", back))
	old := slog.Default()
	provider := exampleop.SetupServer(issuer, storage.NewStorage(storage.NewUserStore(issuer+"/")), slog.New(slog.DiscardHandler), false)
	slog.SetDefault(old)
	other := begin()
	handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		here := r.Host == strings.TrimPrefix(issuer, "http://")
		switch {
		case here && r.URL.Path == "/.well-known/openid-configuration":
			answer := httptest.NewRecorder()
			provider.ServeHTTP(answer, r)
			text := answer.Body.String()
			for _, path := range []string{"/oauth/token\"", "/keys\""} {
				if !strings.Contains(text, `"`+issuer+path) {
					t.Errorf("the provider's document has no %s: %s", path, text)
				}
				text = strings.Replace(text, `"`+issuer+path, `"`+other+path, 1)
			}
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, text)
		case here && (r.URL.Path == "/oauth/token" || r.URL.Path == "/keys"):
			http.NotFound(w, r)
		default:
			provider.ServeHTTP(w, r)
		}
	})
	return issuer
}

var hidden = regexp.MustCompile(`name="id" value="([^"]*)"`)

// signInByCity goes through the city's pages and returns the conference's cookie.
func (p *process) signInByCity(t *testing.T, issuer string) *http.Cookie {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	body := func(r *http.Response, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	page := body(client.Get(p.url + "/access/sso?room=ratssaal"))
	m := hidden.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no login page came from the provider:\n%.600s", page)
	}
	page = body(client.PostForm(issuer+"/login/username", url.Values{"username": {"test-user@localhost"}, "password": {"verysecure"}, "id": {m[1]}}))
	at, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	cookies := jar.Cookies(at)
	i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == "subrosa-conference" })
	if i < 0 {
		t.Fatalf("not signed in; at the end came\n%.600s", page)
	}
	return cookies[i]
}

// unitJournal is that of a unit, behind its socket.
type unitJournal struct {
	mu    sync.Mutex
	kinds []string
}

func (j *unitJournal) Append(_ context.Context, e journal.Entry) (journal.Receipt, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kinds = append(j.kinds, e.Kind)
	return journal.Receipt{}, nil
}

func (j *unitJournal) has(kind string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Contains(j.kinds, kind)
}

func (j *unitJournal) listen(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(notebook.Handler(j, "ratssaal"))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return path
}

// relayed asks for a relayed address with the credentials that a participant was given.
func relayed(t *testing.T, ice signal.ICE) error {
	t.Helper()
	address := regexp.MustCompile(`^turn:([^?]*)`).FindStringSubmatch(ice.URLs[0])[1]
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c, err := turn.NewClient(&turn.ClientConfig{STUNServerAddr: address, TURNServerAddr: address, Conn: conn, Username: ice.Username, Password: ice.Credential, Realm: "subrosa",
		LoggerFactory: &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled, Writer: io.Discard}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	return closed(c.Allocate())
}

// connected offers a microphone, as a page does, and waits until DTLS is done.
func connected(t *testing.T, who *person) {
	t.Helper()
	engine := &webrtc.MediaEngine{}
	if err := sfu.Register(engine); err != nil {
		t.Fatal(err)
	}
	settings := webrtc.SettingEngine{}
	settings.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "a", "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err == nil {
		err = pc.SetLocalDescription(offer)
	}
	if err != nil {
		t.Fatal(err)
	}
	who.say(t, &signal.Offer{N: 1, SDP: offer.SDP, Send: []signal.SendMid{{Mid: "0", Source: signal.Microphone}}})
	a := told[*signal.Answer](t, who, nil)
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.SDP}); err != nil {
		t.Fatal(err)
	}
	wait(t, "a connection for media", func() bool { return pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
}

// TestSealedAtASite: sealed, the conference does all that it is for: level and roster by MQTT from a broker that has a name, the
// city's sign-in, invites, seats, media's connections, relayed addresses, entries in the unit's journal and its own, states on disk, metrics; and it
// stops when it is told to.
func TestSealedAtASite(t *testing.T) {
	enforceable(t)
	key := []byte(strings.Repeat("k", roster.KeyBytes))
	names, err := roster.NewPseudonyms(key)
	if err != nil {
		t.Fatal(err)
	}
	broker, unitsOwn := realBroker(t), &unitJournal{}
	socket, issuer := unitsOwn.listen(t), ""
	path := confFileWith(t, func(c map[string]any) {
		a := c["access"].(map[string]any)
		issuer = city(t, a["url"].(string)+"/access/sso/back")
		a["sso"] = access.SSO{Issuer: issuer, ClientID: "konferenz", PseudonymsFile: "pseudonyms"}
		c["broker"] = broker
	}, map[string]any{"id": "ratssaal", "name": "Ratssaal", "journal": socket}, map[string]any{"id": "keller", "name": "Keller"})
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "pseudonyms"), []byte(hex.EncodeToString(key)), 0o600); err != nil {
		t.Fatal(err)
	}
	u := unit(t, broker)
	go u.Run(t.Context())
	t.Cleanup(func() { u.Close() })
	list, byCity := &roster.Roster{}, names.Member("id1")
	if _, err := list.Replace(time.Now(), []roster.Member{{ID: "m-0", Role: roster.Chair}, {ID: "m-2", Role: roster.Councillor}, {ID: byCity, Role: roster.Councillor}}); err != nil {
		t.Fatal(err)
	}
	publish(t, u, topic.Roster("ratssaal"), list)
	publish(t, u, topic.ConferenceDesired("ratssaal"), report.ConferenceDesired{Allowed: true, Level: "internal", Session: "planned"})

	p := newProcess(t, path)
	if !p.health(t).Sealed {
		t.Fatal("it is not sealed")
	}
	a := sit(t, p.url, p.cookie(t, "m-2"), &signal.Hello{Protocol: signal.Protocol})
	joined := told[*signal.Joined](t, a, nil)
	if err := relayed(t, joined.ICE[0]); err != nil {
		t.Errorf("no relayed address: %v", err)
	}
	b := sit(t, p.url, p.signInByCity(t, issuer), &signal.Hello{Protocol: signal.Protocol})
	told[*signal.Joined](t, b, nil)
	connected(t, b)
	for _, kind := range []string{access.KindInvited, access.KindEntered} {
		wait(t, kind+" in the unit's journal", func() bool { return unitsOwn.has(kind) })
	}
	if _, err := list.Remove(time.Now(), "m-2"); err != nil {
		t.Fatal(err)
	}
	publish(t, u, topic.Roster("ratssaal"), list)
	if e := told[*signal.Ended](t, a, nil); e.Reason != signal.EndedRoster {
		t.Errorf("off the roster: %+v", e)
	}
	p.looksAfterItself(t)
	for name, why := range p.attempts(t, hostile(t, p)) {
		// sockets of others it can reach before Landlock's ABI 9, since it needs that of the unit
		if denied := why != ""; denied == strings.HasPrefix(name, "may: ") && name != "another's socket" {
			t.Errorf("%s: %q", name, why)
		}
	}
	if err := p.stop(); err != nil {
		t.Errorf("stopped: %v", err)
	}
	if e := told[*signal.Ended](t, b, nil); e.Reason != signal.EndedServer {
		t.Errorf("at the end: %+v", e)
	}

	again := newProcess(t, path) // those who were signed in are known before the broker has said anything
	if n := again.logins(t); n == 0 {
		t.Error("after a restart nobody is signed in")
	}
}

// looksAfterItself checks figures and states of a sealed conference.
func (p *process) looksAfterItself(t *testing.T) {
	t.Helper()
	r, err := http.Get("http://" + p.c.Metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"subrosa_conference_sealed 1", "process_cpu_seconds_total ", "process_open_fds ", "process_max_fds "} {
		if !strings.Contains(string(text), "\n"+line) {
			t.Errorf("metrics have no %q", line)
		}
	}
	wait(t, "the roster on disk", func() bool {
		saved, err := roster.Load(filepath.Join(p.state, "roster-ratssaal.json"))
		if err != nil {
			t.Fatal(err)
		}
		_, left := saved.Member("m-2")
		return !left && len(saved.Members()) == 2
	})
	var rooms []string
	err = journal.Folder(filepath.Join(p.state, "journal")).Read(1, func(_ uint64, e journal.Entry) error {
		rooms = append(rooms, e.Room)
		return nil
	})
	if err != nil || !slices.Contains(rooms, "keller") || slices.Contains(rooms, "ratssaal") {
		t.Errorf("its own journal has entries of %q, %v", rooms, err)
	}
	if p.logins(t) == 0 {
		t.Error("access.json knows of no login")
	}
}

func (p *process) logins(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.state, "access.json"))
	if err != nil {
		t.Fatal(err)
	}
	var book access.Book
	if err := json.Unmarshal(b, &book); err != nil {
		t.Fatal(err)
	}
	return len(book.Logins)
}
