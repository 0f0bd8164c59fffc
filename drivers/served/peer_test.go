package served

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ffmpeg starts the program, or skips the test; it is ended with the test.
func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	cmd := exec.Command(path, append([]string{"-hide_banner", "-loglevel", "error", "-nostdin"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// await asks until the answer comes.
func await(t *testing.T, l *Look, want Answer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		got := l.Ask(ctx, time.Now())
		if got == want {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("got %v last, want %v", got, want)
		}
	}
}

// TestRealHLS: what ffmpeg writes as a live playlist is seen to move, and no segment of it is fetched.
func TestRealHLS(t *testing.T) {
	dir := t.TempDir()
	ffmpeg(t, "-re", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10", "-c:v", "mpeg2video", "-g", "10", "-f", "hls", "-hls_time", "1",
		"-hls_list_size", "3", "-hls_flags", "delete_segments", filepath.Join(dir, "live.m3u8"))
	files := http.FileServer(http.Dir(dir))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".m3u8") {
			t.Errorf("fetched %s", r.URL.Path)
		}
		files.ServeHTTP(w, r)
	}))
	defer s.Close()
	l, err := New(s.URL + "/live.m3u8")
	if err != nil {
		t.Fatal(err)
	}
	await(t, l, Answer{On, "hls-moves"})
}

// TestRealRTMP: ffmpeg as a server shakes hands.
func TestRealRTMP(t *testing.T) {
	p, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := p.Addr().String()
	p.Close()
	ffmpeg(t, "-listen", "1", "-f", "flv", "-i", "rtmp://"+address+"/live/x", "-f", "null", "-")
	l, err := New("rtmp://" + address)
	if err != nil {
		t.Fatal(err)
	}
	await(t, l, Answer{Unknown, "rtmp-answers"})
}
