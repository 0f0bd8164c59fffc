package shadow

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/firmware/topic"
)

func TestBrokerThatLosesItsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		p := openPeer(t, b, options(t.TempDir())).run()
		for i := range 100 {
			p.report(topic.Alarm("r", fmt.Sprint(i)), i)
		}
		p.wait()
		b.set(false)
		b.mu.Lock()
		b.retained = map[string][]byte{}
		b.mu.Unlock()
		b.set(true)
		time.Sleep(time.Minute)
		for i := range 100 {
			b.want(t, topic.Alarm("r", fmt.Sprint(i)), i)
		}
		p.end()
	})
}

func TestBrokerThatGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		p := openPeer(t, b, options(t.TempDir())).run()
		p.report(health, 1)
		p.wait()
		b.mu.Lock()
		old := b.retained[health]
		b.mu.Unlock()
		p.report(health, 2)
		synctest.Wait()
		b.mu.Lock()
		b.put(health, 1, true, old) // a late packet of an earlier connection
		b.mu.Unlock()
		time.Sleep(time.Minute)
		b.want(t, health, 2)
		p.end()
	})
}

func TestOwnMemoryLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		p := openPeer(t, b, options(t.TempDir())).run()
		p.wait()
		for i := range 50 {
			p.report(health, i)
			synctest.Wait()
		}
		p.end()
		b.slow = time.Second // time enough to send before the broker's copy is known
		p = openPeer(t, b, options(t.TempDir()))
		p.report(health, 100)
		p.run()
		time.Sleep(time.Minute)
		if s := b.want(t, health, 100); s.Version <= 50 {
			t.Errorf("version %d: every reader takes it for an old one", s.Version)
		}
		p.end()
	})
}

func TestOtherWriterWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		p := openPeer(t, b, options(t.TempDir())).run()
		if err := p.Report(wish, state{Writer: "wall", N: 1}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		b.want(t, wish, 1)
		b.set(false)
		b.mu.Lock()
		b.up = true
		b.mu.Unlock()
		b.other(wish, state{Version: 9, Writer: "console", N: 2})
		b.set(false)
		if err := p.Report(wish, state{Writer: "wall", N: 3}); err != nil {
			t.Fatal(err)
		}
		b.set(true)
		time.Sleep(time.Minute)
		b.want(t, wish, 2) // version 9 stands against our 2
		if err := p.Report(wish, state{Writer: "wall", N: 4}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := b.want(t, wish, 4); s.Version != 10 {
			t.Errorf("version %d, want 10", s.Version)
		}
		p.end()
	})
}

func TestRefusedTopicDoesNotStopOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		b.refuse = contact
		var logged bytes.Buffer
		o := options(t.TempDir())
		o.Log = slog.New(slog.NewTextHandler(&logged, nil))
		p := openPeer(t, b, o)
		p.report(contact, 1)
		for i := range 50 {
			p.report(topic.Alarm("r", fmt.Sprint(i)), i)
		}
		p.run()
		time.Sleep(time.Hour)
		for i := range 50 {
			b.want(t, topic.Alarm("r", fmt.Sprint(i)), i)
		}
		st := p.Status()
		if st.Refused != contact || st.Queued != 1 || !strings.Contains(st.String(), contact) {
			t.Errorf("status %v", st)
		}
		if n := b.dialled(); n > 50 {
			t.Errorf("%d connections in an hour", n)
		}
		b.mu.Lock()
		b.refuse = ""
		b.mu.Unlock()
		time.Sleep(10 * time.Minute)
		b.want(t, contact, 1)
		p.end()
	})
}

func TestDeadBrokerIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		b.set(false)
		var logged bytes.Buffer
		o := options(t.TempDir())
		o.Log = slog.New(slog.NewTextHandler(&logged, nil))
		p := openPeer(t, b, o).run()
		time.Sleep(24 * time.Hour)
		if n := strings.Count(logged.String(), "\n"); n != 1 {
			t.Errorf("%d log lines in a day, want 1:\n%s", n, logged.String())
		}
		if n := b.dialled(); n < 24*3600/30 || n > 24*3600/15+10 {
			t.Errorf("%d dials in a day", n)
		}
		if st := p.Status(); st.Err == nil || !strings.Contains(st.String(), "refused") {
			t.Errorf("status %v", st)
		}
		p.end()
	})
}

func TestMuteBrokerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		b.mute = true
		p := openPeer(t, b, options(t.TempDir())).run()
		p.report(alarmX, 1)
		time.Sleep(time.Minute)
		if b.dialled() < 2 {
			t.Error("the connection was kept for a minute without an acknowledgement")
		}
		b.mu.Lock()
		b.mute = false
		b.mu.Unlock()
		time.Sleep(time.Minute)
		if st := p.Status(); st.Queued != 0 {
			t.Errorf("status %v", st)
		}
		p.end()
	})
}

func TestSubscriptionRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		b.deny = true
		p := openPeer(t, b, options(t.TempDir())).run()
		p.report(alarmX, 1)
		if err := p.Report(wish, state{N: 2}); err != nil {
			t.Fatal(err)
		}
		p.wait()
		b.want(t, alarmX, 1)
		b.want(t, wish, 2)
		if st := p.Status(); !st.Connected || st.Err == nil {
			t.Errorf("status %v", st)
		}
		p.end()
	})
}

func TestDesired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, dir := newBroker(), t.TempDir()
		var got []int
		open := func() *peer {
			p := openPeer(t, b, options(dir))
			if err := p.Desired(wish, func(m Message) { got = append(got, int(m.Version)) }); err != nil {
				t.Fatal(err)
			}
			return p.run()
		}
		p := open()
		synctest.Wait()
		for _, s := range []state{{5, "console", 1}, {5, "console", 1}, {4, "console", 2}, {5, "aaa", 3}, {5, "wall", 4}, {6, "a", 5}} {
			b.other(wish, s)
			synctest.Wait()
		}
		p.end()
		p = open() // the retained one is not taken again
		synctest.Wait()
		b.other(wish, state{7, "console", 6})
		synctest.Wait()
		b.mu.Lock()
		b.put(wish, 1, true, []byte("{nonsense"))
		b.mu.Unlock()
		b.other(wish, state{8, "console", 7})
		synctest.Wait()
		p.end()
		if w := []int{5, 5, 6, 7, 8}; fmt.Sprint(got) != fmt.Sprint(w) {
			t.Errorf("took versions %v, want %v", got, w)
		}
	})
}

func TestWatchTellsEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker()
		var got []string
		p := openPeer(t, b, options(t.TempDir()))
		if err := p.Watch(topic.Ack("r", topic.Any), func(m Message) { got = append(got, m.Topic.ID("id")+string(m.Data)) }); err != nil {
			t.Fatal(err)
		}
		p.run()
		synctest.Wait()
		b.other(topic.Ack("r", "x"), state{N: 1, Version: 1})
		synctest.Wait()
		b.mu.Lock()
		b.put(topic.Ack("r", "x"), 1, true, nil)
		b.mu.Unlock()
		synctest.Wait()
		if w := []string{`x{"version":1,"n":1}`, "x"}; fmt.Sprint(got) != fmt.Sprint(w) {
			t.Errorf("got %q, want %q", got, w)
		}
		p.end()
	})
}
