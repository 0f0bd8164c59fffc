package page

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"subrosa/cmd/console/internal/access"
	"subrosa/cmd/console/internal/desk"
	"subrosa/cmd/console/internal/fleet"
	"subrosa/cmd/console/internal/store"
	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/finding"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
)

// outbox is a broker that takes everything, or nothing.
type outbox struct {
	mu   sync.Mutex
	sent map[string][]byte
	err  error
}

func (o *outbox) Publish(_ context.Context, name string, b []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.sent[name] = b
	}
	return o.err
}

type house struct {
	t     *testing.T
	h     *Handler
	srv   *httptest.Server
	fleet *fleet.Fleet
	acc   *access.Service
	st    *store.Store
	out   *outbox
	web   *http.Client
	now   time.Time
	n     int
	desk  *desk.Desk
	fetch func() error // how the unit's evidence fails to come
}

func newHouse(t *testing.T) *house {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "console.db"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	fl, err := fleet.New(t.Context(), st, log)
	if err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	k := &house{t: t, fleet: fl, acc: access.New(st), st: st, out: &outbox{sent: map[string][]byte{}}, now: t0}
	k.desk, err = desk.New(desk.Options{Units: map[string]desk.Unit{"ratssaal-1": {Address: "127.0.0.1:8445"}}, Dir: filepath.Join(t.TempDir(), "exports"), Log: log,
		Now: func() time.Time { return k.now }, Fetch: func(_ context.Context, _ string, _, _ time.Time, progress func(have, all int64)) ([]byte, error) {
			if progress != nil {
				progress(1_500_000, 3_000_000)
			}
			return nil, k.fetch()
		}})
	if err != nil {
		t.Fatal(err)
	}
	k.h, err = New(Options{
		Access: k.acc, Store: st, Fleet: fl, Commands: fleet.Commands{Fleet: fl, To: k.out}, Location: berlin, Issuer: "subrosa",
		Metrics: http.NotFoundHandler(), Now: func() time.Time { return k.now }, Log: log,
		Health: []Probe{{"store", st.Check}}, Desk: k.desk,
	})
	if err != nil {
		t.Fatal(err)
	}
	k.srv = httptest.NewServer(k.h)
	t.Cleanup(func() { fl.Close(); k.srv.Close(); k.desk.Close(); st.Close() })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	k.web = &http.Client{Jar: jar, Timeout: 20 * time.Second}
	return k
}

// signIn signs the browser in for the demo.
func (k *house) signIn() {
	k.t.Helper()
	token, err := k.acc.DemoLink(k.t.Context(), k.now, "")
	if err != nil {
		k.t.Fatal(err)
	}
	if status, _ := k.get("/demo/" + token); status != http.StatusOK {
		k.t.Fatalf("demo link: %d", status)
	}
}

func (k *house) do(r *http.Request) (*http.Response, string) {
	k.t.Helper()
	resp, err := k.web.Do(r)
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return resp, string(b)
}

func (k *house) get(path string) (int, string) {
	k.t.Helper()
	r, err := http.NewRequest(http.MethodGet, k.srv.URL+path, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	resp, body := k.do(r)
	return resp.StatusCode, body
}

func (k *house) post(path string, form url.Values) (int, string) {
	k.t.Helper()
	r, err := http.NewRequest(http.MethodPost, k.srv.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		k.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", k.srv.URL)
	resp, body := k.do(r)
	return resp.StatusCode, body
}

// tell lets the unit of room say something.
func (k *house) tell(name string, data any) {
	k.t.Helper()
	tp, err := topic.Parse(name)
	if err != nil {
		k.t.Fatal(err)
	}
	k.n++
	e, err := event.Wrap("/unit/ratssaal-1", tp.EventType(""), strings.TrimPrefix(name, topic.Root+"/"), k.now, fmt.Sprint(k.n), data)
	if err != nil {
		k.t.Fatal(err)
	}
	b, err := e.Encode()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := k.fleet.Handle(k.t.Context(), k.now, name, b, false); err != nil {
		k.t.Fatal(err)
	}
}

func (k *house) unit() {
	k.tell(topic.Online("ratssaal-1"), fleet.Online{Version: 1, Online: true, Software: "0.1.0", Sealed: true})
	k.tell(topic.Coverage("ratssaal-1"), report.Coverage{Version: 1, Senses: []report.Sense{
		{Sense: "acoustic", LoHz: 2500, HiHz: 24000, Share: 3, Cannot: []string{"above-range"}}, {Sense: "ble"},
	}})
	k.tell(topic.Health("ratssaal-1"), report.Health{Version: 1, Checks: []report.Check{{Name: "clock", Since: k.now}}, BitsLastHour: 4212})
	k.tell(topic.BaselineReported("ratssaal-1"), report.Baseline{Version: 1, State: "learning", Progress: 0.42})
	k.tell(topic.Levels("ratssaal-1"), report.Levels{Thirds: []report.Third{{Hz: 2500, DB: -61.5}}, Bands: []report.Band{{Name: "fm", DB: -81.25}}})
}

func (k *house) report(r session.Report) {
	k.n++
	r.Version = uint64(k.n)
	r.Since = k.now
	k.tell(topic.SessionReported("ratssaal"), r)
}

func (k *house) alarm(kind detect.Kind, name string, hz float64) alarm.Alarm {
	a := alarm.Alarm{Room: "ratssaal", State: alarm.Raised, Version: 1, Raised: k.now, Changed: k.now, Finding: finding.Finding{
		ID: finding.NewID(k.now, rand.Reader), Kind: kind, Name: name, Alarm: true, Sense: kind.Sense(), Side: finding.Unknown, Start: k.now, Hz: hz,
		BwHz: 300, SNRDB: 14.3, Statistic: 23.8, Threshold: 11.2, Pfa: 1e-7, Confidence: 0.93, Cause: finding.CauseOf(kind, name, hz),
	}}
	k.tell(topic.Alarm("ratssaal", strings.ToLower(a.Finding.ID)), a)
	return a
}
