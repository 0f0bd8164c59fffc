package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"subrosa/firmware/room"
	"subrosa/firmware/state"
	"subrosa/firmware/wall"
)

// openPages makes the wall and the chair's page and opens their port, and that of the metrics.
func (u *unit) openPages(c Config, folder state.Folder) error {
	keys, err := loadKeys(folder)
	if err != nil {
		return err
	}
	if u.pages, err = listen(c); err != nil {
		return err
	}
	if c.Metrics != "" {
		if u.metrics, err = net.Listen("tcp", c.Metrics); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	where, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return fmt.Errorf("config: timezone: %w", err)
	}
	u.log.Info("pages", "url", pageURL(c, u.pages), "keys", folder.Path("keys")) // the keys themselves are no matter for a log
	words := words(c)
	maps.Copy(words, room.RuleWords(c.rules))
	u.wall, err = wall.New(wall.Options{Location: where, ChairToken: keys.Chair, ClerkToken: keys.Clerk, Log: u.log, Words: words,
		WallShowsFindings: c.WallShowsFindings, HomeBase: c.Roster.HomeBase, CheckIn: checkIn{u}, Declare: checkIn{u},
		Do: func(ctx context.Context, order wall.Order) error { return u.room.Do(ctx, order) }})
	return err
}

func serve(l net.Listener, s *http.Server, fatal chan<- error) {
	go func() {
		var err error
		if s.TLSConfig != nil {
			err = s.ServeTLS(l, "", "")
		} else {
			err = s.Serve(l)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			fatal <- err
		}
	}()
}

// certificates loads the unit's identity for the broker, and for its pages unless they are plain.
func certificates(c Config) (broker, pages *tls.Config, err error) {
	if c.Cert == "" {
		if c.Plain {
			return nil, nil, nil
		}
		return nil, nil, errors.New("config: cert is missing: the unit's certificate from `subrosa site init`")
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %s with key %s: %w", c.Cert, c.Key, err)
	}
	b, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, nil, fmt.Errorf("certificate: %s holds no certificate", c.CA)
	}
	broker = &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS13}
	if !c.Plain {
		pages = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	return broker, pages, nil
}

func listen(c Config) (net.Listener, error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); c.Plain && (!ok || !a.IP.IsLoopback()) {
		l.Close()
		return nil, fmt.Errorf("pages: %s is not loopback, and plain pages must be", c.Listen)
	}
	return l, nil
}

func pageURL(c Config, l net.Listener) string {
	u := url.URL{Scheme: "https", Host: l.Addr().String()}
	if c.Plain {
		u.Scheme = "http"
	}
	return u.String()
}

type keys struct{ Chair, Clerk string }

// loadKeys returns the keys of the chair's page, made at the first start.
func loadKeys(f state.Folder) (k keys, err error) {
	err = f.Load("keys", &k)
	if errors.Is(err, fs.ErrNotExist) {
		k = keys{Chair: wall.NewToken(), Clerk: wall.NewToken()}
		err = f.Save("keys", k)
	}
	return k, err
}

// printLinks prints the links with which chair and clerk open their page: who has one has the role.
func printLinks(c Config, dir string, out io.Writer) error {
	folder, err := state.Open(dir)
	if err != nil {
		return err
	}
	k, err := loadKeys(folder)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("config: listen: %w", err)
	}
	scheme := "http"
	if !c.Plain {
		scheme = "https"
		if host == "" {
			if host, err = certifiedHost(c.Cert); err != nil {
				return err
			}
		}
	}
	for _, who := range []struct{ name, key string }{{"Sitzungsleitung / chair", k.Chair}, {"Schriftführung / clerk", k.Clerk}} {
		u := url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port)}
		if _, err := fmt.Fprintf(out, "%-24s %s%s\n", who.name+":", u.String(), wall.PairPath(who.key)); err != nil {
			return err
		}
	}
	return nil
}

// certifiedHost returns the first name that the pages' certificate is for.
func certifiedHost(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("certificate: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return "", fmt.Errorf("certificate: %s holds none", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("certificate: %s: %w", path, err)
	}
	if len(cert.DNSNames) == 0 {
		return "", fmt.Errorf("certificate: %s is for no host", path)
	}
	return cert.DNSNames[0], nil
}
