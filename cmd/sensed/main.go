// Command sensed is the sensor process of a room unit. It reads samples, finds what listens, and answers polls with
// 16-byte records. It has no other way out.
//
//	fd 3  records out, one for each poll        fd 5  sound in   (--sound pipe)
//	fd 4  control in, lines                     fd 6  radio in   (--radio pipe)
//
// It is started and watched by roomd, never by hand. It ends when the control pipe ends. As soon as its devices are
// open, and before the first sample, it seals itself: see package seal.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"subrosa/drivers/audio"
	soundpipe "subrosa/drivers/audio/pipe"
	"subrosa/drivers/audio/portaudio"
	"subrosa/dsp/detect"
	"subrosa/dsp/detect/emitter"
	"subrosa/firmware/detectors"
	"subrosa/firmware/seal"
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
	var m microphone
	fs.StringVar(&m.device, "device", "", "name of the microphone, or hw:1,0; empty: the only raw one")
	fs.IntVar(&m.rate, "rate", 48000, "microphone's samples per second")
	fs.Func("channels", "physical channels to use, from 1, in this order: 3,1 (default 1)", m.setChannels)
	fs.BoolVar(&m.shared, "shared", false, "also take a microphone that is not raw ALSA and may resample unseen")
	var air radioOptions
	air.flags(fs)
	unsealed := fs.Bool("unsealed", false, "do not seal: on a kernel that cannot")
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
	sound, err := openSound(*soundName, m)
	if err != nil {
		return err
	}
	radio, err := openRadio(air)
	if err != nil {
		return err
	}
	var e ears
	if sound != nil {
		f := sound.Format()
		e.sound = &sense.Pipeline[float32]{Source: sound, Rate: f.Rate, Channels: f.Channels, Desk: s.Desk}
		s.Hearing = sense.NewHearing(s.Desk, f.Rate)
		e.sound.Own = s.Hearing.Take
		s.Pipelines = append(s.Pipelines, e.sound, s.Hearing)
	}
	if radio != nil {
		f := radio.Format()
		e.radio = &sense.Pipeline[complex64]{Source: radio, Rate: f.Rate, Centre: f.Centre, Desk: s.Desk}
		s.Pipelines = append(s.Pipelines, e.radio)
	}
	s.Configure, s.Baseline = e.configure, e.learned
	if !*unsealed {
		if err := seal.Inside(seal.Rights{Out: []int{recordsFD}, Calls: deviceCalls(*soundName, air.source)}); err != nil {
			return err
		}
		defer e.hold(s.Hearing)()
	}
	return s.Run(ctx)
}

// ears chooses the detectors of the two pipelines, either of which may be nil.
type ears struct {
	sound    *sense.Pipeline[float32]
	radio    *sense.Pipeline[complex64]
	names    []string // of radio detectors
	baseline []emitter.Known
}

// hold has everything that keeps samples locked in memory; wipe it when all has ended.
func (e *ears) hold(h *sense.Hearing) (wipe func()) {
	held := new(seal.Held)
	if e.sound != nil {
		e.sound.Memory, h.Memory = held, held
	}
	if e.radio != nil {
		e.radio.Memory = held
	}
	return held.Wipe
}

func (e *ears) configure(c sense.Config) error {
	e.names = c.Radio
	if e.sound != nil {
		each := make([][]detect.Detector[float32], max(1, e.sound.Channels))
		for i := range each {
			var err error
			if each[i], err = detectors.Build(detectors.Acoustic, c.Acoustic, detectors.Stream{Rate: e.sound.Rate}); err != nil {
				return err
			}
		}
		e.sound.Use(each...)
	}
	return e.tune()
}

func (e *ears) learned(known []sense.Emitter) error {
	e.baseline = nil
	for _, k := range known {
		e.baseline = append(e.baseline, emitter.Known{Hz: k.Hz, BwHz: k.BwHz, LevelDB: k.LevelDB})
	}
	return e.tune()
}

// tune builds the radio detectors anew.
func (e *ears) tune() error {
	if e.radio == nil {
		return nil
	}
	ds, err := detectors.Build(detectors.Radio, e.names, detectors.Stream{Rate: e.radio.Rate, Centre: e.radio.Centre, Baseline: e.baseline})
	if err != nil {
		return err
	}
	e.radio.Use(ds)
	return nil
}

// descriptor returns an inherited descriptor, in non-blocking mode so that Close unblocks Read.
func descriptor(fd int, what string) (*os.File, error) {
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("descriptor %d (%s): %w; sensed is started by roomd", fd, what, err)
	}
	return os.NewFile(uintptr(fd), what), nil
}

// microphone is which one to open, and how.
type microphone struct {
	device   string
	rate     int
	channels []int
	shared   bool
}

func (m *microphone) setChannels(list string) error {
	m.channels = nil
	for _, w := range strings.Split(list, ",") {
		n, err := strconv.Atoi(w)
		if err != nil {
			return err
		}
		m.channels = append(m.channels, n)
	}
	return nil
}

func openSound(name string, m microphone) (audio.Source, error) {
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
		src, err := portaudio.Open(portaudio.Config{Device: m.device, Format: audio.Format{Rate: m.rate}, Map: m.channels, Shared: m.shared})
		if err != nil { // the room unit is told by a record, radio goes on, and roomd has it looked for again
			return absent{err, audio.Format{Rate: m.rate, Channels: max(1, len(m.channels))}}, nil
		}
		return src, nil
	}
	return nil, fmt.Errorf("--sound %q, want none, pipe or microphone", name)
}

// absent is a microphone that could not be opened.
type absent struct {
	err    error
	format audio.Format
}

func (a absent) Read([]float32) (int64, int, error) { return 0, 0, a.err }
func (a absent) Format() audio.Format               { return a.format }
func (absent) Close() error                         { return nil }
