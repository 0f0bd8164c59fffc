// Package client is the conference's page as a browser gets it: TypeScript in src, built by build.mjs (esbuild, pinned) into
// dist, which is committed and embedded. A rebuild gives the same bytes, which the tests check; Bundle is the checksum of all
// of them, which the page shows, and the wall; sha256sum of dist/SHA256SUMS in the source gives it on any other machine.
package client

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html"
	"io/fs"
	"net/http"
)

//go:embed dist
var dist embed.FS

// Bundle returns SHA-256, in hexadecimal digits, of dist/SHA256SUMS, in which every file of the page has its own.
func Bundle() string {
	b, err := fs.ReadFile(dist, "dist/SHA256SUMS")
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// policy of the page and of its worker: nothing but this server. Styles that scripts set on elements are no inline styles.
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types client"

func headers(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), publickey-credentials-get=(self), geolocation=()")
	h.Set("Cache-Control", "no-cache")
}

// Page serves the page of a room: GET /room/{room}. name is the room's for people.
func Page(name string) http.Handler {
	b, err := fs.ReadFile(dist, "dist/index.html")
	page := bytes.Replace(b, []byte("{{BUNDLE}}"), []byte(Bundle()), 1)
	page = bytes.Replace(page, []byte("{{ROOM}}"), []byte(html.EscapeString(name)), 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err != nil {
			http.Error(w, "the page is not in this build", http.StatusInternalServerError)
			return
		}
		headers(w)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page) // a browser that has gone needs no answer
	})
}

// Files serves what the page loads: GET /client/…. What lies in blur/ is asked for by people who want their background hidden, and
// by nobody else.
func Files() http.Handler {
	files, err := fs.Sub(dist, "dist")
	tag := `"` + Bundle() + `"`
	return http.StripPrefix("/client/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f, miss := fs.Stat(files, r.URL.Path); err != nil || miss != nil || f.IsDir() || r.URL.Path == "index.html" {
			http.NotFound(w, r)
			return
		}
		headers(w)
		w.Header().Set("ETag", tag)
		http.ServeFileFS(w, r, files, r.URL.Path)
	}))
}
