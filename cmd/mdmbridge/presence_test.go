package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/lockdown"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// desk counts as roomd and the console do, from what an ordinary client hears.
func (h *house) desk(d *lockdown.Desk) lockdown.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for name, e := range h.said {
		if t, err := topic.Parse(topic.Root + "/" + name); err == nil && t.Pattern == "mdm/{conn}/online" {
			on, err := lockdown.ReadOnline(e.Data)
			if err != nil {
				h.t.Error(err)
			}
			d.Online(now, t.ID("conn"), on)
		}
	}
	return d.Status(now)
}

// TestEveryConnectorDies: a bridge with three connectors has a presence and a last will for each. When it is killed, the real broker
// says of each that it is gone; when it ends in order, it says so itself.
func TestEveryConnectorDies(t *testing.T) {
	h := houseWith(t, 0, (*house).openMosquitto)
	h.file("paper.key", "0123456789abcdef")
	h.file("laptops.json", []mdm.Device{{ID: "d-7", Platform: "linux", Enrolment: "7"}})
	h.file("paper.json", []mdm.Device{{ID: "d-8", Platform: "linux", Enrolment: "8"}})
	h.conf.Connectors = append(h.conf.Connectors,
		Connector{ID: "laptops", Kind: "agent", Standing: []string{"microphone"}, Devices: h.path("laptops.json")},
		Connector{ID: "paper", Kind: "manual", Standing: []string{"assistant"}, Devices: h.path("paper.json"), Options: json.RawMessage(`{"key_file":"` + h.path("paper.key") + `"}`)})
	all := []string{"laptops", "nanomdm", "paper"}
	d, err := lockdown.New(lockdown.Default, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second life takes up the first one's outbox
		p := h.spawn(true)
		h.until("presence of all", func() bool { s := h.desk(d); return s.Connectors == 3 && s.Reached == 3 })
		killed := time.Now()
		p.kill()
		h.until("last will of all", func() bool { return slices.Equal(h.desk(d).Lost, all) })
		t.Logf("measured: bridge killed, all 3 connectors offline at the broker's clients after %v", time.Since(killed).Round(time.Millisecond))
	}
	h.start()
	h.until("presence of all", func() bool { return h.desk(d).Reached == 3 })
	h.kill()
	h.until("farewell of all", func() bool { return slices.Equal(h.desk(d).Lost, all) })
}
