package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"subrosa/firmware/journal"
)

// inviteSocket takes the wish for a first invite while the conference runs. Who may reach it, the state folder says: it
// is its user's alone, who could as well stop the conference and write the book.
const inviteSocket = "invite.sock"

// maxSocket is the longest path of a Unix socket, unix(7), without the zero at its end.
const maxSocket = 107

// openInvites opens the socket, in place of one that a run before has left: the book's lock is held by now.
func openInvites(dir string, log *slog.Logger) (net.Listener, error) {
	path := filepath.Join(dir, inviteSocket)
	if len(path) > maxSocket {
		log.Warn("no first invites while the conference runs: the path is too long for a socket", "path", path)
		return nil, nil
	}
	if i, err := os.Lstat(path); err == nil && i.Mode()&fs.ModeSocket == 0 {
		return nil, fmt.Errorf("first invites: %s is there and is no socket", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("first invites: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("first invites: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("first invites: %w", err), l.Close())
	}
	return l, nil
}

// inviteHandler answers with the link, or with what keeps it back.
func (s *server) inviteHandler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /first-invite/{room}", func(w http.ResponseWriter, r *http.Request) {
		m, err := s.access.FirstInvite(r.PathValue("room"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		fmt.Fprintln(w, m.Link)
	})
	m.HandleFunc("POST /stream-token/{room}", s.streamWish)
	return m
}

// wish is where the running conference is asked for what the options want; "": nothing.
func (o options) wish() string {
	switch {
	case o.invite != "":
		return "/first-invite/" + url.PathEscape(o.invite)
	case o.token != "":
		return fmt.Sprintf("/stream-token/%s?publish=%t&hours=%d", url.PathEscape(o.token), o.publish, o.hours)
	}
	return ""
}

// askRunning asks the conference that runs with this state folder, if there is one.
func askRunning(ctx context.Context, dir, wish string, w io.Writer) (asked bool, err error) {
	path := filepath.Join(dir, inviteSocket)
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://confd"+wish, nil)
	if err != nil {
		return false, fmt.Errorf("first invite: %w", err)
	}
	a, err := client.Do(q)
	switch {
	case len(path) > maxSocket, errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED): // none runs
		return false, nil
	case err != nil:
		return false, fmt.Errorf("first invite: the conference that runs cannot be asked: %w", err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(io.LimitReader(a.Body, 4096))
	if err == nil && a.StatusCode != http.StatusOK {
		err = errors.New(string(b))
	}
	if err != nil {
		return true, fmt.Errorf("first invite: %w", err)
	}
	_, err = w.Write(b)
	return true, err
}

// firstInvite prints the link while no conference runs.
func (s *server) firstInvite(room string, w io.Writer) error {
	m, err := s.access.FirstInvite(room)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, m.Link)
	return err
}

// alreadyRuns says in words that the state folder is another process's.
func alreadyRuns(o options, err error) error {
	if !errors.Is(err, journal.ErrLocked) && !errors.Is(err, syscall.EWOULDBLOCK) {
		return err
	}
	what := "es wird gerade benutzt: die Konferenz läuft schon / it is in use: the conference runs already"
	if o.wish() != "" {
		what = "die Konferenz läuft und nimmt hier keine Wünsche an: anhalten, den Link holen, wieder starten / the conference runs and takes no wishes here: stop it, get the link, start it again"
	}
	return fmt.Errorf("%s: %s (%w)", o.state, what, err)
}
