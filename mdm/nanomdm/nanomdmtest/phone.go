package nanomdmtest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/micromdm/nanomdm/test/enrollment"
	"github.com/micromdm/plist"

	"subrosa/mdm"
)

// Profile as a phone keeps it.
type Profile struct {
	Identifier, UUID string
	Removal          time.Time
	Keys             map[string]bool // of com.apple.applicationaccess
}

// Phone is a scripted device. It does what a phone does with the five commands the project uses, and no more.
type Phone struct {
	Device mdm.Device
	enrol  *enrollment.Enrollment // nil: of another server
	fetch  func(context.Context, io.Reader) (*http.Response, error)
	wake   chan struct{}
	stop   chan struct{}
	done   sync.WaitGroup

	mu      sync.Mutex
	locked  bool // screen
	refuse  bool
	offline bool
	removed bool // its user has taken it out of the management
	keeps   bool // what has come to its RemovalDate
	budget  int  // commands in one connection; 0: as many as there are
	own     map[string]Profile
	order   []string // "INSTALL ok" …
	declare func()   // what it does to synchronise declarations
}

// NewPhone is a device that is enrolled elsewhere: fetch reports a result there and returns the next command. Nobody wakes it.
func NewPhone(d mdm.Device, fetch func(context.Context, io.Reader) (*http.Response, error)) *Phone {
	return &Phone{Device: d, fetch: fetch, own: map[string]Profile{}}
}

// Connect lets such a device speak with its server once.
func (p *Phone) Connect() { p.connect() }

// Declare sets what it does when it is told to synchronise declarations.
func (p *Phone) Declare(f func()) { p.set(func() { p.declare = f }) }

// Phone enrols a new device. Keys are made for each: a hundred take some seconds.
func (s *Server) Phone(t testing.TB, id string) *Phone {
	t.Helper()
	e, err := enrollment.NewRandomDeviceEnrollment(s.http.Client(), "com.apple.mgmt.synthetic", s.URL+"/mdm", s.URL+"/mdm")
	if err != nil {
		t.Fatal(err)
	}
	p := &Phone{enrol: e, fetch: e.DoReportAndFetch, wake: make(chan struct{}, 1), stop: make(chan struct{}), own: map[string]Profile{},
		Device: mdm.Device{ID: id, Enrolment: e.ID(), Platform: "ios", OS: "18.6", Supervised: true}}
	if err := e.DoEnroll(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.phones[e.ID()] = p
	s.mu.Unlock()
	p.done.Go(p.live)
	return p
}

func (p *Phone) end() {
	close(p.stop)
	p.done.Wait()
}

// Wake is a push.
func (p *Phone) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Phone) live() {
	for {
		select {
		case <-p.stop:
			return
		case <-p.wake:
			p.mu.Lock()
			off := p.offline
			p.mu.Unlock()
			if !off {
				p.connect()
			}
		}
	}
}

func (p *Phone) set(f func()) {
	p.mu.Lock()
	f()
	p.mu.Unlock()
}

// Screen locks or unlocks the screen. An unlocked device comes for what it has put off.
func (p *Phone) Screen(locked bool) {
	p.set(func() { p.locked = locked })
	if !locked {
		p.Wake()
	}
}

// Refuse makes it answer Error to whatever would change it.
func (p *Phone) Refuse(on bool) { p.set(func() { p.refuse = on }) }

// Reach takes or gives network.
func (p *Phone) Reach(on bool) {
	p.set(func() { p.offline = !on })
	if on {
		p.Wake()
	}
}

// Remove takes it out of the management: it takes no pushes any more, and everything that came from there is gone. The check-out that
// a device sends then is lost.
func (p *Phone) Remove() {
	p.set(func() { p.removed, p.offline, p.own = true, true, map[string]Profile{} })
}

func (p *Phone) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.removed
}

// Budget ends each connection after so many commands; 0: none does.
func (p *Phone) Budget(n int) { p.set(func() { p.budget = n }) }

// Keeps makes it overlook RemovalDate: whether real devices obey it for profiles of a management was not tried.
func (p *Phone) Keeps() { p.set(func() { p.keeps = true }) }

// Stranger gives it another certificate, as after a failed renewal.
func (p *Phone) Stranger() error { return enrollment.ReplaceIdentityRandom(p.enrol) }

// Enrol enrols it anew, which empties its queue.
func (p *Phone) Enrol() error { return p.enrol.DoEnroll(context.Background()) }

// Profiles returns what is installed now; what has come to its RemovalDate is gone.
func (p *Phone) Profiles() map[string]Profile {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]Profile{}
	for id, q := range p.own {
		if !p.keeps && !q.Removal.IsZero() && !time.Now().Before(q.Removal) {
			delete(p.own, id)
			continue
		}
		out[id] = q
	}
	return out
}

// Log returns what it has done, in order.
func (p *Phone) Log() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.order...)
}

// answer of a device.
type answer struct {
	UDID               string
	CommandUUID        string `plist:",omitempty"`
	Status             string
	ErrorChain         []chain         `plist:",omitempty"`
	ProfileList        *[]listed       `plist:",omitempty"`
	GlobalRestrictions *restrictedBool `plist:",omitempty"`
}

type chain struct {
	ErrorCode                         int
	ErrorDomain, LocalizedDescription string
}

type listed struct{ PayloadIdentifier, PayloadUUID string }

type restrictedBool struct {
	Bool map[string]map[string]bool `plist:"restrictedBool"`
}

type order struct {
	CommandUUID string
	Command     struct {
		RequestType string
		Payload     []byte
		Identifier  string
	}
}

// connect speaks with the server until it has nothing more.
func (p *Phone) connect() {
	a := answer{UDID: p.Device.Enrolment, Status: "Idle"}
	for n := 1; ; n++ {
		c, ok := p.report(a)
		if !ok || c.CommandUUID == "" {
			return
		}
		a = p.obey(c)
		if p.spent(n) {
			p.report(a) // and what it is given now, it does not do
			return
		}
	}
}

func (p *Phone) spent(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.budget > 0 && n >= p.budget
}

func (p *Phone) report(a answer) (c order, ok bool) {
	var b bytes.Buffer
	if err := plist.NewEncoder(&b).Encode(a); err != nil {
		return c, false
	}
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	resp, err := p.fetch(ctx, &b)
	if err != nil {
		return c, false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || len(body) == 0 {
		return c, false
	}
	return c, plist.Unmarshal(body, &c) == nil
}

func (p *Phone) obey(c order) answer {
	installed := p.Profiles()
	p.mu.Lock()
	defer p.mu.Unlock()
	a := answer{UDID: p.Device.Enrolment, CommandUUID: c.CommandUUID, Status: "Acknowledged"}
	changes := c.Command.RequestType == "InstallProfile" || c.Command.RequestType == "RemoveProfile"
	fail := func(code int, text string) answer {
		a.Status, a.ErrorChain = "Error", []chain{{code, "MCMDMErrorDomain", text}}
		p.order = append(p.order, c.Command.RequestType+" error")
		return a
	}
	_, has := p.own[c.Command.Identifier]
	switch {
	case c.Command.RequestType == "RemoveProfile" && !has && !p.refuse: // a locked device says so, too
		return fail(12067, "not installed")
	case changes && p.locked:
		a.Status = "NotNow"
		p.order = append(p.order, c.Command.RequestType+" notnow")
		return a
	case changes && p.refuse:
		return fail(12021, "refused")
	}
	switch c.Command.RequestType {
	case "InstallProfile":
		q, err := readProfile(c.Command.Payload)
		if err != nil {
			return fail(4001, "profile")
		}
		p.own[q.Identifier] = q
	case "RemoveProfile":
		delete(p.own, c.Command.Identifier)
	case "ProfileList":
		list := []listed{}
		for _, q := range installed {
			list = append(list, listed{q.Identifier, q.UUID})
		}
		a.ProfileList = &list
	case "Restrictions":
		r := &restrictedBool{map[string]map[string]bool{}}
		for _, q := range installed {
			for k, v := range q.Keys {
				r.Bool[k] = map[string]bool{"value": v}
			}
		}
		a.GlobalRestrictions = r
	case "DeclarativeManagement":
		if p.declare != nil {
			go p.declare()
		}
	default:
		return fail(12021, "unknown command")
	}
	p.order = append(p.order, c.Command.RequestType+" ok")
	return a
}

func readProfile(b []byte) (q Profile, err error) {
	var v struct {
		PayloadIdentifier, PayloadUUID string
		RemovalDate                    time.Time
		PayloadContent                 []map[string]any
	}
	if err := plist.Unmarshal(b, &v); err != nil {
		return q, err
	}
	q = Profile{Identifier: v.PayloadIdentifier, UUID: v.PayloadUUID, Removal: v.RemovalDate, Keys: map[string]bool{}}
	for _, c := range v.PayloadContent {
		for k, x := range c {
			if on, ok := x.(bool); ok {
				q.Keys[k] = on
			}
		}
	}
	return q, nil
}
