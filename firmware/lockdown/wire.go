package lockdown

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Desired is the data of room/{room}/lockdown/desired.
type Desired struct {
	Version  uint64    `json:"version"`
	Session  string    `json:"session"`
	Mode     string    `json:"mode"` // locked, open
	Restrict []string  `json:"restrict"`
	LeaseS   int       `json:"lease_s"`
	HardEnd  time.Time `json:"hard_end"`
	Devices  []string  `json:"devices"`
}

// Wire is a wish as it is published.
func Wire(w Want) any {
	mode := "open"
	if w.Locked {
		mode = "locked"
	}
	return Desired{Version: w.Version, Session: w.Session, Mode: mode, Restrict: w.Restrict, LeaseS: int(w.Lease / time.Second),
		HardEnd: w.HardEnd.UTC(), Devices: w.Devices}
}

var errNegative = errors.New("lockdown: a count below 0, or above a million")

func counting(list ...int) error {
	for _, n := range list {
		if n < 0 || n > 1_000_000 {
			return errNegative
		}
	}
	return nil
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
	var v struct {
		Version     uint64         `json:"version"`
		Counts      map[string]int `json:"counts"`
		Microphones struct {
			Can int `json:"can"`
			Off int `json:"off"`
		} `json:"microphones"`
		Evidence string `json:"evidence"`
		Error    string `json:"error"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("lockdown: report: %w", err)
	}
	r := &Report{Version: v.Version, States: v.Counts, Microphones: v.Microphones.Can, MicrophonesOff: v.Microphones.Off, Evidence: v.Evidence, Fault: v.Error}
	for _, n := range r.States {
		if err := counting(n); err != nil {
			return nil, err
		}
	}
	return r, counting(r.Microphones, r.MicrophonesOff, r.Microphones-r.MicrophonesOff)
}

// ReadPosture reads the data of mdm/{conn}/posture; nil of a topic that was emptied.
func ReadPosture(b []byte) (*Posture, error) {
	if b == nil {
		return nil, nil
	}
	var p Posture
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("lockdown: posture: %w", err)
	}
	if p.At.IsZero() {
		return nil, errors.New("lockdown: posture: without a time it says nothing")
	}
	return &p, counting(p.Off, p.Total, p.Total-p.Off)
}
