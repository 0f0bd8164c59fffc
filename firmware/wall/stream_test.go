package wall_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/firmware/session"
	"subrosa/firmware/wall"
	"subrosa/firmware/wall/internal/show"
)

var quiet = slog.New(slog.DiscardHandler)

func accept(context.Context, wall.Order) error { return nil }

// event is one message as a page gets it.
type event struct {
	name  string
	raw   []byte
	Build string
	Live  bool
	Tone  string
	Title string
	Parts map[string]string
}

// reader reads the events of an open stream.
type reader struct {
	s    *bufio.Scanner
	stop func()
}

// listen opens a stream of srv.
func listen(t *testing.T, srv *httptest.Server, h *wall.Handler, path, key string) *reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	r, err := http.NewRequestWithContext(ctx, "GET", srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		for _, c := range pairing(h, key).Result().Cookies() {
			r.AddCookie(c)
		}
	}
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%s: got %s", path, resp.Status)
	}
	s := bufio.NewScanner(resp.Body)
	s.Buffer(nil, 1<<20)
	stop := func() { cancel(); _ = resp.Body.Close() }
	t.Cleanup(stop)
	return &reader{s: s, stop: stop}
}

// next returns the next event of the page, passing over signs of life; ok is false at the end of the stream.
func (r *reader) next(t *testing.T) (e event, ok bool) {
	t.Helper()
	for r.s.Scan() {
		switch line := r.s.Text(); {
		case strings.HasPrefix(line, "event: "):
			e.name = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			e.raw = []byte(line[len("data: "):])
			if err := json.Unmarshal(e.raw, &e); err != nil {
				t.Fatal(err)
			}
		case line == "" && e.name == "view":
			return e, true
		}
	}
	return e, false
}

func firstEvent(t *testing.T, h *wall.Handler, path, key string) event {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	r := listen(t, srv, h, path, key)
	defer r.stop()
	e, ok := r.next(t)
	if !ok {
		t.Fatalf("%s: the stream ended", path)
	}
	return e
}

func TestStreamSendsWhatHasChanged(t *testing.T) {
	h := newHandler(t, nil)
	scenes := show.Scenes()
	h.Update(scenes[0].View)
	srv := httptest.NewServer(h)
	defer srv.Close()
	r := listen(t, srv, h, "/events", "")
	e, _ := r.next(t)
	if !e.Live || e.Tone != "open" || len(e.Parts) != 4 || !strings.Contains(e.Parts["stage"], "Öffentlich") {
		t.Fatalf("first event: got %+v, want the whole page, public", e)
	}
	v := scenes[0].View
	v.Session.State = session.Restoring
	h.Update(v)
	e, _ = r.next(t)
	if !strings.Contains(e.Parts["stage"], "Wird wiederhergestellt") {
		t.Errorf("got %+v, want the new word", e)
	}
	if _, ok := e.Parts["foot"]; ok {
		t.Error("the foot was sent again although it is as it was")
	}
	h.Close()
	if e, ok := r.next(t); ok {
		t.Errorf("after Close: got %+v, want the end of the stream", e)
	}
}

// pipe is a ResponseWriter whose reader takes nothing until it is told to.
type pipe struct {
	header http.Header
	mu     sync.Mutex
	buf    bytes.Buffer
	wrote  chan struct{}
	hold   chan struct{} // closed: the reader takes everything
}

func newPipe(stuck bool) *pipe {
	p := &pipe{header: http.Header{}, hold: make(chan struct{}), wrote: make(chan struct{}, 1)}
	if !stuck {
		close(p.hold)
	}
	return p
}

func (p *pipe) Header() http.Header { return p.header }
func (p *pipe) WriteHeader(int)     {}
func (p *pipe) Flush()              {}
func (p *pipe) Write(b []byte) (int, error) {
	<-p.hold
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *pipe) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

func TestAStuckReaderHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		stuck, fine := newPipe(true), newPipe(false)
		for _, p := range []*pipe{stuck, fine} {
			go h.ServeHTTP(p, httptest.NewRequest("GET", "/events", nil).WithContext(ctx))
		}
		synctest.Wait()
		start := time.Now()
		scenes := show.Scenes()
		for i := range 1000 {
			h.Update(scenes[i%len(scenes)].View)
		}
		h.Update(scenes[0].View)
		if d := time.Since(start); d != 0 {
			t.Errorf("a thousand updates waited %v for a reader", d)
		}
		time.Sleep(time.Second) // of the bubble's time: the other page is served meanwhile
		synctest.Wait()
		if !strings.Contains(fine.String(), "Öffentlich") {
			t.Error("the other page did not get the last view")
		}
		if n := strings.Count(fine.String(), "event: view"); n > 6 {
			t.Errorf("got %d messages within a second, want a burst of updates to become few", n)
		}
		close(stuck.hold)
		cancel()
	})
}

func TestSignsOfLifeAndStaleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, func(o *wall.Options) { o.StaleAfter = 30 * time.Second })
		if w := get(h, "/healthz", ""); w.Code != 503 {
			t.Errorf("before the first view: got %d, want 503", w.Code)
		}
		h.Update(show.Scenes()[6].View)
		ctx, cancel := context.WithCancel(t.Context())
		p := newPipe(false)
		go h.ServeHTTP(p, httptest.NewRequest("GET", "/events", nil).WithContext(ctx))
		time.Sleep(25 * time.Second)
		synctest.Wait()
		if n := strings.Count(p.String(), "event: alive"); n != 2 {
			t.Errorf("got %d signs of life in 25 s, want 2", n)
		}
		if w := get(h, "/healthz", ""); w.Code != 200 {
			t.Errorf("with a fresh view: got %d, want 200", w.Code)
		}
		time.Sleep(16 * time.Second)
		synctest.Wait()
		_, last, _ := strings.Cut(p.String(), "event: alive")
		if !strings.Contains(last, `"live":false`) || !strings.Contains(last, "Anzeige nicht aktuell") {
			t.Errorf("after 41 s without a view the stream says %q, want that the display is not current", last)
		}
		page := text(get(h, "/", "").Body.String())
		if strings.Contains(page, "Nichtöffentlich") || !strings.Contains(page, "Display not current") {
			t.Errorf("a stale wall says %q", page)
		}
		if w := get(h, "/healthz", ""); w.Code != 503 {
			t.Errorf("stale: got %d, want 503", w.Code)
		}
		cancel()
	})
}

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		for range 48 {
			go h.ServeHTTP(newPipe(false), httptest.NewRequest("GET", "/events", nil).WithContext(ctx))
		}
		synctest.Wait()
		if w := get(h, "/events", ""); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("49th page: got %d, want 503 with Retry-After", w.Code)
		}
		p := newPipe(false)
		r := httptest.NewRequest("GET", "/leitung/events", nil).WithContext(ctx)
		for _, c := range pairing(h, key).Result().Cookies() {
			r.AddCookie(c)
		}
		go h.ServeHTTP(p, r)
		synctest.Wait()
		if !strings.Contains(p.String(), "event: view") {
			t.Error("the wall's pages took the chair's place")
		}
		cancel()
	})
}

func TestANewKeyEndsTheStreamsOfTheOld(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(alarmScene())
	srv := httptest.NewServer(h)
	defer srv.Close()
	r := listen(t, srv, h, "/leitung/events", key)
	if _, ok := r.next(t); !ok {
		t.Fatal("no first event")
	}
	if err := h.SetToken(session.Chair, wall.NewToken()); err != nil {
		t.Fatal(err)
	}
	h.Update(show.Scenes()[0].View)
	if e, ok := r.next(t); ok {
		t.Errorf("after the key was changed: got %s, want the end of the stream", e.raw)
	}
}

// One writer, many readers: run with the race detector.
func TestOneWriterManyReaders(t *testing.T) {
	h := newHandler(t, nil)
	scenes := show.Scenes()
	h.Update(scenes[0].View)
	srv := httptest.NewServer(h)
	defer srv.Close()
	defer h.Close()
	var readers sync.WaitGroup
	for i := range 8 {
		path, k := "/events", ""
		if i%2 == 1 {
			path, k = "/leitung/events", key
		}
		r := listen(t, srv, h, path, k)
		readers.Go(func() {
			for {
				e, ok := r.next(t)
				if !ok {
					t.Errorf("%s: the stream ended before the last view came", path)
					return
				}
				if strings.Contains(e.Title, "Unterbrochen") && !strings.Contains(e.Title, ":") {
					return
				}
			}
		})
	}
	for i := range 200 {
		h.Update(scenes[i%len(scenes)].View)
		if w := get(h, "/", ""); w.Code != 200 {
			t.Fatalf("got %d", w.Code)
		}
	}
	v := scenes[0].View
	v.Session.State = session.Interrupted
	h.Update(v)
	readers.Wait() // a stream ends at its reader's deadline
}
