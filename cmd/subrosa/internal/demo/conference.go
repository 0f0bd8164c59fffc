package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"subrosa/firmware/seal"
)

const conferenceID = "konferenz"

// startConference starts the room's conference and returns a link with which its clerk sets up a passkey, once. Its level
// follows the room's session; who may come is the room's roster.
func (d *demo) startConference(ctx context.Context) (link string, err error) {
	wanted := []string{"", "", ""}
	if !d.Headless {
		wanted = []string{"127.0.0.1:8082", "127.0.0.1:3478", "127.0.0.1:9466"}
	}
	addrs := make([]string, len(wanted))
	for i, w := range wanted {
		if addrs[i], err = address(w); err != nil {
			return "", err
		}
	}
	_, port, err := net.SplitHostPort(d.broker)
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	_, page, err := net.SplitHostPort(addrs[0])
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	bundle, err := filepath.Abs(d.site.Path("confd/" + conferenceID))
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	// Passkeys and cameras want a name: localhost is one that browsers trust without a certificate.
	d.meeting = "http://localhost:" + page
	conf := map[string]any{"id": conferenceID, "rooms": []map[string]any{{"id": roomID, "name": "Ratssaal", "roster": filepath.Join("unit", "roster.csv")}}, "broker": "tls://localhost:" + port,
		"ca": filepath.Join(bundle, "ca.pem"), "cert": filepath.Join(bundle, "cert.pem"), "key": filepath.Join(bundle, "key.pem"),
		"listen": addrs[0], "plain": true, "media": addrs[1], "metrics": addrs[2], "addresses": []string{"127.0.0.1"},
		"access": map[string]any{"url": d.meeting, "name": "Konferenz Musterstadt (Demo)"}}
	b, err := json.MarshalIndent(conf, "", "  ")
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	file, state := filepath.Join(d.dir, "conference.json"), filepath.Join(d.dir, "conference")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	first := exec.CommandContext(ctx, filepath.Join(d.bin, "confd"), "--config", file, "--state", state, "--first-invite", roomID)
	first.Stderr = d.Err
	out, err := first.Output()
	if err != nil {
		return "", fmt.Errorf("demo: the clerk's link of the conference: %w", err)
	}
	for l := range strings.Lines(string(out)) {
		if i := strings.Index(l, "http"); i >= 0 {
			link = strings.TrimSpace(l[i:])
		}
	}
	args := []string{"--config", file, "--state", state}
	if err := seal.Probe(); err != nil {
		d.say("Die Konferenz läuft unversiegelt: %v", "The conference runs unsealed: %v", err)
		args = append(args, "--unsealed")
	}
	if d.conference, err = start(d.bin, filepath.Join(d.dir, "logs"), "confd", func(string) {}, args...); err != nil {
		return "", err
	}
	return link, reach(ctx, addrs[0], d.conference)
}
