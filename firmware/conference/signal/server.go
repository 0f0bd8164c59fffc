package signal

import (
	"errors"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

// Encryption says how the call is encrypted.
type Encryption string

const (
	EndToEnd Encryption = "end-to-end" // always; the server drops everything else
	Open     Encryption = "open"       // the chair has opened public streams: what gateways send is plain. People's frames stay sealed
)

// Joined answers Hello. In the lobby it has Lobby set, and the state shows only the participant.
type Joined struct {
	head
	Participant string        `json:"participant"`
	Room        string        `json:"room"`
	Member      string        `json:"member"`
	Role        roster.Role   `json:"role"`
	Rights      []level.Right `json:"rights,omitempty"`
	Level       level.Level   `json:"level"`
	Lobby       bool          `json:"lobby"`
	Resumed     bool          `json:"resumed"` // the seat, its leaf and its tracks are those of before
	Resume      string        `json:"resume"`  // for the next Hello; holds for ResumeFor after a loss
	Suite       Suite         `json:"suite"`   // of the key package to send next
	Group       []byte        `json:"group,omitempty"`
	Epoch       uint64        `json:"epoch"`
	Seq         uint64        `json:"seq"` // highest so far
	ICE         []ICE         `json:"ice"` // for RTCPeerConnection
	LastN       int           `json:"last_n"`
	Codecs      []string      `json:"codecs"` // video, best first
	Rule        Rule          `json:"rule"`
	Time        time.Time     `json:"time"`
}

// Rule is what the level asks of the client.
type Rule struct {
	Encrypted   bool `json:"encrypted"`    // no way to switch it off
	ChairSigned bool `json:"chair_signed"` // adds need the chair's admission
	Recording   bool `json:"recording"`
	Streams     bool `json:"streams"`
	Declaration bool `json:"declaration"`
}

// ResumeFor is how long a seat waits for somebody whose connection was lost.
const ResumeFor = 30 * time.Second

// ICE is an RTCIceServer: short-lived credentials of the server's own TURN.
type ICE struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Refused says that Hello did not lead into the call, and what to do.
type Refused struct {
	head
	Reason level.Reason `json:"reason"` // of package level, or one of RefusedFull, RefusedClosed, …
	Text   Text         `json:"text"`
}

// Further reasons.
const (
	RefusedFull    level.Reason = "full"     // no seat is left
	RefusedClosed  level.Reason = "closed"   // the room allows no call now
	RefusedPending level.Reason = "pending"  // the session became stricter; the chair has not said yet what becomes of the call
	RefusedByChair level.Reason = "by-chair" // not let in from the lobby
	RefusedDeclare level.Reason = "declare"  // the declaration is missing
	RefusedOwn     level.Reason = "own"      // the member has as many seats as one may have
	RefusedOften   level.Reason = "often"    // the member has come too often in a short time
)

// Text is for people.
type Text struct {
	DE string `json:"de"`
	EN string `json:"en"`
}

// Knock tells chair and clerk that somebody waits: in the lobby, or, once let in, for the chair's admission.
type Knock struct {
	head
	Participant string      `json:"participant"`
	Member      string      `json:"member"`
	Role        roster.Role `json:"role"`
	OnRoster    bool        `json:"on_roster"`
	Lobby       bool        `json:"lobby"`             // false: let in (by By), the chair's device is to sign
	By          string      `json:"by,omitempty"`      // participant who let them in; "" the table of levels
	Package     []byte      `json:"package,omitempty"` // to sign; missing until it has come
}

// State is the whole state of the call, sent after each change and at most ten times a second.
type State struct {
	head
	Version    uint64       `json:"version"`
	Level      level.Level  `json:"level"`
	Pending    level.Level  `json:"pending,omitempty"` // the session's level is this now: the chair raises or ends the call
	Encryption Encryption   `json:"encryption"`
	Group      []byte       `json:"group,omitempty"`
	Epoch      uint64       `json:"epoch"`
	Declare    bool         `json:"declare,omitempty"` // the session asks everybody whether they are alone in their room
	Floor      string       `json:"floor,omitempty"`   // participant
	Stream     *StreamState `json:"stream,omitempty"`  // while the chair has opened it
	Waiting    []string     `json:"waiting,omitempty"` // participants in the lobby; only for who may let them in
	People     []Person     `json:"people"`
	Tracks     []Track      `json:"tracks"`
}

// StreamState says which public streams run.
type StreamState struct {
	In  bool `json:"in"`
	Out int  `json:"out"` // players
}

// Person is a participant as others see it. Names are not here: they go end to end.
type Person struct {
	ID          string      `json:"id"`
	Member      string      `json:"member"`
	Role        roster.Role `json:"role"`
	Leaf        int         `json:"leaf"` // of the MLS group; -1 not in it
	Hand        int         `json:"hand"` // place on the speaking list from 1; 0 not raised
	Here        bool        `json:"here"` // false: the connection is lost, the seat waits
	Companion   bool        `json:"companion"`
	Declaration bool        `json:"declaration"` // has declared that nobody else is in their room
	Muted       []Source    `json:"muted,omitempty"`
}

// Track is something that can be received.
type Track struct {
	ID          string `json:"id"`
	Participant string `json:"participant"`
	Source      Source `json:"source"`
	Codec       string `json:"codec"` // opus, vp8, vp9
}

// Found asks a participant to make the group.
type Found struct {
	head
	Group []byte `json:"group"` // 16 bytes: the MLS group_id
	Tag   uint32 `json:"tag"`   // room tag of frames' key ids
	Suite Suite  `json:"suite"`
}

// Task asks one member to commit. Others may; the first valid commit wins.
type Task struct {
	head
	Group  []byte `json:"group"`
	Epoch  uint64 `json:"epoch"`
	Add    []Add  `json:"add,omitempty"`
	Remove []int  `json:"remove,omitempty"` // leaves
}

// Add is somebody to be taken in.
type Add struct {
	Participant string `json:"participant"`
	Package     []byte `json:"package"`
	Admission   string `json:"admission,omitempty"`
}

// Committed is a commit in its order. The committer gets it, too: only then does it take its own epoch.
type Committed struct {
	head
	Seq     uint64 `json:"seq"`
	Group   []byte `json:"group"`
	Epoch   uint64 `json:"epoch"` // that it ends
	From    string `json:"from"`
	Commit  []byte `json:"commit"`
	Added   []Seat `json:"added,omitempty"`
	Removed []Seat `json:"removed,omitempty"`
}

// Seat is a participant's leaf.
type Seat struct {
	Participant string `json:"participant"`
	Leaf        int    `json:"leaf"`
}

// ApplicationRefused tells the sender that an application message was not ordered: its epoch is over, and who was taken in
// meanwhile could not open it. The sender seals it again.
type ApplicationRefused struct {
	head
	Group []byte `json:"group"`
	N     uint64 `json:"n"`
	Why   string `json:"why"`
}

// CommitRefused tells the sender that a commit was not taken. Winner is the one that was, if that is why.
type CommitRefused struct {
	head
	Group  []byte     `json:"group"`
	Epoch  uint64     `json:"epoch"`
	Why    string     `json:"why"` // late, group, form, sender, proposal, unsigned, not-removed, often, not-admitted, welcome
	Winner *Committed `json:"winner,omitempty"`
}

// Welcome brings somebody into the group.
type Welcome struct {
	head
	Seq     uint64 `json:"seq"`
	Group   []byte `json:"group"`
	Epoch   uint64 `json:"epoch"` // that it begins
	Tag     uint32 `json:"tag"`
	Leaf    int    `json:"leaf"` // as the server counts; the group's own word decides
	Suite   Suite  `json:"suite"`
	Welcome []byte `json:"welcome"`
}

// Delivered is an application message in its order.
type Delivered struct {
	head
	Seq     uint64 `json:"seq"`
	Group   []byte `json:"group"`
	From    string `json:"from"`
	Message []byte `json:"message"`
}

// Answer answers Offer. Receive are the m-lines that will carry something, of those offered.
type Answer struct {
	head
	N       int        `json:"n"`
	SDP     string     `json:"sdp"`
	Receive []TrackMid `json:"receive,omitempty"`
}

// Speakers are the participants heard, the loudest first, by the level in the header extension that clients send.
type Speakers struct {
	head
	Speakers []string `json:"speakers"`
}

// Flow says how the participant's connection fares and what is sent of each track.
type Flow struct {
	head
	Down   int            `json:"down"` // estimated bit/s towards the client; 0 not known
	Paused []string       `json:"paused,omitempty"`
	Layers map[string]int `json:"layers,omitempty"` // by track: 0 the smallest
}

// PleaseMute is somebody's wish for silence.
type PleaseMute struct {
	head
	From string `json:"from"`
}

// Alarm says that the server has dropped media that was not what it must be: to the sender, and to chair and clerk.
type Alarm struct {
	head
	Participant string `json:"participant"`
	Track       string `json:"track"`
	Why         string `json:"why"` // word of package tripwire; without a track: code, unsigned, not-removed, often
	Text        Text   `json:"text"`
}

// Error says what was wrong with a message. The connection stays.
type Error struct {
	head
	To   string `json:"to,omitempty"` // its type
	Why  string `json:"why"`
	Text Text   `json:"text"`
}

// EndReason says why a call ended.
type EndReason string

const (
	EndedByChair   EndReason = "by-chair"  // for everybody
	EndedRemoved   EndReason = "removed"   // by chair or clerk
	EndedRoster    EndReason = "roster"    // no right to be here any more
	EndedLevel     EndReason = "level"     // the session's level does not allow it
	EndedElsewhere EndReason = "elsewhere" // another browser took the seat
	EndedServer    EndReason = "server"    // stops; come again
	EndedLost      EndReason = "lost"      // the seat waited in vain
	EndedHall      EndReason = "hall"      // somebody in the hall pressed its button
	EndedLeft      EndReason = "left"
)

// Ended is the last message on a socket.
type Ended struct {
	head
	Reason EndReason `json:"reason"`
	Again  bool      `json:"again"` // coming again may help
	Text   Text      `json:"text"`
}

// Pong answers Ping.
type Pong struct {
	head
	N uint64 `json:"n"`
}

func (m *Joined) check() error {
	if m.Participant == "" || m.Resume == "" {
		return errors.New("participant or resume is missing")
	}
	return nil
}
