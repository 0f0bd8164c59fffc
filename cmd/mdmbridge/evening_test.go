package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/mdm"
)

// TestEvening is one session with everything that happens at once: a locked screen, a phone without network, one that refuses,
// a bridge that is killed, a broker that forgets, and a list that is deleted.
func TestEvening(t *testing.T) {
	h := newHouse(t, 8)
	h.start()
	n := len(h.phones)
	h.until("standing posture", func() bool { p := h.posture(); return p.Off == n && p.Total == n })
	locked, away, refusing := h.phones[0], h.phones[1], h.phones[2]
	locked.Screen(true)
	away.Reach(false)
	refusing.Refuse(true)
	u := h.unit("ratssaal")
	defer u.kill()
	u.lock(h, "s1", 300*time.Second, time.Hour)
	h.until("proof", func() bool {
		r := h.report("ratssaal")
		return r.Counts[mdm.LockedVerified] == n-3 && r.Counts[mdm.NotNow] == 1 && r.Counts[mdm.Offline] == 1 && r.Counts[mdm.Error]+r.Counts[mdm.Stuck] == 1
	})
	r := h.report("ratssaal")
	if r.Evidence != mdm.Restrictions || r.Microphones.Can != 0 || !slices.Contains(r.Limits, mdm.LimitMicrophone) || r.Error != "" {
		t.Errorf("report %+v", r)
	}
	h.kill()
	h.broker.Close()
	h.openBroker() // it has forgotten everything
	locked.Screen(false)
	h.start()
	h.until("lock of the phone that was unlocked, after both were killed", func() bool { return h.report("ratssaal").Counts[mdm.LockedVerified] == n-2 })
	u.open()
	away.Reach(true)
	h.until("return to the standing posture", func() bool {
		s, l := h.truth()
		return s == n && l == 0 && h.report("ratssaal").Mode == mdm.Open && len(h.report("ratssaal").Counts) == 0
	})
	h.until("end of the devices' topics", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for name := range h.said {
			if strings.HasPrefix(name, "device/") {
				return false
			}
		}
		return true
	})
	if p := h.posture(); p.Off != n {
		t.Errorf("posture after the session: %+v", p)
	}
	h.web(t)
}

// web looks at health and metrics.
func (h *house) web(t *testing.T) {
	t.Helper()
	for path, want := range map[string]string{"/healthz": `"ok":true`, "/metrics": `subrosa_mdm_posture_off{conn="nanomdm"} 8`} {
		resp, err := http.Get("http://" + h.conf.Listen + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !bytes.Contains(b, []byte(want)) {
			t.Errorf("%s: %v, %.400s", path, err, b)
		}
	}
}

// TestUnitDies: its last wish stays on the broker, and is obeyed for one lease.
func TestUnitDies(t *testing.T) {
	h := newHouse(t, 2)
	h.start()
	u := h.unit("ratssaal")
	u.lock(h, "s1", 4*time.Second, time.Hour)
	h.until("lock", func() bool { _, l := h.truth(); return l == 2 })
	u.kill()
	h.until("return after one lease", func() bool { _, l := h.truth(); return l == 0 })
}

// TestRestoreAll: with a running bridge, and without.
func TestRestoreAll(t *testing.T) {
	// the test's own broker has a data race between a retained publish and a subscription with a wildcard (mochi-mqtt issue 200)
	h := houseWith(t, 2, func(h *house) { h.mosquitto("topic readwrite subrosa/v1/#\n") })
	h.start()
	u := h.unit("ratssaal")
	defer u.kill()
	u.lock(h, "s1", 300*time.Second, time.Hour)
	h.until("lock", func() bool { _, l := h.truth(); return l == 2 })
	var out bytes.Buffer
	o := options{state: h.path("state"), wait: time.Minute}
	if err := restore(t.Context(), o, h.conf, &out, quiet()); err != nil || !strings.Contains(out.String(), "running bridge") {
		t.Fatalf("%v, %s", err, &out)
	}
	h.until("return, on order", func() bool { _, l := h.truth(); return l == 0 })
	u.lock(h, "s2", 300*time.Second, time.Hour)
	h.until("lock of the next session", func() bool { _, l := h.truth(); return l == 2 })
	h.kill()
	c := h.conf
	h.nano.Hook("http://"+c.Listen+"/webhook/nanomdm", 0)
	out.Reset()
	if err := restore(t.Context(), o, c, &out, quiet()); err != nil || !strings.Contains(out.String(), "0 devices") {
		t.Fatalf("%v, %s", err, &out)
	}
	if s, l := h.truth(); l != 0 || s != 2 {
		t.Errorf("%d locked, %d as the standing posture wants", l, s)
	}
}

// TestOrdinaryClients: Debian's mosquitto_sub sees the documented topics.
func TestOrdinaryClients(t *testing.T) {
	bin, err := exec.LookPath("mosquitto_sub")
	if err != nil {
		t.Skip("mosquitto-clients is not installed")
	}
	h := newHouse(t, 1)
	h.start()
	u := h.unit("ratssaal")
	defer u.kill()
	u.lock(h, "s1", 300*time.Second, time.Hour)
	h.until("lock", func() bool { return h.report("ratssaal").Counts[mdm.LockedVerified] == 1 })
	host, port, _ := strings.Cut(h.brokerAt, ":")
	for _, name := range []string{"room/ratssaal/lockdown/desired", "room/ratssaal/lockdown/nanomdm/reported", "device/d-000/lockdown/reported", "mdm/nanomdm/online",
		"mdm/nanomdm/posture"} {
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		b, err := exec.CommandContext(ctx, bin, "-h", host, "-p", port, "-t", "subrosa/v1/"+name, "-C", "1").Output()
		stop()
		var e struct {
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		}
		if err != nil || json.Unmarshal(b, &e) != nil || !strings.HasPrefix(e.Type, "de.subrosa.") {
			t.Errorf("%s: %v, %.300s", name, err, b)
		}
		t.Logf("%s %s", name, e.Data)
	}
}
