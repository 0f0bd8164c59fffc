package endurance_test

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"subrosa/firmware/clock"
	"subrosa/firmware/seal"
	"subrosa/firmware/slot"
	"subrosa/firmware/state"
	"subrosa/firmware/wall"
	"subrosa/provisioning/site"
)

const (
	roomID  = "ratssaal"
	unitID  = "ratssaal-1"
	otherID = "foyer-1" // a second unit of the site, in a room of its own
	foyerID = "foyer"
)

// house is a site on this machine: a console with its broker, or an outside broker, and one room unit.
type house struct {
	t        *testing.T
	dir      string
	site     *site.Site
	speed    float64
	clock    clock.Scenario
	pages    string // of the console
	wall     string
	broker   string // host:port
	metrics  string
	chairKey string
	outside  bool // the broker is mosquitto

	consoleLog, unitLog, brokerLog *diary
	console, unit, mosquitto       *process
	sensed                         string         // "" the real one
	conf                           map[string]any // of the unit, over what newHouse sets
	laid                           int            // recordings
}

// newHouse lays a site out; nothing runs yet. The scenario's clock starts now.
func newHouse(t *testing.T, speed float64) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), speed: speed, pages: address(t), wall: address(t), broker: address(t), metrics: address(t),
		chairKey: wall.NewToken(), conf: map[string]any{}}
	h.consoleLog, h.unitLog, h.brokerLog = h.diary("console"), h.diary("roomd"), h.diary("mosquitto")
	var err error
	h.site, err = site.Init(filepath.Join(h.dir, "site"), plan(), time.Now(), rand.Reader)
	h.must(err)
	f, err := state.Open(h.path("unit", "state"))
	h.must(err)
	// What provisioning leaves: keys, and windows of the slots that are known to be empty.
	h.must(errors.Join(f.Save("slots", slot.New()), f.Save("keys", map[string]string{"Chair": h.chairKey, "Clerk": wall.NewToken()})))
	h.must(os.WriteFile(h.path("console.json"), []byte("{}"), 0o600))
	h.begin()
	return h
}

// begin lets the scenario begin now.
func (h *house) begin() {
	now := time.Now()
	h.clock = clock.Scenario{Epoch: now, Start: now, Speed: h.speed}
}

func plan() site.Plan {
	return site.Plan{Name: "Stadt Musterstadt", Domain: "raum.example", Loopback: true,
		Units: []site.Unit{{ID: unitID, Room: roomID}, {ID: otherID, Room: foyerID}}}
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) path(parts ...string) string {
	return filepath.Join(append([]string{h.dir}, parts...)...)
}

// diary is kept as a file too, in the folder SUBROSA_LOGS if that is set.
func (h *house) diary(name string) *diary {
	d := &diary{}
	if dir := os.Getenv("SUBROSA_LOGS"); dir != "" {
		f, err := os.Create(filepath.Join(dir, strings.ReplaceAll(h.t.Name(), "/", "_")+"-"+name+".log"))
		h.must(err)
		h.t.Cleanup(func() { f.Close() })
		d.f = f
	}
	return d
}

// address returns a loopback address whose port is free and outside the range from which clients get theirs: one that
// calls a dead port of that range can be given the very port, and answers itself.
func address(t *testing.T) string {
	t.Helper()
	for range 100 {
		a := fmt.Sprintf("127.0.0.1:%d", 20000+mrand.IntN(12000))
		if l, err := net.Listen("tcp", a); err == nil {
			l.Close()
			return a
		}
	}
	t.Fatal("no free port")
	return ""
}

func (h *house) brokerURL() string {
	_, port, _ := net.SplitHostPort(h.broker)
	return "tls://localhost:" + port
}

// configure writes the unit's file.
func (h *house) configure(sound, radio *programme) {
	h.t.Helper()
	bundle := h.site.Path("unit/" + unitID)
	sensed := h.sensed
	if sensed == "" {
		sensed = program(h.t, "sensed")
	}
	c := map[string]any{"unit": unitID, "room": roomID, "name": "Ratssaal", "broker": h.brokerURL(), "listen": h.wall, "plain": true,
		"metrics": h.metrics, "sensed": sensed, "ca": filepath.Join(bundle, "ca.pem"), "cert": filepath.Join(bundle, "cert.pem"),
		"key": filepath.Join(bundle, "key.pem"), "sound": map[string]any{"source": "none"}}
	if sound != nil {
		c["sound"] = map[string]any{"source": "feed", "feed": sound}
	}
	if radio != nil {
		c["radio"] = map[string]any{"source": "feed", "feed": radio}
	}
	for k, v := range h.conf {
		c[k] = v
	}
	b, err := json.MarshalIndent(c, "", "  ")
	h.must(err)
	h.must(os.WriteFile(h.path("unit", "unit.json"), b, 0o600))
}

func (h *house) startConsole(extra ...string) {
	h.t.Helper()
	args := []string{"--config", h.path("console.json"), "--state", h.path("site-state"), "--listen", h.pages}
	if h.outside {
		args = append(args, "--broker", h.brokerURL(), "--client-tls", h.site.Path("console"))
	} else {
		args = append(args, "--mqtt-listen", h.broker, "--mqtt-tls", h.site.Path("broker"))
	}
	h.console = start(h.t, h.consoleLog, program(h.t, "console"), append(args, extra...)...)
}

func (h *house) unitArgs() []string {
	args := []string{"--config", h.path("unit", "unit.json"), "--state", h.path("unit", "state"),
		"--epoch", h.clock.Epoch.Format(time.RFC3339Nano), "--start", h.clock.Start.Format(time.RFC3339Nano),
		"--speed", fmt.Sprint(h.clock.Speed)}
	if seal.Probe() != nil {
		args = append(args, "--unsealed")
	}
	return args
}

func (h *house) startUnit() {
	h.t.Helper()
	h.unit = start(h.t, h.unitLog, program(h.t, "roomd"), h.unitArgs()...)
}

// startMosquitto starts the outside broker, with the site's certificates.
func (h *house) startMosquitto() {
	h.t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			h.t.Skip("mosquitto is not installed")
		}
	}
	_, port, _ := net.SplitHostPort(h.broker)
	dir := h.path("mosquitto")
	if _, err := os.Stat(dir); err != nil {
		h.must(os.MkdirAll(dir, 0o700))
		conf := fmt.Sprintf("listener %s 127.0.0.1\npersistence true\npersistence_location %s/\nautosave_interval 1\nmax_queued_messages 0\n"+
			"cafile %s\ncertfile %s\nkeyfile %s\nrequire_certificate true\nuse_identity_as_username true\nlog_dest stderr\nlog_type error\nlog_type warning\n",
			port, dir, h.site.Path("broker/ca.pem"), h.site.Path("broker/cert.pem"), h.site.Path("broker/key.pem"))
		if os.Geteuid() == 0 {
			conf += "user root\n"
		}
		h.must(os.WriteFile(filepath.Join(dir, "mosquitto.conf"), []byte(conf), 0o600))
	}
	h.mosquitto = start(h.t, h.brokerLog, path, "-c", filepath.Join(dir, "mosquitto.conf"))
}

// client returns an MQTT client with one of the site's bundles, such as "console". It is connected, and stays so.
func (h *house) client(bundle string, connected func(mqtt.Client)) mqtt.Client {
	h.t.Helper()
	o := mqtt.NewClientOptions().AddBroker(h.brokerURL()).SetTLSConfig(h.clientTLS(bundle)).SetClientID("test-" + rand.Text()[:8]).
		SetOrderMatters(true).SetAutoReconnect(true).SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond).
		SetMaxReconnectInterval(100 * time.Millisecond).SetOnConnectHandler(connected)
	c := mqtt.NewClient(o)
	tok := c.Connect()
	if !tok.WaitTimeout(patience) || tok.Error() != nil {
		h.t.Fatalf("MQTT with the bundle %s: %v\n%s", bundle, tok.Error(), h.consoleLog.tail(5))
	}
	h.t.Cleanup(func() { c.Disconnect(100) })
	return c
}

func (h *house) clientTLS(bundle string) *tls.Config {
	dir := h.site.Path(bundle)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	h.must(err)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: h.site.Pool()}
}

// chair is a browser on the chair's page.
type chair struct {
	base, key string
	web       http.Client
}

func (h *house) chair() *chair {
	jar, err := cookiejar.New(nil)
	h.must(err)
	return &chair{base: "http://" + h.wall, key: h.chairKey, web: http.Client{Jar: jar, Timeout: 5 * time.Second}}
}

// view returns what the chair's page knows.
func (c *chair) view() (v wall.View, err error) {
	for range 2 {
		resp, err := c.web.Get(c.base + "/api/view")
		if err != nil {
			return v, err
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return v, json.NewDecoder(resp.Body).Decode(&v)
		}
		in, err := c.web.PostForm(c.base+"/leitung/pair", url.Values{"key": {c.key}})
		if err != nil {
			return v, err
		}
		in.Body.Close()
	}
	return v, errors.New("the chair's page does not let the chair in")
}
