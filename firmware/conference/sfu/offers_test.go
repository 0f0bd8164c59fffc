package sfu

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/conference/signal"
	"subrosa/firmware/conference/tripwire"
)

// receives is an offer of n m-lines that receive, with nothing that a connection could be made of.
func receives(from, n int) *signal.Offer {
	var b strings.Builder
	b.WriteString("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n")
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:x%d\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\n", i)
	}
	return &signal.Offer{N: 1, SDP: b.String()}
}

// TestOffersThatFail: offers that cannot be answered leave nothing behind, however many m-lines they name and whatever they call them.
func TestOffersThatFail(t *testing.T) {
	s := newScene(t, 1)
	w := &tripwire.Sender{}
	before := runtime.NumGoroutine()
	for i := range 8 {
		if _, err := s.room.Offer("evil", w, receives(250*i, 250)); err == nil {
			t.Fatal("this offer can be answered: the test shows nothing")
		}
	}
	p := s.room.Peer("evil", w)
	if n := len(p.slots); n != 0 {
		t.Errorf("%d slots of offers that failed", n)
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+20; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines more than before", runtime.NumGoroutine()-before)
		}
	}
	c := s.clients[0] // and who offers rightly is answered, after a wrong one too
	if _, err := s.room.Offer(c.id, s.wires[c.id], receives(0, 250)); err == nil {
		t.Fatal("answered")
	}
	again, err := newClient("b", 1, true)
	if err != nil {
		t.Fatal(err)
	}
	s.clients = append(s.clients, again)
	if err := again.offer(s.room.Peer(c.id, s.wires[c.id]).Offer, nil); err != nil {
		t.Errorf("after a wrong offer: %v", err)
	}
}

// TestSlotsInTotal: m-lines towards a peer are bounded over all of its offers on a connection.
func TestSlotsInTotal(t *testing.T) {
	s := newScene(t, 1)
	p := s.room.Peer("a", s.wires["a"])
	p.mu.Lock()
	for i := range maxSlots - 5 {
		p.slots[fmt.Sprint("had", i)] = newSlot(p, true, fmt.Sprint("had", i))
	}
	pc := p.pc
	p.mu.Unlock()
	if _, err := p.Offer(receives(0, 10)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("%v", err)
	}
	if p.pc != pc || len(p.slots) != maxSlots-5 {
		t.Error("what was there has gone with an offer that was not even tried")
	}
}
