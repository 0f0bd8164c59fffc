package site

import (
	"archive/tar"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"subrosa/firmware/topic"
)

// Holder is someone who gets a certificate.
type Holder struct {
	Bundle   string         // folder below the site, "unit/ratssaal-1"
	Identity topic.Identity // of a client
	Client   bool
	Server   bool
	Hosts    []string // of a server: names in the site's domain, and with Plan.Loopback this machine
}

// Issue makes a new key and certificate for h and puts them, with the authority's certificate, in place of h's
// bundle. Hosts outside the site's domain are an error. On any error the old bundle stays.
func (s *Site) Issue(h Holder, now time.Time, rand io.Reader) error {
	if err := s.issue(h, now, rand); err != nil {
		return fmt.Errorf("site: %s: %w", h.Bundle, err)
	}
	return nil
}

func (s *Site) issue(h Holder, now time.Time, rand io.Reader) error {
	if !filepath.IsLocal(filepath.FromSlash(h.Bundle)) || strings.HasPrefix(h.Bundle, ".") || h.Bundle == "ca" {
		return fmt.Errorf("%q is no name for a bundle", h.Bundle)
	}
	for _, host := range h.Hosts {
		if err := s.plan.checkHost(host); err != nil {
			return err
		}
	}
	tmpl, err := h.template(s.plan.Name, now)
	if err != nil {
		return err
	}
	if tmpl.SerialNumber, err = serial(rand); err != nil {
		return err
	}
	if tmpl.NotAfter.After(s.ca.NotAfter) {
		tmpl.NotAfter = s.ca.NotAfter
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand, tmpl, s.ca, key.Public(), s.key)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	// A signature is only worth something if everyone else accepts it.
	if _, err := cert.Verify(x509.VerifyOptions{Roots: s.Pool(), CurrentTime: now, KeyUsages: tmpl.ExtKeyUsage}); err != nil {
		return err
	}
	files, err := pairFiles(der, key)
	if err != nil {
		return err
	}
	files["ca.pem"] = encodeCert(s.ca.Raw)
	if h.Identity.Role == topic.Unit {
		files["unit.json"] = s.unitConfig(h)
	}
	return replaceDir(s.Path(h.Bundle), files)
}

// template returns h's certificate but for serial number and key.
func (h Holder) template(org string, now time.Time) (*x509.Certificate, error) {
	t := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{org}},
		NotBefore:             now.Add(-time.Hour).UTC().Truncate(time.Second),
		NotAfter:              now.AddDate(0, 0, LeafDays).Add(-time.Hour).UTC().Truncate(time.Second),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	if h.Server {
		if len(h.Hosts) == 0 {
			return nil, errors.New("a server needs a host")
		}
		t.Subject.CommonName = h.Hosts[0]
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		for _, host := range h.Hosts {
			if ip := net.ParseIP(host); ip != nil {
				t.IPAddresses = append(t.IPAddresses, ip)
			} else {
				t.DNSNames = append(t.DNSNames, host)
			}
		}
	}
	if h.Client {
		if err := h.Identity.Check(); err != nil {
			return nil, err
		}
		t.Subject.CommonName = h.Identity.String()
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
		t.URIs = h.Identity.URIs()
	}
	if len(t.ExtKeyUsage) == 0 {
		return nil, errors.New("neither a client nor a server")
	}
	if len(t.Subject.CommonName) > 64 { // RFC 5280, ub-common-name; the name is for people
		t.Subject.CommonName = t.Subject.CommonName[:64]
	}
	return t, nil
}

// fits reports whether h's bundle is there, whole, says what it should and lasts for RenewDays more.
func (s *Site) fits(h Holder, now time.Time) bool {
	cert, _, err := readPair(s.Path(h.Bundle))
	if err != nil || now.AddDate(0, 0, RenewDays).After(cert.NotAfter) && cert.NotAfter.Before(s.ca.NotAfter) {
		return false
	}
	want, err := h.template(s.plan.Name, now)
	if err != nil {
		return false
	}
	_, err = cert.Verify(x509.VerifyOptions{Roots: s.Pool(), CurrentTime: now, KeyUsages: want.ExtKeyUsage})
	return err == nil &&
		cert.Subject.String() == want.Subject.String() &&
		slices.Equal(cert.DNSNames, want.DNSNames) &&
		slices.EqualFunc(cert.IPAddresses, want.IPAddresses, net.IP.Equal) &&
		slices.EqualFunc(cert.URIs, want.URIs, func(a, b *url.URL) bool { return a.String() == b.String() }) &&
		slices.Equal(cert.ExtKeyUsage, want.ExtKeyUsage)
}

// makeAuthority makes the site's own certificate and key.
func (s *Site) makeAuthority(now time.Time, rand io.Reader) error {
	n, err := serial(rand)
	if err != nil {
		return fmt.Errorf("site: authority: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber:          n,
		Subject:               pkix.Name{Organization: []string{s.plan.Name}, CommonName: "subrosa " + s.plan.Domain},
		NotBefore:             now.Add(-time.Hour).UTC().Truncate(time.Second),
		NotAfter:              now.AddDate(AuthorityYears, 0, 0).Add(-time.Hour).UTC().Truncate(time.Second),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	if len(t.Subject.CommonName) > 64 {
		t.Subject.CommonName = t.Subject.CommonName[:64]
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return fmt.Errorf("site: authority: %w", err)
	}
	der, err := x509.CreateCertificate(rand, t, t, key.Public(), key)
	if err != nil {
		return fmt.Errorf("site: authority: %w", err)
	}
	if s.ca, err = x509.ParseCertificate(der); err != nil {
		return fmt.Errorf("site: authority: %w", err)
	}
	s.key = key
	files, err := pairFiles(der, key)
	if err != nil {
		return fmt.Errorf("site: authority: %w", err)
	}
	if err := replaceDir(s.Path("ca"), files); err != nil {
		return fmt.Errorf("site: authority: %w", err)
	}
	return nil
}

// unitConfig is what a unit's configuration starts from; paths are relative to the bundle.
func (s *Site) unitConfig(h Holder) []byte {
	broker := s.plan.hosts(s.plan.Broker, "broker")[0]
	if s.plan.Loopback {
		broker = "localhost"
	}
	b, _ := json.MarshalIndent(map[string]string{ // strings cannot fail
		"unit":   h.Identity.Unit,
		"room":   h.Identity.Rooms[0],
		"broker": "tls://" + broker + ":8883",
		"ca":     "ca.pem",
		"cert":   "cert.pem",
		"key":    "key.pem",
	}, "", "  ")
	return append(b, '\n')
}

// refreshConfig brings the unit.json of h's bundle up to date, if h is a unit.
func (s *Site) refreshConfig(h Holder) (changed bool, err error) {
	if h.Identity.Role != topic.Unit {
		return false, nil
	}
	path, want := filepath.Join(s.Path(h.Bundle), "unit.json"), s.unitConfig(h)
	if got, err := os.ReadFile(path); err == nil && bytes.Equal(got, want) {
		return false, nil
	}
	if err := writeFile(path, want); err != nil {
		return false, fmt.Errorf("site: %s: %w", h.Bundle, err)
	}
	return true, nil
}

// WriteBundle writes the bundle with the given name to w as a tar archive, for carrying it to its machine. It
// holds a private key: w must be as safe as the site's directory.
func (s *Site) WriteBundle(w io.Writer, bundle string) error {
	if bundle == "ca" || !filepath.IsLocal(filepath.FromSlash(bundle)) {
		return fmt.Errorf("site: %q is no bundle", bundle)
	}
	if _, _, err := readPair(s.Path(bundle)); err != nil {
		return fmt.Errorf("site: %s: %w", bundle, err)
	}
	tw := tar.NewWriter(w)
	for _, name := range []string{"ca.pem", "cert.pem", "key.pem", "unit.json"} {
		b, err := os.ReadFile(filepath.Join(s.Path(bundle), name))
		if errors.Is(err, os.ErrNotExist) && name == "unit.json" {
			continue
		}
		if err != nil {
			return fmt.Errorf("site: %w", err)
		}
		err = tw.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(b)), Typeflag: tar.TypeReg})
		if err != nil {
			return fmt.Errorf("site: %s: %w", bundle, err)
		}
		if _, err := tw.Write(b); err != nil {
			return fmt.Errorf("site: %s: %w", bundle, err)
		}
	}
	return tw.Close()
}

// serial returns 127 random bits: positive, and unique without keeping count (CA/Browser Forum BR §7.1 asks for 64).
func serial(rand io.Reader) (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(rand, b); err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	b[0] &= 0x7f
	b[15] |= 1 // never zero
	return new(big.Int).SetBytes(b), nil
}

func pairFiles(der []byte, key crypto.PrivateKey) (map[string][]byte, error) {
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"cert.pem": encodeCert(der),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k}),
	}, nil
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
