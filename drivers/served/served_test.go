package served

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

// listen serves connections one after the other until the test ends.
func listen(t *testing.T, f func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func ask(t *testing.T, address string) Answer {
	t.Helper()
	l, err := New(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return l.Ask(ctx, start)
}

// camera answers as section 10 of RFC 2326 shows, and counts what goes beyond a description.
func camera(t *testing.T, describe string) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(rtspAsHTTP(r))
			if err != nil {
				return
			}
			switch req.Method {
			case "OPTIONS":
				fmt.Fprintf(c, "RTSP/1.0 200 OK\r\nCSeq: %s\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY\r\nContent-Length: 2\r\n\r\nok", req.Header.Get("CSeq"))
			case "DESCRIBE":
				fmt.Fprintf(c, describe, req.Header.Get("CSeq"))
			default:
				t.Errorf("asked for %s: that is media", req.Method)
			}
		}
	}
}

// rtspAsHTTP reads one request and gives it the protocol that net/http reads.
func rtspAsHTTP(r *bufio.Reader) *bufio.Reader {
	var b bytes.Buffer
	for {
		l, err := r.ReadString('\n')
		b.WriteString(strings.Replace(l, "RTSP/1.0", "HTTP/1.0", 1))
		if err != nil || l == "\r\n" {
			return bufio.NewReader(&b)
		}
	}
}

func TestRTSP(t *testing.T) {
	sdp := "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=Ratssaal\r\nm=video 0 RTP/AVP 96\r\n"
	for describe, want := range map[string]Answer{
		fmt.Sprintf("RTSP/1.0 200 OK\r\nCSeq: %%s\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(sdp), sdp): {On, "rtsp-described"},
		"RTSP/1.0 404 Not Found\r\nCSeq: %s\r\n\r\n":           {Off, "rtsp-not-found"},
		"RTSP/1.0 401 Unauthorized\r\nCSeq: %s\r\n\r\n":        {Unknown, "not-allowed"},
		"RTSP/1.0 503 Service Unavailable\r\nCSeq: %s\r\n\r\n": {Unknown, "rtsp-503"},
		"RTSP/1.0 200 OK\r\nCSeq: %s7\r\n\r\n":                 {Unknown, "unreadable"},
		"HTTP/1.0 200 OK\r\nCSeq: %s\r\n\r\n":                  {Unknown, "unreadable"},
	} {
		if got := ask(t, "rtsp://"+listen(t, camera(t, describe))+"/live"); got != want {
			t.Errorf("%.30q: got %v, want %v", describe, got, want)
		}
	}
}

func TestRTMP(t *testing.T) {
	server := func(version byte, whole bool) func(net.Conn) {
		return func(c net.Conn) {
			var c01 [1 + rtmpBlock]byte
			if _, err := io.ReadFull(c, c01[:]); err != nil || c01[0] != 3 {
				t.Errorf("C0 and C1: version %d, %v", c01[0], err)
				return
			}
			s := append([]byte{version}, make([]byte, rtmpBlock)...)
			if whole {
				s = append(s, c01[1:]...)
			}
			_, _ = c.Write(s)
			if n, _ := io.Copy(io.Discard, c); whole && n > 0 {
				t.Errorf("%d bytes after the handshake", n)
			}
		}
	}
	if got := ask(t, "rtmp://"+listen(t, server(3, true))); got != (Answer{Unknown, "rtmp-answers"}) {
		t.Errorf("a server: %v", got)
	}
	if got := ask(t, "rtmp://"+listen(t, server('H', true))); got != (Answer{Unknown, "unreadable"}) {
		t.Errorf("another server: %v", got)
	}
}

// TestNobody: nobody there is off, wherever that can be told.
func TestNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for _, u := range []string{"rtsp://" + address + "/live", "rtmp://" + address, "http://" + address + "/live.m3u8"} {
		if got := ask(t, u); got != (Answer{Off, "refused"}) {
			t.Errorf("%s: got %v", u, got)
		}
	}
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = c.LocalAddr().String()
	c.Close()
	if got := ask(t, "sip:"+address); got != (Answer{Off, "refused"}) {
		t.Errorf("sip: got %v", got)
	}
}

// TestBounded: who takes the call and stays silent is given up, and nothing is concluded.
func TestBounded(t *testing.T) {
	silent := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for _, u := range []string{"rtsp://" + silent + "/live", "rtmp://" + silent, "http://" + silent + "/live.m3u8", "sip:" + udp.LocalAddr().String()} {
		l, err := New(u)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if got := l.Ask(ctx, start); got != (Answer{Unknown, "no-answer"}) {
			t.Errorf("%s: got %v", u, got)
		}
		cancel()
	}
}

func TestSIP(t *testing.T) {
	for code, want := range map[string]Answer{"200 OK": {Unknown, "sip-ready"}, "486 Busy Here": {On, "sip-busy"}, "404 Not Found": {Unknown, "sip-404"}} {
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			b := make([]byte, 4096)
			n, from, err := udp.ReadFrom(b)
			if err != nil {
				return
			}
			head := string(b[:n])
			if !strings.HasPrefix(head, "OPTIONS sip:") || strings.Contains(head, "INVITE") {
				t.Errorf("asked %.40q", head)
			}
			_, rest, _ := strings.Cut(head, "Call-ID: ")
			id, _, _ := strings.Cut(rest, "\r\n")
			for _, reply := range []string{"garbage", "SIP/2.0 486 Busy Here\r\nCall-ID: another\r\n\r\n", "SIP/2.0 100 Trying\r\nCall-ID: " + id + "\r\n\r\n",
				"SIP/2.0 " + code + "\r\nCall-ID: " + id + "\r\nCSeq: 1 OPTIONS\r\n\r\n"} {
				_, _ = udp.WriteTo([]byte(reply), from)
			}
		}()
		if got := ask(t, "sip:"+udp.LocalAddr().String()); got != want {
			t.Errorf("%s: got %v, want %v", code, got, want)
		}
		udp.Close()
		<-done
	}
}

// TestHLS: a playlist that moves is live, one that stands still is not, and no segment is ever fetched.
func TestHLS(t *testing.T) {
	seq, ended, gone := 7, false, false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case gone:
			http.NotFound(w, r)
		case r.URL.Path == "/master.m3u8":
			fmt.Fprint(w, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow/x.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nhigh.m3u8\n")
		case r.URL.Path == "/away.m3u8":
			fmt.Fprint(w, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://192.0.2.1/x.m3u8\n")
		case r.URL.Path == "/low/x.m3u8":
			fmt.Fprintf(w, "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXTINF:4,\ns%d.ts\n", seq, seq)
			if ended {
				fmt.Fprint(w, "#EXT-X-ENDLIST\n")
			}
		default:
			t.Errorf("fetched %s", r.URL.Path)
		}
	}))
	defer s.Close()
	l, err := New(s.URL + "/master.m3u8")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at   time.Duration
		do   func()
		want Answer
	}{
		{0, func() {}, Answer{Unknown, "hls-first-look"}},
		{2 * time.Second, func() {}, Answer{Unknown, "hls-first-look"}},
		{4 * time.Second, func() { seq++ }, Answer{On, "hls-moves"}},
		{8 * time.Second, func() {}, Answer{On, "hls-moves"}},
		{16 * time.Second, func() {}, Answer{Off, "hls-stands"}},
		{17 * time.Second, func() {}, Answer{Off, "hls-stands"}},
		{18 * time.Second, func() { seq++ }, Answer{On, "hls-moves"}},
		{19 * time.Second, func() { ended = true }, Answer{Off, "hls-ended"}},
		{20 * time.Second, func() { gone = true }, Answer{Off, "hls-not-found"}},
	} {
		step.do()
		if got := l.Ask(t.Context(), start.Add(step.at)); got != step.want {
			t.Errorf("after %v: got %v, want %v", step.at, got, step.want)
		}
	}
	gone = false
	if got := ask(t, s.URL+"/away.m3u8"); got != (Answer{Unknown, "hls-elsewhere"}) {
		t.Errorf("led elsewhere: %v", got)
	}
}

func TestAddresses(t *testing.T) {
	for _, a := range []string{"", "ftp://a", "rtsp://", "rtsp://u:p@a/x", "sip:", "rtmp://a#b", "rtsp://a b/"} {
		if _, err := New(a); err == nil {
			t.Errorf("%q is accepted", a)
		}
	}
	l, err := New("rtsp://camera/live?key=secret")
	if err != nil || l.url.Host != "camera:554" || strings.Contains(l.String(), "secret") {
		t.Errorf("got %v, %v", l, err)
	}
}

// peer plays bytes and forgets what is written.
type peer struct{ io.Reader }

func (peer) Write(b []byte) (int, error) { return len(b), nil }

func FuzzDescribe(f *testing.F) {
	f.Add([]byte("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\n\r\n"))
	f.Add([]byte("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 99999999\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a := describe(peer{bytes.NewReader(b)}, "rtsp://x/"); a.Why == "" || a.State == On && !bytes.Contains(bytes.ToLower(b), []byte("application/sdp")) {
			t.Errorf("got %v", a)
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("SIP/2.0 486 Busy Here\r\nCall-ID: x\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseReply(b); err == nil && (p.Code < 100 || p.Code > 699) {
			t.Errorf("code %d", p.Code)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	f.Add(append([]byte{3}, make([]byte, 2*rtmpBlock)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := shake(peer{bytes.NewReader(b)}, [rtmpBlock]byte{}); err == nil && (b[0] != 3 || len(b) < 1+2*rtmpBlock) {
			t.Error("a handshake of less than one")
		}
	})
}

func FuzzPlaylist(f *testing.F) {
	f.Add([]byte("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:4,\ns7.ts\n"))
	f.Add([]byte("#EXTM3U\r\n#EXT-X-STREAM-INF:BANDWIDTH=1\r\nlow.m3u8\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePlaylist(b)
		if err != nil {
			return
		}
		if p.Target < 0 || p.Target > maxTarget || p.Sequence < 0 || p.Master && p.Variant == "" {
			t.Errorf("got %+v", p)
		}
		var m movement
		m.take(start, p)
		if a := m.take(start, p); a.State == On {
			t.Errorf("it moves without moving: %v", a)
		}
	})
}
