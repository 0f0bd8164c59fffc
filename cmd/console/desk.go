package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"subrosa/cmd/console/internal/desk"
	"subrosa/cmd/console/internal/fleet"
	"subrosa/firmware/handout"
)

// maxEvidence is the largest bundle that the console takes, in bytes; it is held in memory while it is checked.
const maxEvidence = 256 << 20

// openDesk makes the desk where exports are written. Without units it knows none.
func openDesk(c config, fl *fleet.Fleet, log *slog.Logger) (*desk.Desk, error) {
	o := desk.Options{Units: c.Units, Heads: fl.Checkpoints, Dir: filepath.Join(c.State, "console", "exports"), Log: log}
	if c.Site != defaults().Site {
		o.Organisation = c.Site
	}
	if len(c.Units) > 0 {
		pair, err := tls.LoadX509KeyPair(filepath.Join(c.ClientTLS, "cert.pem"), filepath.Join(c.ClientTLS, "key.pem"))
		if err != nil {
			return nil, fmt.Errorf("%w: client_tls: %w", errInput, err)
		}
		b, err := os.ReadFile(filepath.Join(c.ClientTLS, "ca.pem"))
		if err != nil {
			return nil, fmt.Errorf("%w: client_tls: %w", errInput, err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("%w: client_tls: ca.pem holds no certificate", errInput)
		}
		o.Fetch = handout.NewClient(pair, pool, maxEvidence).Fetch
	}
	return desk.New(o)
}
