package power

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// Calibration is the table of a bank, as JSON beside the unit's configuration.
type Calibration struct {
	Format   int       `json:"format"`  // 1
	VrefMV   float64   `json:"vref_mv"` // the converter's reference
	Channels []Channel `json:"channels"`
}

// Channel is one detector with its filter or antenna.
type Channel struct {
	Input         int     `json:"input"` // of the converter, 0…7
	Band          string  `json:"band"`  // slug, such as one of the published names of occupied-band
	LoHz          float64 `json:"lo_hz"` // −3 dB edges of filter and antenna together
	HiHz          float64 `json:"hi_hz"`
	SlopeMV       float64 `json:"slope_mv_per_db"` // negative for the AD8318
	InterceptDBm  float64 `json:"intercept_dbm"`   // at the antenna's connector, where the line meets 0 V
	FloorDBm      float64 `json:"floor_dbm"`       // weakest power that can be told from nothing
	LimitDBm      float64 `json:"limit_dbm"`       // strongest that still follows the line
	UncertaintyDB float64 `json:"uncertainty_db"`  // of the line between floor and limit: generator, conformance, temperature
	Temperature   string  `json:"temperature"`     // note: where and how it holds, such as "23 °C, ±1 dB over 0…50 °C"
}

const maxCalibration = 64 << 10

// ParseCalibration decodes a table strictly: an unknown or misspelt key is an error, and so is a value that no bank of
// such detectors can have.
func ParseCalibration(b []byte) (Calibration, error) {
	var c Calibration
	if len(b) > maxCalibration {
		return c, fmt.Errorf("power: calibration of %d bytes, at most %d", len(b), maxCalibration)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Calibration{}, fmt.Errorf("power: calibration: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Calibration{}, errors.New("power: calibration: more after the end of the object")
	}
	if err := c.check(); err != nil {
		return Calibration{}, err
	}
	return c, nil
}

func (c *Calibration) check() error {
	switch {
	case c.Format != 1:
		return fmt.Errorf("power: calibration of format %d, want 1", c.Format)
	case !within(c.VrefMV, 1000, 5500):
		return fmt.Errorf("power: calibration: vref_mv %g, want 1000 to 5500", c.VrefMV)
	case len(c.Channels) == 0 || len(c.Channels) > 8:
		return fmt.Errorf("power: calibration of %d channels, want 1 to 8", len(c.Channels))
	}
	seen := map[int]bool{}
	for i := range c.Channels {
		ch := &c.Channels[i]
		if err := ch.check(); err != nil {
			return fmt.Errorf("power: calibration: channel %d: %w", i, err)
		}
		if seen[ch.Input] {
			return fmt.Errorf("power: calibration: channel %d: input %d is there twice", i, ch.Input)
		}
		seen[ch.Input] = true
	}
	return nil
}

func (ch *Channel) check() error {
	switch {
	case ch.Input < 0 || ch.Input > 7:
		return fmt.Errorf("input %d, want 0 to 7", ch.Input)
	case !slug(ch.Band):
		return fmt.Errorf("band %.40q is no slug", ch.Band)
	case !within(ch.LoHz, 1e5, 2e10) || !within(ch.HiHz, 1e5, 2e10) || ch.HiHz <= ch.LoHz:
		return fmt.Errorf("lo_hz %g, hi_hz %g", ch.LoHz, ch.HiHz)
	case !within(math.Abs(ch.SlopeMV), 5, 100):
		return fmt.Errorf("slope_mv_per_db %g, want 5 to 100 of either sign", ch.SlopeMV)
	case !within(ch.InterceptDBm, -120, 120):
		return fmt.Errorf("intercept_dbm %g", ch.InterceptDBm)
	case !within(ch.FloorDBm, -120, 40) || !within(ch.LimitDBm, -120, 40) || ch.LimitDBm <= ch.FloorDBm:
		return fmt.Errorf("floor_dbm %g, limit_dbm %g", ch.FloorDBm, ch.LimitDBm)
	case !(ch.UncertaintyDB > 0 && ch.UncertaintyDB <= 20):
		return fmt.Errorf("uncertainty_db %g, want more than 0 and at most 20: no measurement is exact", ch.UncertaintyDB)
	case ch.Temperature == "" || len(ch.Temperature) > 200:
		return errors.New("temperature: say where it holds, in at most 200 bytes")
	}
	return nil
}

// within is false for NaN.
func within(v, lo, hi float64) bool { return v >= lo && v <= hi }

func slug(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
