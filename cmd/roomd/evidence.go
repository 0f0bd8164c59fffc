package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"subrosa/firmware/handout"
	"subrosa/firmware/keyring"
)

// openEvidence opens the port on which the site's console fetches bundles, if there is one. broker is the unit's identity
// with the site's authority.
func (u *unit) openEvidence(c Config, key keyring.Key, broker *tls.Config) error {
	if c.Evidence == "" {
		return nil
	}
	if broker == nil {
		return errors.New("config: evidence needs ca, cert and key: only the console's certificate opens it")
	}
	l, err := net.Listen("tcp", c.Evidence)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	h := handout.New(handout.Options{Journal: u.journal, Signer: key.Signer, Public: key.Public, Log: u.log})
	u.evidence = h.Server(handout.ServerTLS(broker.Certificates[0], broker.RootCAs))
	u.evidenceAt = l
	u.log.Info("evidence for the console", "listen", l.Addr().String())
	return nil
}

// serveEvidence adds the open port to those that are served.
func (u *unit) serveEvidence(servers []*http.Server, fatal chan<- error) []*http.Server {
	if u.evidence == nil {
		return servers
	}
	serve(u.evidenceAt, u.evidence, fatal)
	return append(servers, u.evidence)
}
