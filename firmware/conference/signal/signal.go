// Package signal is what a participant's browser and the conference server say to each other: JSON messages over one
// WebSocket, strict both ways. docs/conference-signalling.md says when each is sent; the JSON names stand here.
//
// A message is one object with a "type". Decode refuses unknown types, unknown fields, missing parts and more than
// MaxMessage bytes. Bytes are standard base64 with padding, as encoding/json writes them. The server can read none of the
// MLS messages but the headers of commits (package mls), and none of the frames.
package signal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// Protocol is the version that Hello carries.
const Protocol = 1

// MaxMessage is the most bytes of a message: a commit with thirty hybrid key shares has about 41 kB, a welcome 44 kB.
const MaxMessage = 256 << 10

// Message is any message of this package, by pointer.
type Message interface{ check() error }

// side says who may send a message.
type side int

const (
	fromClient side = iota + 1
	fromServer
)

type kind struct {
	name string
	from side
	make func() Message
}

// kinds lists every message. A name may stand once for each side.
var kinds = []kind{
	{"hello", fromClient, func() Message { return &Hello{} }},
	{"key-package", fromClient, func() Message { return &KeyPackage{} }},
	{"founded", fromClient, func() Message { return &Founded{} }},
	{"admit", fromClient, func() Message { return &Admit{} }},
	{"refuse", fromClient, func() Message { return &Refuse{} }},
	{"remove", fromClient, func() Message { return &Remove{} }},
	{"commit", fromClient, func() Message { return &Commit{} }},
	{"application", fromClient, func() Message { return &Application{} }},
	{"stuck", fromClient, func() Message { return &Stuck{} }},
	{"offer", fromClient, func() Message { return &Offer{} }},
	{"prefer", fromClient, func() Message { return &Prefer{} }},
	{"mute", fromClient, func() Message { return &Mute{} }},
	{"hand", fromClient, func() Message { return &Hand{} }},
	{"floor", fromClient, func() Message { return &Floor{} }},
	{"ask-mute", fromClient, func() Message { return &AskMute{} }},
	{"key-frame", fromClient, func() Message { return &KeyFrame{} }},
	{"stream", fromClient, func() Message { return &Stream{} }},
	{"recording", fromClient, func() Message { return &Recording{} }},
	{"raise", fromClient, func() Message { return &Raise{} }},
	{"code", fromClient, func() Message { return &Code{} }},
	{"end", fromClient, func() Message { return &End{} }},
	{"declare", fromClient, func() Message { return &Declare{} }},
	{"leave", fromClient, func() Message { return &Leave{} }},
	{"ping", fromClient, func() Message { return &Ping{} }},

	{"joined", fromServer, func() Message { return &Joined{} }},
	{"refused", fromServer, func() Message { return &Refused{} }},
	{"knock", fromServer, func() Message { return &Knock{} }},
	{"state", fromServer, func() Message { return &State{} }},
	{"found", fromServer, func() Message { return &Found{} }},
	{"task", fromServer, func() Message { return &Task{} }},
	{"committed", fromServer, func() Message { return &Committed{} }},
	{"application-refused", fromServer, func() Message { return &ApplicationRefused{} }},
	{"commit-refused", fromServer, func() Message { return &CommitRefused{} }},
	{"welcome", fromServer, func() Message { return &Welcome{} }},
	{"delivered", fromServer, func() Message { return &Delivered{} }},
	{"answer", fromServer, func() Message { return &Answer{} }},
	{"speakers", fromServer, func() Message { return &Speakers{} }},
	{"flow", fromServer, func() Message { return &Flow{} }},
	{"please-mute", fromServer, func() Message { return &PleaseMute{} }},
	{"alarm", fromServer, func() Message { return &Alarm{} }},
	{"error", fromServer, func() Message { return &Error{} }},
	{"ended", fromServer, func() Message { return &Ended{} }},
	{"pong", fromServer, func() Message { return &Pong{} }},
}

// Names returns the types that one side sends, in the order of the document.
func Names(server bool) (names []string) {
	for _, k := range kinds {
		if (k.from == fromServer) == server {
			names = append(names, k.name)
		}
	}
	return names
}

// ErrForm is wrapped by every error of Decode.
var ErrForm = errors.New("signal: not a message of this protocol")

// Decode reads a message that a client has sent.
func Decode(b []byte) (Message, error) { return decode(b, fromClient) }

// DecodeServer reads a message that a server has sent: for tests, and members that are no browsers.
func DecodeServer(b []byte) (Message, error) { return decode(b, fromServer) }

func decode(b []byte, from side) (Message, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrForm, len(b), MaxMessage)
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	for _, k := range kinds {
		if k.name != head.Type || k.from != from {
			continue
		}
		m := k.make()
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(m); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrForm, k.name, err)
		}
		if _, err := d.Token(); err != io.EOF {
			return nil, fmt.Errorf("%w: %s: more after its end", ErrForm, k.name)
		}
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrForm, k.name, err)
		}
		return m, nil
	}
	return nil, fmt.Errorf("%w: unknown type %.40q", ErrForm, head.Type)
}

// Encode writes a message; its type is set by what it is.
func Encode(m Message) ([]byte, error) {
	for _, k := range kinds {
		if reflect.TypeOf(k.make()) != reflect.TypeOf(m) {
			continue
		}
		reflect.ValueOf(m).Elem().FieldByName("Type").SetString(k.name)
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("signal: %s: %w", k.name, err)
		}
		b, err := json.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("signal: %s: %w", k.name, err)
		}
		return b, nil
	}
	return nil, fmt.Errorf("signal: %T is not a message", m)
}

// head is in every message.
type head struct {
	Type string `json:"type"`
}

func (head) check() error { return nil }
