package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"subrosa/cmd/roomd/internal/feed"
	"subrosa/drivers/sdr/rtltcp"
	"subrosa/firmware/detectors"
	"subrosa/firmware/room"
)

// Radio says where the sensor gets radio samples from.
type Radio struct {
	Source string         `json:"source"` // none, feed, or a name of receivers
	Feed   feed.Programme `json:"feed"`   // recordings in place of a receiver: development

	Device   string   `json:"device"`    // serial number; "": the first one
	Address  string   `json:"address"`   // rtl_tcp: host:port
	Rate     int      `json:"rate"`      // complex samples per second
	Centre   float64  `json:"centre_hz"` // the receiver is tuned to
	GainDB   *float64 `json:"gain_db"`   // this,
	AutoGain bool     `json:"auto_gain"` // or this
	PPM      int      `json:"ppm"`       // by how much the receiver's clock is too fast

	Detectors []string `json:"detectors"` // as for sound
}

// receiver is what a kind of receiver can do.
type receiver struct {
	rate         func(int) bool
	loHz, hiHz   float64
	loDB, hiDB   float64
	auto, remote bool
}

// receivers by their names in radio.source. Those that are not remote are opened by the sensor, which has the drivers;
// the limits are repeated here because the sensor cannot say what it does not like. The tuner of an RTL2832U is known
// only once it is open: these are the limits of all of them.
var receivers = map[string]receiver{
	"rtlsdr":  {rate: rtlRate, loHz: 22e6, hiHz: 2200e6, loDB: -10, hiDB: 60, auto: true},
	"rtl_tcp": {rate: rtlRate, loHz: 22e6, hiHz: 2200e6, loDB: -10, hiDB: 60, auto: true, remote: true},
	"hackrf":  {rate: func(r int) bool { return r >= 2e6 && r <= 20e6 }, loHz: 1e6, hiHz: 6e9, loDB: 0, hiDB: 102},
}

func rtlRate(r int) bool { return r > 225_000 && r <= 300_000 || r > 900_000 && r <= 3_200_000 }

// check returns everything that is wrong.
func (r Radio) check() error {
	switch r.Source {
	case "none":
		return r.unused("none")
	case "feed":
		return errors.Join(r.unused("feed"), r.build(r.Feed.Rate, r.Feed.Centre))
	}
	what, ok := receivers[r.Source]
	if !ok {
		return fmt.Errorf("radio.source %q, want none, feed, rtlsdr, hackrf or rtl_tcp", r.Source)
	}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("radio."+format, args...)) }
	if r.Feed.Rate != 0 || r.Feed.Centre != 0 || len(r.Feed.Items) > 0 {
		fail("feed is not used with source %s", r.Source)
	}
	if _, port, err := net.SplitHostPort(r.Address); what.remote && (err != nil || !isPort(port)) {
		fail("address %q, want host:port", r.Address)
	}
	if !what.remote && r.Address != "" {
		fail("address is for rtl_tcp only")
	}
	if what.remote && r.Device != "" {
		fail("device is not for rtl_tcp: the server has chosen")
	}
	if !(r.Centre >= what.loHz && r.Centre <= what.hiHz) {
		fail("centre_hz %g, want %g to %g", r.Centre, what.loHz, what.hiHz)
	}
	if r.PPM < -1000 || r.PPM > 1000 {
		fail("ppm %d, want -1000 to 1000", r.PPM)
	}
	switch {
	case r.AutoGain && !what.auto:
		fail("auto_gain: %s has none", r.Source)
	case r.AutoGain == (r.GainDB != nil):
		fail("gain_db or auto_gain: one of them")
	case r.GainDB != nil && !(*r.GainDB >= what.loDB && *r.GainDB <= what.hiDB):
		fail("gain_db %g, want %g to %g", *r.GainDB, what.loDB, what.hiDB)
	}
	if !what.rate(r.Rate) {
		fail("rate %d is none that %s has", r.Rate, r.Source)
	} else if err := r.build(r.Rate, r.Centre); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// unused refuses settings of a receiver where there is none.
func (r Radio) unused(source string) error {
	if r.Device != "" || r.Address != "" || r.Rate != 0 || r.Centre != 0 || r.GainDB != nil || r.AutoGain || r.PPM != 0 {
		return fmt.Errorf("radio: device, address, rate, centre_hz, gain and ppm are not used with source %s", source)
	}
	return nil
}

// build tries the detectors, as the sensor has no way to say what it does not like.
func (r Radio) build(rate int, centre float64) error {
	if _, err := detectors.Build(detectors.Radio, r.Detectors, detectors.Stream{Rate: rate, Centre: centre}); err != nil {
		return fmt.Errorf("radio: %w", err)
	}
	return nil
}

// flags are the sensor's, for a receiver that it opens itself.
func (r Radio) flags() []string {
	gain := "auto"
	if !r.AutoGain {
		gain = strconv.FormatFloat(*r.GainDB, 'f', -1, 64)
	}
	return []string{"--radio", r.Source, "--radio-device", r.Device, "--radio-rate", strconv.Itoa(r.Rate),
		"--radio-centre", strconv.FormatFloat(r.Centre, 'f', -1, 64), "--radio-gain", gain, "--radio-ppm", strconv.Itoa(r.PPM)}
}

// server is what to ask of an rtl_tcp server.
func (r Radio) server() rtltcp.Config {
	c := rtltcp.Config{Address: r.Address, Rate: r.Rate, Centre: r.Centre, PPM: r.PPM, AutoGain: r.AutoGain}
	if r.GainDB != nil {
		c.GainTenthDB = int(10 * *r.GainDB)
	}
	return c
}

// radioStream is what a receiver at this rate and frequency covers.
func radioStream(rate int, centre float64) room.Stream {
	half := float64(rate) / 2
	return room.Stream{Present: true, LoHz: centre - half, HiHz: centre + half, Cannot: []string{"outside-span", "mobile-wlan-ble"}}
}
