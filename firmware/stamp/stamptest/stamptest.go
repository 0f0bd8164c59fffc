// Package stamptest is a real time stamping authority for tests: OpenSSL's, with a certificate authority of its own.
package stamptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"subrosa/firmware/stamp"
)

// TSA answers requests by calling openssl.
type TSA struct {
	CA  []byte // PEM
	dir string
}

// config is what openssl needs; see openssl-ts(1).
const config = `[tsa]
default_tsa = t
[t]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
clock_precision_digits = 0
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`

// Options change what is wrong with an authority on purpose.
type Options struct {
	Usage []x509.ExtKeyUsage // of its certificate; default: time stamping
}

// New makes an authority. Without openssl the test is skipped.
func New(t testing.TB, o Options) *TSA {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("openssl is not here; ./run setup installs it")
		}
		t.Skip("openssl is not here")
	}
	if o.Usage == nil {
		o.Usage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	}
	a := &TSA{dir: t.TempDir()}
	caKey, key := newKey(t), newKey(t)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER := a.certify(t, ca, ca, caKey, caKey)
	a.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	tsa := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Test TSA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{usage(t, o.Usage)}}
	der := a.certify(t, tsa, ca, key, caKey)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	for name, b := range map[string][]byte{"tsa.cnf": []byte(config), "serial": []byte("01\n"),
		"tsa.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"tsa.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		must(t, os.WriteFile(filepath.Join(a.dir, name), b, 0o600))
	}
	return a
}

// usage is the extension as RFC 3161 wants it: critical.
func usage(t testing.TB, us []x509.ExtKeyUsage) pkix.Extension {
	t.Helper()
	oids := map[x509.ExtKeyUsage]asn1.ObjectIdentifier{
		x509.ExtKeyUsageTimeStamping: {1, 3, 6, 1, 5, 5, 7, 3, 8}, x509.ExtKeyUsageServerAuth: {1, 3, 6, 1, 5, 5, 7, 3, 1}}
	var list []asn1.ObjectIdentifier
	for _, u := range us {
		list = append(list, oids[u])
	}
	b, err := asn1.Marshal(list)
	must(t, err)
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: b}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return k
}

func (a *TSA) certify(t testing.TB, c, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	must(t, err)
	return der
}

// Answer answers a request.
func (a *TSA) Answer(t testing.TB, request []byte) []byte {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(a.dir, "q.tsq"), request, 0o600))
	cmd := exec.Command("openssl", "ts", "-reply", "-config", "tsa.cnf", "-section", "t", "-queryfile", "q.tsq", "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "r.tsr")
	cmd.Dir = a.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl ts: %v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(a.dir, "r.tsr"))
	must(t, err)
	return b
}

// Handler answers over HTTP as RFC 3161, section 3.4, says.
func (a *TSA) Handler(t testing.TB) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != stamp.QueryType {
			http.Error(w, "not a query", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", stamp.ReplyType)
		w.Write(a.Answer(t, b))
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
