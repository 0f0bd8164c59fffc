package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"subrosa/firmware/conference/notebook"
)

// Conference says how a conference on this unit reaches it.
type Conference struct {
	// Socket is the Unix socket by which confd writes into the unit's journal, such as /run/subrosa/conference.sock; "": none.
	// Who may connect, the rights of its folder say.
	Socket string `json:"socket"`
}

// openConference opens the socket, in place of one that a run before has left.
func (u *unit) openConference(c Config) (err error) {
	if c.Conference.Socket == "" {
		return nil
	}
	if i, err := os.Lstat(c.Conference.Socket); err == nil && i.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("conference: socket: %s is there and is no socket", c.Conference.Socket)
	}
	if err := os.Remove(c.Conference.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("conference: socket: %w", err)
	}
	if u.confd, err = net.Listen("unix", c.Conference.Socket); err != nil {
		return fmt.Errorf("conference: socket: %w", err)
	}
	if err := os.Chmod(c.Conference.Socket, 0o660); err != nil {
		return fmt.Errorf("conference: socket: %w", err)
	}
	u.notes = &http.Server{Handler: notebook.Handler(u.journal, c.Room), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(u.log.Handler(), slog.LevelDebug)}
	return nil
}

// serveConference takes entries of the conference.
func (u *unit) serveConference(servers []*http.Server, fatal chan<- error) []*http.Server {
	if u.confd == nil {
		return servers
	}
	serve(u.confd, u.notes, fatal)
	return append(servers, u.notes)
}
