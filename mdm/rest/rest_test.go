package rest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"subrosa/mdm"
)

func TestFaults(t *testing.T) {
	code, body := 200, "{}"
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		w.Write([]byte(body)) //nolint:errcheck // the test sees it
	}))
	defer s.Close()
	c := &Client{Name: "x", Base: s.URL, HTTP: s.Client()}
	for _, tc := range []struct {
		code   int
		body   string
		slug   string
		unsent bool
	}{
		{200, "{}", "", false}, {200, "<html>", mdm.FaultAnswer, false}, {401, "", mdm.FaultCredentials, true}, {403, "", mdm.FaultCredentials, true},
		{404, "", mdm.FaultAnswer, true}, {400, "", mdm.FaultAnswer, true}, {429, "", mdm.FaultUnreachable, false}, {503, "", mdm.FaultUnreachable, false},
	} {
		code, body = tc.code, tc.body
		var out struct{}
		err := c.Do(context.Background(), "GET", "/", nil, &out)
		if mdm.Slug(err) != tc.slug || errors.Is(err, mdm.ErrUnsent) != tc.unsent || errors.Is(err, ErrNotFound) != (tc.code == 404) {
			t.Errorf("%d %s: %v", tc.code, tc.body, err)
		}
	}
	if err := (&Client{Base: s.URL, HTTP: Default()}).Do(context.Background(), "GET", "/", nil, nil); mdm.Slug(err) != mdm.FaultCert || !errors.Is(err, mdm.ErrUnsent) {
		t.Errorf("unknown authority: %v", err)
	}
	s.Close()
	if err := c.Do(context.Background(), "GET", "/", nil, nil); mdm.Slug(err) != mdm.FaultUnreachable || !errors.Is(err, mdm.ErrUnsent) {
		t.Errorf("nobody there: %v", err)
	}
	c.Authorize = func(context.Context, *http.Request) error {
		return &mdm.Fault{Slug: mdm.FaultCredentials, Err: errors.New("no")}
	}
	if err := c.Do(context.Background(), "GET", "/", nil, nil); mdm.Slug(err) != mdm.FaultCredentials || !errors.Is(err, mdm.ErrUnsent) {
		t.Errorf("not authorised: %v", err)
	}
	for _, bad := range []string{"", "ftp://x", "http://mdm.example", "https://u:p@x", "https://x?a=b"} {
		if CheckBase(bad) == nil {
			t.Errorf("taken: %s", bad)
		}
	}
}
