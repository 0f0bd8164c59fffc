package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"subrosa/firmware/config"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// Config is /etc/subrosa/mdmbridge.json.
type Config struct {
	Broker     string      `json:"broker"` // tls://host:8883; tcp://127.0.0.1:1883 in development
	Cert       string      `json:"cert"`   // bundle of `subrosa site issue`
	Key        string      `json:"key"`
	CA         string      `json:"ca"`
	Listen     string      `json:"listen"` // webhooks, health and metrics: loopback only
	Connectors []Connector `json:"connectors"`

	tune func(*mdm.Config) // shorter times for tests
}

// Connector is one device management.
type Connector struct {
	ID       string          `json:"id"`       // as in the certificate and in topics
	Kind     string          `json:"kind"`     // one of kinds
	Standing []string        `json:"standing"` // off on every device, always
	Devices  string          `json:"devices"`  // JSON file: list of {id, enrolment, platform, os, supervised, user_enrolled}
	ForgetH  int             `json:"forget_h"` // a room's list of devices is deleted so many hours after its lock at the latest
	Options  json.RawMessage `json:"options"`  // of the kind
}

func defaults() Config { return Config{Listen: "127.0.0.1:8090"} }

// check names everything that is wrong at once.
func (c *Config) check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("config: "+format, args...)) }
	if c.Broker == "" {
		fail("broker is missing, such as tls://broker.raum.example:8883")
	}
	if host, _, err := net.SplitHostPort(c.Listen); err != nil || !loopback(host) {
		fail("listen %q, want 127.0.0.1:PORT: webhooks come from a proxy on this machine, or from the management itself", c.Listen)
	}
	if len(c.Connectors) == 0 {
		fail("connectors is empty: name at least one device management")
	}
	seen := map[string]bool{}
	for _, k := range c.Connectors {
		if err := topic.CheckID(k.ID); err != nil || seen[k.ID] {
			fail("connector %q: its id must be its own, of a-z, 0-9 and -", k.ID)
		}
		seen[k.ID] = true
		if kinds[k.Kind] == nil {
			fail("connector %s: no kind is called %q; there are %s", k.ID, k.Kind, kindNames())
		}
		if req, opt, err := mdm.ParseSet(k.Standing); err != nil || opt != 0 {
			fail("connector %s: standing %v: %w", k.ID, k.Standing, errors.Join(err, errors.New("nothing is optional here")))
		} else if req == 0 {
			fail(`connector %s: standing is empty; for assistants that are always off: ["assistant"]`, k.ID)
		}
		if k.ForgetH < 0 || k.ForgetH > 24*30 {
			fail("connector %s: forget_h %d, want 0 to 720", k.ID, k.ForgetH)
		}
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// core is the reconciler's configuration.
func (k *Connector) core() mdm.Config {
	c := mdm.Default
	c.Standing, _, _ = mdm.ParseSet(k.Standing)
	if k.ForgetH > 0 {
		c.Forget = time.Duration(k.ForgetH) * time.Hour
	}
	return c
}

// devices reads the list of devices.
func (k *Connector) devices() ([]mdm.Device, error) {
	if k.Devices == "" {
		return nil, fmt.Errorf("config: connector %s: devices is missing: the file that names them", k.ID)
	}
	var list []mdm.Device
	if err := config.Load(k.Devices, &list, false); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, d := range list {
		if d.Enrolment == "" {
			return nil, fmt.Errorf("config: %s: device %.64q has no enrolment; where no management gives one it is the pseudonym once more", k.Devices, d.ID)
		}
		if seen[d.Enrolment] {
			return nil, fmt.Errorf("config: %s: enrolment %.64q is listed twice", k.Devices, d.Enrolment)
		}
		seen[d.Enrolment] = true
	}
	return list, nil
}

// secret reads a key from a file of its own, that nobody else may read.
func secret(path string) (string, error) {
	if path == "" {
		return "", errors.New("config: a file with the key is missing")
	}
	st, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("config: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("config: %s can be read by others: chmod 600 it", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("config: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// tls loads the bridge's certificate; nil for a broker without TLS, which must be on loopback.
func (c *Config) tls() (*tls.Config, error) {
	if c.Cert == "" {
		rest, plain := strings.CutPrefix(c.Broker, "tcp://")
		if host, _, err := net.SplitHostPort(rest); plain && err == nil && loopback(host) {
			return nil, nil
		}
		return nil, errors.New("config: cert is missing: the bridge's bundle from `subrosa site issue` (conns in the plan)")
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("config: %s with key %s: %w", c.Cert, c.Key, err)
	}
	b, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("config: %s holds no certificate", c.CA)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS13}, nil
}
