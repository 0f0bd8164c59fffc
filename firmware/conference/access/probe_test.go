package access

import (
	"encoding/json"
	"testing"
	"time"

	"subrosa/firmware/compliance"
	"subrosa/firmware/conference/dsk"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

// TestProbesAreRows: every probe is a row of the list, and every row that the conference is to look at has a probe.
func TestProbesAreRows(t *testing.T) {
	d := newDesk(t)
	looked := map[string]bool{}
	for _, c := range d.Look(d.now(), "ratssaal").Checks {
		r, ok := dsk.Find(c.ID)
		if !ok || r.Probe != dsk.API {
			t.Errorf("%s is looked at, and no such row", c.ID)
		}
		if !c.OK {
			t.Errorf("%s is not in order on a conference that is", c.ID)
		}
		looked[c.ID] = true
	}
	for _, r := range dsk.Rules {
		if r.Probe == dsk.API && !looked[r.ID] {
			t.Errorf("%s: nobody looks", r.ID)
		}
	}
}

// TestProbesSee: what is spoilt is seen.
func TestProbesSee(t *testing.T) {
	for id, spoil := range map[string]func(*desk){
		"vk-transport": func(d *desk) { d.origin = "http://localhost:8082" },
		"vk-moderator": func(d *desk) { d.roster.Remove(d.now(), "m-chair") },
		"vk-guest": func(d *desk) {
			d.order("m-17", Join)
			d.book.Invites[d.Invites("ratssaal")[0].ID].To = t0.AddDate(1, 0, 0)
		},
		"vk-retention": func(d *desk) { d.redeemed("m-17", Join); d.wait(LoginLife) },
	} {
		d := newDesk(t)
		spoil(d)
		for _, c := range d.Look(d.now(), "ratssaal").Checks {
			if c.OK == (c.ID == id) {
				t.Errorf("%s spoilt: %s is %v", id, c.ID, c.OK)
			}
		}
	}
}

// TestProbesReachTheExport: from the running conference through the journal into the check's table.
func TestProbesReachTheExport(t *testing.T) {
	d := newDesk(t)
	d.level = level.Internal
	_, err := d.Sweep(d.now())
	d.must(err)
	_, err = d.roster.Remove(d.now(), "m-chair")
	d.must(err)
	d.wait(probeEvery)
	_, err = d.Sweep(d.now())
	d.must(err)
	var entries []compliance.Numbered
	for i, e := range d.rec.entries {
		entries = append(entries, compliance.Numbered{Seq: uint64(i + 1), Entry: e})
	}
	if n := countKind(d.rec, dsk.KindChecked); n != 3 { // at the start, at the level's change, a day later
		t.Fatalf("%d probes in the journal", n)
	}
	a, err := compliance.Assess(entries, compliance.Period{From: t0.Add(-time.Hour), To: t0.Add(48 * time.Hour)}, compliance.Default().With(compliance.Conference()...))
	d.must(err)
	got := map[string]compliance.PartResult{}
	for _, r := range a.Results {
		if r.Source == compliance.DSK {
			got[r.ID] = r.Parts[0]
		}
	}
	if len(got) != len(dsk.Rules) {
		t.Errorf("%d rows, want %d", len(got), len(dsk.Rules))
	}
	for _, r := range dsk.Rules {
		p, want := got[r.ID], compliance.Unmeasured
		if r.Probe == dsk.API {
			want = compliance.Partly
		}
		if p.Status != want || p.Status == compliance.Yes {
			t.Errorf("%s: got %s, want %s", r.ID, p.Status, want)
		}
	}
	if tally := got["vk-moderator"].Tally; tally.Met != 2 || tally.Checked != 3 || tally.Total != 3 {
		t.Errorf("vk-moderator: %+v", tally)
	}
	if e := got["vk-lobby"].Entries; e.Count != 3 {
		t.Errorf("vk-lobby rests on %+v", e)
	}
}

func TestListIsJSON(t *testing.T) {
	b, err := json.Marshal(dsk.Rules)
	if err != nil {
		t.Fatal(err)
	}
	var rules []dsk.Rule
	if err := json.Unmarshal(b, &rules); err != nil || len(rules) != 23 {
		t.Fatalf("%d rules, %v", len(rules), err)
	}
	seen := map[string]bool{}
	for _, r := range rules {
		if r.ID == "" || seen[r.ID] || r.Title == "" || r.Expected.DE == "" || r.Expected.EN == "" || r.Evidence.DE == "" || r.Evidence.EN == "" || r.Source == "" {
			t.Errorf("row %+v", r)
		}
		seen[r.ID] = true
	}
	for _, r := range []roster.Role{roster.Chair, roster.Clerk} {
		if !level.May(r, level.Admit) {
			t.Errorf("%s does not let in", r)
		}
	}
}
