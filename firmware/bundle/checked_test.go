package bundle_test

import (
	"errors"
	"testing"
	"time"

	"subrosa/firmware/bundle"
	"subrosa/firmware/journal"
)

func TestCheckedAndRead(t *testing.T) {
	u, _, _ := council(t)
	b, r, err := bundle.Checked(u.j, u.options(time.Time{}, time.Time{}, u.checkpoint()))
	if err != nil || r.Verdict != bundle.Intact || r.Overtaken() {
		t.Fatalf("got %+v, %v", r, err)
	}
	want := map[uint64]journal.Entry{}
	if err := u.j.Read(1, func(seq uint64, e journal.Entry) error { want[seq] = e; return nil }); err != nil {
		t.Fatal(err)
	}
	err = bundle.Read(b, func(seq uint64, e journal.Entry) error {
		w := want[seq]
		delete(want, seq)
		if e.Kind != w.Kind || e.Commit != w.Commit || !e.Time.Equal(w.Time) || string(e.Payload) != string(w.Payload) {
			t.Errorf("%d: got %+v, want %+v", seq, e, w)
		}
		return nil
	})
	if err != nil || len(want) != 0 {
		t.Errorf("%v; not read: %d", err, len(want))
	}
	stop := errors.New("stop")
	if err := bundle.Read(b, func(uint64, journal.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if err := bundle.Read(b[:100], nil); err == nil {
		t.Error("half a bundle was read")
	}
	// Deleted behind the checkpoint: the receipt is not in the bundle.
	c := u.checkpoint()
	u.delete(func(seq uint64, e journal.Entry) bool { return seq == 3 })
	if _, r, err = bundle.Checked(u.j, u.options(time.Time{}, time.Time{}, c)); err != nil || !r.Overtaken() {
		t.Errorf("got %+v, %v", r, err)
	}
}
