package site

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"subrosa/firmware/config"
	"subrosa/firmware/topic"
)

// Plan says what a site consists of. Names of hosts may be given whole ("pult.raum.example") or as a first label
// ("pult"), to which the domain is added; all lie in the domain.
type Plan struct {
	Name     string   `json:"name"`               // of the site, for people: "Stadt Musterstadt"
	Domain   string   `json:"domain"`             // "raum.example"; umlauts in their xn-- form
	Loopback bool     `json:"loopback,omitempty"` // every server is also localhost, 127.0.0.1 and ::1: development only
	Broker   []string `json:"broker,omitempty"`   // hosts of the MQTT broker; default "broker"
	Page     []string `json:"page,omitempty"`     // hosts of the console's page; default "console"
	Units    []Unit   `json:"units"`
	Gateways []Remote `json:"gateways,omitempty"`
	Confds   []Remote `json:"confds,omitempty"`
	Conns    []string `json:"conns,omitempty"`  // connectors of the MDM bridge; none: no bridge
	Agents   []string `json:"agents,omitempty"` // ids of laptops
}

// Unit is a room's unit.
type Unit struct {
	ID    string   `json:"id"`              // "ratssaal-1"
	Room  string   `json:"room"`            // "ratssaal"
	Hosts []string `json:"hosts,omitempty"` // of the chair's page; default: the room for its first unit, and the id
}

// Remote is a program elsewhere that acts for some rooms.
type Remote struct {
	ID    string   `json:"id"`
	Rooms []string `json:"rooms"`
	Hosts []string `json:"hosts,omitempty"` // of a confd's page; default its id
}

// ParsePlan decodes a plan strictly and checks it; errors of form start with "line:column: ".
func ParsePlan(b []byte) (Plan, error) {
	var p Plan
	if err := config.Decode(b, &p); err != nil {
		return Plan{}, fmt.Errorf("site: plan:%w", err)
	}
	return p, p.Check()
}

// Check returns an error that names everything wrong with the plan.
func (p Plan) Check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("site: plan: "+format, args...)) }
	if p.Name == "" || len(p.Name) > 64 {
		fail("the name of the site has %d bytes, need 1 to 64", len(p.Name))
	}
	if err := checkHost(p.Domain); err != nil {
		fail("domain: %w", err)
	}
	if len(p.Units) == 0 {
		fail("there is no unit")
	}
	seen := map[string]bool{}
	for _, h := range p.holders() {
		if seen[h.Bundle] {
			fail("%s is there twice", h.Bundle)
		}
		seen[h.Bundle] = true
		if h.Client {
			if err := h.Identity.Check(); err != nil {
				fail("%s: %w", h.Bundle, err)
			}
		}
		if _, id, ok := strings.Cut(h.Bundle, "/"); ok {
			if err := topic.CheckID(id); err != nil {
				fail("%s: %w", h.Bundle, err)
			}
		}
		if h.Server && len(h.Hosts) == 0 {
			fail("%s has no host", h.Bundle)
		}
		for _, host := range h.Hosts {
			if err := p.checkHost(host); err != nil {
				fail("%s: %w", h.Bundle, err)
			}
		}
	}
	return errors.Join(errs...)
}

// holders returns what the plan wants a certificate for, in a fixed order.
func (p Plan) holders() []Holder {
	hs := []Holder{
		{Bundle: "broker", Server: true, Hosts: p.hosts(p.Broker, "broker")},
		{Bundle: "page", Server: true, Hosts: p.hosts(p.Page, "console")},
		{Bundle: "console", Client: true, Identity: topic.Identity{Role: topic.Console}},
	}
	if len(p.Conns) > 0 {
		hs = append(hs, Holder{Bundle: "mdmbridge", Client: true, Identity: topic.Identity{Role: topic.MDMBridge, Conns: p.Conns}})
	}
	rooms := map[string]bool{}
	for _, u := range p.Units {
		names := []string{u.ID}
		if !rooms[u.Room] && u.Room != u.ID {
			names = []string{u.Room, u.ID}
		}
		rooms[u.Room] = true
		hs = append(hs, Holder{Bundle: "unit/" + u.ID, Client: true, Server: true, Hosts: p.hosts(u.Hosts, names...),
			Identity: topic.Identity{Role: topic.Unit, Unit: u.ID, Rooms: []string{u.Room}}})
	}
	for _, g := range p.Gateways {
		hs = append(hs, Holder{Bundle: "gateway/" + g.ID, Client: true,
			Identity: topic.Identity{Role: topic.Gateway, Rooms: g.Rooms}})
	}
	for _, c := range p.Confds {
		hs = append(hs, Holder{Bundle: "confd/" + c.ID, Client: true, Server: true, Hosts: p.hosts(c.Hosts, c.ID),
			Identity: topic.Identity{Role: topic.Confd, Rooms: c.Rooms}})
	}
	for _, a := range p.Agents {
		hs = append(hs, Holder{Bundle: "agent/" + a, Client: true, Identity: topic.Identity{Role: topic.Agent, Device: a}})
	}
	return hs
}

// hosts returns the whole names of given, or else of def.
func (p Plan) hosts(given []string, def ...string) []string {
	if len(given) == 0 {
		given = def
	}
	var out []string
	for _, h := range given {
		if !strings.Contains(h, ".") {
			h += "." + p.Domain
		}
		out = append(out, strings.ToLower(h))
	}
	if p.Loopback {
		out = append(out, "localhost", "127.0.0.1", "::1")
	}
	return out
}

// checkHost accepts names inside the domain, and with Loopback this machine.
func (p Plan) checkHost(host string) error {
	if p.Loopback && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, host) {
		return nil
	}
	if net.ParseIP(host) != nil {
		return fmt.Errorf("host %q is an address: pages need a name", host)
	}
	if err := checkHost(host); err != nil {
		return err
	}
	if host != p.Domain && !strings.HasSuffix(host, "."+p.Domain) {
		return fmt.Errorf("host %q is outside the domain %q", host, p.Domain)
	}
	return nil
}

// checkHost accepts a DNS name of letters, digits and hyphens in lower case (RFC 1123 §2.1).
func checkHost(host string) error {
	if host == "" || len(host) > 253 {
		return fmt.Errorf("host %.64q has %d bytes, need 1 to 253", host, len(host))
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("host %q: %q is no label", host, label)
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return fmt.Errorf("host %q: only a-z, 0-9 and - are allowed, umlauts in their xn-- form", host)
			}
		}
	}
	return nil
}
