package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// access of the real broker: units may write below their own room only, known by their client's name. It is the table's rule in the
// words of mosquitto.
const access = `topic read subrosa/v1/#
topic write subrosa/v1/mdm/#
topic write subrosa/v1/device/#
topic write subrosa/v1/room/+/lockdown/+/reported
topic write subrosa/v1/room/+/lockdown/+/checklist
topic write subrosa/v1/unit/#
pattern write subrosa/v1/room/%c/#
`

// openMosquitto starts Debian's, with these rules.
func (h *house) openMosquitto() { h.mosquitto(access) }

// mosquitto starts it with others.
func (h *house) mosquitto(access string) {
	h.t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			h.t.Skip("mosquitto is not installed")
		}
	}
	dir, err := os.MkdirTemp("", "mdm-mosquitto-")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { os.RemoveAll(dir) })
	_, port, _ := net.SplitHostPort(h.brokerAt)
	acl, conf := filepath.Join(dir, "acl"), filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nacl_file %s\nlog_type none\n", port, acl)
	for name, s := range map[string]string{acl: access, conf: text} {
		if err := os.WriteFile(name, []byte(s), 0o644); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil { // as root it changes to its own user
		h.t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", conf)
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	h.until("port of mosquitto", func() bool {
		c, err := net.Dial("tcp", h.brokerAt)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

// stranger publishes as a client of that name, whatever the broker then does with it.
func (h *house) stranger(name, topic string, payload []byte) {
	h.t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + h.brokerAt).SetClientID(name))
	done := func(tok mqtt.Token) {
		if !tok.WaitTimeout(20*time.Second) || tok.Error() != nil {
			h.t.Fatalf("%s: %v", name, tok.Error())
		}
	}
	done(c.Connect())
	done(c.Publish(topic, 1, true, payload))
	c.Disconnect(100)
}
