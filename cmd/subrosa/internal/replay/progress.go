package replay

import (
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// progress is one line on a terminal that is written over again and again.
type progress struct {
	w       io.Writer // nil: no terminal, nothing is shown
	now     func() time.Time
	begun   time.Time
	shown   time.Time
	file    string
	n, m    int
	seconds float64 // of recordings
	dirty   bool    // the line is on the screen
}

const progressEvery = 200 * time.Millisecond

func newProgress(w io.Writer, now func() time.Time, m int) *progress {
	t := now()
	return &progress{w: w, now: now, begun: t, shown: t, m: m}
}

// next begins the next file.
func (p *progress) next(file string) { p.n, p.file = p.n+1, filepath.Base(file) }

// advance adds seconds of recording.
func (p *progress) advance(seconds float64) {
	p.seconds += seconds
	if p.w == nil {
		return
	}
	if t := p.now(); t.Sub(p.shown) >= progressEvery {
		p.shown, p.dirty = t, true
		fmt.Fprintf(p.w, "\r\x1b[K[%d/%d] %s · %.0f s · %.0f×", p.n, p.m, shorten(p.file, 40), p.seconds, p.speed(t))
	}
}

// speed is how many times faster than real time it goes.
func (p *progress) speed(t time.Time) float64 {
	took := t.Sub(p.begun).Seconds()
	if took <= 0 {
		return 0
	}
	return p.seconds / took
}

// clear takes the line away before something else is written.
func (p *progress) clear() {
	if p.dirty {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.dirty = false
	}
}

// shorten cuts s in its middle to at most n characters.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := (n - 1) / 2
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}
