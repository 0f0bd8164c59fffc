package main

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"subrosa/firmware/event"
	"subrosa/firmware/report"
	"subrosa/firmware/topic"
	"subrosa/provisioning/site"
)

// block returns what docs/gateways.md has under a mark.
func block(t *testing.T, mark string) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/gateways.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)<!-- gateway:" + regexp.QuoteMeta(mark) + " -->\n```[a-z]*\n(.*?)```\n").FindSubmatch(b)
	if m == nil {
		t.Fatalf("docs/gateways.md has no block %s", mark)
	}
	return string(m[1])
}

// haustechnik is the gateway of that page.
var haustechnik = topic.Identity{Role: topic.Gateway, Rooms: []string{"ratssaal"}}

// checkMessage holds a message against the table of topics, the access list, the envelope and the data's type.
func checkMessage(t *testing.T, name string, payload []byte) (state string) {
	t.Helper()
	tp, err := topic.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	if !topic.MayWrite(haustechnik, name) {
		t.Errorf("%s: the gateway may not write it", name)
	}
	e, err := event.Decode(payload)
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, payload)
	}
	if e.Type != tp.EventType("") || topic.Root+"/"+e.Subject != name || e.Source != "/gateway/haustechnik" {
		t.Errorf("%s: got %+v", name, e)
	}
	if tp.Noun == "av" {
		v, err := event.Data[report.AV](e)
		if err != nil || v.Version == 0 || !slices.Contains([]string{"on", "off", "unknown"}, v.State) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		return v.State
	}
	v, err := event.Data[report.Contact](e)
	if err != nil || v.Version == 0 || !slices.Contains([]string{"open", "closed", "fault"}, v.State) {
		t.Errorf("%s: %+v, %v", name, v, err)
	}
	return v.State
}

func TestGatewayMessage(t *testing.T) {
	if got := checkMessage(t, topic.Contact("ratssaal", "fenster-nord"), []byte(block(t, "message"))); got != "closed" {
		t.Errorf("got %s", got)
	}
	var unit struct {
		Contacts []struct {
			Name, Guards string
			StaleSeconds int `json:"stale_seconds"`
		}
	}
	if err := json.Unmarshal([]byte(block(t, "unit")), &unit); err != nil || len(unit.Contacts) != 3 {
		t.Errorf("%+v, %v", unit, err)
	}
	for _, c := range unit.Contacts {
		if topic.CheckID(c.Name) != nil || c.Guards != "window" && c.Guards != "door" {
			t.Errorf("%+v", c)
		}
	}
}

// estate is a site with a broker, a gateway's certificate, and a unit that listens to its room.
type estate struct {
	site *site.Site
	port string
	c    *console

	mu  sync.Mutex
	got map[string][]byte
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	e := &estate{got: map[string][]byte{}}
	var err error
	e.site, err = site.Init(filepath.Join(t.TempDir(), "site"), site.Plan{Name: "Stadt Musterstadt", Domain: "raum.example", Loopback: true,
		Units:    []site.Unit{{ID: "ratssaal-1", Room: "ratssaal"}, {ID: "kleiner-1", Room: "kleiner-saal"}},
		Gateways: []site.Remote{{ID: "haustechnik", Rooms: []string{"ratssaal"}}}}, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e.c = startConsole(t, t.TempDir(), "--demo", "--mqtt-tls", e.site.Path("broker"), "--mqtt-listen", "127.0.0.1:0")
	addr := regexp.MustCompile(`msg="broker listens" listen=(\S+) for="mutual TLS"`).FindStringSubmatch(e.c.log.String())
	if addr == nil {
		t.Fatalf("no TLS listener:\n%s", e.c.log)
	}
	if _, e.port, err = net.SplitHostPort(addr[1]); err != nil {
		t.Fatal(err)
	}
	cert, pool := bundleFiles(t, e.site.Path("unit/ratssaal-1"))
	cl := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://localhost:" + e.port).SetClientID("ratssaal-1").SetProtocolVersion(4).
		SetTLSConfig(&tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool}))
	t.Cleanup(func() { cl.Disconnect(0) })
	if tok := cl.Connect(); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	for _, filter := range []string{topic.Contact("ratssaal", topic.Any), topic.AVReported("ratssaal", topic.Any)} {
		tok := cl.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.got[m.Topic()] = m.Payload()
		})
		if !tok.WaitTimeout(patience) || tok.Error() != nil {
			t.Fatal(tok.Error())
		}
	}
	return e
}

// state is what the unit has heard of a topic, "" nothing yet.
func (e *estate) state(t *testing.T, name string) string {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.got[name] == nil {
		return ""
	}
	return checkMessage(t, name, e.got[name])
}

// fakeKnxtool prints what knxd's knxtool.c prints of a group telegram ("groupsocketlisten", printf of kind, from, to and
// value), and answers what it was asked.
const fakeKnxtool = `#!/bin/bash
case $1 in
groupsocketread) echo "$3" >>"$ASKED"; echo "Send request" ;;
groupsocketlisten)
	echo "Write from 1.1.5 to 3/1/7: 01"
	echo "Read from 1.1.9 to 3/1/8"
	echo "Response from 1.1.6 to 3/1/8: 00"
	echo "Write from 1.1.7 to 9/9/9: 01"
	echo "Unknown APDU from 1.1.7 to 3/2/1: 00 C1"
	echo "Response from 1.1.8 to 3/2/1: 01"
	exec sleep 60 ;;
esac
`

// TestGatewayKNX runs the page's script with a stand-in for the bus and the real broker.
func TestGatewayKNX(t *testing.T) {
	for _, p := range []string{"bash", "mosquitto_pub", "stdbuf"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("no %s", p)
		}
	}
	e := newEstate(t)
	dir := t.TempDir()
	asked := filepath.Join(dir, "asked")
	for name, text := range map[string]string{"knxtool": fakeKnxtool, "knx-subrosa": block(t, "knx-subrosa")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run := func(room string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(dir, "knx-subrosa"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "ASKED="+asked, "BROKER=localhost", "PORT="+e.port, "BUNDLE="+e.site.Path("gateway/haustechnik"), "ROOM="+room)
		cmd.Stderr = e.c.log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); cmd.Wait() })
		return cmd
	}
	run("ratssaal")
	for name, want := range map[string]string{"fenster-nord": "open", "fenster-sued": "closed", "tuer-flur": "closed"} {
		until(t, name+" is "+want, func() bool { return e.state(t, topic.Contact("ratssaal", name)) == want })
	}
	until(t, "the bus is asked", func() bool {
		b, err := os.ReadFile(asked)
		return err == nil && strings.Count(string(b), "\n") == 3
	})
	run("kleiner-saal") // for another's room
	until(t, "the broker refuses", func() bool { return strings.Contains(e.c.log.String(), "refused") })
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.got) != 3 {
		t.Errorf("heard %d topics", len(e.got))
	}
}

// TestGatewayBridge runs the page's bridge with the real Mosquitto on one side and the site's broker on the other.
func TestGatewayBridge(t *testing.T) {
	program := findMosquitto(t)
	e := newEstate(t)
	conf := strings.NewReplacer("broker.raum.example:8883", "localhost:"+e.port, "/etc/subrosa/gateway", e.site.Path("gateway/haustechnik")).Replace(block(t, "bridge.conf"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	head := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\n", port)
	if os.Geteuid() == 0 {
		head += "user root\n"
	}
	if err := os.WriteFile(file, []byte(head+conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	home := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID("home").SetProtocolVersion(4).SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond))
	t.Cleanup(func() { home.Disconnect(0) })
	if tok := home.Connect(); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	name := topic.Contact("ratssaal", "fenster-nord")
	if tok := home.Publish(name, 1, true, []byte(block(t, "message"))); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	until(t, "it comes through the bridge", func() bool { return e.state(t, name) == "closed" })
	asked := make(chan string, 8)
	if tok := home.Subscribe(topic.AVDesired("ratssaal", topic.Any), 1, func(_ paho.Client, m paho.Message) { asked <- string(m.Payload()) }); !tok.WaitTimeout(patience) {
		t.Fatal(tok.Error())
	}
	unit := dialUnit(t, e)
	if tok := unit.Publish(topic.AVDesired("ratssaal", "stream"), 1, true, []byte(`{"wish":1}`)); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	select {
	case got := <-asked:
		if got != `{"wish":1}` {
			t.Errorf("got %s", got)
		}
	case <-time.After(patience):
		t.Error("what the unit asks does not come to the gateway")
	}
}

func dialUnit(t *testing.T, e *estate) paho.Client {
	t.Helper()
	cert, pool := bundleFiles(t, e.site.Path("unit/ratssaal-1"))
	cl := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://localhost:" + e.port).SetClientID("unit-2").SetProtocolVersion(4).
		SetTLSConfig(&tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool}))
	t.Cleanup(func() { cl.Disconnect(0) })
	if tok := cl.Connect(); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	return cl
}

// homeAssistant renders the automations' templates with the engine that Home Assistant has, and prints topic and payload.
const homeAssistant = `
import sys, json, yaml, jinja2, datetime
a = yaml.safe_load(sys.stdin)["automation"]
state = json.loads(sys.argv[1])
env = jinja2.Environment(undefined=jinja2.StrictUndefined)
env.globals.update(now=lambda: datetime.datetime.now().astimezone(), utcnow=lambda: datetime.datetime.now(datetime.timezone.utc), states=lambda e: state[e])
def publish(data, **more):
    assert data["qos"] == "1" and data["retain"] is True
    print(json.dumps([env.from_string(data["topic"]).render(**more), env.from_string(data["payload"]).render(**more)]))
for act in a[0]["actions"]:
    if "repeat" in act:
        for item in act["repeat"]["for_each"]:
            for s in act["repeat"]["sequence"]:
                publish(s["data"], repeat={"item": item})
    else:
        publish(act["data"])
for other in a[1:]:
    for wish in ["on", "off", "unknown"]:
        t = {"payload_json": {"data": {"state": wish}}}
        if env.from_string(other["conditions"]).render(trigger=t) == "True":
            print(json.dumps(["action", env.from_string(other["actions"][0]["action"]).render(trigger=t)]))
`

func TestGatewayHomeAssistant(t *testing.T) {
	python := ""
	for _, p := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(p, "-c", "import yaml, jinja2").Run() == nil {
			python = p
			break
		}
	}
	if python == "" {
		t.Skip("no python3 with yaml and jinja2")
	}
	render := func(mark, states string) (out [][2]string) {
		t.Helper()
		cmd := exec.Command(python, "-c", homeAssistant, states)
		cmd.Stdin = strings.NewReader(block(t, mark))
		b, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", mark, err, err.(*exec.ExitError).Stderr)
		}
		for line := range strings.Lines(string(b)) {
			var x [2]string
			if err := json.Unmarshal([]byte(line), &x); err != nil {
				t.Fatal(err)
			}
			out = append(out, x)
		}
		return out
	}
	got := render("contacts.yaml", `{"binary_sensor.fenster_nord":"on","binary_sensor.tuer_flur":"unavailable"}`)
	if len(got) != 2 || checkMessage(t, got[0][0], []byte(got[0][1])) != "open" || checkMessage(t, got[1][0], []byte(got[1][1])) != "fault" {
		t.Errorf("got %q", got)
	}
	for state, want := range map[string]string{"on": "on", "off": "off", "unavailable": "unknown"} {
		got = render("av.yaml", `{"switch.ratssaal_stream":"`+state+`"}`)
		if len(got) != 3 || checkMessage(t, got[0][0], []byte(got[0][1])) != want || got[1][1] != "switch.turn_on" || got[2][1] != "switch.turn_off" {
			t.Errorf("got %q", got)
		}
	}
	if topic.AVReported("ratssaal", "stream") != got[0][0] || !strings.Contains(block(t, "av.yaml"), `"`+topic.AVDesired("ratssaal", "stream")+`"`) {
		t.Errorf("topics: %q", got)
	}
}
