package access

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

// Use is what a stream's token is for.
type Use string

const (
	Publish Use = "publish" // send the hall's picture and sound in (WHIP)
	Play    Use = "play"    // take them out (WHEP)
)

// StreamLife is the longest life of a stream's token, and maxTokens how many a book holds.
const (
	StreamLife = 31 * 24 * time.Hour
	maxTokens  = 200
)

// ErrToken is for a stream's token that opens nothing, ErrUse for one of the other purpose.
var (
	ErrToken = errors.New("access: the stream's token is unknown, revoked or not valid now")
	ErrUse   = errors.New("access: the stream's token is for another purpose or room")
)

// StreamToken lets a device publish or play, in one room and for a time, as often as it connects. It has 256 random bits and
// is nowhere stored. It opens nothing by itself: the level must allow streams, and the chair must have opened them.
type StreamToken struct {
	ID      string      `json:"id"` // for lists, the journal and the call; opens nothing
	Hash    []byte      `json:"hash"`
	Room    string      `json:"room"`
	Use     Use         `json:"use"`
	From    time.Time   `json:"from"`
	To      time.Time   `json:"to"`
	By      roster.Role `json:"by"` // "" who runs the machine
	Made    time.Time   `json:"made"`
	Revoked time.Time   `json:"revoked,omitzero"`
}

// State of a token at a time: open, early, over or revoked.
func (k *StreamToken) State(now time.Time) string {
	i := Invite{From: k.From, To: k.To, Revoked: k.Revoked}
	return i.State(now)
}

// stream puts a token into the book and returns its text.
func (b *Book) stream(now time.Time, k StreamToken) (StreamToken, string, error) {
	b.prune(now)
	switch {
	case k.Use != Publish && k.Use != Play:
		return k, "", fmt.Errorf("%w: use", ErrRequest)
	case !k.To.After(k.From) || !k.To.After(now):
		return k, "", fmt.Errorf("%w: it would be over before it begins", ErrRequest)
	case k.To.Sub(now) > StreamLife:
		return k, "", fmt.Errorf("%w: it would be valid for more than %d hours", ErrRequest, int(StreamLife.Hours()))
	case len(b.Streams) >= maxTokens:
		return k, "", ErrFull
	}
	token := newToken()
	k.ID, k.Hash, k.Made, k.Revoked = newID("s-"), digest(token), now, time.Time{}
	b.Streams[k.ID] = &k
	return k, token, nil
}

// StreamToken makes a token; its text is shown once and stored nowhere. It is in the journal before it is known.
func (s *Service) StreamToken(by roster.Role, room string, use Use, from, to time.Time) (StreamToken, string, error) {
	if !level.May(by, level.InviteOut) {
		return StreamToken{}, "", ErrRight
	}
	return s.streamToken(by, room, use, from, to)
}

// FirstStreamToken makes a token for whoever runs the machine.
func (s *Service) FirstStreamToken(room string, use Use, life time.Duration) (StreamToken, string, error) {
	return s.streamToken("", room, use, s.now(), s.now().Add(life))
}

func (s *Service) streamToken(by roster.Role, room string, use Use, from, to time.Time) (k StreamToken, token string, err error) {
	if s.o.Rosters[room] == nil {
		return k, "", fmt.Errorf("%w: no such room", ErrRequest)
	}
	err = s.change(func(b *Book) error {
		if k, token, err = b.stream(s.now(), StreamToken{Room: room, Use: use, From: from, To: to, By: by}); err != nil {
			return err
		}
		return s.record(KindToken, room, note{By: by, Invite: k.ID, Purpose: Purpose(use), Until: &to})
	})
	if err != nil {
		return StreamToken{}, "", err
	}
	return k, token, nil
}

// StreamTokens lists a room's, the latest first. Their hashes stay here.
func (s *Service) StreamTokens(room string) (out []StreamToken) {
	s.read(func(b *Book) {
		for _, k := range b.Streams {
			if k.Room == room {
				c := *k
				c.Hash = nil
				out = append(out, c)
			}
		}
	})
	slices.SortFunc(out, func(a, b StreamToken) int { return b.Made.Compare(a.Made) })
	return out
}

// RevokeStream ends a token, and, before it returns, what streams by it.
func (s *Service) RevokeStream(by roster.Role, room, id string) error {
	if !level.May(by, level.InviteOut) {
		return ErrRight
	}
	now := s.now()
	err := s.change(func(b *Book) error {
		k := b.Streams[id]
		if k == nil || k.Room != room || !k.Revoked.IsZero() {
			return ErrToken
		}
		k.Revoked = now
		return nil
	})
	if err != nil {
		return err
	}
	s.tell(Ended{Room: room, Member: id, Reason: EndRevoked, At: now})
	s.note(KindRevoked, room, note{By: by, Invite: id})
	return nil
}

// Stream says whose a token is that a device shows to publish or play in a room. Errors: ErrToken, ErrUse, *Locked. Wrong ones
// count by address, apart from those of the sign-in, and a right one passes all the same: a token goes into a header that any
// page of the web may send, and a mixer that shares its address with such a page must come back.
func (s *Service) Stream(token, room string, use Use, remote string) (id string, err error) {
	now := s.now()
	hash := digest(token)
	err = ErrToken
	s.read(func(b *Book) {
		for _, k := range b.Streams {
			switch {
			case subtle.ConstantTimeCompare(k.Hash, hash) != 1 || k.State(now) != "open":
			case k.Room != room || k.Use != use:
				err = ErrUse
			default:
				id, err = k.ID, nil
			}
		}
	})
	if !errors.Is(err, ErrToken) {
		return id, err
	}
	if err := s.players.check(now, remote); err != nil {
		return "", err
	}
	if s.players.failed(now, remote) {
		s.note(KindLocked, "", note{Reason: "address"})
	}
	return "", err
}

// overStreams are the tokens that have ended by now and are in the book as if they had not.
func (b *Book) overStreams(now time.Time) (out []StreamToken) {
	for _, k := range b.Streams {
		if k.Revoked.IsZero() && !now.Before(k.To) {
			out = append(out, *k)
		}
	}
	return out
}

// StreamRefusal returns what an error of Stream is in HTTP, and for people.
func (s *Service) StreamRefusal(err error) (status int, slug string, text level.Text, seconds int) {
	status, a := refusal(err, s)
	return status, a.Error, *a.Text, a.Seconds
}

func (s *Service) clerkStream(w http.ResponseWriter, r *http.Request) {
	v, id, ok := s.clerk(w, r)
	if !ok {
		return
	}
	from, to, err := s.span(r)
	if err == nil {
		var k StreamToken
		var token string
		if k, token, err = s.StreamToken(id.Role, v.Room, Use(r.PostFormValue("use")), from, to); err == nil {
			v.Title = v.T("Schlüssel für eine Übertragung", "Token of a stream")
			v.Token = &tokenView{Text: token, Use: v.UseName(string(k.Use)), From: s.when(v, k.From), To: s.when(v, k.To), Address: s.streamAddress(k)}
			s.render(w, http.StatusOK, "token.html", v)
			return
		}
	}
	s.showClerk(w, s.fail(&v, err), v, id)
}

// streamAddress is where a device goes with its token.
func (s *Service) streamAddress(k StreamToken) string {
	return s.origin + map[Use]string{Publish: "/whip/", Play: "/whep/"}[k.Use] + k.Room
}

func (s *Service) clerkStreamRevoke(w http.ResponseWriter, r *http.Request) {
	v, id, ok := s.clerk(w, r)
	if !ok {
		return
	}
	status := http.StatusOK
	if err := s.RevokeStream(id.Role, v.Room, r.PostFormValue("token")); err != nil {
		status = s.fail(&v, err)
	} else {
		v.Done = v.T("Der Schlüssel ist zurückgenommen; was damit übertragen wurde, ist beendet.", "The token is revoked, and what was streamed by it has ended.")
	}
	s.showClerk(w, status, v, id)
}

// UseName is what a token is for, for people.
func (v view) UseName(u string) string {
	t := map[Use]level.Text{Publish: {DE: "Saal hereinsenden (WHIP)", EN: "send the hall in (WHIP)"}, Play: {DE: "öffentlich abspielen (WHEP)", EN: "play to the public (WHEP)"}}[Use(u)]
	return v.T(t.DE, t.EN)
}
