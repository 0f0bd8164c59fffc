package client

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// maxCore is what the page may weigh, gzipped.
const maxCore = 300 << 10

func get(t *testing.T, h http.Handler, path string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Result(), w.Body.String()
}

func TestSums(t *testing.T) {
	sums, err := fs.ReadFile(dist, "dist/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	var weight, more, files int
	err = fs.WalkDir(dist, "dist", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		b, err := fs.ReadFile(dist, path)
		if err != nil {
			return err
		}
		var z bytes.Buffer
		g, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
		g.Write(b)
		g.Close()
		name := strings.TrimPrefix(path, "dist/")
		if strings.HasPrefix(name, "blur/") {
			more += z.Len()
		} else {
			weight += z.Len()
		}
		if line := fmt.Sprintf("%x  %s\n", sha256.Sum256(b), name); name != "SHA256SUMS" && !bytes.Contains(sums, []byte(line)) {
			t.Errorf("dist/SHA256SUMS has not %s", strings.TrimSpace(line))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(sums, []byte("\n")); n != files-1 || n < 7 {
		t.Errorf("dist/SHA256SUMS has %d lines for %d files", n, files-1)
	}
	if weight > maxCore {
		t.Errorf("the page weighs %d bytes gzipped, at most %d", weight, maxCore)
	}
	t.Logf("measured: the page weighs %.1f kB gzipped, what hides a background %.1f kB more, bundle %.16s…", float64(weight)/1024, float64(more)/1024, Bundle())
}

func TestPage(t *testing.T) {
	r, body := get(t, Page(`Saal "Süd" <b>`), "/room/ratssaal")
	if r.StatusCode != http.StatusOK || !strings.Contains(body, `content="`+Bundle()+`"`) || len(Bundle()) != 64 {
		t.Errorf("got %d and a page without its bundle's checksum %q", r.StatusCode, Bundle())
	}
	if !strings.Contains(body, `<meta name="room" content="Saal &#34;Süd&#34; &lt;b&gt;">`) {
		t.Error("the room's name is not on the page, or not as text")
	}
	csp := r.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy has not %q: %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
		t.Errorf("the policy lets in more than this server: %s", csp)
	}
	if strings.Contains(body, "//") && strings.Contains(body, "src=\"http") {
		t.Error("the page loads from elsewhere")
	}
}

func TestFiles(t *testing.T) {
	for path, want := range map[string]int{
		"/client/page.js": 200, "/client/worker.js": 200, "/client/client.css": 200, "/client/SHA256SUMS": 200,
		"/client/blur/background.js": 200, "/client/blur/selfie_segmentation_landscape.tflite": 200, "/client/blur/LICENSE.txt": 200,
		"/client/blur": 404, "/client/blur/": 404, "/client/.": 404,
		"/client/index.html": 404, "/client/": 404, "/client/../client.go": 404, "/client/nothing.js": 404,
	} {
		r, body := get(t, Files(), path)
		if r.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, r.StatusCode, want)
		}
		if want == 200 && (body == "" || r.Header.Get("Content-Security-Policy") == "" || r.Header.Get("ETag") == "") {
			t.Errorf("%s: empty, or without its headers", path)
		}
	}
}
