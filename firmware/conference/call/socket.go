package call

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
)

// Subprotocol of the WebSocket.
const Subprotocol = "subrosa-conference-1"

const (
	queue     = 512     // messages that wait for a slow client, and
	maxQueue  = 1 << 20 // their bytes; more, and it must come again
	helloTime = 10 * time.Second
	leaveTime = 2 * time.Second // for the hello of who was turned away
	writeTime = 5 * time.Second
	quiet     = 15 * time.Second // without a message or pong
	pingEvery = 5 * time.Second
	perTen    = 200 // messages in ten seconds
)

// Socket is where participants' messages come in: GET /room/{room}/signal. decide says who a request comes from.
func Socket(calls func(room string) *Call, decide func(r *http.Request, room string) (Identity, level.Verdict)) http.Handler {
	up := websocket.Upgrader{Subprotocols: []string{Subprotocol}, ReadBufferSize: 4096, WriteBufferSize: 4096, HandshakeTimeout: 5 * time.Second, CheckOrigin: sameOrigin}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		room := r.PathValue("room")
		c := calls(room)
		if c == nil {
			http.NotFound(w, r)
			return
		}
		who, verdict := decide(r, room)
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return // answered already
		}
		serve(c, conn, who, verdict)
	})
}

// sameOrigin refuses pages of other sites: a browser always says where a WebSocket's page comes from.
func sameOrigin(r *http.Request) bool {
	u, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && u.Host == r.Host && (u.Scheme == "https") == (r.TLS != nil)
}

// line is one WebSocket.
type line struct {
	conn *websocket.Conn
	out  chan []byte  // nil: the end
	wait atomic.Int64 // bytes in out
	once sync.Once
	done chan struct{}
}

// Send queues a message; a queue that is full ends the connection, and its owner comes again with Resume.
func (l *line) Send(x *signal.Letter) {
	b, err := x.Bytes()
	if err != nil || l.wait.Add(int64(len(b))) > maxQueue {
		l.abort()
		return
	}
	select {
	case l.out <- b:
	default:
		l.abort()
	}
}

// Close ends the connection when what waits has been sent.
func (l *line) Close() {
	select {
	case l.out <- nil:
	default:
		l.abort()
	}
}

func (l *line) abort() {
	l.once.Do(func() {
		close(l.done)
		l.conn.Close()
	})
}

// write sends what is queued, and pings.
func (l *line) write() {
	defer l.abort()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-ping.C:
			if l.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTime)) != nil {
				return
			}
		case b := <-l.out:
			if b == nil {
				_ = l.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
				return
			}
			_ = l.conn.SetWriteDeadline(time.Now().Add(writeTime))
			if l.conn.WriteMessage(websocket.TextMessage, b) != nil {
				return
			}
			l.wait.Add(-int64(len(b)))
		}
	}
}

// serve runs a connection until it ends. Who may not come in is told so at once, and who says nothing is not waited for: what
// a browser answers to pings by itself is no hello.
func serve(c *Call, conn *websocket.Conn, who Identity, verdict level.Verdict) {
	l := &line{conn: conn, out: make(chan []byte, queue), done: make(chan struct{})}
	conn.SetReadLimit(signal.MaxMessage)
	_ = conn.SetReadDeadline(time.Now().Add(helloTime))
	go l.write()
	defer l.Close()
	if l.refused(c.turnsAway(verdict)) {
		_ = conn.SetReadDeadline(time.Now().Add(leaveTime))
		read(conn) // a connection that ends with something unread takes what was sent with it
		return
	}
	first, ok := read(conn)
	hello, isHello := first.(*signal.Hello)
	if !ok || !isHello {
		l.Send(signal.NewLetter(wrong("hello", "form")))
		return
	}
	alive := func() { _ = conn.SetReadDeadline(time.Now().Add(quiet)) }
	conn.SetPongHandler(func(string) error { alive(); return nil })
	alive()
	s, err := c.Join(who, verdict, hello, l)
	if l.refused(err) || err != nil {
		return
	}
	defer s.Lost(l)
	began, n := time.Now(), 0
	for {
		kind, b, err := conn.ReadMessage()
		if err != nil {
			return
		}
		alive()
		if n++; n > perTen {
			if time.Since(began) < 10*time.Second {
				return
			}
			began, n = time.Now(), 0
		}
		m, err := signal.Decode(b)
		if err != nil || kind != websocket.TextMessage {
			if !s.Wrong(err) {
				return
			}
			continue
		}
		if !s.Handle(name(b), m) {
			return
		}
	}
}

// refused sends a refusal, if err is one.
func (l *line) refused(err error) bool {
	var r *Refusal
	if !errors.As(err, &r) {
		return false
	}
	l.Send(signal.NewLetter(r.Refused))
	return true
}

func read(conn *websocket.Conn) (signal.Message, bool) {
	kind, b, err := conn.ReadMessage()
	if err != nil || kind != websocket.TextMessage {
		return nil, false
	}
	m, err := signal.Decode(b)
	return m, err == nil
}

// name of a message that has been read.
func name(b []byte) string {
	var h struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(b, &h) // Decode has done so already
	return h.Type
}
