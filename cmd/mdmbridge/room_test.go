package main

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/wavfile"
	"subrosa/firmware/event"
	"subrosa/firmware/seal"
	"subrosa/firmware/session"
	"subrosa/firmware/slot"
	"subrosa/firmware/state"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
	"subrosa/mdm"
)

// program returns one of ours: from SUBROSA_BIN, or built.
func (h *house) program(name string) string {
	h.t.Helper()
	if dir := os.Getenv("SUBROSA_BIN"); dir != "" {
		return filepath.Join(dir, name)
	}
	if out, err := exec.Command("go", "build", "-o", h.path(name), "subrosa/cmd/"+name).CombinedOutput(); err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
	return h.path(name)
}

// roomd starts the unit's program for the Ratssaal; its pages are at the address returned.
func (h *house) roomd(key, roster string) (pages string) {
	h.t.Helper()
	pages = free(h.t)
	h.file("roster.csv", roster)
	f, err := state.Open(h.path("unit-state"))
	if err == nil {
		err = f.Save("keys", map[string]string{"Chair": key, "Clerk": wall.NewToken()})
	}
	if err == nil {
		err = f.Save("slots", slot.New())
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.file("unit.json", map[string]any{"unit": "ratssaal-1", "room": "ratssaal", "name": "Ratssaal", "broker": "tcp://" + h.brokerAt, "listen": pages, "plain": true,
		"sensed": h.program("sensed"), "sound": map[string]any{"source": "feed", "feed": map[string]any{"rate": 48000, "items": []any{map[string]any{"file": h.noise(), "loop": true}}}}, "roster": map[string]any{"file": "roster.csv"},
		"lockdown": map[string]any{"restrict": []string{"assistant", "dictation", "microphone?"}}})
	args := []string{"--config", h.path("unit.json"), "--state", h.path("unit-state")}
	if seal.Probe() != nil {
		args = append(args, "--unsealed")
	}
	cmd := exec.Command(h.program("roomd"), args...)
	cmd.Stderr = h.log
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return "http://" + pages
}

// noise is a second of it, for a microphone.
func (h *house) noise() string {
	h.t.Helper()
	f, err := os.Create(h.path("noise.wav"))
	if err != nil {
		h.t.Fatal(err)
	}
	w, err := wavfile.NewWriter(f, audio.Format{Rate: 48000, Channels: 1}, wavfile.PCM16)
	x := make([]float32, 48000)
	for i := range x {
		x[i] = 0.002 * (rand.Float32() - 0.5)
	}
	if err == nil {
		err = errors.Join(w.Write(x), w.Close(), f.Close())
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return f.Name()
}

// browser is the chair's.
type browser struct {
	h    *house
	base string
	web  http.Client
}

func (b *browser) post(path string, form url.Values) int {
	resp, err := b.web.PostForm(b.base+path, form)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body) //nolint:errcheck // read for the connection's sake
	return resp.StatusCode
}

func (b *browser) get(path string) string {
	resp, err := b.web.Get(b.base + path)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

func (b *browser) view() (v wall.View) {
	json.Unmarshal([]byte(b.get("/api/view")), &v) //nolint:errcheck // an empty view is not the one waited for
	return v
}

// TestRoom is everything as processes, but for the devices: roomd, the bridge and mosquitto; NanoMDM is the real one within the test.
// A session is planned; the phones lock, the counts are on the wall, the clerk's list is signed on the page, the bridge is killed in
// between, the session ends, and all is given back.
func TestRoom(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	h := houseWith(t, 4, func(h *house) { h.mosquitto("topic readwrite subrosa/v1/#\n") })
	h.file("paper.key", "0123456789abcdef")
	h.file("paper.json", []mdm.Device{{ID: "d-paper", Platform: "linux", Enrolment: "d-paper"}})
	h.conf.Connectors = append(h.conf.Connectors, Connector{ID: "paper", Kind: "manual", Standing: []string{"assistant"}, Devices: h.path("paper.json"),
		Options: json.RawMessage(`{"key_file":"` + h.path("paper.key") + `"}`)})
	p := h.spawn(true)
	defer func() { p.kill() }()
	key := wall.NewToken()
	b := &browser{h: h, base: h.roomd(key, "id,role,devices,from,to\nm-1,chair,d-000,,\nm-2,clerk,d-paper,,\nm-3,councillor,d-001,,\nm-4,councillor,d-002,,\nm-5,councillor,d-003,,\nm-6,councillor,d-private,,\n"),
		web: http.Client{Timeout: 5 * time.Second}}
	b.web.Jar, _ = cookiejar.New(nil)
	h.until("chair at the page", func() bool { return b.post("/leitung/pair", url.Values{"key": {key}}) == http.StatusOK })
	h.until("standing posture", func() bool { return h.posture().Off == 4 })
	h.phones[0].Screen(true)

	from, to := time.Now().Add(10*time.Minute), time.Now().Add(2*time.Hour)
	e, err := event.Wrap("/console", "de.subrosa.session.desired.v1", "room/ratssaal/session/desired", time.Now(), "plan", session.Desired{Version: 1, Writer: "console",
		Role: session.Clerk, State: session.Planned, Kind: "council", Level: "nonpublic", From: &from, To: &to})
	raw, err2 := e.Encode()
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	h.stranger("console", topic.SessionDesired("ratssaal"), raw)
	began := time.Now()
	wallSays := func(parts ...string) func() bool {
		return func() bool {
			page := b.get("/")
			for _, q := range parts {
				if !strings.Contains(page, q) {
					return false
				}
			}
			return true
		}
	}
	h.until("counts on the wall", wallSays("Assistenten aus: 3", "Bildschirm gesperrt, bitte einmal entsperren: 1", "nicht verwaltet: 1"))
	t.Logf("measured: counts of the whole on the wall %v after the plan", time.Since(began).Round(10*time.Millisecond))
	h.phones[0].Screen(false)
	h.until("lock of the unlocked", wallSays("Assistenten aus: 4"))
	if _, l := h.truth(); l != 4 {
		t.Errorf("%d of 4 phones are locked", l)
	}

	for _, kind := range []string{mdm.PointStand, mdm.PointLock} {
		h.until("point "+kind+" on the chair's page", func() bool {
			c := b.view().Checklist
			return len(c) == 1 && c[0].Device == "d-paper" && c[0].Kind == kind && c[0].Signed == ""
		})
		q := b.view().Checklist[0]
		if !strings.Contains(b.get("/leitung"), "Geräte von Hand prüfen") {
			t.Error("the page does not ask")
		}
		h.until("press", func() bool {
			return b.post("/leitung/do", url.Values{"act": {"sign"}, "conn": {"paper"}, "command": {q.Command}, "done": {"yes"}, "seen": {string(b.view().Session.State)}}) == http.StatusOK
		})
	}
	h.until("declaration on the wall, apart", wallSays("Assistenten aus: 4", "als aus erklärt, nicht nachgewiesen: 1"))

	p.kill()
	h.until("loss of the bridge on the wall", wallSays("Verwaltung der Geräte nicht erreichbar: Telefone ins Schließfach"))
	p = h.spawn(true)
	h.until("the same counts again", wallSays("Assistenten aus: 4", "als aus erklärt, nicht nachgewiesen: 1"))

	h.until("end by the chair", func() bool {
		return b.post("/leitung/do", url.Values{"act": {"end"}, "seen": {string(b.view().Session.State)}}) == http.StatusOK
	})
	began = time.Now()
	h.until("return of the phones", func() bool { s, l := h.truth(); return s == 4 && l == 0 })
	t.Logf("measured: phones given back %v after the end", time.Since(began).Round(10*time.Millisecond))
	h.until("point of giving back", func() bool { c := b.view().Checklist; return len(c) == 1 && c[0].Kind == mdm.PointFree })
	q := b.view().Checklist[0]
	h.until("press", func() bool {
		return b.post("/leitung/do", url.Values{"act": {"sign"}, "conn": {"paper"}, "command": {q.Command}, "done": {"yes"}, "seen": {string(b.view().Session.State)}}) == http.StatusOK
	})
	h.until("nothing left", func() bool {
		v := b.view()
		return len(v.Checklist) == 0 && v.Session.State == session.Open && (v.Lockdown == nil || v.Lockdown.Returning == 0)
	})
}
