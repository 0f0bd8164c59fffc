package nanomdm_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"subrosa/mdm/nanomdm/nanomdmtest"
)

// naive is a connector that queues what it wants: Install at the beginning, Remove at the end, a look behind it.
type naive struct {
	t *testing.T
	s *nanomdmtest.Server
	p *nanomdmtest.Phone
}

const bare = `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>PayloadIdentifier</key><string>de.subrosa.lockdown</string>` +
	`<key>PayloadUUID</key><string>N</string><key>PayloadContent</key><array/></dict></plist>`

func (n naive) send(uuid, body string) {
	n.t.Helper()
	cmd := `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>CommandUUID</key><string>` + uuid + `</string><key>Command</key><dict>` + body + `</dict></dict></plist>`
	req, err := http.NewRequest(http.MethodPut, n.s.URL+"/v1/enqueue/"+n.p.Device.Enrolment, bytes.NewBufferString(cmd))
	if err != nil {
		n.t.Fatal(err)
	}
	req.SetBasicAuth("nanomdm", nanomdmtest.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		n.t.Fatalf("%s: %s %s", uuid, resp.Status, b)
	}
}

func (n naive) install(uuid string) {
	n.send(uuid, fmt.Sprintf(`<key>RequestType</key><string>InstallProfile</string><key>Payload</key><data>%s</data>`, base64of(bare)))
}

func (n naive) remove(uuid string) {
	n.send(uuid, `<key>RequestType</key><string>RemoveProfile</string><key>Identifier</key><string>de.subrosa.lockdown</string>`)
}

func (n naive) look(uuid string) {
	n.send(uuid, `<key>RequestType</key><string>ProfileList</string>`)
}

func (n naive) until(what string) { n.t.Helper(); n.times(what, 1) }

func (n naive) times(what string, k int) {
	n.t.Helper()
	for end := time.Now().Add(20 * time.Second); strings.Count(strings.Join(n.p.Log(), ", "), what) < k; {
		if time.Now().After(end) {
			n.t.Fatalf("never %s: %v", what, n.p.Log())
		}
		<-time.After(5 * time.Millisecond)
	}
}

// TestNaive: two ways in which a connector that queues what it wants goes wrong on the real NanoMDM v0.9.0. That ours does not:
// TestEveryOrdering, and cmd/mdmbridge, TestRaceMissed.
func TestNaive(t *testing.T) {
	t.Run("race", func(t *testing.T) { // micromdm#491
		s := nanomdmtest.Start(t)
		n := naive{t, s, s.Phone(t, "d-1")}
		n.p.Screen(true)
		n.install("I")
		n.until("InstallProfile notnow")
		n.p.Budget(2) // its connection ends after two commands, as that of a phone in a pocket does
		n.p.Reach(false)
		n.remove("R")
		n.look("L")
		n.p.Reach(true)
		n.until("RemoveProfile error")
		n.p.Budget(0)
		n.p.Screen(false) // after the session
		n.until("InstallProfile ok")
		if _, locked := n.p.Profiles()["de.subrosa.lockdown"]; !locked {
			t.Errorf("the race did not happen: %v", n.p.Log())
		}
		t.Logf("measured: locked after the session, for ever: %v", n.p.Log())
	})
	t.Run("queue", func(t *testing.T) { // storage/kv/queue_ll.go, unlink
		s := nanomdmtest.Start(t)
		n := naive{t, s, s.Phone(t, "d-1")}
		n.p.Screen(true)
		n.install("I")
		n.until("InstallProfile notnow")
		n.look("L") // is answered behind it, delivered a second time, and answered again: that empties the queue
		n.times("ProfileList ok", 2)
		n.p.Screen(false)
		for i := 2; strings.Count(strings.Join(n.p.Log(), ", "), "ProfileList ok") < 3; i++ { // until it has spoken once more
			if i > 200 {
				t.Fatalf("never heard again: %v", n.p.Log())
			}
			n.look(fmt.Sprint("L", i))
			<-time.After(100 * time.Millisecond)
		}
		if _, locked := n.p.Profiles()["de.subrosa.lockdown"]; locked {
			t.Fatalf("the queue has kept the command: is the bug mended? %v", n.p.Log())
		}
		t.Logf("measured: the command to lock is lost: %v", n.p.Log())
	})
}

func base64of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
