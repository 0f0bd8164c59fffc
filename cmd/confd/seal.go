package main

import (
	"crypto/x509"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"subrosa/firmware/seal"
)

// mostFile is how long a file of the state folder may become: segments of the journal are 4 MiB, the book of a city 10.
const mostFile = 64 << 20

// seal takes from this process what it does not need any more: all is open, and nothing from outside has been read.
// Configuration, certificates, keys and a roster's file it cannot open again: what changes in them comes by another process (files.go).
func (s *server) seal(o options) error {
	if o.unsealed {
		s.log.Warn("the conference runs UNSEALED: whoever takes it over has all rights of its user")
		return nil
	}
	keeps, err := s.keeps(o.state, s.issuerPorts()...)
	if err != nil {
		return err
	}
	warm(s.c)
	if err := keeps.Seal(); err != nil {
		return fmt.Errorf("the conference cannot be sealed on this machine: %w; --unsealed starts it all the same: then whoever takes it over has all rights of its user", err)
	}
	s.sealed = true
	return nil
}

// keeps is what is left: the state folder, UDP for those who come by relay, its own figures, and ways out to the broker,
// the city's sign-in and the units' journals where the configuration names them; learned are ports of the sign-in's endpoints.
func (s *server) keeps(state string, learned ...uint16) (seal.Server, error) {
	k := seal.Server{Folders: []string{state}, UDP: true, FileSize: mostFile}
	if s.metrics != nil {
		// Not /proc/self/net, the traffic of the whole machine: the kernel makes these files anew at each look, rules do not last.
		k.Read = append(k.Read, "/proc/self/stat", "/proc/self/limits", "/proc/stat")
		k.List = append(k.List, "/proc/self/fd")
	}
	for _, r := range s.c.Rooms {
		if r.Journal != "" {
			k.Sockets = append(k.Sockets, filepath.Dir(r.Journal)) // a unit that restarts makes its socket anew
		}
	}
	var err error
	if k.Ports, err = s.c.ports(http.ProxyFromEnvironment); err != nil {
		return k, err
	}
	k.Ports = append(k.Ports, learned...)
	if len(k.Ports) > 0 { // their names have to be looked up
		k.Ports = append(k.Ports, 53)
		k.Read = append(k.Read, "/etc/hosts", "/etc/nsswitch.conf", resolvConf("/etc/resolv.conf"))
	}
	return k, nil
}

// ports returns those that the conference connects to: the broker's, and the sign-in's or that of the proxy before it.
func (c *Config) ports(proxy func(*http.Request) (*url.URL, error)) (ports []uint16, err error) {
	if c.Broker != "" {
		u, err := url.Parse(c.Broker)
		if err != nil {
			return nil, fmt.Errorf("config: broker: %w", err)
		}
		p, err := portOf(u)
		if err != nil {
			return nil, fmt.Errorf("config: broker: %w", err)
		}
		ports = append(ports, p)
	}
	if c.Access.SSO == nil {
		return ports, nil
	}
	u, err := url.Parse(c.Access.SSO.Issuer)
	if err != nil {
		return nil, fmt.Errorf("config: access: sso: issuer: %w", err)
	}
	p, err := outPort(u, proxy)
	if err != nil {
		return nil, fmt.Errorf("config: access: sso: issuer: %w", err)
	}
	return append(append(ports, p), c.Access.SSO.Ports...), nil
}

// resolvConf returns what tells where name servers are. Where that is a link into a service's folder below /run, the
// service replaces the file: then it is the folder. A file in its own place that is replaced wants a restart.
func resolvConf(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return path
	}
	if dir := filepath.Dir(real); strings.HasPrefix(dir, "/run/") {
		return dir
	}
	return real
}

// warm reads what libraries would look for later.
func warm(c Config) {
	net.DefaultResolver.PreferGo = true // C's would load libraries
	_, _ = time.Now().Zone()            // of the log
	mime.TypeByExtension(".js")
	if c.Access.SSO != nil {
		_, _ = x509.SystemCertPool() // without one, the issuer's certificate does not hold, which the sign-in says
	}
}

// isSealed tells Prometheus.
func (s *server) isSealed() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "subrosa_conference_sealed", Help: "1 if the kernel keeps the conference's program in its seal."}, func() float64 {
		if s.sealed {
			return 1
		}
		return 0
	})
}
