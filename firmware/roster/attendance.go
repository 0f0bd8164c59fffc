package roster

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// Place is where somebody checks in from.
type Place string

const (
	Door Place = "door" // the clerk shows a QR code of the unit
	Home Place = "home" // a link that was sent
)

// How long a ticket opens at most.
const (
	DoorFor = 5 * time.Minute
	HomeFor = 24 * time.Hour
)

// Bounds of an attendance.
const (
	MaxTickets = 4 * MaxMembers
	MaxPrivate = 9 // devices of their own that one person declares
	tokenBytes = 20
)

// Errors of check-in, for people to be told the right thing.
var (
	ErrTicket  = errors.New("roster: this link is not known, was used already, or is over")
	ErrSession = errors.New("roster: no session is planned or under way")
	ErrTaken   = errors.New("roster: the device belongs to somebody else")
	ErrDevice  = errors.New("roster: the device is not one of this member's")
	ErrBarred  = errors.New("roster: was removed from this session")
)

// Attendance is who is here for one session, and with what: an addition to the roster that ends with the session. It
// holds pseudonyms only, and of private devices nothing but their number. It is safe for concurrent use.
//
// Members are removed from a session through Bar, so that an import in the middle of the session does not bring them back.
type Attendance struct {
	roster *Roster

	mu  sync.Mutex
	mem AttendanceMemory
}

// AttendanceMemory is what survives a restart. Of tickets it holds hashes.
type AttendanceMemory struct {
	Format  int               `json:"format"`
	Session string            `json:"session"` // "": none
	Present map[string]Place  `json:"present,omitempty"`
	Bound   map[string]string `json:"bound,omitempty"` // device → member, for this session
	Private int               `json:"private"`         // devices that people have declared as their own: never touched
	Barred  []string          `json:"barred,omitempty"`
	Tickets map[string]Ticket `json:"tickets,omitempty"` // by hash
}

// Ticket lets one member check in once.
type Ticket struct {
	Member string    `json:"member"`
	Place  Place     `json:"place"`
	Until  time.Time `json:"until"`
}

// NewAttendance returns the attendance of r, without a session.
func NewAttendance(r *Roster) *Attendance {
	a := &Attendance{roster: r}
	r.Watch(a.watch)
	return a
}

// Roster returns the list itself.
func (a *Attendance) Roster() *Roster { return a.roster }

// watch forgets what belonged to a member who is gone, or a device that is no longer theirs.
func (a *Attendance) watch(e Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.What == Added {
		return
	}
	for _, d := range e.Lost {
		if a.mem.Bound[d] == e.Member.ID {
			delete(a.mem.Bound, d)
		}
	}
	if e.What != Removed {
		return
	}
	delete(a.mem.Present, e.Member.ID)
	maps.DeleteFunc(a.mem.Bound, func(_, m string) bool { return m == e.Member.ID })
	maps.DeleteFunc(a.mem.Tickets, func(_ string, t Ticket) bool { return t.Member == e.Member.ID })
}

// Begin begins a session; what there was of another one ends.
func (a *Attendance) Begin(now time.Time, session string) []Event {
	if session == "" || a.Session() == session {
		return nil
	}
	events := a.End(now)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mem = AttendanceMemory{Session: session, Present: map[string]Place{}, Bound: map[string]string{}, Tickets: map[string]Ticket{}}
	return events
}

// End forgets everything of the session, and takes those off the roster who were on it for this session only.
func (a *Attendance) End(now time.Time) []Event {
	a.mu.Lock()
	session := a.mem.Session
	a.mem = AttendanceMemory{}
	a.mu.Unlock()
	return a.roster.EndSession(now, session)
}

// Session returns the session's id, "" if there is none.
func (a *Attendance) Session() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mem.Session
}

// Issue returns a link's secret of 160 bits with which member can check in once, until then: at the door at most five
// minutes, from home at most a day. Only its hash is kept. A second ticket for the same place ends the first.
func (a *Attendance) Issue(now time.Time, member string, place Place, until time.Time, random io.Reader) (string, error) {
	if !a.roster.May(member, now) {
		return "", fmt.Errorf("roster: member %w, or not valid now", ErrUnknown)
	}
	longest := map[Place]time.Duration{Door: DoorFor, Home: HomeFor}[place]
	if longest == 0 {
		return "", errors.New("roster: a ticket is for the door or for home")
	}
	if last := now.Add(longest); until.IsZero() || until.After(last) {
		until = last
	}
	secret := make([]byte, tokenBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return "", fmt.Errorf("roster: ticket: %w", err)
	}
	token := base32.StdEncoding.EncodeToString(secret)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mem.Session == "" {
		return "", ErrSession
	}
	maps.DeleteFunc(a.mem.Tickets, func(_ string, t Ticket) bool {
		return !now.Before(t.Until) || t.Member == member && t.Place == place
	})
	if len(a.mem.Tickets) >= MaxTickets {
		return "", fmt.Errorf("roster: tickets: %w", ErrFull)
	}
	a.mem.Tickets[hash(token)] = Ticket{Member: member, Place: place, Until: until}
	return token, nil
}

// hash is what a ticket is known by. The token is 160 random bits: there is nothing to guess, and a lookup by hash gives
// nothing away by its time.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base32.StdEncoding.EncodeToString(sum[:])
}

// Look returns the ticket behind a token, without using it up, and the devices that its member may bring.
func (a *Attendance) Look(now time.Time, token string) (Ticket, []string, error) {
	a.mu.Lock()
	t, err := a.ticket(now, token)
	a.mu.Unlock()
	if err != nil {
		return Ticket{}, nil, err
	}
	m, _ := a.roster.Member(t.Member)
	return t, m.Devices, nil
}

func (a *Attendance) ticket(now time.Time, token string) (Ticket, error) {
	if len(token) != base32.StdEncoding.EncodedLen(tokenBytes) {
		return Ticket{}, ErrTicket
	}
	t, ok := a.mem.Tickets[hash(token)]
	if !ok || !now.Before(t.Until) {
		return Ticket{}, ErrTicket
	}
	return t, nil
}

// Redeem uses a ticket up: its member is here, with these devices out of their own, and so many private ones.
func (a *Attendance) Redeem(now time.Time, token string, devices []string, private int) (Ticket, error) {
	if private < 0 || private > MaxPrivate {
		return Ticket{}, fmt.Errorf("roster: %d private devices, want 0 to %d", private, MaxPrivate)
	}
	t, own, err := a.Look(now, token)
	if err != nil {
		return t, err
	}
	for _, d := range devices {
		if !slices.Contains(own, d) {
			return t, ErrDevice
		}
	}
	if !a.roster.May(t.Member, now) {
		return t, ErrTicket
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.ticket(now, token); err != nil { // somebody was faster
		return t, err
	}
	for _, d := range devices {
		if by, ok := a.mem.Bound[d]; ok && by != t.Member {
			return t, ErrTaken
		}
	}
	delete(a.mem.Tickets, hash(token))
	for _, d := range devices {
		a.mem.Bound[d] = t.Member
	}
	a.mem.Present[t.Member] = t.Place
	a.mem.Private += private
	return t, nil
}

// Bind binds a device that the office lends to a member, for this session. A person of the office says so: else one could
// have another's device locked by its number.
func (a *Attendance) Bind(now time.Time, member, device string) error {
	if !ValidID(device) {
		return errors.New("roster: device is not of a–z, 0–9 and -, 1 to 32 characters")
	}
	if !a.roster.May(member, now) {
		return fmt.Errorf("roster: member %w, or not valid now", ErrUnknown)
	}
	for _, m := range a.roster.Members() {
		if m.ID != member && slices.Contains(m.Devices, device) {
			return ErrTaken
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mem.Session == "" {
		return ErrSession
	}
	if by, ok := a.mem.Bound[device]; ok && by != member {
		return ErrTaken
	}
	a.mem.Bound[device] = member
	return nil
}

// Bar removes a member for this session: at once, for every consumer, and whatever is imported before its end.
func (a *Attendance) Bar(now time.Time, member string) ([]Event, error) {
	a.mu.Lock()
	if a.mem.Session != "" && !slices.Contains(a.mem.Barred, member) && len(a.mem.Barred) < MaxMembers {
		a.mem.Barred = append(a.mem.Barred, member)
	}
	a.mu.Unlock()
	return a.roster.Remove(now, member)
}

// Add puts somebody on the roster for this session only.
func (a *Attendance) Add(now time.Time, m Member) ([]Event, error) {
	a.mu.Lock()
	m.Session = a.mem.Session
	barred := slices.Contains(a.mem.Barred, m.ID)
	a.mu.Unlock()
	switch {
	case m.Session == "":
		return nil, ErrSession
	case barred:
		return nil, ErrBarred
	}
	return a.roster.Add(now, m)
}

// Import makes the standing part of the roster what an import says, but for those who were removed from this session.
func (a *Attendance) Import(now time.Time, members []Member) ([]Event, error) {
	a.mu.Lock()
	barred := slices.Clone(a.mem.Barred)
	a.mu.Unlock()
	members = slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return slices.Contains(barred, m.ID) })
	return a.roster.Replace(now, members)
}

// Devices returns the devices of this session, sorted: those bound to members who are valid now, and unless checkedIn
// also those that the roster names.
func (a *Attendance) Devices(now time.Time, checkedIn bool) []string {
	set := map[string]bool{}
	valid := map[string]bool{}
	for _, m := range a.roster.Members() {
		if !m.At(now) {
			continue
		}
		valid[m.ID] = true
		if !checkedIn {
			for _, d := range m.Devices {
				set[d] = true
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for d, m := range a.mem.Bound {
		if valid[m] {
			set[d] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// Here counts who and what has checked in.
type Here struct {
	Members int `json:"members"` // valid on the roster
	Door    int `json:"door"`
	Home    int `json:"home"`
	Private int `json:"private"`
}

// Here counts at now.
func (a *Attendance) Here(now time.Time) (h Here) {
	for _, m := range a.roster.Members() {
		if m.At(now) && m.Role != Room && m.Role != Gateway {
			h.Members++
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.mem.Present {
		if p == Home {
			h.Home++
		} else {
			h.Door++
		}
	}
	h.Private = a.mem.Private
	return h
}

// Where returns how each member has checked in.
func (a *Attendance) Where() map[string]Place {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.mem.Present)
}

// Memory returns what Recall needs.
func (a *Attendance) Memory() AttendanceMemory {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.mem
	m.Format = 1
	m.Present, m.Bound, m.Tickets = maps.Clone(m.Present), maps.Clone(m.Bound), maps.Clone(m.Tickets)
	m.Barred = slices.Clone(m.Barred)
	return m
}

// Recall takes over what Memory returned; of members and devices that are no longer on the roster nothing is. Who was
// removed from the session is removed again, should a file have brought them back meanwhile.
func (a *Attendance) Recall(now time.Time, m AttendanceMemory) error {
	if m.Format != 1 {
		return fmt.Errorf("roster: attendance of format %d, this program knows 1", m.Format)
	}
	if m.Session == "" {
		return nil
	}
	if !ValidID(m.Session) || m.Private < 0 {
		return errors.New("roster: attendance is unreadable")
	}
	for _, id := range m.Barred {
		if _, err := a.roster.Remove(now, id); err != nil && !errors.Is(err, ErrUnknown) {
			return err
		}
	}
	known := func(id string) bool { _, ok := a.roster.Member(id); return ok }
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mem = AttendanceMemory{Session: m.Session, Private: m.Private, Barred: slices.Clone(m.Barred), Present: map[string]Place{},
		Bound: map[string]string{}, Tickets: map[string]Ticket{}}
	for id, p := range m.Present {
		if known(id) {
			a.mem.Present[id] = p
		}
	}
	for d, id := range m.Bound {
		if known(id) && ValidID(d) {
			a.mem.Bound[d] = id
		}
	}
	for h, t := range m.Tickets {
		if known(t.Member) {
			a.mem.Tickets[h] = t
		}
	}
	return nil
}

// DevicesOf counts the devices of the house that a member has, lent ones among them.
func (a *Attendance) DevicesOf(member string) int {
	m, _ := a.roster.Member(member)
	n := len(m.Devices)
	a.mu.Lock()
	defer a.mu.Unlock()
	for d, by := range a.mem.Bound {
		if by == member && !slices.Contains(m.Devices, d) {
			n++
		}
	}
	return n
}

// Barred reports whether the member was removed from this session.
func (a *Attendance) Barred(member string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.mem.Barred, member)
}
