package webdav_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"subrosa/firmware/webdav"
)

// apacheConf is a WebDAV server on loopback with basic authentication, as Apache's documentation of mod_dav has it.
const apacheConf = `ServerRoot %[1]q
ServerName localhost
Listen 127.0.0.1:%[2]d
PidFile pid
ErrorLog error.log
%[3]s
DavLockDB lock/db
DocumentRoot "root"
<Directory "%[1]s/root">
  Require all denied
</Directory>
<Directory "%[1]s/root/files">
  Dav On
  AuthType Basic
  AuthName "subrosa test"
  AuthUserFile users
  Require valid-user
  LimitRequestBody 3000000
</Directory>
<Directory "%[1]s/root/files/readonly">
  <LimitExcept GET>
    Require all denied
  </LimitExcept>
</Directory>
`

// startApache runs the real server and returns its address and its folder.
func startApache(t *testing.T) (addr, dir string) {
	t.Helper()
	program, err := exec.LookPath("apache2")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/apache2"); err != nil {
			t.Skip("no apache2")
		}
	}
	dir = t.TempDir()
	for _, d := range []string{"root/files/readonly", "lock"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	var modules strings.Builder
	for _, m := range []string{"mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs"} {
		file := "/usr/lib/apache2/modules/mod_" + m + ".so"
		if _, err := os.Stat(file); err == nil {
			fmt.Fprintf(&modules, "LoadModule %s_module %s\n", m, file)
		}
	}
	if os.Getuid() == 0 { // it will not serve as root: children become this user
		modules.WriteString("User www-data\nGroup www-data\n")
		open(t, dir)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("app-password"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	conf := filepath.Join(dir, "httpd.conf")
	for name, text := range map[string]string{conf: fmt.Sprintf(apacheConf, dir, port, modules.String()), filepath.Join(dir, "users"): "isb:" + string(hash) + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-X", "-f", conf)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	for end := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return addr, dir
		}
		select {
		case <-ended:
			t.Fatalf("apache2 ended: %s", out.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("apache2 does not listen: %s", out.String())
		}
	}
}

// open lets another user write where the server does, and pass through the folders above.
func open(t *testing.T, dir string) {
	t.Helper()
	for _, d := range []string{"root/files", "root/files/readonly", "lock"} {
		if err := os.Chmod(filepath.Join(dir, d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

var files = []webdav.File{
	{Name: "bericht.pdf", Data: bytes.Repeat([]byte("%PDF ä\n"), 100_000)},
	{Name: "oscal/assessment-results.json", Data: []byte("{}\n")},
	{Name: "nachweis/Großer Ratssaal 100%.zip", Data: []byte("PK\x03\x04")},
	{Name: "leer.txt", Data: nil},
}

func options(addr, folder string) webdav.Options {
	return webdav.Options{URL: "http://" + addr + "/files/" + folder, User: "isb", Password: "app-password"}
}

func put(t *testing.T, o webdav.Options, files []webdav.File) (sent, there int, err error) {
	t.Helper()
	o.Progress = func(_ string, _ int, is bool) {
		if is {
			there++
		} else {
			sent++
		}
	}
	f, err := webdav.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	return sent, there, f.Put(ctx, files)
}

// TestApache puts an export on the real server: whole, once, never over somebody's work, with errors that say what to do.
func TestApache(t *testing.T) {
	addr, dir := startApache(t)
	o := options(addr, "november")
	if sent, there, err := put(t, o, files); err != nil || sent != 4 || there != 0 {
		t.Fatalf("sent %d, there %d, %v", sent, there, err)
	}
	folder := filepath.Join(dir, "root/files/november")
	for _, f := range files {
		if b, err := os.ReadFile(filepath.Join(folder, f.Name)); err != nil || !bytes.Equal(b, f.Data) {
			t.Errorf("%s: %d bytes, %v", f.Name, len(b), err)
		}
	}
	if sent, there, err := put(t, o, files); err != nil || sent != 0 || there != 4 {
		t.Errorf("again: sent %d, there %d, %v", sent, there, err)
	}
	if left := parts(t, folder); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	changed := append(slices.Clone(files[1:]), webdav.File{Name: "bericht.pdf", Data: []byte("another")}, webdav.File{Name: "new.txt", Data: []byte("x")})
	if sent, _, err := put(t, o, changed); !errors.Is(err, webdav.ErrDiffers) || sent != 0 || !strings.Contains(err.Error(), "bericht.pdf") {
		t.Errorf("sent %d, %v", sent, err)
	}
	if _, err := os.Stat(filepath.Join(folder, "new.txt")); err == nil {
		t.Error("something was sent although a file differs")
	}
	o.Replace = true
	if sent, there, err := put(t, o, changed); err != nil || sent != 2 || there != 3 {
		t.Errorf("replace: sent %d, there %d, %v", sent, there, err)
	}
	refusals(t, addr)
}

func refusals(t *testing.T, addr string) {
	t.Helper()
	wrong := options(addr, "december")
	wrong.Password = "wrong"
	for _, tt := range []struct {
		o     webdav.Options
		files []webdav.File
		want  error
	}{
		{wrong, files, webdav.ErrPassword},
		{webdav.Options{URL: wrong.URL}, files, webdav.ErrPassword},
		{options(addr, "none/none"), files, webdav.ErrFolder},
		{options(addr, "readonly"), files, webdav.ErrDenied},
		{options(addr, "large"), []webdav.File{{Name: "large", Data: make([]byte, 4_000_000)}}, webdav.ErrFull},
		{options("127.0.0.1:1", "x"), files, nil},
	} {
		if _, _, err := put(t, tt.o, tt.files); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.o.URL, err, tt.want)
		}
	}
}

func parts(t *testing.T, dir string) (left []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		if strings.Contains(p, "subrosa-part") {
			left = append(left, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// TestCutOff: between client and the real server the line breaks after some bytes, each time further on. No file is ever
// there in part, and running it again ends with all of them.
func TestCutOff(t *testing.T) {
	addr, dir := startApache(t)
	target, err := url.Parse("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	var left atomic.Int64 // bytes of bodies until the line breaks
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		if r.In.ContentLength > 0 {
			r.Out.Body = io.NopCloser(&cut{r.In.Body, &left})
		}
		if d := r.In.Header.Get("Destination"); d != "" {
			r.Out.Header.Set("Destination", d)
		}
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) }})
	defer proxy.Close()
	proxy.Config.ErrorLog = nil
	o := options(strings.TrimPrefix(proxy.URL, "http://"), "cut")
	folder := filepath.Join(dir, "root/files/cut")
	tries := 0
	for size := int64(1000); ; size *= 4 {
		left.Store(size)
		tries++
		_, _, err := put(t, o, files)
		for _, f := range files {
			if b, rerr := os.ReadFile(filepath.Join(folder, f.Name)); rerr == nil && !bytes.Equal(b, f.Data) {
				t.Fatalf("%s is there in part", f.Name)
			}
		}
		if err == nil {
			break
		}
		if size > 1<<40 {
			t.Fatal(err)
		}
	}
	if tries < 3 {
		t.Errorf("the line broke only %d times", tries-1)
	}
	if left := parts(t, folder); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// cut breaks after so many bytes.
type cut struct {
	r    io.Reader
	left *atomic.Int64
}

func (c *cut) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if c.left.Add(-int64(n)) < 0 {
		return 0, errors.New("cut")
	}
	return n, err
}

// TestLength: a server sees the length of each body, and credentials never follow a redirect.
func TestLength(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("followed to %s", r.URL) }))
	defer elsewhere.Close()
	store := map[string][]byte{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/moved"):
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case r.Method == http.MethodGet:
			b, ok := store[r.URL.Path]
			if !ok {
				http.NotFound(w, r)
			}
			w.Write(b)
		case r.Method == http.MethodPut:
			if r.ContentLength < 0 || len(r.TransferEncoding) > 0 {
				t.Errorf("%s without a length", r.URL.Path)
			}
			b, _ := io.ReadAll(r.Body)
			store[r.URL.Path] = b[:len(b)/2] // and does not keep it all
			w.WriteHeader(http.StatusCreated)
		default:
			w.WriteHeader(http.StatusCreated)
		}
	}))
	defer srv.Close()
	f, err := webdav.Open(webdav.Options{URL: srv.URL + "/a", User: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), files[:1]); err == nil || !strings.Contains(err.Error(), "not kept what was sent") {
		t.Errorf("got %v", err)
	}
	if f, err = webdav.Open(webdav.Options{URL: srv.URL + "/moved", User: "u", Password: "p"}); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), files[:1]); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("got %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, u := range []string{"", "cloud.example", "http://cloud.example/dav/x", "https://cloud.example", "https://cloud.example/", "https://u:p@cloud.example/x",
		"https://cloud.example/x?y", "ftp://127.0.0.1/x", "https://cloud.example/x#y", "http://127.0.0.1.example/x", "://"} {
		if _, err := webdav.Open(webdav.Options{URL: u}); err == nil {
			t.Errorf("%q: no error", u)
		}
	}
	f, err := webdav.Open(webdav.Options{URL: "http://127.0.0.1:1/x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "../x", "/x", "a/../../x", "a//b", `a\b`, "a\nb", "a/"} {
		if err := f.Put(t.Context(), []webdav.File{{Name: name}}); err == nil || !strings.Contains(err.Error(), "no name of a file") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
