package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"subrosa/cmd/mdmbridge/internal/bridge"
	"subrosa/firmware/config"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/mdm"
	"subrosa/mdm/agent"
	"subrosa/mdm/nanomdm"
)

// parts are what a backend is made of. Site is nil when the program only gives back.
type parts struct {
	devices []mdm.Device
	keep    mdm.Keeper
	site    *shadow.Shadow
	options json.RawMessage
}

// kinds of device managements, each with what makes its backend. One that is an http.Handler gets its webhook at /webhook/ID.
var kinds = map[string]func(parts) (mdm.Backend, error){
	"nanomdm":  openNanoMDM,
	"fleet":    openFleet,
	"amapi":    openAMAPI,
	"headwind": openHeadwind,
	"intune":   openIntune,
	"agent":    openAgent,
	"manual":   openManual,
}

func kindNames() string { return strings.Join(slices.Sorted(maps.Keys(kinds)), ", ") }

// options decodes a connector's options strictly.
func (p parts) decode(v any) error {
	if len(p.options) == 0 {
		return nil
	}
	if err := config.Decode(p.options, v); err != nil {
		return fmt.Errorf("config: options:%w", err)
	}
	return nil
}

// openNanoMDM: Apple's devices. Options: url, key_file, hmac_file; ddm_url and ddm_key_file of KMFDDM.
func openNanoMDM(p parts) (mdm.Backend, error) {
	var o struct {
		URL     string `json:"url"`
		KeyFile string `json:"key_file"`
		HMAC    string `json:"hmac_file"`
		DDM     string `json:"ddm_url"`
		DDMKey  string `json:"ddm_key_file"`
	}
	if err := p.decode(&o); err != nil {
		return nil, err
	}
	key, err := secret(o.KeyFile)
	mac, err2 := secret(o.HMAC)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	opt := nanomdm.Options{URL: o.URL, Key: key, HMAC: []byte(mac), Devices: p.devices}
	if o.DDM != "" {
		ddm, err := secret(o.DDMKey)
		if err != nil {
			return nil, err
		}
		opt.DDM = &nanomdm.DDM{URL: o.DDM, Key: ddm}
	}
	return nanomdm.New(opt)
}

// agentLink is agent.Link on the site's MQTT.
type agentLink struct{ *shadow.Shadow }

func (l agentLink) Publish(device string, d mdm.DeviceDesired) error {
	err := l.Report(topic.DeviceLockdownDesired(device), d)
	if errors.Is(err, shadow.ErrUnsaved) {
		return nil
	}
	return err
}

func (l agentLink) Up() error {
	if st := l.Status(); !st.Connected {
		return errors.Join(errors.New("the broker is not connected"), st.Err)
	}
	return nil
}

// noLink is of a program without a broker.
type noLink struct{}

func (noLink) Publish(string, mdm.DeviceDesired) error { return errors.New("without a broker") }
func (noLink) Up() error                               { return errors.New("without a broker") }

// openAgent: laptops with our own agent, over the site's MQTT. No options.
func openAgent(p parts) (mdm.Backend, error) {
	if err := p.decode(&struct{}{}); err != nil {
		return nil, err
	}
	if p.site == nil {
		return agent.New(noLink{}, p.keep), nil
	}
	b := agent.New(agentLink{p.site}, p.keep)
	known := map[string]bool{}
	for _, d := range p.devices {
		known[d.ID] = true
	}
	return b, errors.Join(p.site.Watch(topic.DeviceLockdownReported(topic.Any), func(m shadow.Message) {
		if id := m.Topic.ID("dev"); known[id] && m.Data != nil {
			if r, err := mdm.ReadDeviceReport(m.Data); err == nil {
				b.Heard(id, r)
			}
		}
	}), p.site.Watch(topic.DeviceOnline(topic.Any), func(m shadow.Message) {
		if id := m.Topic.ID("dev"); known[id] && m.Data != nil {
			if q, err := mdm.ReadPresence(m.Data); err == nil {
				b.Present(id, q.Online)
			}
		}
	}))
}

// handlers are the webhooks, by connector.
func webhooks(mux *http.ServeMux, id string, b mdm.Backend) {
	if h, ok := b.(http.Handler); ok {
		mux.Handle("/webhook/"+id, http.TimeoutHandler(h, 10*time.Second, "too slow"))
	}
}

var _ bridge.Site = (*shadow.Shadow)(nil)
