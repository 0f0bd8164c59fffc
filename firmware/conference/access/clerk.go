package access

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

// clerkView is what the page of chair and clerk shows.
type clerkView struct {
	Members []memberRow
	Invites []inviteRow
	Consent bool // may consent
	Streams bool // are there in this room
	Tokens  []inviteRow
	From    string
	To      string
}

type memberRow struct {
	ID, Role string
	Keys     int
	Code     bool
	Linked   bool
	Consent  string // until when
	Now      bool   // valid now
}

type inviteRow struct {
	ID, Role, Member, Purpose, From, To, State string
	Open                                       bool
}

type madeView struct {
	Link, Mail, Member, Role, Purpose, From, To string
	QR                                          template.URL
}

// tokenView is a stream's token, this once.
type tokenView struct{ Text, Use, From, To, Address string }

const formTime = "2006-01-02T15:04" // of datetime-local

// clerk returns the page's view and identity for chair and clerk; otherwise it has answered.
func (s *Service) clerk(w http.ResponseWriter, r *http.Request) (v view, id Identity, ok bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	v = s.view(r, "Einladungen", "Invitations")
	id, err := s.Identify(r, v.Room)
	if err == nil && !level.May(id.Role, level.InviteOut) {
		err = ErrRight
	}
	// Who sends out links and opens doors has shown two factors, whatever the level.
	if err == nil && !slices.Contains(id.Factors, level.PasskeyUsed) && !slices.Contains(id.Factors, level.Code) && !slices.Contains(id.Factors, level.SSOStrong) {
		err = fmt.Errorf("%w: one factor", ErrRight)
		v.Error = v.T("Einladungen vergibt nur, wer sich mit Passkey oder zweitem Faktor angemeldet hat.", "Only who has signed in by a passkey or with a second factor sends invitations.")
	}
	if err != nil {
		text := v.Error
		status := s.fail(&v, err)
		if text != "" {
			v.Error = text
		}
		if id.Role != "" {
			v.Who = s.about(id)
		}
		s.render(w, status, "start.html", v)
		return v, id, false
	}
	v.Who = s.about(id)
	return v, id, true
}

func (s *Service) clerkPage(w http.ResponseWriter, r *http.Request) {
	if v, id, ok := s.clerk(w, r); ok {
		s.showClerk(w, http.StatusOK, v, id)
	}
}

func (s *Service) showClerk(w http.ResponseWriter, status int, v view, id Identity) {
	now := s.now()
	c := &clerkView{Consent: level.May(id.Role, level.Consent)}
	zone := s.o.Zone
	if zone == nil {
		zone = time.UTC
	}
	c.From, c.To = now.In(zone).Format(formTime), now.In(zone).Add(24*time.Hour).Format(formTime)
	s.read(func(b *Book) {
		for _, m := range s.o.Rosters[v.Room].Members() {
			if m.Role == roster.Room {
				continue
			}
			row := memberRow{ID: m.ID, Role: v.RoleName(string(m.Role)), Now: m.At(now)}
			if a := b.Accounts[m.ID]; a != nil {
				row.Keys, row.Code = len(a.Keys), len(a.Secret) > 0
			}
			for _, linked := range b.Linked {
				row.Linked = row.Linked || linked == m.ID
			}
			if until := b.Consents[consentKey(v.Room, m.ID)]; now.Before(until) {
				row.Consent = s.when(v, until)
			}
			c.Members = append(c.Members, row)
		}
	})
	for _, i := range s.Invites(v.Room) {
		state := i.State(now)
		c.Invites = append(c.Invites, inviteRow{ID: i.ID, Role: v.RoleName(string(i.Role)), Member: i.Member, Purpose: v.PurposeName(string(i.Purpose)),
			From: s.when(v, i.From), To: s.when(v, i.To), State: v.stateName(state), Open: state == "open" || state == "early" || state == "used" && i.Member == ""})
	}
	c.Streams = s.o.Streams != nil && s.o.Streams(v.Room)
	for _, k := range s.StreamTokens(v.Room) {
		state := k.State(now)
		c.Tokens = append(c.Tokens, inviteRow{ID: k.ID, Purpose: v.UseName(string(k.Use)), From: s.when(v, k.From), To: s.when(v, k.To), State: v.stateName(state), Open: state == "open" || state == "early"})
	}
	v.Clerk = c
	s.render(w, status, "clerk.html", v)
}

// PurposeName is what an invite is for, for people.
func (v view) PurposeName(p string) string {
	t := map[Purpose]level.Text{Join: {DE: "Teilnehmen", EN: "take part"}, Enrol: {DE: "Passkey einrichten", EN: "set up a passkey"},
		Recover: {DE: "Gerät verloren: alles neu einrichten", EN: "device lost: set up anew"}}[Purpose(p)]
	return v.T(t.DE, t.EN)
}

func (v view) stateName(s string) string {
	t := map[string]level.Text{"open": {DE: "offen", EN: "open"}, "early": {DE: "noch nicht gültig", EN: "not valid yet"}, "used": {DE: "benutzt", EN: "used"},
		"over": {DE: "abgelaufen", EN: "over"}, "revoked": {DE: "zurückgenommen", EN: "revoked"}}[s]
	return v.T(t.DE, t.EN)
}

func (s *Service) clerkInvite(w http.ResponseWriter, r *http.Request) {
	v, id, ok := s.clerk(w, r)
	if !ok {
		return
	}
	o := Order{Room: v.Room, Member: r.PostFormValue("member"), Purpose: Purpose(r.PostFormValue("purpose"))}
	switch o.Member {
	case "guest":
		o.Member, o.Role = "", roster.Guest
	case "gateway":
		o.Member, o.Role = "", roster.Gateway
	}
	var err error
	if o.From, o.To, err = s.span(r); err == nil {
		var m Made
		if m, err = s.Invite(id.Role, o); err == nil {
			err = s.showMade(w, v, m)
		}
	}
	if err != nil {
		s.showClerk(w, s.fail(&v, err), v, id)
	}
}

func (s *Service) span(r *http.Request) (from, to time.Time, err error) {
	zone := s.o.Zone
	if zone == nil {
		zone = time.UTC
	}
	from, errFrom := time.ParseInLocation(formTime, r.PostFormValue("from"), zone)
	to, errTo := time.ParseInLocation(formTime, r.PostFormValue("to"), zone)
	if errors.Join(errFrom, errTo) != nil {
		return from, to, fmt.Errorf("%w: times", ErrRequest)
	}
	return from, to, nil
}

// showMade shows the link this once: to print, to photograph, or to send.
func (s *Service) showMade(w http.ResponseWriter, v view, m Made) error {
	image, err := qrImage(m.Link)
	if err != nil {
		return err
	}
	v.Title = v.T("Einladung", "Invitation")
	v.Made = &madeView{Link: m.Link, QR: image, Member: m.Invite.Member, Role: v.RoleName(string(m.Invite.Role)), Purpose: v.PurposeName(string(m.Invite.Purpose)),
		From: s.when(v, m.Invite.From), To: s.when(v, m.Invite.To)}
	v.Made.Mail = s.mail(m)
	s.render(w, http.StatusOK, "made.html", v)
	return nil
}

// mail is the text of a letter, in German whatever the page's language is: it goes to somebody else.
func (s *Service) mail(m Made) string {
	v := view{Lang: "de"}
	what := "laden wir Sie zur Konferenz ein"
	if m.Invite.Purpose != Join {
		what = "richten Sie mit diesem Link bitte vorab Ihren Passkey ein (Fingerabdruck, Gesicht oder PIN Ihres Geräts; das dauert eine Minute)"
	}
	return fmt.Sprintf(`Guten Tag,

für die Sitzung im Raum %s %s.

%s

Der Link gilt ein einziges Mal, vom %s bis zum %s, und nur für Sie. Bitte leiten Sie ihn nicht weiter.
Öffnen Sie ihn in Firefox, Chrome, Edge oder Safari auf dem Gerät, mit dem Sie teilnehmen. Kamera und Mikrofon sind beim Eintreten aus.
An nichtöffentlichen Sitzungen nehmen Sie bitte nur teil, wenn niemand sonst im Raum ist und mithören kann.

Hat der Link schon vor Ihnen jemand benutzt, sagt die Seite es Ihnen: Geben Sie uns dann bitte gleich Bescheid.

Mit freundlichen Grüßen
Ihre Geschäftsstelle
`, s.roomName(m.Invite.Room), what, m.Link, s.when(v, m.Invite.From), s.when(v, m.Invite.To))
}

func (s *Service) clerkRevoke(w http.ResponseWriter, r *http.Request) {
	v, id, ok := s.clerk(w, r)
	if !ok {
		return
	}
	status := http.StatusOK
	if err := s.Revoke(id.Role, v.Room, r.PostFormValue("invite")); err != nil {
		status = s.fail(&v, err)
	} else {
		v.Done = v.T("Die Einladung ist zurückgenommen.", "The invitation is revoked.")
	}
	s.showClerk(w, status, v, id)
}

func (s *Service) clerkConsent(w http.ResponseWriter, r *http.Request) {
	v, id, ok := s.clerk(w, r)
	if !ok {
		return
	}
	var until time.Time
	if r.PostFormValue("give") == "1" {
		until = s.now().Add(ConsentLife)
	}
	status := http.StatusOK
	if err := s.Consent(id, r.PostFormValue("member"), until); err != nil {
		status = s.fail(&v, err)
	} else {
		v.Done = v.T("Die Entscheidung ist im Protokoll.", "The decision is in the record.")
	}
	s.showClerk(w, status, v, id)
}
