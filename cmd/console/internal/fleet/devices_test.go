package fleet

import (
	"testing"
	"time"

	"subrosa/firmware/lockdown"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// TestLock: a connector that was there before the room counts for it, and what makes no sense changes nothing.
func TestLock(t *testing.T) {
	f, _ := newFleet(t)
	f.must(t, t0, topic.MDMOnline("nanomdm"), map[string]any{"version": 1, "online": true})
	f.must(t, t0, topic.MDMPosture("nanomdm"), mdm.Posture{Version: 1, Off: 3, Total: 4, At: t0, Evidence: mdm.Restrictions})
	f.must(t, t0, topic.LockdownDesired("r"), mdm.Desired{Version: 5, Session: "s-5", Mode: mdm.Locked, LeaseS: 300, HardEnd: t0.Add(time.Hour), Devices: []string{"a", "b"}})
	f.must(t, t0, topic.LockdownReported("r", "nanomdm"), mdm.Report{Version: 1, DesiredVersion: 5, Mode: mdm.Locked, Evidence: mdm.Restrictions,
		Counts: map[mdm.State]int{mdm.LockedVerified: 2}})
	for name, bad := range map[string]any{
		topic.MDMOnline("nanomdm"):             map[string]any{"version": 2},
		topic.MDMPosture("nanomdm"):            map[string]any{"version": 2, "off": 9, "total": 4},
		topic.LockdownDesired("r"):             map[string]any{"version": 6, "mode": "open", "erase": true},
		topic.LockdownReported("r", "nanomdm"): map[string]any{"version": 2, "counts": map[string]int{"asleep": 1}},
		topic.Roster("r"):                      map[string]any{"version": 2, "writer": "console", "members": []map[string]string{{"id": "Erika M."}}},
	} {
		if err := f.Handle(t.Context(), t0, name, message(t, name, t0, bad), false); err == nil {
			t.Errorf("%s: %v was taken", name, bad)
		}
	}
	r, _ := f.Room("r")
	if r.Lock.Phase != lockdown.Locking || r.Lock.Off != 2 || r.Lock.Devices != 2 || r.Lock.Reached != 1 || r.Members != 0 {
		t.Errorf("%+v", r.Lock)
	}
	if c := f.Connectors(); len(c) != 1 || !c[0].Online || c[0].Posture == nil || c[0].Posture.Off != 3 {
		t.Errorf("%+v", c)
	}
	tp, err := topic.Parse(topic.LockdownReported("r", "nanomdm"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Handle(t.Context(), t0, tp.String(), nil, false); err != nil {
		t.Fatal(err)
	}
	if r, _ := f.Room("r"); r.Lock.Off != 0 {
		t.Errorf("emptied: %+v", r.Lock)
	}
}
