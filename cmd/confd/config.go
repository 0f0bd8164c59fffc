package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"subrosa/firmware/conference/access"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/config"
	"subrosa/firmware/topic"
)

// Config is the conference's file. Paths are relative to it.
type Config struct {
	ID     string `json:"id"` // of this program at the site
	Rooms  []Room `json:"rooms"`
	Broker string `json:"broker"` // tls://host:8883; "": none, then each room's level and roster are those of this file
	CA     string `json:"ca"`     // of the site: brokers, and units that join by certificate
	Cert   string `json:"cert"`   // of this program, for the broker
	Key    string `json:"key"`

	Listen   string `json:"listen"`    // pages, :8444
	Plain    bool   `json:"plain"`     // pages without TLS: development, loopback only
	PageCert string `json:"page_cert"` // of the pages' name; default Cert
	PageKey  string `json:"page_key"`
	Media    string `json:"media"` // UDP and TCP, :3478
	// Addresses that clients reach the media port at; none: those of the machine.
	Addresses []string `json:"addresses"`
	Metrics   string   `json:"metrics"` // Prometheus and health, loopback; "" off

	Access access.Config `json:"access"` // address, sign-in with the city

	Seats    int            `json:"seats"`  // in a call, 30
	LastN    int            `json:"last_n"` // cameras to each receiver, 9
	Suites   []signal.Suite `json:"suites"` // of the group; xwing up to 30 seats, else x25519
	Codecs   []string       `json:"codecs"` // of pictures; the first is used: vp8, vp9
	Timezone string         `json:"timezone"`
}

// Room is a room whose conference this is.
type Room struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Journal string      `json:"journal"` // the unit's socket; "": an own journal in the state folder
	Roster  string      `json:"roster"`  // CSV; "": the site's list, by MQTT
	Level   level.Level `json:"level"`   // without a broker
	Streams *Streams    `json:"streams"` // WHIP in, WHEP out, in public sessions; nil: none
}

// Streams are the public streams of a room.
type Streams struct {
	Players int  `json:"players"` // at once, 20
	Free    bool `json:"without_token"`
}

func defaults() Config {
	return Config{Listen: ":8444", Media: ":3478", Metrics: "127.0.0.1:9466", Seats: 30, LastN: 9, Codecs: []string{"vp8", "vp9"}, Timezone: "Europe/Berlin"}
}

// loadConfig reads and checks the file.
func loadConfig(path string) (Config, error) {
	c := defaults()
	if err := config.Load(path, &c, false); err != nil {
		return c, err
	}
	dir := filepath.Dir(path)
	files := []*string{&c.CA, &c.Cert, &c.Key, &c.PageCert, &c.PageKey}
	for i := range c.Rooms {
		if st := c.Rooms[i].Streams; st != nil && st.Players == 0 {
			st.Players = 20
		}
		files = append(files, &c.Rooms[i].Roster)
	}
	for _, p := range files {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	if len(c.Suites) == 0 {
		c.Suites = []signal.Suite{signal.XWing}
		if c.Seats > 30 {
			c.Suites = []signal.Suite{signal.X25519}
		}
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("config: %s: %w", path, err)
	}
	return c, nil
}

func (c *Config) check() error {
	switch {
	case topic.CheckID(c.ID) != nil:
		return errors.New("id: want the id of this program at the site, such as konferenz")
	case len(c.Rooms) == 0:
		return errors.New("rooms: none is named")
	case c.Seats < 2 || c.Seats > 200:
		return fmt.Errorf("seats %d, want 2 to 200", c.Seats)
	case c.LastN < 1 || c.LastN > 50:
		return fmt.Errorf("last_n %d, want 1 to 50", c.LastN)
	case slices.ContainsFunc(c.Suites, func(s signal.Suite) bool { return s != signal.XWing && s != signal.X25519 }):
		return fmt.Errorf("suites %v, want xwing or x25519", c.Suites)
	case len(c.Codecs) == 0 || slices.ContainsFunc(c.Codecs, func(x string) bool { return x != "vp8" && x != "vp9" }):
		return fmt.Errorf("codecs %v, want vp8 or vp9", c.Codecs)
	case c.Plain && !loopback(c.Listen):
		return fmt.Errorf("plain: pages without TLS only on 127.0.0.1, not on %q", c.Listen)
	case !c.Plain && (c.PageCert == "") != (c.PageKey == ""):
		return errors.New("page_cert and page_key go together")
	case !c.Plain && c.PageCert == "" && c.Cert == "":
		return errors.New("page_cert is missing: browsers refuse cameras without TLS")
	case c.Broker != "" && (c.Cert == "") != (c.Key == ""):
		return errors.New("cert and key go together")
	case strings.HasPrefix(c.Broker, "tls://") && (c.CA == "" || c.Cert == ""):
		return errors.New("broker wants ca, cert and key: the site knows the conference by its certificate (subrosa site)")
	case c.Metrics != "" && !loopback(c.Metrics):
		return fmt.Errorf("metrics on %q: only on loopback", c.Metrics)
	}
	seen := map[string]bool{}
	for _, r := range c.Rooms {
		switch {
		case topic.CheckID(r.ID) != nil || seen[r.ID]:
			return fmt.Errorf("rooms: id %q is missing, not an id, or twice", r.ID)
		case c.Broker == "" && (r.Level == "" || level.For(r.Level).Level != r.Level):
			return fmt.Errorf("rooms: %s: without a broker, level is public, internal, nonpublic or confidential", r.ID)
		case c.Broker != "" && r.Level != "":
			return fmt.Errorf("rooms: %s: the level comes from the room's session, not from this file", r.ID)
		case c.Broker == "" && r.Roster == "":
			return fmt.Errorf("rooms: %s: without a broker, roster is a CSV file", r.ID)
		}
		seen[r.ID] = true
		if r.Streams != nil && (r.Streams.Players < 1 || r.Streams.Players > 500) {
			return fmt.Errorf("rooms: %s: streams: players %d, want 1 to 500", r.ID, r.Streams.Players)
		}
	}
	return nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// certificates returns the TLS of the broker's client and of the pages; nil where there is none. Units show theirs to the pages.
func (c *Config) certificates() (broker, pages *tls.Config, err error) {
	pool := x509.NewCertPool()
	if c.CA != "" {
		b, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, nil, fmt.Errorf("config: ca: %w", err)
		}
		if !pool.AppendCertsFromPEM(b) {
			return nil, nil, fmt.Errorf("config: ca: %s holds no certificate", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, nil, fmt.Errorf("config: cert: %w", err)
		}
		broker = &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS13}
	}
	if c.Plain {
		return broker, nil, nil
	}
	cert, key := c.PageCert, c.PageKey
	if cert == "" {
		cert, key = c.Cert, c.Key
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, nil, fmt.Errorf("config: page_cert: %w", err)
	}
	// HTTP/1.1 only: WebSockets are taken over it
	pages = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if c.CA != "" {
		pages.ClientAuth, pages.ClientCAs = tls.VerifyClientCertIfGiven, pool
	}
	return broker, pages, nil
}
