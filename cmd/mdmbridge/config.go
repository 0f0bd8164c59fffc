package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
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
	Listen     string      `json:"listen"`             // webhooks, health and metrics: loopback only
	Timezone   string      `json:"timezone,omitempty"` // of times without an offset in lists that are imported, and of those printed
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

const defaultZone = "Europe/Berlin"

func defaults() Config { return Config{Listen: "127.0.0.1:8090", Timezone: defaultZone} }

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
	if _, err := c.zone(); err != nil {
		errs = append(errs, err)
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

// zone is the site's, whatever the machine's may be.
func (c *Config) zone() (*time.Location, error) {
	name := cmp.Or(c.Timezone, defaultZone)
	if name == "Local" {
		return nil, errors.New("config: timezone Local is each machine's own; want one such as " + defaultZone)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("config: timezone: %w", err)
	}
	return zone, nil
}

// names reports which of the connectors the bridge's certificate does not name: the broker would refuse every word of them. conf is nil
// without TLS, where there is no certificate.
func (c *Config) names(conf *tls.Config, conns ...string) error {
	if conf == nil {
		return nil
	}
	id, err := topic.IdentityFromCert(conf.Certificates[0].Leaf)
	if err != nil {
		return fmt.Errorf("config: %s: %w", c.Cert, err)
	}
	if id.Role != topic.MDMBridge {
		return fmt.Errorf("config: %s is the certificate of %s, want the bridge's", c.Cert, id)
	}
	var errs []error
	for _, conn := range conns {
		if !slices.Contains(id.Conns, conn) {
			errs = append(errs, fmt.Errorf("%s: the certificate %s does not name it (it names %s); put it under conns in the site's plan and issue again",
				conn, c.Cert, strings.Join(id.Conns, ", ")))
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
