// Package site makes and keeps the certificates and names of one site: its authority, its servers and everything
// that speaks MQTT there. Units, console and gateways get their identity from here.
//
// A site is a directory with one writer, the operator's tool. Every folder below it but ca is a bundle that can
// be carried as it is to the machine it is meant for:
//
//	site.json            the plan and the format version
//	ca/                  cert.pem, key.pem: the authority; the key never leaves this folder
//	broker/              server: MQTT broker
//	page/                server: the console's page
//	console/             client: the console, where the broker is an outside one
//	mdmbridge/           client: the MDM bridge, with its connectors
//	unit/ID/             client and server: MQTT, and the chair's page; with unit.json, a configuration to start from
//	gateway/ID/          client: a building or AV gateway
//	confd/ID/            client and server: a conference server outside the unit
//	agent/ID/            client: a laptop
//
// A bundle holds cert.pem, key.pem (PKCS #8) and ca.pem. Folders have mode 0700, files 0600, and both appear whole
// or not at all. Keys are ECDSA P-256, which browsers, brokers and TPMs all know. Who a client is stands in its
// certificate as URNs, see [topic.Identity].
//
// The authority signs only for servers in the site's domain and for clients, never for code or mail. The domain is
// checked here and not by X.509 name constraints: verifiers must reject URNs below a constrained authority (RFC 5280
// §4.2.1.10 asks for a host in every URI; Go and others do so), and the URNs are the identities. So guard ca/key.pem:
// who has it can vouch for any name before those who trust ca.pem. There is no revocation list; a lost unit is shut
// out by its id at the broker, or by a new site.
package site

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"subrosa/firmware/config"
)

// Lifetimes of certificates. Each begins an hour before it was issued, for clocks that are slow.
const (
	AuthorityYears = 10
	LeafDays       = 397
	RenewDays      = 60 // a leaf with fewer days left is renewed
)

// format is the version of the directory's layout and of site.json.
const format = 1

// ErrExists is wrapped by Init when the directory is already in use; nothing in it has been touched.
var ErrExists = errors.New("exists already")

// Site is a site's directory with its authority.
type Site struct {
	dir  string
	plan Plan
	ca   *x509.Certificate
	key  crypto.Signer
}

type siteFile struct {
	Format int  `json:"format"`
	Plan   Plan `json:"plan"`
}

// Init makes the site that plan describes in the new directory dir, valid from now. A directory that exists and
// is not empty is an error that wraps ErrExists. On any error dir is as it was.
//
// Serial numbers come from rand. Keys and signatures do too only with GODEBUG=cryptocustomrand=1; the standard
// library otherwise uses the system's generator.
func Init(dir string, plan Plan, now time.Time, rand io.Reader) (*Site, error) {
	if err := plan.Check(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	if err := vacant(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	stage, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".new-")
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	defer os.RemoveAll(stage)
	s := &Site{dir: stage, plan: plan}
	if err := s.makeAuthority(now, rand); err != nil {
		return nil, err
	}
	if _, err := s.Apply(plan, now, rand); err != nil {
		return nil, err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("site: %s %w", dir, ErrExists) // filled meanwhile
	}
	if err := moveDir(stage, dir); err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	s.dir = dir
	return s, nil
}

// Replace is Init for a directory that may hold a site already; that one is kept beside it, as dir + ".old", and
// loses every bit of its trust: each unit needs its new bundle. An earlier ".old" is an error that wraps ErrExists.
func Replace(dir string, plan Plan, now time.Time, rand io.Reader) (*Site, error) {
	old := dir + ".old"
	if err := vacant(dir); err == nil {
		return Init(dir, plan, now, rand)
	}
	if _, err := os.Lstat(old); !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("site: %s %w: move it away first", old, ErrExists)
	}
	if err := plan.Check(); err != nil {
		return nil, err
	}
	if err := moveDir(dir, old); err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	s, err := Init(dir, plan, now, rand)
	if err != nil {
		return nil, errors.Join(err, os.Rename(old, dir))
	}
	return s, nil
}

// Load opens the site in dir and finishes or undoes what an interrupted change had begun.
func Load(dir string) (*Site, error) {
	b, err := os.ReadFile(filepath.Join(dir, "site.json"))
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	f, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("site: %s:%w", filepath.Join(dir, "site.json"), err)
	}
	s := &Site{dir: dir, plan: f.Plan}
	if s.ca, s.key, err = readPair(filepath.Join(dir, "ca")); err != nil {
		return nil, fmt.Errorf("site: authority: %w", err)
	}
	if !s.ca.IsCA {
		return nil, fmt.Errorf("site: authority: %s is no authority's certificate", filepath.Join(dir, "ca"))
	}
	return s, heal(dir)
}

func parse(b []byte) (siteFile, error) {
	var f siteFile
	if err := config.Decode(b, &f); err != nil {
		return siteFile{}, err
	}
	if f.Format != format {
		return siteFile{}, fmt.Errorf("1:1: format %d is not known here, only %d: use the version of subrosa that wrote it", f.Format, format)
	}
	return f, f.Plan.Check()
}

// Plan returns what the site is meant to hold.
func (s *Site) Plan() Plan { return s.plan }

// Path returns the directory of the bundle with the given name, such as "broker" or "unit/ratssaal-1".
func (s *Site) Path(bundle string) string { return filepath.Join(s.dir, filepath.FromSlash(bundle)) }

// Pool returns a pool that holds the site's authority and nothing else.
func (s *Site) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(s.ca)
	return p
}

// Apply makes the site what plan describes: it issues what is missing, no longer fits, or has fewer than RenewDays
// left, rewrites each unit.json that is out of date, and returns the names of the bundles it changed, in order. Doing it twice changes nothing. Bundles that plan no
// longer names are left alone, so that nobody loses a key by a slip of the pen.
func (s *Site) Apply(plan Plan, now time.Time, rand io.Reader) (issued []string, err error) {
	if err := plan.Check(); err != nil {
		return nil, err
	}
	if plan.Domain != s.plan.Domain || plan.Loopback != s.plan.Loopback {
		return nil, fmt.Errorf("site: the site was made for domain %q (loopback %t): for %q (loopback %t) make a new one",
			s.plan.Domain, s.plan.Loopback, plan.Domain, plan.Loopback)
	}
	s.plan = plan
	for _, h := range plan.holders() {
		changed := false
		if s.fits(h, now) {
			changed, err = s.refreshConfig(h)
		} else {
			changed, err = true, s.Issue(h, now, rand)
		}
		if err != nil {
			return issued, err
		}
		if changed {
			issued = append(issued, h.Bundle)
		}
	}
	return issued, s.writePlan()
}

// Renew issues anew whatever of the plan has fewer than RenewDays left, see Apply.
func (s *Site) Renew(now time.Time, rand io.Reader) (issued []string, err error) {
	return s.Apply(s.plan, now, rand)
}

func (s *Site) writePlan() error {
	path := filepath.Join(s.dir, "site.json")
	if b, err := os.ReadFile(path); err == nil {
		if f, err := parse(b); err == nil && reflect.DeepEqual(f.Plan, s.plan) {
			return nil
		}
	}
	b, err := json.MarshalIndent(siteFile{Format: format, Plan: s.plan}, "", "  ")
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	if err := writeFile(path, append(b, '\n')); err != nil {
		return fmt.Errorf("site: %w", err)
	}
	return nil
}
