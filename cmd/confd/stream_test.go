package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"subrosa/firmware/conference/access"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// device is a mixer or a player: pion, with its own codecs, and HTTP as RFC 9725 has it.
type device struct {
	pc       *webrtc.PeerConnection
	url, tag string // of the stream
	tracks   map[string]*webrtc.TrackLocalStaticRTP
	seq      map[string]uint16

	mu   sync.Mutex
	got  map[string][]picture // by kind
	keys int
}

// picture is what came: the number that the sender wrote into it, and when.
type picture struct {
	n  uint32
	at time.Time
}

func newDevice(t *testing.T, mime string, publish bool) *device {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	e := webrtc.SettingEngine{}
	if publish { // as GStreamer 1.22 and ffmpeg 8 have it
		e.SetSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	}
	e.SetIncludeLoopbackCandidate(true)
	e.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(e)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	d := &device{pc: pc, tracks: map[string]*webrtc.TrackLocalStaticRTP{}, seq: map[string]uint16{}, got: map[string][]picture{}}
	pc.OnTrack(func(r *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { d.watch(r) })
	for kind, c := range map[string]webrtc.RTPCodecCapability{"audio": {MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "video": {MimeType: mime, ClockRate: 90000}} {
		if !publish {
			if _, err := pc.AddTransceiverFromKind(webrtc.NewRTPCodecType(kind), webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if d.tracks[kind], err = webrtc.NewTrackLocalStaticRTP(c, kind, "mixer"); err != nil {
			t.Fatal(err)
		}
		tr, err := pc.AddTransceiverFromTrack(d.tracks[kind]) // sendrecv, as some mixers offer
		if err != nil {
			t.Fatal(err)
		}
		go d.asked(tr.Sender())
	}
	return d
}

func (d *device) asked(s *webrtc.RTPSender) {
	for {
		ps, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range ps {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				d.mu.Lock()
				d.keys++
				d.mu.Unlock()
			}
		}
	}
}

// watch reads the numbers in what comes; a frame's second packet has none.
func (d *device) watch(r *webrtc.TrackRemote) {
	buf := make([]byte, 1500)
	var h rtp.Header
	for {
		n, _, err := r.Read(buf)
		if err != nil {
			return
		}
		at, err := h.Unmarshal(buf[:n])
		b := buf[at:n]
		i := bytes.Index(b, []byte("SUBR"))
		if err != nil || i < 0 || len(b) < i+8 {
			continue
		}
		d.mu.Lock()
		d.got[r.Kind().String()] = append(d.got[r.Kind().String()], picture{binary.BigEndian.Uint32(b[i+4:]), time.Now()})
		d.mu.Unlock()
	}
}

// post offers at an address, and takes the answer.
func (d *device) post(t *testing.T, url, token string) (int, string) {
	t.Helper()
	o, err := d.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if d.pc.LocalDescription() == nil {
		done := webrtc.GatheringCompletePromise(d.pc)
		if err := d.pc.SetLocalDescription(o); err != nil {
			t.Fatal(err)
		}
		<-done
	}
	r, body := ask(t, "POST", url, token, "application/sdp", "", d.pc.LocalDescription().SDP)
	if r.StatusCode != http.StatusCreated {
		return r.StatusCode, body
	}
	if r.Header.Get("Content-Type") != "application/sdp" || r.Header.Get("ETag") == "" || !strings.Contains(r.Header.Get("Link"), `rel="ice-server"`) {
		t.Errorf("201 with %v", r.Header)
	}
	base := url[:strings.Index(url[8:], "/")+8]
	d.url, d.tag = base+r.Header.Get("Location"), r.Header.Get("ETag")
	if err := d.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: body}); err != nil {
		t.Fatal(err, body)
	}
	return r.StatusCode, body
}

func ask(t *testing.T, method, url, token, kind, match, body string) (*http.Response, string) {
	t.Helper()
	q, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Authorization": "Bearer " + token, "Content-Type": kind, "If-Match": match} {
		if v != "" && v != "Bearer " {
			q.Header.Set(k, v)
		}
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return r, string(b)
}

// send writes one picture and one sound with a number in them; the picture begins anew with each.
func (d *device) send(n uint32, h264 bool) {
	mark := binary.BigEndian.AppendUint32([]byte("SUBR"), n)
	frame := append([]byte{0x10, 0, 0, 0, 0x9d, 1, 0x2a, 0, 0, 0, 0}, mark...)
	if h264 {
		frame = append([]byte{0x78, 0, 2, 0x67, 0x42, 0, byte(len(mark) + 1), 0x65}, mark...)
	}
	for kind, payload := range map[string][]byte{"audio": append([]byte{0xfc}, mark...), "video": frame} {
		step := map[string]uint32{"audio": 960, "video": 1800}[kind]
		d.seq[kind]++
		_ = d.tracks[kind].WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: d.seq[kind], Timestamp: n * step, Marker: true}, Payload: payload})
	}
}

// run sends 50 a second until the returned function is called.
func (d *device) run(h264 bool) (stop func()) {
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := uint32(1); ; n++ {
			select {
			case <-done:
				return
			case <-tick.C:
				d.send(n, h264)
			}
		}
	}()
	return sync.OnceFunc(func() { close(done); <-over })
}

func (d *device) last(kind string) (p picture, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n = len(d.got[kind]); n > 0 {
		p = d.got[kind][n-1]
	}
	return p, n
}

// token of the clerk's, for the next hour.
func (s *testServer) token(t *testing.T, use access.Use) (id, text string) {
	t.Helper()
	k, text, err := s.access.StreamToken(roster.Clerk, "ratssaal", use, time.Now().Add(-time.Minute), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return k.ID, text
}

// open has the chair come and open public streams.
func (s *testServer) open(t *testing.T) *person {
	t.Helper()
	chair := s.come(t, "m-0", &signal.Hello{Protocol: signal.Protocol})
	told[*signal.Joined](t, chair, nil)
	chair.say(t, &signal.Stream{On: true})
	told(t, chair, func(m *signal.State) bool { return m.Encryption == signal.Open && m.Stream != nil })
	return chair
}

// plays runs the mixer and waits until players have whole runs of its pictures and sounds.
func plays(t *testing.T, players ...*device) {
	t.Helper()
	for i, p := range players {
		for _, kind := range []string{"audio", "video"} {
			wait(t, "a player's "+kind, func() bool { _, n := p.last(kind); return n > 20 })
			p.mu.Lock()
			got := p.got[kind]
			for j := 1; j < len(got); j++ {
				if got[j].n != got[j-1].n+1 {
					t.Errorf("player %d: %s %d came after %d", i, kind, got[j].n, got[j-1].n)
				}
			}
			p.mu.Unlock()
		}
	}
}

// TestStreams: the hall's mixer sends in, two players take out what it sends, everybody sees it, and when the session is not
// public any more nothing of it passes, whatever the chair says of the call.
func TestStreams(t *testing.T) {
	for _, mime := range []string{webrtc.MimeTypeVP8, webrtc.MimeTypeH264} {
		t.Run(mime, func(t *testing.T) {
			s := startServer(t, "public", "", nil)
			defer s.stop()
			chair := s.open(t)
			_, in := s.token(t, access.Publish)
			_, out := s.token(t, access.Play)
			mixer := newDevice(t, mime, true)
			if n, body := mixer.post(t, s.url+"/whip/ratssaal", in); n != 201 {
				t.Fatal(n, body)
			}
			stop := mixer.run(mime == webrtc.MimeTypeH264)
			defer stop()
			st := told(t, chair, func(m *signal.State) bool { return len(m.Tracks) == 2 && m.Stream.In })
			if len(st.People) != 2 || st.People[1].Role != roster.Gateway || st.People[1].Leaf != -1 || !st.People[1].Here {
				t.Errorf("the mixer is seen as %+v", st.People)
			}
			a, b := newDevice(t, "", false), newDevice(t, "", false)
			for _, p := range []*device{a, b} {
				if n, body := p.post(t, s.url+"/whep/ratssaal", out); n != 201 {
					t.Fatal(n, body)
				}
			}
			plays(t, a, b)
			told(t, chair, func(m *signal.State) bool { return m.Stream != nil && m.Stream.Out == 2 })
			if r, body := ask(t, "DELETE", b.url, out, "", "", ""); r.StatusCode != 200 {
				t.Error(r.StatusCode, body)
			}

			ended, once := make(chan struct{}), sync.Once{}
			mixer.pc.OnConnectionStateChange(func(c webrtc.PeerConnectionState) {
				if c == webrtc.PeerConnectionStateClosed || c == webrtc.PeerConnectionStateDisconnected || c == webrtc.PeerConnectionStateFailed {
					once.Do(func() { close(ended) })
				}
			})
			began := time.Now()
			s.rooms["ratssaal"].call.SetLevel(level.Nonpublic, true)
			took := time.Since(began)
			passed := s.sfu.Out.Load()
			told(t, chair, func(m *signal.State) bool {
				return m.Pending == level.Nonpublic && m.Encryption == signal.EndToEnd && len(m.Tracks) == 0
			})
			<-ended // the mixer has sent on until here, into nothing
			if more := s.sfu.Out.Load() - passed; more != 0 {
				t.Errorf("%d packets went out after the level rose", more)
			}
			p, _ := a.last("video")
			t.Logf("measured: streams ended within %v; the last picture reached a player %v after the level rose", took, p.at.Sub(began))
			if took > 100*time.Millisecond || p.at.Sub(began) > 100*time.Millisecond {
				t.Errorf("ended after %v, last picture %v", took, p.at.Sub(began))
			}
			for url, token := range map[string]string{"/whip/ratssaal": in, "/whep/ratssaal": out} {
				if n, body := newDevice(t, mime, strings.HasPrefix(url, "/whip")).post(t, s.url+url, token); n != http.StatusForbidden || !strings.Contains(body, "nicht öffentlich") {
					t.Errorf("%s in a session that is not public: %d %s", url, n, body)
				}
			}
		})
	}
}

// TestStreamDoors: tokens open what they are for, while they are valid, and one mixer at a time; what a client asks wrongly it is told.
func TestStreamDoors(t *testing.T) {
	s := startServer(t, "public", "", nil)
	defer s.stop()
	whip, whep := s.url+"/whip/ratssaal", s.url+"/whep/ratssaal"
	_, in := s.token(t, access.Publish)
	outID, out := s.token(t, access.Play)
	mixer := newDevice(t, webrtc.MimeTypeVP8, true)
	post := func(what string, want int, d *device, url, token string) {
		t.Helper()
		if n, body := d.post(t, url, token); n != want {
			t.Errorf("%s: %d %s, want %d", what, n, body, want)
		} else if want != 201 && !json.Valid([]byte(body)) {
			t.Errorf("%s: %s", what, body)
		}
	}
	player := newDevice(t, "", false)
	post("the chair has not opened", 409, mixer, whip, in)
	s.open(t)
	post("another room", 404, mixer, s.url+"/whip/keller", in)
	post("no token", 401, mixer, whip, "")
	post("a wrong one", 401, mixer, whip, string("xy"[strings.Count(in[:1], "x")])+in[1:])
	post("a player's", 403, mixer, whip, out)
	post("nothing comes in yet", 409, player, whep, out)
	post("an offer to receive", 400, player, whip, in)
	post("well", 201, mixer, whip, in)
	post("again, at once", 409, newDevice(t, webrtc.MimeTypeVP8, true), whip, in)
	stop := mixer.run(false)
	defer stop()
	wait(t, "tracks", func() bool { return s.rooms["ratssaal"].last().In == 1 && s.sfu.In.Load() > 10 })

	for what, x := range map[string]struct {
		want                   int
		method, url, tok, kind string
		match, body            string
	}{
		"GET":                {405, "GET", whip, in, "", "", ""},
		"no SDP":             {415, "POST", whip, in, "application/json", "", "{}"},
		"nonsense":           {400, "POST", whip, in, "application/sdp", "", "nonsense"},
		"long":               {413, "POST", whip, in, "application/sdp", "", strings.Repeat("a", 70000)},
		"another token":      {403, "DELETE", mixer.url, out, "", "", ""},
		"without one":        {401, "DELETE", mixer.url, "", "", "", ""},
		"unknown stream":     {404, "DELETE", whip + "/AAAA", in, "", "", ""},
		"PATCH without tag":  {428, "PATCH", mixer.url, in, "application/trickle-ice-sdpfrag", "", "a=ice-ufrag:x\r\n"},
		"PATCH, another tag": {412, "PATCH", mixer.url, in, "application/trickle-ice-sdpfrag", `"x"`, "a=ice-ufrag:x\r\n"},
		"a restart":          {422, "PATCH", mixer.url, in, "application/trickle-ice-sdpfrag", "*", "a=ice-ufrag:x\r\n"},
		"no fragment":        {400, "PATCH", mixer.url, in, "application/trickle-ice-sdpfrag", mixer.tag, "hello"},
		"candidates":         {204, "PATCH", mixer.url, in, "application/trickle-ice-sdpfrag", mixer.tag, fragment(mixer)},
		"preflight":          {204, "OPTIONS", whep, "", "", "", ""},
	} {
		if r, body := ask(t, x.method, x.url, x.tok, x.kind, x.match, x.body); r.StatusCode != x.want || r.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s, want %d", what, r.StatusCode, body, x.want)
		}
	}
	post("a player", 201, player, whep, out)
	plays(t, player)
	metrics, _ := http.Get("http://" + s.metrics.Addr().String() + "/metrics")
	b, _ := io.ReadAll(metrics.Body)
	metrics.Body.Close()
	for _, line := range []string{`subrosa_conference_streams{room="ratssaal",way="in"} 1`, `subrosa_conference_streams{room="ratssaal",way="out"} 1`, `subrosa_conference_streams_open{room="ratssaal"} 1`} {
		if !strings.Contains(string(b), line) {
			t.Errorf("metrics lack %s", line)
		}
	}
	if err := s.access.RevokeStream(roster.Clerk, "ratssaal", outID); err != nil {
		t.Fatal(err)
	}
	if n := s.rooms["ratssaal"].last().Out; n != 0 {
		t.Errorf("%d players after their token was revoked", n)
	}
	post("revoked", 401, newDevice(t, "", false), whep, out)
	if r, _ := ask(t, "DELETE", mixer.url, in, "", "", ""); r.StatusCode != 200 || s.rooms["ratssaal"].last().In != 0 {
		t.Errorf("the mixer's own end: %d", r.StatusCode)
	}
}

func fragment(d *device) string {
	for _, l := range strings.Split(d.pc.LocalDescription().SDP, "\r\n") {
		if strings.HasPrefix(l, "a=ice-ufrag:") {
			return l + "\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 UDP 2122260223 192.0.2.7 50000 typ host\r\na=end-of-candidates\r\n"
		}
	}
	return ""
}

// streamRoutes are for browser/stream.spec.mjs: a page for a mixer or player, and tokens.
func (s *testServer) streamRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /test/empty", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!doctype html><title>device</title>")
	})
	m.HandleFunc("POST /test/token", func(w http.ResponseWriter, r *http.Request) {
		_, token, err := s.access.StreamToken(roster.Clerk, "ratssaal", access.Use(r.FormValue("use")), time.Now().Add(-time.Minute), time.Now().Add(time.Hour))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		io.WriteString(w, token)
	})
}
