package whip

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// offers in the manner of OBS 30 (libdatachannel) and of a browser that plays.
const (
	obs = "v=0\r\no=rtc 1 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 00:11\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1\r\n"
	player = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:efgh\r\na=ice-pwd:0123456789abcdef01234567\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n"
)

func TestReadOffer(t *testing.T) {
	o, err := ReadOffer([]byte(obs), true)
	if err != nil || len(o.Send) != 2 || o.Send[0].Source != "microphone" || o.Send[1].Source != "camera" || o.Ufrag != "abcd" {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := ReadOffer([]byte(player), false); err != nil || len(o.Send) != 0 || o.Ufrag != "efgh" || !strings.Contains(o.SDP, "a=recvonly\r\n") {
		t.Errorf("sendrecv is taken as it is meant: %+v, %v", o, err)
	}
	for name, x := range map[string]struct {
		from, to string
		want     error
	}{
		"the other way":       {"a=sendonly", "a=recvonly", ErrForm},
		"no mid":              {"a=mid:1\r\n", "", ErrForm},
		"mid twice":           {"a=mid:1", "a=mid:0", ErrForm},
		"no ufrag":            {"a=ice-ufrag:abcd\r\n", "", ErrForm},
		"data":                {"m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", ErrForm},
		"AV1":                 {"H264/90000", "AV1/90000", ErrCodecs},
		"H.264 of mode 0":     {"packetization-mode=1", "packetization-mode=0", ErrCodecs},
		"two pictures":        {"m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=rtpmap:96 VP8/90000\r\na=sendonly\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111", ErrCodecs},
		"G.711":               {"opus/48000/2", "PCMA/8000", ErrCodecs},
		"nothing that is SDP": {"v=0", "hello", ErrForm},
	} {
		if _, err := ReadOffer([]byte(strings.Replace(obs, x.from, x.to, 1)), true); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
	off := strings.ReplaceAll(obs, "m=audio 9", "m=audio 0")
	if o, err := ReadOffer([]byte(off), true); err != nil || len(o.Send) != 1 {
		t.Errorf("a line that is off: %+v, %v", o.Send, err)
	}
	bundled := strings.ReplaceAll(off, "a=mid:0\r\n", "a=mid:0\r\na=bundle-only\r\n") // as GStreamer has it
	if o, err := ReadOffer([]byte(bundled), true); err != nil || len(o.Send) != 2 || strings.Contains(o.SDP, "m=audio 0") {
		t.Errorf("a line that is bundled only: %+v, %v", o.Send, err)
	}
}

func FuzzReadOffer(f *testing.F) {
	f.Add([]byte(obs), true)
	f.Add([]byte(player), false)
	f.Fuzz(func(t *testing.T, b []byte, publish bool) {
		o, err := ReadOffer(b, publish)
		if err != nil {
			if !errors.Is(err, ErrForm) && !errors.Is(err, ErrCodecs) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if o.Ufrag == "" || len(o.Send) > 2 || strings.Contains(o.SDP, "a=sendrecv") || publish == strings.Contains(o.SDP, "a=recvonly") {
			t.Fatalf("%q is taken as %+v", b, o)
		}
		if _, err := ReadOffer([]byte(o.SDP), publish); err != nil {
			t.Fatalf("what was read is not read again: %v", err)
		}
	})
}

func TestReadFragment(t *testing.T) {
	const candidate = "a=candidate:1 1 UDP 2122260223 192.0.2.7 50000 typ host\r\n"
	f, err := ReadFragment([]byte("a=ice-ufrag:abcd\r\na=ice-pwd:x\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n" + candidate + "a=end-of-candidates\r\n"))
	if err != nil || f != (Fragment{"abcd", "x", 1, true}) {
		t.Errorf("%+v, %v", f, err)
	}
	for _, s := range []string{"", "hello", "a=ice-ufrag:\r\n", "a=ice-ufrag:a\r\na=ice-ufrag:b\r\n", "a=ice-ufrag:a\r\na=candidate:nonsense\r\n",
		"a=ice-ufrag:a\r\n" + strings.Repeat(candidate, maxCandidates+1), "a=ice-ufrag:a\r\n" + strings.Repeat("a=x\r\n", maxFragment)} {
		if f, err := ReadFragment([]byte(s)); !errors.Is(err, ErrFragment) {
			t.Errorf("%.60q: %+v, %v", s, f, err)
		}
	}
}

func FuzzReadFragment(f *testing.F) {
	f.Add([]byte("a=ice-ufrag:abcd\r\na=ice-pwd:x\r\nm=audio 9 RTP/AVP 0\r\na=candidate:1 1 UDP 2122260223 192.0.2.7 50000 typ host\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ReadFragment(b)
		if err == nil && (x.Ufrag == "" || x.Candidates > maxCandidates) || err != nil && !errors.Is(err, ErrFragment) {
			t.Fatalf("%+v, %v", x, err)
		}
	})
}

func TestRate(t *testing.T) {
	var r rate
	t0 := time.Unix(1e9, 0)
	for i := range perMinute {
		if d := r.take(t0.Add(time.Duration(i)*time.Second), "[2001:db8::1]:5"); d != 0 {
			t.Fatalf("%d: waits %v", i, d)
		}
	}
	if d := r.take(t0.Add(40*time.Second), "[2001:db8::2]:6"); d != 20*time.Second {
		t.Errorf("a neighbour in the same /64 waits %v, want 20s", d)
	}
	if d := r.take(t0.Add(40*time.Second), "192.0.2.1:6"); d != 0 {
		t.Errorf("another waits %v", d)
	}
	if d := r.take(t0.Add(time.Minute), "[2001:db8::1]:5"); d != 0 {
		t.Errorf("a minute later: waits %v", d)
	}
	for i := range maxAddresses + 100 {
		r.take(t0.Add(61*time.Second), strings.Repeat("x", i%100)+string(rune('a'+i%26))+time.Duration(i).String())
	}
	if len(r.by) > maxAddresses+1 {
		t.Errorf("%d addresses are remembered", len(r.by))
	}
}
