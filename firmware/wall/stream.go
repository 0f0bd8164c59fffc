package wall

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	maxWallStreams  = 48 // anyone may open one of these
	maxChairStreams = 16 // these need a key, and the wall's cannot take their place
	heartbeat       = 10 * time.Second
	pace            = 200 * time.Millisecond // least time between two messages of one stream
	writeTimeout    = 10 * time.Second       // a reader that takes nothing for so long is gone
)

// subscriber is an open stream. The channel holds at most one token: "there is something newer than you have".
type subscriber struct {
	wake  chan struct{}
	chair bool
}

// wake tells all streams to look. A stream that is busy or dead finds its token later, or never: nobody waits.
func (h *Handler) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// subscribe returns nil when there are too many streams already, or the handler is closed.
func (h *Handler) subscribe(chair bool) *subscriber {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, limit := 0, maxWallStreams
	if chair {
		limit = maxChairStreams
	}
	for s := range h.subs {
		if s.chair == chair {
			n++
		}
	}
	if h.closed || n >= limit {
		return nil
	}
	s := &subscriber{wake: make(chan struct{}, 1), chair: chair}
	h.subs[s] = struct{}{}
	return s
}

func (h *Handler) unsubscribe(s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subs, s)
}

func (h *Handler) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// frame is one message of a stream: what has changed on the page since the last one.
type frame struct {
	Build string            `json:"build"`
	Live  bool              `json:"live"`
	Tone  string            `json:"tone"`
	Title string            `json:"title"`
	Parts map[string]string `json:"parts,omitempty"`
}

// stream sends the page drawn by draw whenever it changes, until the reader is gone or draw says no.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, chair bool, draw func() (frame, error)) {
	s := h.subscribe(chair)
	if s == nil {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many open pages", http.StatusServiceUnavailable)
		return
	}
	defer h.unsubscribe(s)
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no")
	out := &eventWriter{w: w, rc: http.NewResponseController(w)}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	var last frame
	for first := true; ; first = false {
		f, err := draw()
		if err != nil || h.isClosed() {
			return
		}
		if d, changed := f.since(last); changed || first {
			err = out.event(d)
		} else {
			err = out.alive()
		}
		if err != nil {
			return
		}
		last = f
		if !rest(r, pace) {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-s.wake:
		case <-beat.C:
		}
	}
}

func rest(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.Context().Done():
		return false
	case <-t.C:
		return true
	}
}

// since returns f with only those parts that differ from last.
func (f frame) since(last frame) (frame, bool) {
	changed := f.Live != last.Live || f.Tone != last.Tone || f.Title != last.Title
	d := f
	d.Parts = make(map[string]string)
	for id, html := range f.Parts {
		if old, had := last.Parts[id]; !had || old != html {
			d.Parts[id] = html
			changed = true
		}
	}
	return d, changed
}

type eventWriter struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	buf bytes.Buffer
}

func (e *eventWriter) event(f frame) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return e.send("event: view\ndata: %s\n\n", b)
}

func (e *eventWriter) alive() error { return e.send("event: alive\ndata:\n\n") }

func (e *eventWriter) send(format string, a ...any) error {
	e.buf.Reset()
	fmt.Fprintf(&e.buf, format, a...)
	// Not every ResponseWriter knows deadlines; those that do get one for each message.
	_ = e.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := e.w.Write(e.buf.Bytes()); err != nil {
		return err
	}
	return e.rc.Flush()
}
