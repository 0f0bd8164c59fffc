package signal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Suite is an MLS cipher suite by its short name.
type Suite string

const (
	XWing  Suite = "xwing"  // MLS_256_XWING_AES256GCM_SHA512_Ed25519
	X25519 Suite = "x25519" // MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519
)

func (s Suite) valid() bool { return s == XWing || s == X25519 }

// Source is what a track shows. It goes into the metadata of each encrypted frame (microphone 1, camera 2, screen 3).
type Source string

const (
	Microphone Source = "microphone"
	Camera     Source = "camera"
	Screen     Source = "screen"
)

// Valid reports whether s is a source.
func (s Source) Valid() bool { return s == Microphone || s == Camera || s == Screen }

// Video reports whether the source is a picture.
func (s Source) Video() bool { return s == Camera || s == Screen }

// Hello is the first message on a socket; who it is, the request's cookie or certificate has said.
type Hello struct {
	head
	Protocol    int    `json:"protocol"`
	Resume      string `json:"resume,omitempty"`      // of Joined, to take the seat of before the loss
	Seen        uint64 `json:"seen,omitempty"`        // with Resume: highest Seq that came
	Companion   bool   `json:"companion,omitempty"`   // a laptop in the hall: it gets and sends no sound
	Declaration bool   `json:"declaration,omitempty"` // "keine Dritten im Raum"
}

func (m *Hello) check() error {
	if m.Protocol != Protocol {
		return fmt.Errorf("protocol %d, this server speaks %d: reload the page", m.Protocol, Protocol)
	}
	return limit("resume", len(m.Resume), 64)
}

// KeyPackage is the participant's MLSMessage(KeyPackage), whose leaf's credential is the binding.
type KeyPackage struct {
	head
	Suite   Suite  `json:"suite"`
	Package []byte `json:"package"`
}

func (m *KeyPackage) check() error {
	if !m.Suite.valid() || len(m.Package) == 0 {
		return errors.New("suite or package is missing")
	}
	return limit("package", len(m.Package), 16<<10)
}

// Founded says that the participant has made the group that Found asked for, and is its leaf 0.
type Founded struct {
	head
	Group []byte `json:"group"`
}

func (m *Founded) check() error { return group(m.Group) }

// Admit lets somebody in from the lobby; with Admission, the chair's device has signed that the group may take them in.
type Admit struct {
	head
	Participant string `json:"participant"`
	Admission   string `json:"admission,omitempty"` // package binding
}

func (m *Admit) check() error {
	return errors.Join(participant(m.Participant), limit("admission", len(m.Admission), 1024))
}

// Refuse sends somebody in the lobby away.
type Refuse struct {
	head
	Participant string `json:"participant"`
}

func (m *Refuse) check() error { return participant(m.Participant) }

// Remove ends somebody's call.
type Remove struct {
	head
	Participant string `json:"participant"`
}

func (m *Remove) check() error { return participant(m.Participant) }

// Commit is a commit for the server to order: the first valid one of an epoch wins.
type Commit struct {
	head
	Group   []byte `json:"group"`
	Epoch   uint64 `json:"epoch"`             // that it ends
	Commit  []byte `json:"commit"`            // MLSMessage(PublicMessage)
	Welcome []byte `json:"welcome,omitempty"` // MLSMessage(Welcome), if it adds anybody
}

func (m *Commit) check() error {
	if len(m.Commit) == 0 {
		return errors.New("commit is missing")
	}
	return errors.Join(group(m.Group), limit("commit and welcome", len(m.Commit)+len(m.Welcome), 160<<10))
}

// Application is an MLS application message (MLSMessage(PrivateMessage)): chat, signed mute, names, orders.
type Application struct {
	head
	Group   []byte `json:"group"`
	Message []byte `json:"message"`
	N       uint64 `json:"n,omitempty"` // of the sender, for application-refused
}

func (m *Application) check() error {
	if len(m.Message) == 0 {
		return errors.New("message is missing")
	}
	return errors.Join(group(m.Group), limit("message", len(m.Message), 32<<10))
}

// Stuck says that a commit the server has ordered was refused by this member.
type Stuck struct {
	head
	Group []byte `json:"group"`
	Epoch uint64 `json:"epoch"` // that this member is in
	Why   string `json:"why"`   // word of a list: form, epoch, proposal, not-admitted, identity, signature, other
}

// StuckReasons lists Stuck.Why.
var StuckReasons = []string{"form", "epoch", "proposal", "not-admitted", "identity", "signature", "other"}

func (m *Stuck) check() error {
	if !slices.Contains(StuckReasons, m.Why) {
		return fmt.Errorf("why is not one of %v", StuckReasons)
	}
	return group(m.Group)
}

// Offer is the description of the participant's one PeerConnection. The client always offers.
type Offer struct {
	head
	N       int        `json:"n"`               // counts offers; the answer repeats it
	Fresh   bool       `json:"fresh,omitempty"` // a new PeerConnection takes the place of the one before
	SDP     string     `json:"sdp"`
	Send    []SendMid  `json:"send,omitempty"`    // every sendonly m-line that is in use
	Receive []TrackMid `json:"receive,omitempty"` // every recvonly m-line that is in use
}

// SendMid says what a sendonly m-line carries.
type SendMid struct {
	Mid    string `json:"mid"`
	Source Source `json:"source"`
}

// TrackMid says which track a recvonly m-line is for.
type TrackMid struct {
	Mid   string `json:"mid"`
	Track string `json:"track"`
}

func (m *Offer) check() error {
	if m.SDP == "" || m.N < 1 {
		return errors.New("sdp or n is missing")
	}
	seen := map[string]bool{}
	for _, s := range m.Send {
		if s.Mid == "" || len(s.Mid) > 16 || !s.Source.Valid() || seen[s.Mid] || seen[string(s.Source)+" "] {
			return fmt.Errorf("send: mid %.16q, source %.16q: missing, unknown or twice", s.Mid, s.Source)
		}
		seen[s.Mid], seen[string(s.Source)+" "] = true, true
	}
	for _, r := range m.Receive {
		if r.Mid == "" || len(r.Mid) > 16 || r.Track == "" || len(r.Track) > 40 || seen[r.Mid] || seen[r.Track+" "] {
			return fmt.Errorf("receive: mid %.16q: missing or twice", r.Mid)
		}
		seen[r.Mid], seen[r.Track+" "] = true, true
	}
	return errors.Join(limit("sdp", len(m.SDP), 200<<10), limit("m-lines", len(m.Send)+len(m.Receive), 160))
}

// Prefer says what the participant wants to see. What is not named is high, as far as last-N and bandwidth allow.
type Prefer struct {
	head
	LastN  int      `json:"last_n,omitempty"` // pictures at most; 0: as many as the server has for everybody
	Low    []string `json:"low,omitempty"`    // tracks to be sent small
	Off    []string `json:"off,omitempty"`    // tracks not to be sent
	Pinned []string `json:"pinned,omitempty"` // tracks that last-N keeps
}

func (m *Prefer) check() error {
	if m.LastN < 0 {
		return errors.New("last_n is negative")
	}
	return limit("tracks", len(m.Low)+len(m.Off)+len(m.Pinned), 256)
}

// Mute tells the server to forward nothing of a source. What members believe is the signed application message.
type Mute struct {
	head
	Source Source `json:"source"`
	Muted  bool   `json:"muted"`
}

func (m *Mute) check() error {
	if !m.Source.Valid() {
		return errors.New("unknown source")
	}
	return nil
}

// Hand raises or lowers the participant's hand; with Participant, chair or clerk lower somebody else's.
type Hand struct {
	head
	Up          bool   `json:"up"`
	Participant string `json:"participant,omitempty"`
}

func (m *Hand) check() error {
	if m.Participant == "" {
		return nil
	}
	if m.Up {
		return errors.New("nobody raises another's hand")
	}
	return participant(m.Participant)
}

// Floor gives somebody the floor, or takes it with "": chair and clerk.
type Floor struct {
	head
	Participant string `json:"participant,omitempty"`
}

func (m *Floor) check() error {
	if m.Participant == "" {
		return nil
	}
	return participant(m.Participant)
}

// AskMute asks somebody for silence.
type AskMute struct {
	head
	Participant string `json:"participant"`
}

func (m *AskMute) check() error { return participant(m.Participant) }

// KeyFrame asks for a key frame of a track: after a key change, or when its decoder is lost.
type KeyFrame struct {
	head
	Track string `json:"track"`
}

func (m *KeyFrame) check() error { return limit("track", len(m.Track), 40) }

// Stream opens or closes the public stream in and out (WHIP, WHEP). Chair only, at level public only; encryption is off while open.
type Stream struct {
	head
	On bool `json:"on"`
}

// Recording is what the one who records on their own device says of it, for the journal, and what somebody says who takes their
// consent back. What members believe is the signed application message.
type Recording struct {
	head
	What RecordingWhat `json:"what"`
}

// RecordingWhat is what has become of a recording.
type RecordingWhat string

// What may become of it.
const (
	RecordingBegin     RecordingWhat = "begin" // also after a pause
	RecordingPause     RecordingWhat = "pause"
	RecordingEnd       RecordingWhat = "end"
	RecordingWithdrawn RecordingWhat = "withdrawn"
)

func (m *Recording) check() error {
	switch m.What {
	case RecordingBegin, RecordingPause, RecordingEnd, RecordingWithdrawn:
		return nil
	}
	return fmt.Errorf("recording %.20q", m.What)
}

// Raise is the chair's word that a call takes the session's stricter level on: who may not stay goes, the group is made anew.
type Raise struct{ head }

// End ends the call for everybody. Chair only.
type End struct{ head }

// Code is the room code that the sender's device computes in this epoch, for the wall: 30 digits. Chair and room only.
type Code struct {
	head
	Group []byte `json:"group"`
	Epoch uint64 `json:"epoch"`
	Code  string `json:"code"`
}

func (m *Code) check() error {
	if len(m.Code) != 30 || strings.Trim(m.Code, "0123456789") != "" {
		return errors.New("code is not 30 digits")
	}
	return group(m.Group)
}

// Declare is the participant's word, given in the call, that nobody else is in their room, or that somebody is.
type Declare struct {
	head
	Alone bool `json:"alone"`
}

// Leave ends the participant's own call.
type Leave struct{ head }

// Ping is answered by Pong, so that a page sees that the connection is gone.
type Ping struct {
	head
	N uint64 `json:"n"`
}

func participant(id string) error {
	if id == "" || len(id) > 40 {
		return errors.New("participant is missing")
	}
	return nil
}

func group(g []byte) error {
	if len(g) != 16 {
		return fmt.Errorf("group has %d bytes, not 16", len(g))
	}
	return nil
}

func limit(what string, n, most int) error {
	if n > most {
		return fmt.Errorf("%s: %d, at most %d", what, n, most)
	}
	return nil
}
