package call

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/conference/codec"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/sfu"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

func streamScene(t *testing.T) (*scene, *out) {
	s := newScene(t, level.Public)
	s.c.o.Streams, s.c.o.Players = true, 2
	return s, s.join("chair", roster.Chair, false)
}

// in begins a stream with a picture and a sound.
func (s *scene) in(token string) *Stream {
	s.t.Helper()
	x, _, err := s.c.Publish(token, &signal.Offer{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.m.tracks = []sfu.TrackInfo{{ID: "ta", Peer: x.ID(), Source: "microphone", Codec: "opus"}, {ID: "tv", Peer: x.ID(), Source: "camera", Codec: "h264"}}
	s.connected(x)
	return x
}

func (s *scene) connected(x *Stream) { s.c.locked(func() { s.c.streamState(x.ID(), "connected") }) }

// TestStreamsNeedTheChair: at a level that allows them, after the chair's word, one in and so many out; players are fed with what
// comes in, also when it comes anew.
func TestStreamsNeedTheChair(t *testing.T) {
	s, chair := streamScene(t)
	refused := func(what string, want error, f func(string, *signal.Offer) (*Stream, *signal.Answer, error)) {
		t.Helper()
		if _, _, err := f("s-2", &signal.Offer{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	refused("not opened", ErrStreamShut, s.c.Publish)
	s.say(s.join("m2", roster.Councillor, false), "stream", &signal.Stream{On: true})
	refused("opened by a councillor", ErrStreamShut, s.c.Publish)
	s.say(chair, "stream", &signal.Stream{On: true})
	refused("nothing comes in", ErrStreamNone, s.c.Play)
	mixer := s.in("s-1")
	refused("a second one", ErrStreamBusy, s.c.Publish)
	st := s.c.state()
	if st.Encryption != signal.Open || !st.Stream.In || !slices.ContainsFunc(st.People, func(p signal.Person) bool { return p.Role == roster.Gateway && p.Leaf == -1 && p.Here }) {
		t.Errorf("seen as %+v", st)
	}
	if r := s.report[len(s.report)-1]; !r.Plain {
		t.Errorf("the site is told %+v", r)
	}
	a, _, err := s.c.Play("s-2", &signal.Offer{})
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := s.c.Play("", &signal.Offer{})
	if err != nil {
		t.Fatal(err)
	}
	s.connected(a)
	refused("a third player", ErrStreamFull, s.c.Play)
	if !slices.Contains(s.m.did, "feed "+a.ID()+" ta tv") || !slices.Contains(s.m.did, "feed "+b.ID()+" ta tv") {
		t.Errorf("%v", s.m.did)
	}
	s.c.locked(func() { s.c.streamState(mixer.ID(), "disconnected") })
	again := s.in("s-1")
	s.m.tracks[1].ID = "tw"
	s.tick(100 * time.Millisecond)
	if !slices.Contains(s.m.did, "remove "+mixer.ID()) || s.m.did[len(s.m.did)-1] != "feed "+a.ID()+" ta tw" && s.m.did[len(s.m.did)-1] != "feed "+b.ID()+" ta tw" {
		t.Errorf("its successor: %v", s.m.did)
	}
	s.tick(connectTime) // b has never connected
	if s.c.Streams(b.ID()) || !s.c.Streams(a.ID()) || !s.c.Streams(again.ID()) {
		t.Error("who never connects goes, and nobody else")
	}
	s.c.Drop("s-2", "")
	if s.c.Streams(a.ID()) {
		t.Error("a token's end does not end its player")
	}
	s.say(chair, "remove", &signal.Remove{Participant: again.ID()})
	if s.c.Streams(again.ID()) || s.c.in != nil {
		t.Error("the chair cannot send the mixer away")
	}
}

// TestStreamsEnd: whatever ends the right to stream ends both ways before it returns, and is in the journal and told to the site.
func TestStreamsEnd(t *testing.T) {
	for what, end := range map[string]func(*scene, *out){
		"a stricter level":          func(s *scene, _ *out) { s.c.SetLevel(level.Internal, true) },
		"a level that is not known": func(s *scene, _ *out) { s.c.SetLevel("odd", true) },
		"no call any more":          func(s *scene, _ *out) { s.c.SetLevel(level.Public, false) },
		"the chair's word":          func(s *scene, c *out) { s.say(c, "stream", &signal.Stream{}) },
		"the call's end":            func(s *scene, c *out) { s.say(c, "end", &signal.End{}) },
		"everybody's leaving":       func(s *scene, c *out) { s.say(c, "leave", &signal.Leave{}) },
		"the server's stop":         func(s *scene, _ *out) { s.c.shut(signal.EndedServer) },
	} {
		s, chair := streamScene(t)
		s.say(chair, "stream", &signal.Stream{On: true})
		mixer := s.in("s-1")
		player, _, err := s.c.Play("s-2", &signal.Offer{})
		if err != nil {
			t.Fatal(err)
		}
		s.notes, s.m.did = nil, nil
		end(s, chair)
		removed := slices.DeleteFunc(slices.Clone(s.m.did), func(d string) bool { return !strings.HasPrefix(d, "remove ") })
		if !slices.Contains(removed, "remove "+mixer.ID()) || !slices.Contains(removed, "remove "+player.ID()) {
			t.Errorf("%s: %v", what, s.m.did)
		}
		if s.c.open || s.c.in != nil || len(s.c.players) != 0 || s.c.state().Stream != nil {
			t.Errorf("%s: streams are left", what)
		}
		if n := len(slices.DeleteFunc(slices.Clone(s.notes), func(k string) bool { return k != KindStream })); n != 3 { // out, in, closed
			t.Errorf("%s: journal %v", what, s.notes)
		}
		if r := s.report[len(s.report)-1]; r.Open || r.In+r.Out != 0 || r.Plain {
			t.Errorf("%s: told the site %+v", what, r)
		}
		if _, _, err := s.c.Publish("s-1", &signal.Offer{}); err == nil {
			t.Errorf("%s: and it begins again", what)
		}
	}
}

// TestStreamLeavesTripwiresAlone: what people send must be sealed while a public stream is open, too.
func TestStreamLeavesTripwiresAlone(t *testing.T) {
	s, chair := streamScene(t)
	s.say(chair, "founded", &signal.Founded{Group: []byte("0123456789abcdef")})
	s.say(chair, "stream", &signal.Stream{On: true})
	s.in("s-1")
	if v := chair.seat.wire.NewTrack(1, codec.Opus).Packet(s.now, 1, 1, true, codec.Packet{Start: true, Key: true}, []byte("plain, and long enough to have a header")); !v.Dropped() {
		t.Errorf("a person's plain frame: %v", v)
	}
	if v := s.c.in.wire.NewTrack(2, codec.Opus).Packet(s.now, 1, 1, true, codec.Packet{Start: true, Key: true}, []byte("plain")); v.Dropped() {
		t.Errorf("the mixer's: %v", v)
	}
}
