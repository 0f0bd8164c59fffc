package nanomdm

import (
	"fmt"
	"strings"

	"github.com/micromdm/plist"

	"subrosa/mdm"
)

// What follows is for other managements that pass Apple's commands on as they are (package fleet).

// EncodeCommand writes one of our commands as a property list.
func EncodeCommand(d mdm.Device, c mdm.Command) ([]byte, error) { return command(d, c) }

// DecodeAnswer reads what a device has answered to a command, as it wrote it.
func DecodeAnswer(d mdm.Device, id string, raw []byte) (mdm.Event, error) {
	var r report
	if err := plist.Unmarshal(raw, &r); err != nil {
		return mdm.Event{}, fmt.Errorf("nanomdm: the device's answer: %w", err)
	}
	e := mdm.Event{Device: d.ID, Command: id}
	switch r.Status {
	case "NotNow":
		e.Kind = mdm.Busy
	case "Acknowledged":
		e.Kind = mdm.Acked
		if strings.HasSuffix(id, "-"+mdm.Look.String()) {
			e.Observed = observed(d, &r)
		}
	case "Error", "CommandFormatError":
		e.Kind = mdm.Failed
		if len(r.ErrorChain) > 0 {
			e.Detail = fmt.Sprintf("%.60s %d", r.ErrorChain[0].ErrorDomain, r.ErrorChain[0].ErrorCode)
		}
	default:
		return mdm.Event{}, fmt.Errorf("nanomdm: the device's answer: status %.40q", r.Status)
	}
	return e, nil
}

// CapsOf is what profiles can do on the device.
func CapsOf(d mdm.Device) mdm.Caps { return (*Backend)(nil).Caps(d) }
