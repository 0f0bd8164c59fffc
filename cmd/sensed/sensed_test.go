package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/sdrtest"
	"subrosa/firmware/sense"
)

func TestSources(t *testing.T) {
	if s, err := openSound("none", microphone{rate: 48000}); s != nil || err != nil {
		t.Errorf("no sound: got %v, %v", s, err)
	}
	if _, err := openSound("ether", microphone{rate: 48000}); err == nil || !strings.Contains(err.Error(), "ether") {
		t.Errorf("got %v, want an error that names the source", err)
	}
}

// TestAbsentMicrophone: it is told by a record, and does not keep the process from listening to radio.
func TestAbsentMicrophone(t *testing.T) {
	s, err := openSound("microphone", microphone{device: "no such device is plugged in", rate: 44100})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if f := s.Format(); f.Rate != 44100 {
		t.Errorf("format %+v", f)
	}
	if _, n, err := s.Read(make([]float32, 8)); n != 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %d frames, %v, want a failure", n, err)
	}
}

func TestChannels(t *testing.T) {
	var m microphone
	if err := m.setChannels("3,1"); err != nil || len(m.channels) != 2 || m.channels[0] != 3 || m.channels[1] != 1 {
		t.Errorf("got %v, %v", m.channels, err)
	}
	for _, bad := range []string{"", "1,", "left"} {
		if err := m.setChannels(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestEars(t *testing.T) {
	desk := sense.NewDesk()
	e := &ears{
		sound: &sense.Pipeline[float32]{Source: audiotest.Play(audio.Format{Rate: 48000, Channels: 1}), Rate: 48000, Desk: desk},
		radio: &sense.Pipeline[complex64]{Source: sdrtest.Play(sdr.Format{Rate: 250000}), Rate: 250000, Centre: 433.92e6, Desk: desk},
	}
	if err := e.configure(sense.Config{}); err != nil {
		t.Error(err)
	}
	if err := e.learned([]sense.Emitter{{Hz: 433.92e6, BwHz: 12500, LevelDB: -40}}); err != nil || len(e.baseline) != 1 {
		t.Errorf("baseline %v, %v", e.baseline, err)
	}
	if err := e.learned(nil); err != nil || len(e.baseline) != 0 {
		t.Errorf("nothing known: %v, %v", e.baseline, err)
	}
	for _, c := range []sense.Config{{Acoustic: []string{"emitter"}}, {Radio: []string{"ultrasonic"}}} {
		if err := e.configure(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	if err := (&ears{}).configure(sense.Config{}); err != nil {
		t.Errorf("without sources: %v", err)
	}
}
