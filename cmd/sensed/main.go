// Command sensed is the sensor process of a room unit. It reads samples, finds what listens, and answers polls with
// 16-byte records. It has no other way out.
//
//	fd 3  records out, one for each poll        fd 5  sound in   (--sound pipe)
//	fd 4  control in, lines                     fd 6  radio in   (--radio pipe)
//
// It is started and watched by roomd, never by hand. It ends when the control pipe ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"subrosa/drivers/audio"
	soundpipe "subrosa/drivers/audio/pipe"
	"subrosa/drivers/audio/portaudio"
	"subrosa/drivers/sdr"
	radiopipe "subrosa/drivers/sdr/pipe"
	"subrosa/dsp/detect/emitter"
	"subrosa/firmware/detectors"
	"subrosa/firmware/sense"
)

const (
	recordsFD = 3 + iota
	controlFD
	soundFD
	radioFD
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sensed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("sensed", flag.ContinueOnError)
	soundName := fs.String("sound", "none", "where sound comes from: none, pipe (fd 5), microphone")
	device := fs.String("device", "", "name of the microphone; empty: the default one")
	rate := fs.Int("rate", 48000, "microphone's samples per second")
	radioName := fs.String("radio", "none", "where radio samples come from: none, pipe (fd 6)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	// A terminal's interrupt goes to the whole group; roomd decides when the sensor ends.
	signal.Ignore(os.Interrupt)
	records, err := descriptor(recordsFD, "records")
	if err != nil {
		return err
	}
	control, err := descriptor(controlFD, "control")
	if err != nil {
		return err
	}
	s := &sense.Server{Control: control, Records: records, Desk: sense.NewDesk()}
	var configure []func(sense.Config, []sense.Emitter) error
	sound, err := openSound(*soundName, *device, *rate)
	if err != nil {
		return err
	}
	if sound != nil {
		f := sound.Format()
		p := &sense.Pipeline[float32]{Source: sound, Rate: f.Rate, Channels: f.Channels, Desk: s.Desk}
		s.Pipelines = append(s.Pipelines, p)
		configure = append(configure, func(c sense.Config, _ []sense.Emitter) error {
			ds, err := detectors.Build(detectors.Acoustic, c.Acoustic, detectors.Stream{Rate: f.Rate})
			p.Use(ds)
			return err
		})
	}
	radio, err := openRadio(*radioName)
	if err != nil {
		return err
	}
	if radio != nil {
		f := radio.Format()
		p := &sense.Pipeline[complex64]{Source: radio, Rate: f.Rate, Centre: f.Centre, Desk: s.Desk}
		s.Pipelines = append(s.Pipelines, p)
		configure = append(configure, func(c sense.Config, baseline []sense.Emitter) error {
			st := detectors.Stream{Rate: f.Rate, Centre: f.Centre}
			for _, e := range baseline {
				st.Baseline = append(st.Baseline, emitter.Known{Hz: e.Hz, BwHz: e.BwHz, LevelDB: e.LevelDB})
			}
			ds, err := detectors.Build(detectors.Radio, c.Radio, st)
			p.Use(ds)
			return err
		})
	}
	s.Configure = func(c sense.Config, b []sense.Emitter) error {
		var errs []error
		for _, f := range configure {
			errs = append(errs, f(c, b))
		}
		return errors.Join(errs...)
	}
	return s.Run(ctx)
}

// descriptor returns an inherited descriptor, in non-blocking mode so that Close unblocks Read.
func descriptor(fd int, what string) (*os.File, error) {
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("descriptor %d (%s): %w; sensed is started by roomd", fd, what, err)
	}
	return os.NewFile(uintptr(fd), what), nil
}

func openSound(name, device string, rate int) (audio.Source, error) {
	switch name {
	case "none":
		return nil, nil
	case "pipe":
		f, err := descriptor(soundFD, "sound")
		if err != nil {
			return nil, err
		}
		return soundpipe.New(f)
	case "microphone":
		return portaudio.Open(portaudio.Config{Device: device, Format: audio.Format{Rate: rate}})
	}
	return nil, fmt.Errorf("--sound %q, want none, pipe or microphone", name)
}

func openRadio(name string) (sdr.Source, error) {
	switch name {
	case "none":
		return nil, nil
	case "pipe":
		f, err := descriptor(radioFD, "radio")
		if err != nil {
			return nil, err
		}
		return radiopipe.New(f)
	}
	return nil, fmt.Errorf("--radio %q, want none or pipe", name)
}
