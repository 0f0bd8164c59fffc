package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections live in the bubble's time.
type pipes struct {
	c    chan net.Conn
	done chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.c:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.c <- theirs
	return ours
}

// ends reads a connection until it ends and says when that was.
func ends(c net.Conn) time.Duration {
	began := time.Now()
	io.Copy(io.Discard, c)
	return time.Since(began)
}

// TestSlowConnections: who asks for nothing, for nothing more, or never says a body to its end is let go of; a socket that was
// taken over and a download that takes minutes are not.
func TestSlowConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := http.NewServeMux()
		m.HandleFunc("POST /body", func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
		m.HandleFunc("GET /file", func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20)) })
		m.HandleFunc("GET /socket", func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			io.Copy(c, c)
			c.Close()
		})
		p := pipes{make(chan net.Conn), make(chan struct{})}
		s := web(m, slog.New(slog.DiscardHandler))
		go s.Serve(p)
		defer func() { close(p.done); s.Close() }()

		if took := ends(p.dial()); took > 11*time.Second {
			t.Errorf("silent: ends after %v", took)
		}
		c := p.dial()
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if took := ends(c); took > 61*time.Second {
			t.Errorf("nothing more is asked for: ends after %v", took)
		}
		c = p.dial()
		go fmt.Fprint(c, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
		if took := ends(c); took > 2*time.Minute {
			t.Errorf("half a body: ends after %v", took)
		}

		c = p.dial()
		fmt.Fprint(c, "GET /socket HTTP/1.1\r\nHost: x\r\n\r\n")
		time.Sleep(time.Hour) // of the bubble
		go fmt.Fprint(c, "x")
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Errorf("a socket after an hour: %v", err)
		}
		c.Close()

		c = p.dial()
		fmt.Fprint(c, "GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		r, n := bufio.NewReaderSize(c, 1<<12), 0
		for {
			got, err := io.CopyN(io.Discard, r, 4<<10)
			n += int(got)
			if err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if n < 1<<20 {
			t.Errorf("a slow download ends after %d bytes", n)
		}
	})
}
