// Command pages serves every scene of the wall and the chair's page on loopback, to be looked at:
//
//	go run ./firmware/wall/internal/show/pages
//
// Each scene has a port of its own, printed at start; the one called live has a real session behind it.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"time"

	"subrosa/firmware/session"
	"subrosa/firmware/wall"
	"subrosa/firmware/wall/internal/show"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	dark := flag.Bool("dark", false, "show the dark colours whatever the browser prefers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, *dark); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string, dark bool) error {
	key := wall.NewToken()
	for _, s := range show.Scenes() {
		h, err := wall.New(wall.Options{ChairToken: key, Do: refuse, Location: time.UTC, Words: show.Words})
		if err != nil {
			return err
		}
		h.Update(s.View)
		go keep(ctx, h, s.View)
		if err := serve(addr, s.Name, paired(h, key, dark)); err != nil {
			return err
		}
	}
	r := newRoom()
	h, err := wall.New(wall.Options{ChairToken: key, Do: r.Do, StaleAfter: 5 * time.Second})
	if err != nil {
		return err
	}
	r.page = h
	if err := serve(addr, "live", paired(h, key, dark)); err != nil {
		return err
	}
	r.Run(ctx)
	return nil
}

func serve(addr, name string, h http.Handler) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(l) }()
	fmt.Printf("%-13s http://%s/  http://%s/leitung\n", name, l.Addr(), l.Addr())
	return nil
}

// paired gives every request the cookie that key opens, so that a browser without a history sees the chair's
// page. With ?open everything that folds is unfolded.
func paired(h http.Handler, key string, dark bool) http.Handler {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", wall.PairPath(key), nil))
	cookies := w.Result().Cookies()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, c := range cookies {
			r.AddCookie(c)
		}
		if !dark && !r.URL.Query().Has("open") || strings.HasSuffix(r.URL.Path, "/events") {
			h.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		page := rec.Body.Bytes()
		if dark {
			page = bytes.ReplaceAll(page, []byte("(prefers-color-scheme: dark)"), []byte("all"))
		}
		if r.URL.Query().Has("open") {
			page = bytes.ReplaceAll(page, []byte("<details "), []byte("<details open "))
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		_, _ = w.Write(page)
	})
}

// keep gives the same view again and again, as a unit does while nothing changes.
func keep(ctx context.Context, h *wall.Handler, v wall.View) {
	t := time.NewTicker(5 * time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			h.Update(v)
		}
	}
}

func refuse(_ context.Context, o wall.Order) error {
	log.Print(o, " from ", session.Chair)
	return &wall.Refusal{Text: wall.Text{DE: "Dies ist nur eine Ansicht.", EN: "This is for looking only."}}
}
