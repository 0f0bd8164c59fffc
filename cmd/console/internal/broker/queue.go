package broker

import (
	"errors"
	"net"
	"sync"
	"time"
)

// errSlow ends a connection whose peer does not read.
var errSlow = errors.New("broker: peer does not read what it asked for")

const (
	queueLimit   = 4 << 20  // bytes waiting for one peer
	consoleLimit = 64 << 20 // the console gets the whole site's retained state at once
	flushTime    = time.Second
	writeTime    = 30 * time.Second
)

// queued is a connection whose Write never waits for the peer. mochi writes with the client locked and needs that
// lock to hand the client another message, so that one peer that stops reading would hold up every publisher to
// it, other rooms' alarms included. Here it fills a buffer of its own, and is dropped when that is full.
type queued struct {
	net.Conn
	limit int
	slow  func()

	mu      sync.Mutex
	buf     []byte
	closing bool
	err     error
	wake    chan struct{} // 1
}

func newQueued(c net.Conn, limit int, slow func()) *queued {
	q := &queued{Conn: c, limit: limit, slow: slow, wake: make(chan struct{}, 1)}
	go q.run()
	return q
}

// Write takes p, or fails because the connection has ended or the peer is too slow.
func (q *queued) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closing:
		return 0, net.ErrClosed
	case q.err != nil:
		return 0, q.err
	case len(q.buf)+len(p) > q.limit:
		q.err = errSlow
		q.slow()
		q.Conn.Close()
		q.signal()
		return 0, q.err
	}
	q.buf = append(q.buf, p...)
	q.signal()
	return len(p), nil
}

func (q *queued) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queued) run() {
	for range q.wake {
		for {
			q.mu.Lock()
			b, closing, err := q.buf, q.closing, q.err
			q.buf = nil
			q.mu.Unlock()
			if err != nil {
				q.Conn.Close()
				return
			}
			if len(b) == 0 {
				if closing {
					q.Conn.Close()
					return
				}
				break
			}
			patience := writeTime
			if closing {
				patience = flushTime
			}
			_ = q.Conn.SetWriteDeadline(time.Now().Add(patience))
			if _, err := q.Conn.Write(b); err != nil {
				q.mu.Lock()
				q.err = err
				q.mu.Unlock()
			}
		}
	}
}

// Close lets what was written go out for a moment, then closes. Reading ends at once.
func (q *queued) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return nil
	}
	q.closing = true
	q.signal()
	return q.Conn.SetReadDeadline(time.Unix(1, 0))
}

// SetDeadline is mochi's keep-alive: it concerns what the peer sends.
func (q *queued) SetDeadline(t time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return net.ErrClosed
	}
	return q.Conn.SetReadDeadline(t)
}

// queueing is a listener of queued connections.
type queueing struct {
	net.Listener
	limit int
	slow  func()
}

// Accept returns the next connection, queued.
func (l queueing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newQueued(c, l.limit, l.slow), nil
}
