package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"subrosa/firmware/topic"
	"subrosa/provisioning/site"
)

func bundleFiles(t *testing.T, dir string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	c, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("%s: no CA", dir)
	}
	return c, pool
}

// TestSite runs the console with a site's certificates: broker and pages by TLS, a unit by its bundle, a denied
// unit, and a unit of another site.
func TestSite(t *testing.T) {
	plan := site.Plan{Name: "Stadt Musterstadt", Domain: "raum.example", Loopback: true,
		Units: []site.Unit{{ID: "ratssaal-1", Room: "ratssaal"}, {ID: "lost-1", Room: "lost"}}}
	mine, err := site.Init(filepath.Join(t.TempDir(), "mine"), plan, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := site.Init(filepath.Join(t.TempDir(), "other"), plan, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "console.json")
	if err := os.WriteFile(conf, []byte(`{"deny": ["unit:lost-1"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := startConsole(t, t.TempDir(), "--demo", "--mqtt-tls", mine.Path("broker"), "--tls", mine.Path("page"), "--mqtt-listen", "127.0.0.1:0", "--config", conf)
	addr := regexp.MustCompile(`msg="broker listens" listen=(\S+) for="mutual TLS"`).FindStringSubmatch(c.log.String())
	if addr == nil {
		t.Fatalf("no TLS listener:\n%s", c.log)
	}
	dial := func(s *site.Site, name string) paho.Client {
		cert, _ := bundleFiles(t, s.Path("unit/"+name))
		_, pool := bundleFiles(t, mine.Path("unit/ratssaal-1"))
		o := paho.NewClientOptions().AddBroker("ssl://" + addr[1]).SetClientID(name).SetAutoReconnect(false).SetProtocolVersion(4).
			SetTLSConfig(&tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool})
		cl := paho.NewClient(o)
		t.Cleanup(func() { cl.Disconnect(0) })
		return cl
	}
	good := dial(mine, "ratssaal-1")
	if tok := good.Connect(); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatalf("unit of the site: %v", tok.Error())
	}
	if tok := good.Publish(topic.Contact("ratssaal", "door"), 1, true, "{}"); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Errorf("publish: %v", tok.Error())
	}
	for name, cl := range map[string]paho.Client{"denied unit": dial(mine, "lost-1"), "unit of another site": dial(other, "ratssaal-1")} {
		if tok := cl.Connect(); tok.WaitTimeout(patience) && tok.Error() == nil {
			t.Errorf("%s: connected", name)
		}
	}
	until(t, "a line for each refusal", func() bool {
		log := c.log.String()
		return strings.Contains(log, "shut out by the configuration") && strings.Contains(log, "unknown authority")
	})
	_, pool := bundleFiles(t, mine.Path("page"))
	c.web.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	resp, err := c.web.Get(c.link)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if status, body := c.get("/"); status != http.StatusOK || !strings.Contains(body, "Räume") || !strings.HasPrefix(c.link, "https://") {
		t.Errorf("pages by TLS: %d", status)
	}
}
