package stamp_test

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/stamp"
	"subrosa/firmware/stamp/stamptest"
)

func head(n int64) checkpoint.Checkpoint {
	return checkpoint.Checkpoint{Origin: "ratssaal-1", Tree: tlog.Tree{N: n, Hash: tlog.RecordHash([]byte{byte(n)})}}
}

func request(t testing.TB, c checkpoint.Checkpoint) []byte {
	t.Helper()
	q, err := stamp.Request(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func roots(t testing.TB, pem []byte) *x509.CertPool {
	t.Helper()
	p, err := stamp.ParseRoots(pem)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRoundTrip asks a real authority, OpenSSL's.
func TestRoundTrip(t *testing.T) {
	tsa := stamptest.New(t, stamptest.Options{})
	c, q := head(4711), request(t, head(4711))
	answer := tsa.Answer(t, q)
	s, err := stamp.Open(answer, roots(t, tsa.CA))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("measured: request %d bytes, answer %d bytes", len(q), len(answer))
	if age := time.Since(s.At); age < -2*time.Second || age > time.Minute || s.Accuracy != time.Second || s.By != "CN=Test TSA" {
		t.Errorf("got %+v", s)
	}
	if !s.Of(c) || s.Of(head(4712)) {
		t.Error("the stamp is not of the checkpoint that was stamped, and of that alone")
	}
	if err := s.Answers(q); err != nil {
		t.Error(err)
	}
	if err := s.Answers(request(t, c)); !errors.Is(err, stamp.ErrOther) {
		t.Errorf("a replayed answer: %v", err)
	}
}

func TestWhoVouches(t *testing.T) {
	tsa, other := stamptest.New(t, stamptest.Options{}), stamptest.New(t, stamptest.Options{})
	answer := tsa.Answer(t, request(t, head(1)))
	for name, pool := range map[string]*x509.CertPool{"another CA": roots(t, other.CA), "none": nil} {
		if _, err := stamp.Open(answer, pool); !errors.Is(err, stamp.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAltered: no answer of which a byte was changed says anything else, or the same under the authority's name.
func TestAltered(t *testing.T) {
	tsa := stamptest.New(t, stamptest.Options{})
	answer, pool := tsa.Answer(t, request(t, head(1))), roots(t, tsa.CA)
	want, err := stamp.Open(answer, pool)
	if err != nil {
		t.Fatal(err)
	}
	for i := range answer {
		bad := append([]byte(nil), answer...)
		bad[i] ^= 1
		if got, err := stamp.Open(bad, pool); err == nil && (!got.At.Equal(want.At) || got.By != want.By || !got.Of(head(1))) {
			t.Fatalf("byte %d of %d altered: %+v", i, len(answer), got)
		}
	}
	for i := range answer {
		if _, err := stamp.Open(answer[:i], pool); err == nil {
			t.Fatalf("cut to %d bytes and still a stamp", i)
		}
	}
}

func TestRefused(t *testing.T) {
	// PKIStatusInfo with status 2, rejection, and no token.
	if _, err := stamp.Open([]byte{0x30, 5, 0x30, 3, 2, 1, 2}, nil); !errors.Is(err, stamp.ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestParseRoots(t *testing.T) {
	for _, bad := range []string{"", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, err := stamp.ParseRoots([]byte(bad)); err == nil {
			t.Errorf("%q is no certificate", bad)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte{0x30, 5, 0x30, 3, 2, 1, 2})
	f.Add([]byte{})
	tsa := stamptest.New(f, stamptest.Options{})
	f.Add(tsa.Answer(f, request(f, head(1))))
	pool := roots(f, tsa.CA)
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := stamp.Open(b, pool); err == nil && !s.Of(head(1)) {
			t.Errorf("a stamp of something else: %+v", s)
		}
		stamp.ParseRoots(b)
	})
}
