package lockdown

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"subrosa/mdm"
)

// Wire is a wish as it is published on room/{room}/lockdown/desired.
func Wire(w Want) mdm.Desired {
	mode := mdm.Open
	if w.Locked {
		mode = mdm.Locked
	}
	return mdm.Desired{Version: w.Version, Session: w.Session, Mode: mode, Restrict: w.Restrict, LeaseS: int(w.Lease / time.Second),
		HardEnd: w.HardEnd.UTC(), Devices: w.Devices}
}

// ReadOnline reads the data of mdm/{conn}/online. What cannot be read, or was emptied, is not there.
func ReadOnline(b []byte) (bool, error) {
	if b == nil {
		return false, nil
	}
	var v struct {
		Online *bool `json:"online"`
	}
	if err := json.Unmarshal(b, &v); err != nil || v.Online == nil {
		return false, fmt.Errorf("lockdown: online: %w", errors.Join(err, errors.New("the field online is not there")))
	}
	return *v.Online, nil
}

// ReadReport reads the data of room/{room}/lockdown/{conn}/reported; nil of a topic that was emptied.
func ReadReport(b []byte) (*Report, error) {
	if b == nil {
		return nil, nil
	}
	v, err := mdm.ReadReport(b)
	if err != nil {
		return nil, fmt.Errorf("lockdown: %w", err)
	}
	return &Report{Version: v.DesiredVersion, Count: v.Version, States: v.Counts, Microphones: v.Microphones.Can, MicrophonesOff: v.Microphones.Off,
		Evidence: v.Evidence, Fault: v.Error}, nil
}

// ReadPosture reads the data of mdm/{conn}/posture; nil of a topic that was emptied, or that has no date yet.
func ReadPosture(b []byte) (*Posture, error) {
	if b == nil {
		return nil, nil
	}
	v, err := mdm.ReadPosture(b)
	if err != nil {
		return nil, fmt.Errorf("lockdown: %w", err)
	}
	if v.At.IsZero() {
		return nil, nil
	}
	return &Posture{Off: v.Off, Total: v.Total, At: v.At, Declared: v.Declared(), Evidence: v.Evidence}, nil
}
