// Package webdav puts files into a folder of a WebDAV server (RFC 4918), such as Nextcloud's
// https://cloud.example/remote.php/dav/files/USER/FOLDER.
//
// A file is there whole or not at all: it is sent under a name of its own, and moved to its place once the server has as
// many bytes as were sent. What is there already with the same contents is left alone, so that an upload that was cut off
// is simply run again. What is there with other contents is somebody's work, such as an officer's decisions: nothing at
// all is sent then, unless Replace.
//
// Requests carry their length: servers with PHP behind them, Nextcloud among them, are known to store empty files when a body
// comes in pieces of unknown number. Redirects are not followed, for they would carry the password elsewhere.
package webdav

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// Sentinel errors, wrapped by what is returned.
var (
	ErrDiffers  = errors.New("there already, with other contents")
	ErrPassword = errors.New("user or password is not accepted")
	ErrFolder   = errors.New("the folder above it is not there")
	ErrFull     = errors.New("the server has no room left")
	ErrDenied   = errors.New("the server does not allow it")
)

// File is what is to be put; Name has slashes and is relative to the folder.
type File struct {
	Name string
	Data []byte
}

// Options of a Folder.
type Options struct {
	URL            string // of the folder; https, or http on loopback
	User, Password string // an app password, not the account's
	Roots          *x509.CertPool
	Replace        bool // also what differs
	// Progress hears of each file before it is sent, and of those that are there already; nil: nobody.
	Progress func(name string, bytes int, there bool)
	// Client is for tests; nil: one with timeouts.
	Client *http.Client
}

// Folder is a folder on a server.
type Folder struct {
	o    Options
	base *url.URL
	http *http.Client
}

// maxBack is how much is read of a file that is there, beyond what we have; then it differs anyhow.
const maxBack = 1

// Open checks the options. It does not speak to the server.
func Open(o Options) (*Folder, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("webdav: %w", err)
	case u.User != nil:
		return nil, errors.New("webdav: user and password do not belong into the address: it is logged and shown")
	case u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("webdav: %q: want https://cloud.example/remote.php/dav/files/USER/FOLDER", o.URL)
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return nil, fmt.Errorf("webdav: %q: want https, for the password goes along", o.URL)
	case strings.Trim(u.Path, "/") == "":
		return nil, fmt.Errorf("webdav: %q names no folder", o.URL)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	f := &Folder{o: o, base: u, http: o.Client}
	if f.http == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout = 5 * time.Minute // a server may check a large file before it answers
		t.TLSClientConfig.RootCAs = o.Roots
		f.http = &http.Client{Transport: t}
	}
	c := *f.http
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	f.http = &c
	return f, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Put puts files, the folder itself made if only it is missing.
func (f *Folder) Put(ctx context.Context, files []File) error {
	for _, file := range files {
		if !sound(file.Name) {
			return fmt.Errorf("webdav: %q is no name of a file", file.Name)
		}
	}
	var differ []string
	there := make([]state, len(files))
	for i, file := range files {
		s, err := f.look(ctx, file)
		if err != nil {
			return err
		}
		if there[i] = s; s == other {
			differ = append(differ, file.Name)
		}
	}
	if len(differ) > 0 && !f.o.Replace {
		return fmt.Errorf("webdav: %s: %w (another folder, or --replace)", strings.Join(differ, ", "), ErrDiffers)
	}
	if !slices.ContainsFunc(there, func(s state) bool { return s != same }) {
		for _, file := range files {
			f.tell(file, true)
		}
		return nil
	}
	if err := f.folders(ctx, files); err != nil {
		return err
	}
	for i, file := range files {
		f.tell(file, there[i] == same)
		if there[i] == same {
			continue
		}
		if err := f.put(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

func (f *Folder) tell(file File, there bool) {
	if f.o.Progress != nil {
		f.o.Progress(file.Name, len(file.Data), there)
	}
}

// sound is a relative name that stays below the folder.
func sound(name string) bool {
	return name != "" && path.Clean(name) == name && !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "..") && name != "." &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f })
}

type state int

const (
	absent state = iota
	same
	other
)

// look compares what is there with what is to be.
func (f *Folder) look(ctx context.Context, file File) (state, error) {
	resp, err := f.do(ctx, http.MethodGet, file.Name, nil, nil)
	if err != nil {
		return absent, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusConflict: // Conflict: its folder is not there
		return absent, nil
	default:
		return absent, f.refused("read", file.Name, resp)
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(resp.Body, int64(len(file.Data)+maxBack))); err != nil {
		return absent, fmt.Errorf("webdav: %s: %w", file.Name, err)
	}
	want := sha256.Sum256(file.Data)
	if bytes.Equal(h.Sum(nil), want[:]) {
		return same, nil
	}
	return other, nil
}

// folders makes the folder and those below it that files need.
func (f *Folder) folders(ctx context.Context, files []File) error {
	need := []string{""}
	for _, file := range files {
		for dir := path.Dir(file.Name); dir != "."; dir = path.Dir(dir) {
			if !slices.Contains(need, dir) {
				need = append(need, dir)
			}
		}
	}
	slices.Sort(need) // a folder before what is in it
	for _, dir := range need {
		resp, err := f.do(ctx, "MKCOL", dir, nil, nil)
		if err != nil {
			return err
		}
		resp.Body.Close()
		// 405: it is there (RFC 4918, section 9.3.1). 301: Apache's way to say so of a folder without its slash.
		if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusMethodNotAllowed && resp.StatusCode != http.StatusMovedPermanently {
			return f.refused("make folder", dir, resp)
		}
	}
	return nil
}

// put sends a file under a name of its own and moves it to its place.
func (f *Folder) put(ctx context.Context, file File) error {
	tmp := path.Join(path.Dir(file.Name), "."+path.Base(file.Name)+".subrosa-part")
	resp, err := f.do(ctx, http.MethodPut, tmp, file.Data, nil)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusOK {
		return f.refused("send", file.Name, resp)
	}
	if s, err := f.look(ctx, File{tmp, file.Data}); err != nil {
		return err
	} else if s != same {
		return fmt.Errorf("webdav: %s: the server has not kept what was sent; is a proxy between that changes or cuts uploads?", file.Name)
	}
	overwrite := "F"
	if f.o.Replace {
		overwrite = "T"
	}
	resp, err = f.do(ctx, "MOVE", tmp, nil, http.Header{"Destination": {f.url(file.Name)}, "Overwrite": {overwrite}})
	if err != nil {
		return err
	}
	resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusCreated, http.StatusNoContent:
		return nil
	case http.StatusPreconditionFailed:
		return fmt.Errorf("webdav: %s: %w, since just now", file.Name, ErrDiffers)
	}
	return f.refused("move", file.Name, resp)
}

func (f *Folder) url(name string) string {
	u := *f.base
	u.Path = path.Join(u.Path, name)
	if name == "" {
		u.Path += "/"
	}
	return u.String()
}

// do sends one request.
func (f *Folder) do(ctx context.Context, method, name string, body []byte, header http.Header) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body) // its length goes along
	}
	req, err := http.NewRequestWithContext(ctx, method, f.url(name), r)
	if err != nil {
		return nil, fmt.Errorf("webdav: %w", err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if f.o.User != "" {
		req.SetBasicAuth(f.o.User, f.o.Password)
	}
	resp, err := f.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("webdav: %w; what was sent so far stays, run it again", err)
	}
	return resp, nil
}

// refused says what the server's status means here.
func (f *Folder) refused(what, name string, resp *http.Response) error {
	if name == "" {
		name = f.base.Path
	}
	bad := func(err error) error { return fmt.Errorf("webdav: %s %s: %w (%s)", what, name, err, resp.Status) }
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return bad(ErrPassword)
	case http.StatusForbidden, http.StatusLocked:
		return bad(ErrDenied)
	case http.StatusConflict, http.StatusNotFound:
		return bad(ErrFolder)
	case http.StatusInsufficientStorage, http.StatusRequestEntityTooLarge:
		return bad(ErrFull)
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return bad(errors.New("no WebDAV is spoken at this address"))
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return bad(fmt.Errorf("it is elsewhere: %.200q; give that address", resp.Header.Get("Location")))
	}
	return bad(errors.New("the server does not do it"))
}
