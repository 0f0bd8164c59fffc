// Package stamp is time stamps of a journal's checkpoints by an outside authority (TSA): RFC 3161, as "openssl ts" and
// every qualified trust service speak it. It does no I/O: requests are made and answers judged here, whoever carries
// them, a network or a memory stick.
//
//	checkpoint ── Request ──► .tsq ──► TSA ──► .tsr ── Open ──► Stamp ── Of(checkpoint)
//
// What is stamped is SHA-256 of the checkpoint's text (unit, size, root), without signatures, so that a stamp also
// holds for the same checkpoint with more cosignatures. The authority learns that hash and nothing else.
package stamp

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"

	"subrosa/firmware/checkpoint"
)

// Sentinel errors, wrapped by what is returned.
var (
	ErrForm    = errors.New("not a time stamp that can be read")
	ErrRefused = errors.New("the authority has refused")
	ErrForged  = errors.New("its signature is wrong")
	ErrUnknown = errors.New("its authority is not under the given certificates")
	ErrOther   = errors.New("it is the answer to another request")
)

// MaxBytes is the longest answer that is read.
const MaxBytes = 256 << 10

// The media types of RFC 3161, section 3.4.
const (
	QueryType = "application/timestamp-query"
	ReplyType = "application/timestamp-reply"
)

// Request returns the request for a checkpoint's stamp, DER; with the authority's certificate asked for and 64 bits of
// rand as its nonce.
func Request(c checkpoint.Checkpoint, rand io.Reader) ([]byte, error) {
	var n [8]byte
	if _, err := io.ReadFull(rand, n[:]); err != nil {
		return nil, fmt.Errorf("stamp: %w", err)
	}
	sum := imprint(c)
	r := timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Certificates: true, Nonce: new(big.Int).SetBytes(n[:])}
	der, err := r.Marshal()
	if err != nil {
		return nil, fmt.Errorf("stamp: %w", err)
	}
	return der, nil
}

func imprint(c checkpoint.Checkpoint) [sha256.Size]byte { return sha256.Sum256([]byte(c.Text())) }

// Stamp is a time stamp whose signature holds.
type Stamp struct {
	At       time.Time     // the authority's time
	Accuracy time.Duration // either way; 0: not said
	By       string        // subject of the authority's certificate

	hash  [sha256.Size]byte
	nonce *big.Int
}

// Of reports whether c is what was stamped.
func (s Stamp) Of(c checkpoint.Checkpoint) bool { return s.hash == imprint(c) }

// Answers returns nil if s is the answer to a request, else ErrOther or why the request cannot be read.
func (s Stamp) Answers(request []byte) error {
	r, err := timestamp.ParseRequest(request)
	switch {
	case err != nil:
		return fmt.Errorf("stamp: request: %w: %w", ErrForm, err)
	case r.Nonce != nil && (s.nonce == nil || s.nonce.Cmp(r.Nonce) != 0), string(r.HashedMessage) != string(s.hash[:]):
		return fmt.Errorf("stamp: %w", ErrOther)
	}
	return nil
}

// Open judges an authority's answer, DER: its signature, made by a certificate for time stamping alone, that leads to
// one of roots and was valid at the time stamped.
func Open(answer []byte, roots *x509.CertPool) (Stamp, error) {
	if len(answer) > MaxBytes {
		return Stamp{}, fmt.Errorf("stamp: %d bytes: %w", len(answer), ErrForm)
	}
	token, err := tokenOf(answer)
	if err != nil {
		return Stamp{}, err
	}
	p, err := pkcs7.Parse(token)
	if err != nil {
		return Stamp{}, fmt.Errorf("stamp: %w: %w", ErrForm, err)
	}
	signer := p.GetOnlySigner()
	if signer == nil {
		return Stamp{}, fmt.Errorf("stamp: no certificate of the one who signed it: %w", ErrForm)
	}
	if err := p.Verify(); err != nil {
		return Stamp{}, fmt.Errorf("stamp: %w: %w", ErrForged, err)
	}
	t, err := timestamp.Parse(token)
	if err != nil {
		return Stamp{}, fmt.Errorf("stamp: %w: %w", ErrForm, err)
	}
	if t.HashAlgorithm != crypto.SHA256 || len(t.HashedMessage) != sha256.Size {
		return Stamp{}, fmt.Errorf("stamp: of a hash that is not SHA-256: %w", ErrForm)
	}
	if err := vouched(signer, p.Certificates, roots, t.Time); err != nil {
		return Stamp{}, err
	}
	s := Stamp{At: t.Time.UTC(), Accuracy: t.Accuracy, By: signer.Subject.String(), nonce: t.Nonce}
	copy(s.hash[:], t.HashedMessage)
	return s, nil
}

// response is TimeStampResp of RFC 3161, section 2.4.2.
type response struct {
	Status struct {
		Status int
		Text   asn1.RawValue  `asn1:"optional"`
		Fail   asn1.BitString `asn1:"optional"`
	}
	Token asn1.RawValue `asn1:"optional"`
}

// tokenOf takes the token out of an answer.
func tokenOf(answer []byte) ([]byte, error) {
	var r response
	rest, err := asn1.Unmarshal(answer, &r)
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("stamp: %w", ErrForm)
	}
	if r.Status.Status > 1 { // granted, granted with modifications
		return nil, fmt.Errorf("stamp: status %d: %w", r.Status.Status, ErrRefused)
	}
	if len(r.Token.FullBytes) == 0 {
		return nil, fmt.Errorf("stamp: %w", ErrForm)
	}
	return r.Token.FullBytes, nil
}

// vouched follows the signer's certificate to a root. RFC 3161, section 2.3: its only extended key usage is time
// stamping, and that extension is critical.
func vouched(signer *x509.Certificate, sent []*x509.Certificate, roots *x509.CertPool, at time.Time) error {
	if len(signer.ExtKeyUsage) != 1 || signer.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(signer.UnknownExtKeyUsage) > 0 || !criticalUsage(signer) {
		return fmt.Errorf("stamp: %s: not a certificate for time stamping alone: %w", signer.Subject, ErrUnknown)
	}
	if roots == nil {
		roots = x509.NewCertPool() // never those of the system
	}
	between := x509.NewCertPool()
	for _, c := range sent {
		between.AddCert(c)
	}
	_, err := signer.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
	if err != nil {
		return fmt.Errorf("stamp: %s: %w: %w", signer.Subject, ErrUnknown, err)
	}
	return nil
}

var extendedUsage = asn1.ObjectIdentifier{2, 5, 29, 37}

func criticalUsage(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(extendedUsage) {
			return e.Critical
		}
	}
	return false
}

// ParseRoots reads certificates in PEM; at least one must be there.
func ParseRoots(b []byte) (*x509.CertPool, error) {
	pool, n := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, fmt.Errorf("stamp: %s in the certificates: %w", block.Type, errors.Join(ErrForm, err))
		}
		pool.AddCert(c)
		n++
	}
	if n == 0 {
		return nil, errors.New("stamp: no certificate; want PEM, -----BEGIN CERTIFICATE-----")
	}
	return pool, nil
}
