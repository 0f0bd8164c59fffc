package hall

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"subrosa/drivers/httpstatus"
	"subrosa/firmware/av"
	"subrosa/firmware/clock"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

func TestBuild(t *testing.T) {
	ok := func() Device { return Device{ID: "stream", MQTT: true, Network: []string{"rtsp://192.0.2.1/live"}} }
	for name, change := range map[string]func(*Device){
		"id": func(d *Device) { d.ID = "A B" }, "kind": func(d *Device) { d.ID = "beamer" }, "relay": func(d *Device) { d.Relay = "amp" },
		"address": func(d *Device) { d.Network = []string{"tcp://x"} }, "http": func(d *Device) { d.HTTP = &httpstatus.Config{URL: "x"} },
		"token without http": func(d *Device) { d.Token = "x" }, "pjlink": func(d *Device) { d.PJLink = &PJLink{} },
		"password file": func(d *Device) { d.PJLink = &PJLink{Address: "a", Password: filepath.Join(t.TempDir(), "none")} },
		"stale":         func(d *Device) { d.StaleSeconds = -1 },
	} {
		d := ok()
		change(&d)
		if _, _, _, err := Build([]Device{d}, []string{"loop"}); err == nil || !strings.HasPrefix(err.Error(), "av: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := ok()
	d.Relay, d.PJLink = "loop", &PJLink{Address: "192.0.2.7"}
	desk, w, relays, err := Build([]Device{d, {ID: "foyer", Kind: av.Overflow}}, []string{"loop"})
	if err != nil || relays["stream"] != "loop" || len(w.list) != 2 {
		t.Fatalf("%v, relays %v, %d asked", err, relays, len(w.list))
	}
	if got := desk.Devices()[0].Proofs; !slices.Equal(got, []av.Proof{av.MQTT, av.Relay, av.PJLink, av.Network}) || len(desk.Devices()[1].Proofs) != 0 {
		t.Errorf("proofs %v", got)
	}
}

// TestSecret: a token is read out of its file, and only one line.
func TestSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for text, want := range map[string]string{"geheim\n": "geheim", "": "", "a\nb": ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := secret(path); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

// TestWatch: a recorder's status page and a projector that is not there are asked by turns; when a handover begins they are
// asked at once, not when their turn comes.
func TestWatch(t *testing.T) {
	var on atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"rec":%v}`, on.Load()) }))
	defer s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	on.Store(true)
	desk, w, _, err := Build([]Device{
		{ID: "recorder", HTTP: &httpstatus.Config{URL: s.URL, Pointer: "/rec", On: []string{"true"}, Off: []string{"false"}}},
		{ID: "overflow", PJLink: &PJLink{Address: gone}},
		{ID: "stream", Network: []string{"rtsp://" + gone + "/live"}},
	}, nil)
	if err != nil || len(desk.Devices()) != 3 {
		t.Fatal(err)
	}
	type told struct {
		device string
		r      av.Reading
	}
	news := make(chan told, 100)
	w.Clock, w.Log = clock.Wall{}, slog.New(slog.NewTextHandler(io.Discard, nil))
	w.Tell = func(device string, _ av.Proof, r av.Reading) { news <- told{device, r} }
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	await := func(device string, want av.State) {
		t.Helper()
		limit := time.After(10 * time.Second) // far below the pace of the public part
		for {
			select {
			case n := <-news:
				if n.device == device && n.r.State == want {
					return
				}
			case <-limit:
				t.Fatalf("%s is never told as %s", device, want)
			}
		}
	}
	await("recorder", av.On)
	on.Store(false)
	w.Show(wall.View{Session: session.Report{State: session.Handover}})
	await("recorder", av.Off)
	w.Show(wall.View{Session: session.Report{State: session.Closed}})
	await("stream", av.Off)
	w.Show(wall.View{Session: session.Report{State: session.Restoring}})
	await("overflow", av.Unknown)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
