// Package hall asks the hall's own equipment for its state, by the ways that the unit's file names for each device, and
// carries the answers to the room. It asks; what switches is the building's gateway, or the unit's own relays.
package hall

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"subrosa/drivers/httpstatus"
	"subrosa/drivers/served"
	"subrosa/firmware/av"
	"subrosa/firmware/topic"
)

// Device is one device of the hall in the unit's file. Every way of proof that is given must say off for the device to
// count as off; with none the chair is asked.
type Device struct {
	ID   string  `json:"id"`   // as in its topic
	Kind av.Kind `json:"kind"` // stream, recorder, hall-mic, hearing-loop, overflow; default: ID
	Name string  `json:"name"` // for people, where there are several of a kind

	MQTT    bool               `json:"mqtt"`    // the gateway reports it, and switches it when asked
	Relay   string             `json:"relay"`   // name of a relay of the panel that cuts it
	PJLink  *PJLink            `json:"pjlink"`  // projector or display
	HTTP    *httpstatus.Config `json:"http"`    // status document
	Token   string             `json:"token"`   // file with the bearer token for http
	Network []string           `json:"network"` // addresses at which its stream would be served
	Call    bool               `json:"call"`    // the room's conference: its own public streams

	StaleSeconds int `json:"stale_seconds"` // after which no answer counts any more; 0: 90
}

// PJLink is how a projector or a display is asked.
type PJLink struct {
	Address  string `json:"address"`  // host, or host:port
	Password string `json:"password"` // file with the password; "": it has none
	Mute     bool   `json:"mute"`     // that its sound is muted is enough; else it must be in standby
}

const defaultStale = 90

// Build turns the file's devices into the room's, and into those that are asked. relays are the names there are. Files with secrets are read.
func Build(devices []Device, relays []string) (*av.Desk, *Watcher, map[string]string, error) {
	var list []av.Device
	w := &Watcher{}
	byRelay := map[string]string{}
	for _, d := range devices {
		a, err := d.build(w, relays)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("av: %s: %w", d.ID, err)
		}
		if d.Relay != "" {
			byRelay[d.ID] = d.Relay
		}
		list = append(list, a)
	}
	desk, err := av.New(list)
	return desk, w, byRelay, err
}

func (d *Device) build(w *Watcher, relays []string) (a av.Device, err error) {
	if err := topic.CheckID(d.ID); err != nil {
		return a, err
	}
	a = av.Device{ID: d.ID, Kind: d.kind(), Stale: time.Duration(d.StaleSeconds) * time.Second}
	if d.StaleSeconds == 0 {
		a.Stale = defaultStale * time.Second
	}
	if d.MQTT {
		a.Proofs = append(a.Proofs, av.MQTT)
	}
	if d.Relay != "" {
		if !slices.Contains(relays, d.Relay) {
			return a, fmt.Errorf("relay %q is not one of the panel's: %s", d.Relay, strings.Join(relays, ", "))
		}
		a.Proofs = append(a.Proofs, av.Relay)
	}
	if d.PJLink != nil {
		ask, err := d.PJLink.build()
		if err != nil {
			return a, err
		}
		a.Proofs = append(a.Proofs, av.PJLink)
		w.add(d.ID, av.PJLink, ask)
	}
	if d.HTTP != nil {
		c := *d.HTTP
		if c.Token, err = secret(d.Token); err != nil {
			return a, err
		}
		p, err := httpstatus.New(c)
		if err != nil {
			return a, err
		}
		a.Proofs = append(a.Proofs, av.HTTP)
		w.add(d.ID, av.HTTP, status(p))
	} else if d.Token != "" {
		return a, errors.New("token is for http, and there is none")
	}
	if d.Call {
		if d.kind() != av.Stream {
			return a, fmt.Errorf("call is for the kind stream, not %s", d.kind())
		}
		a.Proofs = append(a.Proofs, av.Call)
	}
	if len(d.Network) > 0 {
		ask, err := network(d.Network)
		if err != nil {
			return a, err
		}
		a.Proofs = append(a.Proofs, av.Network)
		w.add(d.ID, av.Network, ask)
	}
	return a, nil
}

func (d *Device) kind() av.Kind {
	if d.Kind == "" {
		return av.Kind(d.ID)
	}
	return d.Kind
}

// secret reads a small file; "" is none.
func secret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	s := strings.TrimSpace(string(b))
	if s == "" || len(s) > 4096 || strings.ContainsAny(s, "\r\n") {
		return "", fmt.Errorf("%s: want one line that is not empty", path)
	}
	return s, nil
}

// Kinds and Names are for the words of the pages.
func Kinds(devices []Device) (kinds map[string]av.Kind, names map[string]string) {
	kinds, names = map[string]av.Kind{}, map[string]string{}
	for _, d := range devices {
		kinds[d.ID], names[d.ID] = d.kind(), d.Name
	}
	return kinds, names
}

func (p *PJLink) build() (asker, error) {
	address := p.Address
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(p.Address, pjlinkPort)
	}
	if host, _, err := net.SplitHostPort(address); err != nil || host == "" {
		return nil, fmt.Errorf("pjlink: address %q, want host or host:port", p.Address)
	}
	password, err := secret(p.Password)
	if err != nil {
		return nil, fmt.Errorf("pjlink: %w", err)
	}
	return projector(address, password, p.Mute), nil
}

func network(addresses []string) (asker, error) {
	var looks []*served.Look
	for _, a := range addresses {
		l, err := served.New(a)
		if err != nil {
			return nil, err
		}
		looks = append(looks, l)
	}
	return streams(looks), nil
}
