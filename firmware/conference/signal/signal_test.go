package signal

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	sixteen = make([]byte, 16)
	valid   = []Message{
		&Hello{Protocol: Protocol, Resume: "r", Seen: 7}, &KeyPackage{Suite: XWing, Package: []byte{1}}, &Founded{Group: sixteen},
		&Admit{Participant: "p1", Admission: "a.b"}, &Refuse{Participant: "p1"}, &Remove{Participant: "p1"},
		&Commit{Group: sixteen, Epoch: 3, Commit: []byte{1}, Welcome: []byte{2}}, &Application{Group: sixteen, Message: []byte{1}},
		&Stuck{Group: sixteen, Epoch: 3, Why: "not-admitted"},
		&Offer{N: 1, SDP: "v=0", Send: []SendMid{{"0", Microphone}, {"1", Camera}}, Receive: []TrackMid{{"2", "t1"}}},
		&Prefer{LastN: 6, Low: []string{"t1"}}, &Mute{Source: Camera, Muted: true}, &Hand{Up: true}, &Floor{}, &AskMute{Participant: "p1"}, &Recording{What: RecordingBegin},
		&KeyFrame{Track: "t1"}, &Stream{On: true}, &Raise{}, &Code{Group: sixteen, Code: strings.Repeat("0123456789", 3)}, &End{}, &Declare{Alone: true}, &Leave{}, &Ping{N: 1},

		&Joined{Participant: "p1", Resume: "r", Time: time.Unix(0, 0).UTC()}, &Refused{Reason: RefusedFull}, &Knock{Participant: "p2"}, &State{Version: 1, People: []Person{}, Tracks: []Track{}},
		&Found{Group: sixteen, Tag: 1 << 31, Suite: XWing}, &Task{Group: sixteen, Remove: []int{4}}, &Committed{Seq: 1}, &CommitRefused{Why: "late"}, &ApplicationRefused{N: 3, Why: "late"},
		&Welcome{}, &Delivered{}, &Answer{N: 1}, &Speakers{Speakers: []string{"p1"}}, &Flow{Down: 5}, &PleaseMute{From: "p1"}, &Alarm{Why: "plain"},
		&Error{Why: "form"}, &Ended{Reason: EndedRoster}, &Pong{N: 1},
	}
)

func TestEveryMessageGoesRound(t *testing.T) {
	if len(valid) != len(kinds) {
		t.Fatalf("%d messages are tried, there are %d", len(valid), len(kinds))
	}
	for i, m := range valid {
		b, err := Encode(m)
		if err != nil {
			t.Fatalf("%s: %v", kinds[i].name, err)
		}
		read, other := Decode, DecodeServer
		if kinds[i].from == fromServer {
			read, other = other, read
		}
		back, err := read(b)
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s: %s came back as %+v, %v", kinds[i].name, b, back, err)
		}
		if _, err := other(b); !errors.Is(err, ErrForm) {
			t.Errorf("%s is taken from the other side", kinds[i].name)
		}
	}
}

func TestDecodeIsStrict(t *testing.T) {
	for _, s := range []string{
		``, `null`, `[]`, `{}`, `{"type":"nothing"}`, `{"type":"ping","n":1,"m":2}`, `{"type":"ping","n":1}{}`, `{"type":"ping","n":-1}`,
		`{"type":"hello","protocol":2}`, `{"type":"hello"}`, `{"type":"commit","group":"AAAA","epoch":0,"commit":"AA=="}`,
		`{"type":"remove","participant":""}`, `{"type":"hand","up":true,"participant":"p2"}`, `{"type":"mute","source":"ear","muted":true}`,
		`{"type":"offer","n":1,"sdp":"v","send":[{"mid":"0","source":"camera"},{"mid":"1","source":"camera"}]}`,
		`{"type":"offer","n":1,"sdp":"v","receive":[{"mid":"0","track":"a"},{"mid":"0","track":"b"}]}`,
		`{"type":"code","group":"AAAAAAAAAAAAAAAAAAAAAA==","epoch":1,"code":"12345"}`, `{"type":"stuck","group":"AAAAAAAAAAAAAAAAAAAAAA==","epoch":1,"why":"free text"}`,
		`{"type":"state"}`, `{"type":"key-package","suite":"none","package":"AA=="}`,
		`{"type":"ping","n":1,"x":"` + strings.Repeat("x", MaxMessage) + `"}`,
	} {
		if m, err := Decode([]byte(s)); !errors.Is(err, ErrForm) {
			t.Errorf("%.80s: got %+v, %v, want a refusal", s, m, err)
		}
	}
}

// TestDocument holds docs/conference-signalling.md to the table.
func TestDocument(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/conference-signalling.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if !strings.Contains(string(doc), "`"+k.name+"`") {
			t.Errorf("the document does not name %q", k.name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range valid {
		b, _ := Encode(m)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, read := range []func([]byte) (Message, error){Decode, DecodeServer} {
			m, err := read(b)
			if err != nil {
				continue
			}
			again, err := Encode(m)
			if err != nil {
				t.Fatalf("%q was read, but cannot be written: %v", b, err)
			}
			if len(again) > 2*MaxMessage {
				t.Fatalf("%d bytes became %d", len(b), len(again))
			}
		}
	})
}
