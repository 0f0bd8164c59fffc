package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Schemas of SCIM 2.0 (RFC 7643 §8.7.1, RFC 7644 §3.4.2), and of what we ask a directory to say beside them.
const (
	scimList       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	scimUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	SCIMAttendance = "urn:subrosa:scim:attendance:1"
)

// MaxSCIM is the largest answer of a directory that is read, in bytes.
const MaxSCIM = 32 << 20

// SCIM says how a directory's answer becomes a roster.
type SCIM struct {
	Pseudonyms Pseudonyms
	// Roles maps values of the attribute roles to roles, such as "Ratsmitglied" to councillor. The names of the roles
	// themselves are always understood.
	Roles map[string]Role
}

// Skipped counts the users of a directory who do not come onto the roster.
type Skipped struct {
	Inactive int // active is false
	NoRole   int // none of the user's roles is one of ours
}

// scimResource is what is read of a user. Names, addresses and all else are not even decoded.
type scimResource struct {
	Schemas    []string        `json:"schemas"`
	ID         string          `json:"id"`
	Active     *bool           `json:"active"`
	Roles      []scimRole      `json:"roles"`
	Attendance *scimAttendance `json:"urn:subrosa:scim:attendance:1"`
}

type scimRole struct {
	Value   string `json:"value"`
	Primary bool   `json:"primary"`
}

type scimAttendance struct {
	Devices []string   `json:"devices"` // identifiers in the device management
	From    *time.Time `json:"from"`
	To      *time.Time `json:"to"`
}

// ReadSCIM reads the users of a SCIM 2.0 ListResponse, as GET /Users gives it, and turns identifiers into pseudonyms as
// it goes: what it returns holds neither a name nor an identifier of the directory. It is all or nothing; an error says
// which user it means by the place in the list, because anything else may be a name.
func ReadSCIM(r io.Reader, conf SCIM) ([]Member, Skipped, error) {
	var skipped Skipped
	if conf.Pseudonyms.key == nil {
		return nil, skipped, errors.New("roster: scim: no key for the pseudonyms")
	}
	for value, role := range conf.Roles {
		if !role.Valid() {
			return nil, skipped, fmt.Errorf("roster: scim: the role %.40q is mapped to %.40q, which is not one of %v", value, role, Roles())
		}
	}
	list, err := readList(r)
	if err != nil {
		return nil, skipped, err
	}
	var members []Member
	var errs []error
	at := map[string]int{}
	for i, raw := range list {
		if len(errs) >= maxErrors {
			break
		}
		m, err := conf.member(raw, &skipped)
		if err == nil && m.ID != "" && at[m.ID] > 0 {
			err = fmt.Errorf("is the same as user %d", at[m.ID])
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("roster: scim: user %d: %w", i+1, err))
			continue
		}
		if m.ID != "" {
			at[m.ID] = i + 1
			members = append(members, m)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, Skipped{}, err
	}
	return members, skipped, nil
}

// readList reads the envelope. A page of a longer list is refused: the missing users would count as removed.
func readList(r io.Reader) ([]json.RawMessage, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxSCIM+1))
	if err != nil {
		return nil, fmt.Errorf("roster: scim: %w", err)
	}
	if len(b) > MaxSCIM {
		return nil, fmt.Errorf("roster: scim: larger than %d bytes", MaxSCIM)
	}
	var list struct {
		Schemas   []string          `json:"schemas"`
		Total     *int              `json:"totalResults"`
		Resources []json.RawMessage `json:"Resources"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&list); err != nil {
		return nil, errors.New("roster: scim: not the JSON of a SCIM 2.0 list: " + plain(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("roster: scim: more after the end of the list")
	}
	switch {
	case !slices.Equal(list.Schemas, []string{scimList}):
		return nil, fmt.Errorf("roster: scim: schemas is not [%s]: want the answer to GET /Users", scimList)
	case list.Total == nil:
		return nil, errors.New("roster: scim: totalResults is missing")
	case *list.Total != len(list.Resources):
		return nil, fmt.Errorf("roster: scim: a page of %d users out of %d; fetch them all in one list, or those missing would be removed",
			len(list.Resources), *list.Total)
	case len(list.Resources) > MaxMembers:
		return nil, fmt.Errorf("roster: scim: %w: %d users, at most %d", ErrFull, len(list.Resources), MaxMembers)
	}
	return list.Resources, nil
}

// plain says what is wrong with JSON without quoting any of it.
func plain(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("syntax error at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("a value of the wrong type at byte %d", kind.Offset)
	}
	return "it ends too early or holds a value of the wrong form"
}

// member turns a user into a member; one without id is left out, and counted.
func (conf SCIM) member(raw json.RawMessage, skipped *Skipped) (m Member, err error) {
	var u scimResource
	if err := json.Unmarshal(raw, &u); err != nil {
		return m, errors.New(plain(err))
	}
	switch {
	case !slices.Contains(u.Schemas, scimUser):
		return m, fmt.Errorf("is no %s", scimUser)
	case u.ID == "" || len(u.ID) > 256:
		return m, errors.New("has no id, or one of more than 256 bytes")
	case u.Active != nil && !*u.Active:
		skipped.Inactive++
		return m, nil
	}
	role, err := conf.role(u.Roles)
	if err != nil {
		return m, err
	}
	if role == "" {
		skipped.NoRole++
		return m, nil
	}
	m = Member{ID: conf.Pseudonyms.Member(u.ID), Role: role}
	if a := u.Attendance; a != nil {
		for _, d := range a.Devices {
			if d == "" || len(d) > 256 {
				return m, errors.New("has a device without an identifier, or with one of more than 256 bytes")
			}
			m.Devices = append(m.Devices, conf.Pseudonyms.Device(d))
		}
		if a.From != nil {
			m.From = *a.From
		}
		if a.To != nil {
			m.To = *a.To
		}
		if y := func(t time.Time) bool { return !t.IsZero() && (t.Year() < 2000 || t.Year() > 9998) }; y(m.From) || y(m.To) {
			return m, errors.New("from or to is not between 2000 and 9998")
		}
	}
	return m, m.Validate()
}

// role returns the one role that counts: the only one known, or the primary of several.
func (conf SCIM) role(list []scimRole) (found Role, err error) {
	var known, primary []Role
	for _, r := range list {
		role, ok := conf.Roles[r.Value]
		if !ok {
			role = Role(r.Value)
		}
		if !role.Valid() || slices.Contains(known, role) && !r.Primary {
			continue
		}
		known = append(known, role)
		if r.Primary {
			primary = append(primary, role)
		}
	}
	switch {
	case len(primary) == 1:
		return primary[0], nil
	case len(primary) > 1 || len(slices.Compact(slices.Clone(known))) > 1:
		return "", fmt.Errorf("has several roles %v; mark one as primary", known)
	case len(known) > 0:
		return known[0], nil
	}
	return "", nil
}
