package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// authority is a CA of the test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{}
	a.cert, a.key = certify(t, nil, &x509.Certificate{Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// certify signs a certificate, by itself without an authority.
func certify(t *testing.T, by *authority, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out, key
}

func unitCert(t *testing.T, by authority, room string) tls.Certificate {
	t.Helper()
	urn := func(s string) *url.URL { return &url.URL{Scheme: "urn", Opaque: "subrosa:" + s} }
	c, key := certify(t, &by, &x509.Certificate{Subject: pkix.Name{CommonName: "unit:ratssaal-1"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs: []*url.URL{urn("role:unit"), urn("unit:ratssaal-1"), urn("room:" + room)}})
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
}

// TestRoomByTLS: the room's unit comes in by its certificate, in a real handshake; others do not.
func TestRoomByTLS(t *testing.T) {
	d := newDesk(t)
	site, other := newAuthority(t), newAuthority(t)
	server := httptest.NewUnstartedServer(d.Handler())
	roots := x509.NewCertPool()
	roots.AddCert(site.cert)
	server.TLS = &tls.Config{ClientCAs: roots, ClientAuth: tls.VerifyClientCertIfGiven}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	ask := func(certs ...tls.Certificate) (string, error) {
		c := server.Client()
		tr := c.Transport.(*http.Transport).Clone()
		tr.TLSClientConfig.Certificates = certs
		defer tr.CloseIdleConnections()
		r, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Get(server.URL + "/access/me?room=ratssaal")
		if err != nil {
			return "", err
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		return string(b), err
	}
	got, err := ask(unitCert(t, site, "ratssaal"))
	if err != nil || !strings.Contains(got, `"role":"room"`) || !strings.Contains(got, `"may":true`) {
		t.Errorf("the room's unit: %s, %v", got, err)
	}
	if got, err := ask(); err != nil || !strings.Contains(got, "signed-out") {
		t.Errorf("without a certificate: %s, %v", got, err)
	}
	if got, err := ask(unitCert(t, site, "ausschuss")); err != nil || !strings.Contains(got, "signed-out") {
		t.Errorf("another room's unit: %s, %v", got, err)
	}
	if got, err := ask(unitCert(t, other, "ratssaal")); err == nil && strings.Contains(got, `"role":"room"`) {
		t.Errorf("another authority's: %s", got)
	}
}
