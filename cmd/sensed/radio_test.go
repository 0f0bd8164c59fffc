package main

import (
	"flag"
	"io"
	"slices"
	"strings"
	"testing"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/hackrf"
	"subrosa/dsp/detect"
	"subrosa/firmware/detectors"
)

func options(args ...string) (radioOptions, error) {
	var o radioOptions
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o.flags(fs)
	return o, fs.Parse(args)
}

func TestRadioFlags(t *testing.T) {
	o, err := options("--radio", "hackrf", "--radio-device", "9261", "--radio-rate", "10000000", "--radio-centre", "2.44e9",
		"--radio-gain", "40", "--radio-ppm", "-3")
	if want := (radioOptions{"hackrf", "9261", 10_000_000, 2.44e9, gain{db: 40}, -3}); err != nil || o != want {
		t.Errorf("got %+v, %v, want %+v", o, err, want)
	}
	if o, err := options("--radio-gain", "auto"); err != nil || !o.gain.auto || o.gain.String() != "auto" || o.source != "none" {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, text := range []string{"", "loud", "NaN", "121", "-21"} {
		if _, err := options("--radio-gain", text); err == nil {
			t.Errorf("a gain of %q was accepted", text)
		}
	}
}

func TestRadioSources(t *testing.T) {
	o, err := options()
	if err != nil {
		t.Fatal(err)
	}
	if s, err := openRadio(o); s != nil || err != nil {
		t.Errorf("no radio: got %v, %v", s, err)
	}
	o.source = "ether"
	if _, err := openRadio(o); err == nil || !strings.Contains(err.Error(), `"ether", want none, pipe or hackrf or rtlsdr`) {
		t.Errorf("got %v, want an error that names the source", err)
	}
}

// TestAbsentReceiver: it is told by a record, and does not keep the process from listening to sound.
func TestAbsentReceiver(t *testing.T) {
	if names := receiverNames(); !slices.Equal(names, []string{"hackrf", "rtlsdr"}) {
		t.Errorf("receivers %q", names)
	}
	for _, name := range receiverNames() {
		o, err := options("--radio", name, "--radio-device", "no such receiver is plugged in", "--radio-rate", "2500000")
		if err != nil {
			t.Fatal(err)
		}
		s, err := openRadio(o)
		if err != nil {
			t.Fatal(err)
		}
		want := sdr.Format{Rate: 2_500_000, Centre: 433.92e6}
		if f := s.Format(); f != want {
			t.Errorf("%s: format %+v, want %+v", name, f, want)
		}
		if _, n, err := s.Read(make([]complex64, 8)); n != 0 || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %d samples, %v, want a failure that names it", name, n, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestHackRFGain: what is passed on is what the driver takes.
func TestHackRFGain(t *testing.T) {
	o, err := options("--radio", "hackrf", "--radio-gain", "auto")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := receivers["hackrf"](o); err == nil || !strings.Contains(err.Error(), "automatic gain") {
		t.Errorf("got %v", err)
	}
	lna, vga := hackrf.Split(o.gain.db)
	if err := (hackrf.Config{Rate: 10e6, Centre: 1e9, LNADB: lna, VGADB: vga}).Check(); err != nil {
		t.Error(err)
	}
}

// TestDefaultsSuitDetectors: a receiver with nothing but its name gets all radio detectors.
func TestDefaultsSuitDetectors(t *testing.T) {
	o, err := options()
	if err != nil {
		t.Fatal(err)
	}
	var ds []detect.Detector[complex64]
	if ds, err = detectors.Build(detectors.Radio, nil, detectors.Stream{Rate: o.rate, Centre: o.centre}); err != nil || len(ds) == 0 {
		t.Errorf("%d detectors, %v", len(ds), err)
	}
}
