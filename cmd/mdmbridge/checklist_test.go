package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/event"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// last is what the ordinary client has last seen on a topic; nil: nothing, or it was emptied.
func (h *house) last(name string) json.RawMessage {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.said[strings.TrimPrefix(name, topic.Root+"/")].Data
}

func (h *house) points(room string) map[string]mdm.Point {
	out := map[string]mdm.Point{}
	if b := h.last(topic.LockdownChecklist(room, "paper")); b != nil {
		l, err := mdm.ReadChecklist(b)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, p := range l.Points {
			out[p.Device] = p
		}
	}
	return out
}

// paperHouse has a checklist of three laptops beside NanoMDM, on the real mosquitto.
func paperHouse(t *testing.T) *house {
	h := houseWith(t, 0, (*house).openMosquitto)
	h.file("paper.key", "0123456789abcdef")
	h.file("paper.json", []mdm.Device{{ID: "d-1", Platform: "linux", Enrolment: "1"}, {ID: "d-2", Platform: "linux", Enrolment: "2"}, {ID: "d-3", Platform: "linux", Enrolment: "3"}})
	h.conf.Connectors = []Connector{{ID: "paper", Kind: "manual", Standing: []string{"assistant"}, Devices: h.path("paper.json"),
		Options: json.RawMessage(`{"key_file":"` + h.path("paper.key") + `"}`)}}
	h.start()
	return h
}

func (u *roomUnit) want(devices ...string) {
	u.say(mdm.Desired{Session: "s1", Mode: mdm.Locked, Restrict: []string{"dictation"}, LeaseS: 300, HardEnd: time.Now().Add(time.Hour).UTC().Truncate(time.Second), Devices: devices})
}

// sign has the unit's page sign points.
func (u *roomUnit) sign(list ...mdm.Signature) {
	u.t.Helper()
	if err := u.shadow.Report(topic.LockdownSigned(u.room, "paper"), mdm.Signatures{Signed: list}); err != nil {
		u.t.Fatal(err)
	}
}

func of(p mdm.Point, done bool) mdm.Signature {
	return mdm.Signature{Device: p.Device, Command: p.Command, Role: "clerk", Done: done, At: time.Now().UTC()}
}

// paperSays is what the checklist's connector reports for the room.
func (h *house) paperSays(room string) (r mdm.Report) {
	if b := h.last(topic.LockdownReported(room, "paper")); b != nil {
		r, _ = mdm.ReadReport(b)
	}
	return r
}

// TestChecklistOnThePage: from the room's list over its unit's signature to the report, and back again after the session.
func TestChecklistOnThePage(t *testing.T) {
	h := paperHouse(t)
	u, other := h.unitAs("ratssaal", "ratssaal"), h.unitAs("nebenraum", "nebenraum")
	defer u.kill()
	defer other.kill()
	u.want("d-1", "d-2")
	other.want("d-3")
	kind := func(dev, kind string) func() bool {
		return func() bool { return h.points("ratssaal")[dev].Kind == kind }
	}
	h.until("point of the standing posture", func() bool { return kind("d-1", "stand")() && kind("d-2", "stand")() })
	if p := h.points("ratssaal"); len(p) != 2 || len(h.points("nebenraum")) != 1 || p["d-1"].Platform != "linux" {
		t.Errorf("lists %+v, %+v", p, h.points("nebenraum"))
	}
	u.sign(of(h.points("ratssaal")["d-1"], true), of(h.points("ratssaal")["d-2"], true))
	h.until("point of the lock", func() bool { return kind("d-1", "lock")() && kind("d-2", "lock")() })
	first := of(h.points("ratssaal")["d-1"], true)

	// The other room's unit speaks of a device that its session does not have; and of it in the first room's name.
	other.sign(first)
	b, err := json.Marshal(mdm.Signatures{Version: 1 << 40, Signed: []mdm.Signature{first}})
	e, err2 := event.Wrap("/unit/nebenraum-1", "de.subrosa.checklist.signed.v1", "room/ratssaal/lockdown/paper/signed", time.Now(), "x", json.RawMessage(b))
	raw, err3 := e.Encode()
	if err != nil || err2 != nil || err3 != nil {
		t.Fatal(err, err2, err3)
	}
	h.stranger("nebenraum-x", topic.LockdownSigned("ratssaal", "paper"), raw)
	late := of(h.points("ratssaal")["d-2"], true)
	late.At = time.Now().Add(-13 * time.Hour).UTC()
	u.sign(late)
	third := h.points("nebenraum")["d-3"]
	other.sign(first, of(third, true)) // the next order of this unit: when it is done, the one before was seen
	h.until("signature of the other room", func() bool { return h.points("nebenraum")["d-3"].Kind == "lock" })
	if p := h.points("ratssaal"); len(p) != 2 || p["d-1"].Command != first.Command {
		t.Fatalf("a foreign or late word was taken: %+v", p)
	}

	u.sign(first, of(h.points("ratssaal")["d-2"], false))
	h.until("declaration and refusal", func() bool {
		c := h.paperSays("ratssaal").Counts
		return c[mdm.Declared] == 1 && c[mdm.Error] == 1
	})
	if r := h.paperSays("ratssaal"); r.Counts[mdm.LockedVerified] != 0 || r.Evidence != mdm.Signed {
		t.Errorf("declared, and shown as proven: %+v", r)
	}
	h.kill()
	h.start() // the broker sends the same signature again
	h.until("the refused device again", kind("d-2", "lock"))
	u.open()
	h.until("point of giving back", kind("d-1", "free"))
	if _, asked := h.points("ratssaal")["d-2"]; asked {
		h.until("withdrawal of what nobody has signed", func() bool { return h.points("ratssaal")["d-2"].Kind == "" })
	}
	u.sign(first, of(h.points("ratssaal")["d-1"], true)) // the first is a replay: of another command
	h.until("end of the list", func() bool {
		return h.last(topic.LockdownChecklist("ratssaal", "paper")) == nil && len(h.paperSays("ratssaal").Counts) == 0
	})
}
