package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"subrosa/firmware/config"
	"subrosa/mdm"
)

// Config is agent.json. Paths are relative to it.
type Config struct {
	Device string `json:"device"` // pseudonym, as in the certificate
	Broker string `json:"broker"` // tls://host:8883
	CA     string `json:"ca"`
	Cert   string `json:"cert"`
	Key    string `json:"key"`

	loopback bool
}

func load(path string) (Config, error) {
	var c Config
	if err := config.Load(path, &c, false); err != nil {
		return c, err
	}
	for _, p := range []*string{&c.CA, &c.Cert, &c.Key} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(path), *p)
		}
	}
	return c, c.check()
}

func (c *Config) check() error {
	if err := mdm.CheckID(c.Device); err != nil {
		return fmt.Errorf("config: device: %w", err)
	}
	u, err := url.Parse(c.Broker)
	if err != nil || u.Hostname() == "" || u.Port() == "" {
		return fmt.Errorf("config: broker %.80q: want tls://host:8883", c.Broker)
	}
	switch u.Scheme {
	case "tls", "ssl":
		if c.CA == "" || c.Cert == "" || c.Key == "" {
			return errors.New("config: ca, cert and key are needed: `subrosa site issue` makes them, for agents named in the plan")
		}
	case "tcp":
		if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
			return fmt.Errorf("config: broker %s: without TLS only on this machine, for development", c.Broker)
		}
		c.loopback = true
	default:
		return fmt.Errorf("config: broker %.80q: want tls://host:8883", c.Broker)
	}
	return nil
}

func (c *Config) tls() (*tls.Config, error) {
	if c.loopback {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %s with key %s: %w", c.Cert, c.Key, err)
	}
	b, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("certificate: %s holds no certificate", c.CA)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS13}, nil
}
