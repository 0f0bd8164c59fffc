package nanomdm

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/micromdm/plist"

	"subrosa/mdm"
)

// hook is the part of NanoMDM's webhook event that counts (service/webhook/event.go of v0.9.0, MicroMDM's form).
type hook struct {
	Topic       string `json:"topic"`
	Acknowledge *struct {
		CommandUUID string `json:"command_uuid"`
		Status      string `json:"status"`
		UDID        string `json:"udid"`
		Enrolment   string `json:"enrollment_id"`
		IDs         *ids   `json:"ids"`
		Raw         []byte `json:"raw_payload"`
	} `json:"acknowledge_event"`
	Checkin *struct {
		UDID      string `json:"udid"`
		Enrolment string `json:"enrollment_id"`
		IDs       *ids   `json:"ids"`
		Tally     int    `json:"token_update_tally"`
	} `json:"checkin_event"`
}

type ids struct {
	ID     string `json:"id"`
	Parent string `json:"parent_id"`
}

// name is the device's name at NanoMDM. An event of a user's channel (parent set) is none of ours: "".
func name(i *ids, udid, enrolment string) string {
	switch {
	case i != nil && i.Parent != "":
		return ""
	case i != nil && i.ID != "":
		return i.ID
	case udid != "":
		return udid
	}
	return enrolment
}

// report is the part of a command's answer that counts, as the device wrote it.
type report struct {
	Status     string
	ErrorChain []struct {
		ErrorCode   int
		ErrorDomain string
	} `plist:",omitempty"`
	ProfileList *[]struct {
		PayloadIdentifier string
		PayloadUUID       string
	} `plist:",omitempty"`
	GlobalRestrictions *struct {
		Bool map[string]struct {
			Value bool `plist:"value"`
		} `plist:"restrictedBool"`
	} `plist:",omitempty"`
}

// DecodeHook reads a webhook event, already verified. It returns the device's name at NanoMDM, "" if nothing has happened that
// counts.
func DecodeHook(b []byte, round func(name string) mdm.Device) (string, mdm.Event, error) {
	var h hook
	if err := json.Unmarshal(b, &h); err != nil {
		return "", mdm.Event{}, fmt.Errorf("nanomdm: webhook: %w", err)
	}
	if c := h.Checkin; c != nil {
		n := name(c.IDs, c.UDID, c.Enrolment)
		switch {
		case h.Topic == "mdm.CheckOut":
			return n, mdm.Event{Kind: mdm.Left}, nil
		case h.Topic == "mdm.TokenUpdate" && c.Tally == 1: // after Authenticate, which empties the queue
			return n, mdm.Event{Kind: mdm.Joined}, nil
		case h.Topic == "mdm.Authenticate":
			return "", mdm.Event{}, nil // cannot be reached before its TokenUpdate
		}
		return n, mdm.Event{Kind: mdm.Awake}, nil
	}
	a := h.Acknowledge
	if a == nil {
		return "", mdm.Event{}, fmt.Errorf("nanomdm: webhook: topic %.40q without an event", h.Topic)
	}
	n := name(a.IDs, a.UDID, a.Enrolment)
	if n == "" {
		return "", mdm.Event{}, nil
	}
	e := mdm.Event{Command: a.CommandUUID}
	switch a.Status {
	case "Idle":
		return n, mdm.Event{Kind: mdm.Awake}, nil
	case "NotNow":
		e.Kind = mdm.Busy
		return n, e, nil
	case "Acknowledged":
		e.Kind = mdm.Acked
	case "Error", "CommandFormatError":
		e.Kind = mdm.Failed
	default:
		return "", mdm.Event{}, fmt.Errorf("nanomdm: webhook: status %.40q", a.Status)
	}
	var r report
	if err := plist.Unmarshal(a.Raw, &r); err != nil {
		return "", mdm.Event{}, fmt.Errorf("nanomdm: webhook: the device's answer: %w", err)
	}
	if len(r.ErrorChain) > 0 {
		e.Detail = fmt.Sprintf("%.60s %d", r.ErrorChain[0].ErrorDomain, r.ErrorChain[0].ErrorCode)
	}
	if e.Kind == mdm.Acked && strings.HasSuffix(e.Command, "-"+mdm.Look.String()) {
		e.Observed = observed(round(n), &r)
	}
	return n, e, nil
}

// observed reads the answer to a look: the list of profiles, or the restrictions in force. Either says which it is by what it
// holds; RequestType may be missing.
func observed(d mdm.Device, r *report) *mdm.Observed {
	switch {
	case r.GlobalRestrictions != nil:
		o := &mdm.Observed{Evidence: mdm.Restrictions}
		for _, k := range keys {
			if v, ok := r.GlobalRestrictions.Bool[k.name]; ok && v.Value == k.value {
				o.InForce |= k.set
			}
		}
		return o
	case r.ProfileList != nil:
		o := &mdm.Observed{Evidence: mdm.ProfileList}
		for _, p := range *r.ProfileList {
			switch p.PayloadIdentifier {
			case standing.identifier():
				o.Standing, _ = mdm.TagSet(tagOf(p.PayloadUUID))
			case lockdown.identifier():
				o.Locked, o.Tag = true, tagOf(p.PayloadUUID)
				if s, ok := mdm.TagSet(o.Tag); ok {
					o.Lock = s
				} else {
					o.Tag = "foreign" // under our name, and not ours: to be replaced or removed
				}
			}
		}
		o.More = restrictable(d) && (o.Standing != 0 || o.Locked)
		return o
	}
	return nil
}

// restrictable reports whether the device answers Restrictions: iOS and iPadOS, not under User Enrollment; macOS answers an
// empty dictionary.
func restrictable(d mdm.Device) bool { return phone(d) && !d.UserEnrolled }
