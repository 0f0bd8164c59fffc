package topic

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Identity of a peer, as its client certificate says. Units, gateways and confd act for the rooms listed;
// the console acts for the whole site; the MDM bridge acts for all rooms and devices as the connectors
// listed; an agent acts for its one device.
type Identity struct {
	Role   Role
	Unit   string   // id of the unit, for Unit only
	Rooms  []string // for Unit, Gateway, Confd
	Conns  []string // for MDMBridge
	Device string   // for Agent
}

// The certificate carries the identity as URIs among its subject alternative names:
//
//	urn:subrosa:role:unit
//	urn:subrosa:unit:ratssaal-1
//	urn:subrosa:room:ratssaal       one or more
//	urn:subrosa:conn:nanomdm        mdmbridge: one or more
//	urn:subrosa:device:d-7f3a       agent
//
// The common name, "unit:ratssaal-1", is for people, log files and brokers that use it as user name; it decides
// nothing, but may not contradict the role.
const urn = "subrosa"

// URIs returns the subject alternative names that say id, for whoever issues the certificate.
func (id Identity) URIs() []*url.URL {
	var out []*url.URL
	add := func(what, value string) {
		if value != "" {
			out = append(out, &url.URL{Scheme: "urn", Opaque: urn + ":" + what + ":" + value})
		}
	}
	add("role", string(id.Role))
	add("unit", id.Unit)
	for _, r := range id.Rooms {
		add("room", r)
	}
	for _, c := range id.Conns {
		add("conn", c)
	}
	add("device", id.Device)
	return out
}

// String returns the common name that goes with the identity: role, colon, id.
func (id Identity) String() string {
	name := string(id.Role)
	switch {
	case id.Unit != "":
		name = id.Unit
	case id.Device != "":
		name = id.Device
	case len(id.Conns) > 0:
		name = id.Conns[0]
	case len(id.Rooms) > 0:
		name = id.Rooms[0]
	}
	return string(id.Role) + ":" + name
}

// Check returns an error unless the identity has just the ids its role needs, all of them valid.
func (id Identity) Check() error {
	need := func(what string, want bool, ids ...string) error {
		ids = slices.DeleteFunc(ids, func(s string) bool { return s == "" })
		if want && len(ids) == 0 {
			return fmt.Errorf("topic: identity: a %s needs a %s", id.Role, what)
		}
		if !want && len(ids) > 0 {
			return fmt.Errorf("topic: identity: a %s cannot have a %s", id.Role, what)
		}
		for _, s := range ids {
			if err := CheckID(s); err != nil {
				return fmt.Errorf("identity: %s: %w", what, err)
			}
		}
		return nil
	}
	if !slices.Contains(Roles, id.Role) {
		return fmt.Errorf("topic: identity: no role is called %.64q", id.Role)
	}
	rooms := id.Role == Unit || id.Role == Gateway || id.Role == Confd
	return errors.Join(
		need("unit", id.Role == Unit, id.Unit),
		need("room", rooms, slices.Clone(id.Rooms)...),
		need("conn", id.Role == MDMBridge, slices.Clone(id.Conns)...),
		need("device", id.Role == Agent, id.Device),
	)
}

// IdentityFromCert returns the identity that a verified client certificate carries. An error says what is
// missing, unknown, twice or contradictory: such a peer has no rights.
func IdentityFromCert(c *x509.Certificate) (Identity, error) {
	if c == nil {
		return Identity{}, errors.New("topic: identity: no client certificate")
	}
	var id Identity
	for _, u := range c.URIs {
		if u.Scheme != "urn" {
			continue
		}
		rest, ok := strings.CutPrefix(u.Opaque, urn+":")
		if !ok {
			continue
		}
		what, value, _ := strings.Cut(rest, ":")
		if err := id.set(what, value); err != nil {
			return Identity{}, fmt.Errorf("topic: identity of %.80q: %w", c.Subject.CommonName, err)
		}
	}
	if id.Role == "" {
		return Identity{}, fmt.Errorf("topic: identity of %.80q: the certificate names no role", c.Subject.CommonName)
	}
	if err := id.Check(); err != nil {
		return Identity{}, err
	}
	if role, _, ok := strings.Cut(c.Subject.CommonName, ":"); ok && role != string(id.Role) {
		return Identity{}, fmt.Errorf("topic: identity: common name %.80q contradicts role %s", c.Subject.CommonName, id.Role)
	}
	return id, nil
}

func (id *Identity) set(what, value string) error {
	once := func(dst *string) error {
		if *dst != "" {
			return fmt.Errorf("two values for %s: %.64q and %.64q", what, *dst, value)
		}
		*dst = value
		return nil
	}
	if err := CheckID(value); err != nil {
		return fmt.Errorf("%.64q: %w", what, err)
	}
	switch what {
	case "role":
		return once((*string)(&id.Role))
	case "unit":
		return once(&id.Unit)
	case "device":
		return once(&id.Device)
	case "room":
		id.Rooms = append(id.Rooms, value)
	case "conn":
		id.Conns = append(id.Conns, value)
	default:
		return fmt.Errorf("nothing is called %.64q", what)
	}
	return nil
}

// MayWrite reports whether id may publish to the topic: its role writes it, for its own ids.
func MayWrite(id Identity, topic string) bool {
	t, err := Parse(topic)
	if err != nil || !slices.Contains(t.Writers, id.Role) {
		return false
	}
	n := 0
	for _, s := range t.segs {
		if s.param == "" {
			continue
		}
		if !id.owns(s.param, t.ids[n]) {
			return false
		}
		n++
	}
	return true
}

// MayRead reports whether id may receive what is sent to the topic, or subscribe to the filter (with + and #):
// every topic of the table that the filter matches must be readable for id.
func MayRead(id Identity, filter string) bool {
	rest, ok := strings.CutPrefix(filter, Root+"/")
	if !ok || len(rest) > maxTopic {
		return false
	}
	segs := strings.Split(rest, "/")
	if !wellFormed(segs) {
		return false
	}
	some := false
	for i := range Table {
		r := &Table[i]
		if !r.overlaps(segs) {
			continue
		}
		if !id.reads(r, segs) {
			return false
		}
		some = true
	}
	return some
}

// wellFormed reports whether the segments are ids or words, + alone, or # alone at the end.
func wellFormed(segs []string) bool {
	for i, s := range segs {
		if s == Any || s == "#" && i == len(segs)-1 {
			continue
		}
		if CheckID(s) != nil {
			return false
		}
	}
	return true
}

func (r *Row) overlaps(filter []string) bool {
	for i, f := range filter {
		if f == "#" {
			return true
		}
		if i >= len(r.segs) {
			return false
		}
		if s := r.segs[i]; s.param == "" && f != Any && f != s.word {
			return false
		}
	}
	return len(filter) == len(r.segs)
}

func (id Identity) reads(r *Row, filter []string) bool {
	reader, writer := slices.Contains(r.Readers, id.Role), slices.Contains(r.Writers, id.Role)
	if !reader && !writer {
		return false
	}
	if reader && r.Shared {
		return true
	}
	for i, s := range r.segs {
		if s.param == "" {
			continue
		}
		f := Any // beyond a #
		if i < len(filter) && filter[i] != "#" {
			f = filter[i]
		}
		if !id.owns(s.param, f) {
			return false
		}
	}
	return true
}

// owns reports whether id acts for the given value of a placeholder; Any asks for all values. Placeholders that
// are nobody's (alarm ids, contacts, hashes) are everyone's.
func (id Identity) owns(param, value string) bool {
	switch {
	case id.Role == Console:
		return true
	case id.Role == MDMBridge && param == "conn":
		return slices.Contains(id.Conns, value)
	case id.Role == MDMBridge:
		return param == "room" || param == "dev"
	case param == "unit":
		return id.Unit != "" && value == id.Unit
	case param == "room":
		return slices.Contains(id.Rooms, value)
	case param == "dev":
		return id.Device != "" && value == id.Device
	case param == "conn":
		// A unit reads what every connector proved for its room; none but the bridge writes it.
		return id.Role == Unit
	}
	return true
}

// Filters returns the subscription filters that together match just the row's topics which id may write; none if
// its role does not write them. They also are the lines of an access list for a broker without this package.
func (id Identity) Filters(r *Row) []string {
	if !slices.Contains(r.Writers, id.Role) {
		return nil
	}
	out := []string{Root}
	for _, s := range r.segs {
		values := []string{s.word}
		if s.param != "" {
			values = id.values(s.param)
		}
		var next []string
		for _, head := range out {
			for _, v := range values {
				next = append(next, head+"/"+v)
			}
		}
		out = next
	}
	return out
}

// values returns what id acts for at a placeholder.
func (id Identity) values(param string) []string {
	site := id.Role == Console || id.Role == MDMBridge
	switch {
	case param == "unit" && !site:
		return []string{id.Unit}
	case param == "room" && !site:
		return id.Rooms
	case param == "conn" && id.Role == MDMBridge:
		return id.Conns
	case param == "dev" && !site:
		return []string{id.Device}
	}
	return []string{Any}
}
