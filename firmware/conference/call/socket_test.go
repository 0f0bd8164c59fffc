package call

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/conference/tripwire"
)

// dial opens a socket to a call as a browser of the same origin does.
func dial(t *testing.T, c *Call, v level.Verdict) *websocket.Conn {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET /room/{room}/signal", Socket(func(string) *Call { return c }, func(*http.Request, string) (Identity, level.Verdict) { return Identity{Member: "m-7", Login: "x"}, v }))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	conn, _, err := websocket.DefaultDialer.Dial(strings.Replace(srv.URL, "http", "ws", 1)+"/room/ratssaal/signal", http.Header{"Origin": {srv.URL}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestNotSignedIn: who is not signed in is told so before having said anything, and the connection ends.
func TestNotSignedIn(t *testing.T) {
	s := newScene(t, level.Confidential)
	conn := dial(t, s.c, level.Verdict{Reason: level.NotIdentified})
	_ = conn.SetReadDeadline(time.Now().Add(leaveTime + 3*time.Second))
	_, b, err := conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	if m, err := signal.DecodeServer(b); err != nil || m.(*signal.Refused).Reason != level.NotIdentified {
		t.Errorf("told %s", b)
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("the connection goes on, or breaks off: %v", err)
	}
}

// TestNoHello: a page that is signed in and says nothing but pongs is let go of after helloTime.
func TestNoHello(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the limit")
	}
	s := newScene(t, level.Confidential)
	conn := dial(t, s.c, level.Verdict{May: true})
	_ = conn.SetReadDeadline(time.Now().Add(quiet + 2*pingEvery))
	pings := 0
	conn.SetPingHandler(func(data string) error {
		pings++
		return conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	})
	began := time.Now()
	_, b, err := conn.ReadMessage()
	for err == nil { // the word that it should have said hello
		_, b, err = conn.ReadMessage()
	}
	_ = b
	if pings == 0 {
		t.Error("the server never pinged: this shows nothing")
	}
	if took := time.Since(began); took < helloTime-time.Second || took >= quiet {
		t.Errorf("ended after %v (%v)", took, err)
	}
}

// TestWrittenOnce: a message to thirty people is written once, and is one piece of memory.
func TestWrittenOnce(t *testing.T) {
	s := newScene(t, level.Internal)
	lines := make([]*line, 30)
	for i := range lines {
		lines[i] = &line{out: make(chan []byte, queue), done: make(chan struct{})}
		id := string(rune('A' + i))
		s.c.seats[id] = &Seat{call: s.c, id: id, out: lines[i], muted: nil}
	}
	s.c.all(&signal.Speakers{Speakers: []string{"p1"}})
	first := <-lines[0].out
	for _, l := range lines[1:] {
		if b := <-l.out; &b[0] != &first[0] {
			t.Fatal("written anew for each")
		}
	}
}

// TestQueue: a reader that reads nothing holds about a megabyte, and is then let go of; the messages are as large as they come.
func TestQueue(t *testing.T) {
	s := newScene(t, level.Internal)
	conn := dial(t, s.c, level.Verdict{May: true})
	l := &line{conn: conn, out: make(chan []byte, queue), done: make(chan struct{})} // nobody empties it
	big := &signal.Delivered{Seq: 1, Group: []byte("0123456789abcdef"), From: "p", Message: make([]byte, 120<<10)}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range queue {
		l.Send(signal.NewLetter(big))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	select {
	case <-l.done:
	default:
		t.Error("the connection goes on")
	}
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 3*maxQueue {
		t.Errorf("%d kB are held", held>>10)
	}
	runtime.KeepAlive(l)
}

// TestMissedTooMuch: who comes back and has missed more than the queue holds gets a new seat rather than a connection that ends again.
func TestMissedTooMuch(t *testing.T) {
	s, chair, a, b := meet(t, level.Internal)
	b.seat.Lost(b)
	for range 12 {
		s.say(a, "application", &signal.Application{Group: []byte("0123456789abcdef"), Message: private(4)})
		s.c.log[len(s.c.log)-1].size = 100 << 10
	}
	again := &out{name: "b again", scene: s}
	if _, err := s.c.Join(b.seat.who, level.Verdict{May: true}, &signal.Hello{Protocol: 1, Declaration: true, Resume: b.resume, Seen: b.seen}, again); err != nil {
		t.Fatal(err)
	}
	if j := last[*signal.Joined](t, again); j.Resumed || len(take[*signal.Delivered](again)) > 0 {
		t.Errorf("%+v, and %d messages", j, len(take[*signal.Delivered](again)))
	}
	_ = chair
}

// failing is media to which no offer is right.
type failing struct{ *media }

func (f failing) Offer(p string, _ *tripwire.Sender, _ *signal.Offer) (*signal.Answer, error) {
	f.note("offer %s", p)
	return nil, errors.New("wrong")
}

// TestWrongOffers: they count as other wrongs do, and so do those that come too often.
func TestWrongOffers(t *testing.T) {
	s, _, a, _ := meet(t, level.Internal)
	s.c.media = failing{s.m}
	n := 0
	for s.say(a, "offer", &signal.Offer{N: 1, SDP: "v=0"}) {
		if n++; n > 30 {
			t.Fatal("thirty wrong offers, and the connection goes on")
		}
	}
	s, _, a, _ = meet(t, level.Internal)
	s.m.did = nil
	n = 0
	for a.seat.Handle("offer", &signal.Offer{N: 1, SDP: "v=0"}) {
		if n++; n > 100 {
			t.Fatal("a hundred offers at one moment, and the connection goes on")
		}
	}
	if got := len(s.m.did); got != int(offers.most) {
		t.Errorf("%d offers at one moment were looked into", got)
	}
}
