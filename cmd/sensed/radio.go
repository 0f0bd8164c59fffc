package main

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/hackrf"
	radiopipe "subrosa/drivers/sdr/pipe"
	"subrosa/drivers/sdr/rtlsdr"
)

// receivers are the radio drivers by the names that --radio has for them.
var receivers = map[string]func(radioOptions) (sdr.Source, error){
	"rtlsdr": func(o radioOptions) (sdr.Source, error) {
		return rtlsdr.Open(rtlsdr.Config{Serial: o.device, Rate: o.rate, Centre: o.centre, PPM: o.ppm, AutoGain: o.gain.auto,
			GainTenthDB: int(math.Round(10 * o.gain.db))})
	},
	"hackrf": func(o radioOptions) (sdr.Source, error) {
		if o.gain.auto {
			return nil, fmt.Errorf("hackrf: it has no automatic gain")
		}
		lna, vga := hackrf.Split(o.gain.db)
		return hackrf.Open(hackrf.Config{Serial: o.device, Rate: o.rate, Centre: o.centre, PPM: o.ppm, LNADB: lna, VGADB: vga})
	},
}

// radioOptions say where radio samples come from.
type radioOptions struct {
	source string // none, pipe, or a name of receivers
	device string
	rate   int
	centre float64
	gain   gain
	ppm    int
}

func (o *radioOptions) flags(fs *flag.FlagSet) {
	o.gain = gain{db: 30}
	fs.StringVar(&o.source, "radio", "none", "where radio samples come from: none, pipe (fd 6), "+strings.Join(receiverNames(), ", "))
	fs.StringVar(&o.device, "radio-device", "", "serial number of the receiver; empty: the first one")
	fs.IntVar(&o.rate, "radio-rate", 2_400_000, "receiver's samples per second")
	fs.Float64Var(&o.centre, "radio-centre", 433.92e6, "Hz the receiver is tuned to")
	fs.Var(&o.gain, "radio-gain", "receiver's gain in dB, or auto")
	fs.IntVar(&o.ppm, "radio-ppm", 0, "by how much the receiver's clock is too fast")
}

func receiverNames() []string { return slices.Sorted(maps.Keys(receivers)) }

// gain is a number of dB, or automatic.
type gain struct {
	db   float64
	auto bool
}

func (g *gain) String() string {
	if g.auto {
		return "auto"
	}
	return strconv.FormatFloat(g.db, 'g', -1, 64)
}

// Set implements flag.Value.
func (g *gain) Set(text string) error {
	if text == "auto" {
		*g = gain{auto: true}
		return nil
	}
	db, err := strconv.ParseFloat(text, 64)
	if err != nil || !(db >= -20 && db <= 120) {
		return fmt.Errorf("%q is neither dB from -20 to 120 nor auto", text)
	}
	*g = gain{db: db}
	return nil
}

// openRadio opens the source; none is nil.
func openRadio(o radioOptions) (sdr.Source, error) {
	switch o.source {
	case "none":
		return nil, nil
	case "pipe":
		f, err := descriptor(radioFD, "radio")
		if err != nil {
			return nil, err
		}
		return radiopipe.New(f)
	}
	open, ok := receivers[o.source]
	if !ok {
		return nil, fmt.Errorf("--radio %q, want none, pipe or %s", o.source, strings.Join(receiverNames(), " or "))
	}
	src, err := open(o)
	if err != nil { // the room unit is told by a record, and sound goes on
		return deaf{err, sdr.Format{Rate: o.rate, Centre: o.centre}}, nil
	}
	return src, nil
}

// deaf is a receiver that could not be opened.
type deaf struct {
	err    error
	format sdr.Format
}

func (d deaf) Read([]complex64) (int64, int, error) { return 0, 0, d.err }
func (d deaf) Format() sdr.Format                   { return d.format }
func (deaf) Close() error                           { return nil }
