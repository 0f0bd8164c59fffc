package main

import (
	"testing"
	"time"

	"subrosa/firmware/event"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// TestCheckOutLost: a phone that was taken out of the management, and whose check-out nobody has heard, becomes unmanaged when Apple's
// push service says that it is registered no more. One that is only silent does not.
func TestCheckOutLost(t *testing.T) {
	h := newHouse(t, 3)
	h.start()
	h.until("standing posture", func() bool { return h.posture().Off == 3 })
	u := h.unit("ratssaal")
	defer u.kill()
	u.lock(h, "s1", 300*time.Second, time.Hour)
	h.until("lock", func() bool { return h.report("ratssaal").Counts[mdm.LockedVerified] == 3 })
	h.phones[0].Remove()
	h.phones[1].Reach(false)
	h.until("one unmanaged, one not proven any more", func() bool {
		c := h.report("ratssaal").Counts
		return c[mdm.Unmanaged] == 1 && c[mdm.LockedVerified] == 1
	})
	h.until("posture", func() bool { return h.posture().Counts[mdm.Unmanaged] == 1 })
	h.phones[1].Reach(true)
	u.open()
	h.until("return of the others", func() bool { _, l := h.truth(); return l == 0 })
}

// TestLaptopOff: what an agent's last will says is in the room's counts at once, before anybody has waited for an answer.
func TestLaptopOff(t *testing.T) {
	h := houseWith(t, 0, (*house).openMosquitto)
	h.file("laptops.json", []mdm.Device{{ID: "d-7", Platform: "linux", Enrolment: "7"}})
	h.conf.Connectors = []Connector{{ID: "laptops", Kind: "agent", Standing: []string{"microphone"}, Devices: h.path("laptops.json")}}
	h.conf.tune = nil // the ordinary three minutes before an unanswered device is offline
	h.start()
	u := h.unitAs("ratssaal", "ratssaal")
	defer u.kill()
	counts := func() (c map[mdm.State]int) {
		if b := h.last(topic.LockdownReported("ratssaal", "laptops")); b != nil {
			r, _ := mdm.ReadReport(b)
			c = r.Counts
		}
		return c
	}
	present := func(version uint64, online bool) {
		e, err := event.Wrap("/agent/d-7", "de.subrosa.device.online.v1", "device/d-7/online", time.Now(), "x", mdm.Presence{Version: version, Online: online})
		b, err2 := e.Encode()
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		h.stranger("agent:d-7", topic.DeviceOnline("d-7"), b)
	}
	u.want("d-7")
	h.until("wish taken", func() bool { return counts()[mdm.Pending] == 1 })
	present(1, false)
	h.until("offline", func() bool { return counts()[mdm.Offline] == 1 })
	present(2, true)
	h.until("there again", func() bool { return counts()[mdm.Pending] == 1 })
}
