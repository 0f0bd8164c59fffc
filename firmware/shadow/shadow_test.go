package shadow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/finding"
	"subrosa/firmware/topic"
)

var (
	health  = topic.Health("u")
	alarmX  = topic.Alarm("r", "x")
	contact = topic.Contact("r", "window")
	wish    = topic.SessionDesired("r")
)

func TestReportReachesBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		p := openPeer(t, b, options(t.TempDir()))
		p.report(health, 1)
		p.report(health, 2)
		if st := p.Status(); st.Connected || st.Queued != 1 || st.Err == nil {
			t.Errorf("status before Run: %+v", st)
		}
		p.run().wait()
		if s := b.want(t, health, 2); s.Version != 2 {
			t.Errorf("version %d, want 2", s.Version)
		}
		p.report(health, 3)
		synctest.Wait()
		b.want(t, health, 3)
		if st := p.Status(); !st.Connected || st.Queued != 0 || st.Err != nil {
			t.Errorf("status: %v", st)
		}
		p.end()
	})
}

func TestVersionsSurviveRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, dir := newBroker(), t.TempDir()
		for i := 1; i <= 5; i++ {
			p := openPeer(t, b, options(dir)).run()
			p.report(health, i)
			p.wait()
			p.end()
		}
		p := openPeer(t, b, options(dir)).run()
		p.report(health, 6)
		p.wait()
		if s := b.want(t, health, 6); s.Version != 6 {
			t.Errorf("version %d, want 6", s.Version)
		}
		p.end()
	})
}

func TestOutboxSurvivesRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, dir := newBroker(), t.TempDir()
		b.set(false)
		p := openPeer(t, b, options(dir)).run()
		p.report(alarmX, 1)
		p.report(health, 2)
		time.Sleep(time.Minute)
		p.end()
		b.set(true)
		p = openPeer(t, b, options(dir)).run()
		p.wait()
		b.want(t, alarmX, 1)
		b.want(t, health, 2)
		p.end()
	})
}

func TestRefusedReports(t *testing.T) {
	p := openPeer(t, newBroker(), options(t.TempDir()))
	defer p.end()
	for _, tt := range []struct {
		topic string
		data  any
	}{
		{topic.Health("u2"), state{}}, {topic.Alarm("r2", "x"), state{}}, {topic.PolicyDesired("r"), state{}}, {"x", state{}},
		{health, 3}, {health, nil}, {health, []int{}}, {health, func() {}}, {health, map[string]any{"version": "one"}},
		{health, map[string]string{"x": strings.Repeat("x", 1<<17)}}, {topic.Alarm("r", "a/b"), state{}},
	} {
		if err := p.Report(tt.topic, tt.data); err == nil {
			t.Errorf("Report(%s, %T) was taken", tt.topic, tt.data)
		}
	}
	if st := p.Status(); st.Queued != 0 {
		t.Errorf("%d queued", st.Queued)
	}
	if err := p.Desired(topic.SessionDesired("r2"), func(Message) {}); err == nil {
		t.Error("another room's desired state was subscribed")
	}
}

func TestCallersVersions(t *testing.T) {
	p := openPeer(t, newBroker(), options(t.TempDir()))
	defer p.end()
	for _, tt := range []struct {
		s    state
		want error
	}{
		{state{Version: 3, N: 1}, nil}, {state{Version: 3, N: 1}, nil}, {state{Version: 3, N: 2}, ErrStale},
		{state{Version: 2, N: 1}, ErrStale}, {state{Version: 4, N: 2}, nil},
	} {
		if err := p.Report(alarmX, tt.s); !errors.Is(err, tt.want) {
			t.Errorf("%+v: got %v, want %v", tt.s, err, tt.want)
		}
	}
}

func TestDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		p := openPeer(t, b, options(t.TempDir())).run()
		a := alarm.Alarm{Finding: finding.Finding{ID: "01JD8Z6V0QKX5T3S9W2R7M4NBC", Kind: detect.Burst}, Room: "r", State: alarm.Raised, Version: 7}
		if err := p.Deliver(context.Background(), a); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s, ok := b.holds(t, topic.Alarm("r", a.Finding.ID)); !ok || s.Version != 7 {
			t.Errorf("broker holds %+v, %v", s, ok)
		}
		p.end()
	})
}

func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, dir := newBroker(), t.TempDir()
		p := openPeer(t, b, options(dir)).run()
		p.report(alarmX, 1)
		p.wait()
		b.set(false)
		if err := p.Forget(alarmX); err != nil {
			t.Fatal(err)
		}
		p.end()
		b.set(true)
		p = openPeer(t, b, options(dir)).run()
		p.wait()
		if s, ok := b.holds(t, alarmX); ok {
			t.Errorf("broker still holds %+v", s)
		}
		if err := p.Forget(alarmX); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if st := p.Status(); st.Queued != 0 {
			t.Errorf("%d queued", st.Queued)
		}
		p.end()
	})
}

func TestLevelsAreDroppedOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		p := openPeer(t, b, options(t.TempDir()))
		for range 1000 {
			p.report(topic.Levels("u"), 1)
		}
		p.run()
		synctest.Wait()
		p.report(topic.Levels("u"), 2)
		synctest.Wait()
		if n := b.sent(topic.Levels("u")); n != 1 {
			t.Errorf("%d levels were sent, want 1", n)
		}
		if _, ok := b.holds(t, topic.Levels("u")); ok {
			t.Error("levels are retained")
		}
		p.end()
	})
}

func TestFull(t *testing.T) {
	o := options(t.TempDir())
	o.MaxTopics = 10_000
	p := openPeer(t, newBroker(), o)
	defer p.end()
	for i := range o.MaxTopics {
		p.report(topic.Contact("r", fmt.Sprint(i)), i)
	}
	if err := p.Report(contact, state{}); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if err := p.Report(topic.Contact("r", "7"), state{N: 8}); err != nil {
		t.Errorf("a known topic: %v", err)
	}
	if st := p.Status(); st.Queued != o.MaxTopics {
		t.Errorf("%d queued, want %d", st.Queued, o.MaxTopics)
	}
}

func TestAcknowledgedGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t.TempDir())
		o.MaxTopics = 100
		b := newBroker()
		p := openPeer(t, b, o).run()
		p.wait()
		for i := range 1000 {
			p.report(topic.Alarm("r", fmt.Sprint(i)), i)
			synctest.Wait()
		}
		for i := range 1000 {
			b.want(t, topic.Alarm("r", fmt.Sprint(i)), i)
		}
		p.end()
	})
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	synctest.Test(t, func(t *testing.T) {
		b, dir := newBroker(), t.TempDir()
		if err := os.Symlink("/dev/full", filepath.Join(dir, logName)); err != nil {
			t.Fatal(err)
		}
		s, err := openFull(dir)
		if err != nil {
			t.Fatal(err)
		}
		s.dial = b.dial
		p := (&peer{Shadow: s, t: t}).run()
		if err := p.Report(alarmX, state{N: 1}); !errors.Is(err, ErrUnsaved) {
			t.Errorf("got %v, want ErrUnsaved", err)
		}
		p.report(health, 2)
		p.wait()
		b.want(t, alarmX, 1) // it is sent nevertheless
		b.want(t, health, 2)
		if st := p.Status(); st.Disk == nil || !strings.Contains(st.String(), "no space") {
			t.Errorf("status %q does not tell", st)
		}
		// Space again: writing anew replaces the link.
		p.mu.Lock()
		p.disk.anew = true
		p.mu.Unlock()
		time.Sleep(time.Minute)
		if st := p.Status(); st.Disk != nil {
			t.Errorf("still %v", st.Disk)
		}
		p.end()
		var got []record
		f, err := os.Open(filepath.Join(dir, logName))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := readLog(f, func(r record) error { got = append(got, r); return nil }); err != nil || len(got) < 2 {
			t.Errorf("log has %d records, %v", len(got), err)
		}
	})
}

// openFull opens a log that is /dev/full, which reads as endless zeros: only the reading is left out.
func openFull(dir string) (*Shadow, error) {
	s, err := Open(options(filepath.Join(dir, "other")))
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, logName), os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk.close()
	s.disk.f, s.disk.path = f, filepath.Join(dir, logName)
	return s, nil
}

type presence struct {
	Software string `json:"software"`
	Sealed   bool   `json:"sealed"`
}

func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, o := newBroker(), options(t.TempDir())
		o.Presence = presence{"v1", true}
		p := openPeer(t, b, o).run()
		p.wait()
		online := func(want bool) uint64 {
			t.Helper()
			b.mu.Lock()
			payload := string(b.retained[topic.Online("u")])
			b.mu.Unlock()
			if !strings.Contains(payload, fmt.Sprintf(`"online":%v`, want)) || !strings.Contains(payload, `"sealed":true`) {
				t.Errorf("presence is %s, want online %v", payload, want)
			}
			return decode(t, []byte(payload)).Version
		}
		v1 := online(true)
		b.set(false)
		v2 := online(false) // the will
		b.set(true)
		time.Sleep(time.Minute)
		v3 := online(true)
		// The will of an earlier connection comes late.
		b.mu.Lock()
		b.put(topic.Online("u"), 1, true, b.links[0].o.willPayload)
		b.mu.Unlock()
		time.Sleep(time.Minute)
		v4 := online(true)
		p.end()
		v5 := online(false)
		if !(v1 < v2 && v2 < v3 && v3 <= v4 && v4 < v5) {
			t.Errorf("versions %d %d %d %d %d do not grow", v1, v2, v3, v4, v5)
		}
		// Somebody wrote a higher version: it goes on above, and the will above that.
		o.Dir = filepath.Join(o.Dir, "again")
		p = openPeer(t, b, o).run()
		time.Sleep(time.Minute)
		b.other(topic.Online("u"), state{Version: online(true) + 5})
		time.Sleep(time.Minute)
		va := online(true)
		b.set(false)
		if vb := online(false); vb <= va {
			t.Errorf("will %d after %d", vb, va)
		}
		b.set(true)
		p.end()
		v5 = online(false)
		// The unit's memory is lost; its will must still be above what it says.
		o.Dir = t.TempDir()
		p = openPeer(t, b, o).run()
		time.Sleep(time.Minute)
		v6 := online(true)
		b.set(false)
		if v7 := online(false); !(v5 < v6 && v6 < v7) {
			t.Errorf("versions %d %d %d do not grow", v5, v6, v7)
		}
		p.end()
	})
}

func TestOneInFlightPerTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		p := openPeer(t, b, options(t.TempDir())).run()
		p.wait()
		b.mu.Lock()
		b.mute = true
		b.mu.Unlock()
		for i := range 100 {
			p.report(health, i)
			synctest.Wait()
		}
		if n := b.sent(health); n != 1 {
			t.Errorf("%d versions in flight at once", n)
		}
		b.mu.Lock()
		b.mute = false
		owed := b.owed
		b.mu.Unlock()
		for _, done := range owed { // of version 1: the newest has still to be sent
			done(nil)
		}
		synctest.Wait()
		b.want(t, health, 99)
		if n, st := b.sent(health), p.Status(); n != 2 || st.Queued != 0 {
			t.Errorf("%d publishes, status %v", n, st)
		}
		p.end()
	})
}

func TestSuspectsGoAlone(t *testing.T) {
	now := time.Unix(1e9, 0)
	box := newOutbox(10)
	for i := range 3 {
		tp, err := topic.Parse(topic.Alarm("r", fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		e, err := box.add(tp)
		if err != nil {
			t.Fatal(err)
		}
		box.change(e, 1, []byte("{}"), now)
		e.ready = true
		box.enqueue(e)
	}
	hold := func(*entry) bool { return false }
	for range 3 {
		if box.next(now, 8, hold) == nil {
			t.Fatal("three can be in flight at once")
		}
	}
	box.lost(now, time.Second)
	box.restart()
	for range 3 {
		e := box.next(now, 8, hold)
		if e == nil || box.next(now, 8, hold) != nil {
			t.Fatal("after a loss they must go one by one")
		}
		box.landed(e, 1)
	}
	plain, suspect := box.get(topic.Alarm("r", "0")), box.get(topic.Alarm("r", "1"))
	suspect.losses = 1
	box.again(plain, now)
	box.again(suspect, now)
	if e := box.next(now, 8, hold); e != plain {
		t.Fatalf("got %+v", e)
	}
	if e := box.next(now, 8, hold); e != nil {
		t.Errorf("a suspect was sent beside another: %+v", e)
	}
	box.landed(plain, 1)
	if e := box.next(now, 8, hold); e != suspect {
		t.Errorf("got %+v", e)
	}
	box.landed(suspect, 1)
	if n, _, _ := box.waiting(); n != 0 {
		t.Errorf("%d are waiting", n)
	}
}

func TestOnlyOneProgramPerFolder(t *testing.T) {
	dir := t.TempDir()
	p := openPeer(t, newBroker(), options(dir))
	if s, err := Open(options(dir)); err == nil {
		s.Close()
		t.Error("the same folder was opened twice")
	}
	p.end()
	openPeer(t, newBroker(), options(dir)).end()
}

func TestClosed(t *testing.T) {
	p := openPeer(t, newBroker(), options(t.TempDir()))
	p.end()
	if err := p.Report(health, state{}); err == nil {
		t.Error("reported after Close")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestOneWillForOneConnector: a connection has one last will, so a peer of several connectors cannot have a presence for all.
func TestOneWillForOneConnector(t *testing.T) {
	o := Options{Broker: "tcp://127.0.0.1:1", Identity: topic.Identity{Role: topic.MDMBridge, Conns: []string{"a", "b"}}, Dir: t.TempDir(), Presence: map[string]any{}}
	if s, err := Open(o); err == nil {
		s.Close()
		t.Error("the second connector has neither presence nor last will, and nothing was said")
	}
	o.Identity.Conns = o.Identity.Conns[:1]
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
