package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"subrosa/cmd/roomd/internal/feed"
	"subrosa/drivers/audio"
	"subrosa/drivers/audio/loudspeaker"
	soundpipe "subrosa/drivers/audio/pipe"
	"subrosa/drivers/audio/portaudio"
	"subrosa/drivers/sdr"
	radiopipe "subrosa/drivers/sdr/pipe"
	"subrosa/dsp/detect/ultrasonic"
	"subrosa/firmware/clock"
	"subrosa/firmware/room"
	"subrosa/firmware/sense"
	"subrosa/firmware/sensor"
)

// sensorProcess chooses where the samples come from, and says in p what they cover.
func sensorProcess(ctx context.Context, c Config, clk clock.Clock, began time.Time, log *slog.Logger, p *room.Parts) (sensor.Start, error) {
	var args []string
	var sound *feed.Player[float32]
	var radio *feed.Player[complex64]
	var err error
	switch c.Sound.Source {
	case "microphone":
		args = append(args, microphoneArgs(c.Sound)...)
		p.Sound = soundStream(c.Sound.Rate)
	case "desktop":
		args = append(args, "--sound", "pipe")
		p.Sound = soundStream(c.Sound.Rate)
		log.Warn("sound comes through this machine's sound server, which may resample it")
	case "feed":
		if sound, err = feed.Sound(c.Sound.Feed, clk, began); err != nil {
			return nil, err
		}
		args = append(args, "--sound", "pipe")
		p.Sound = soundStream(c.Sound.Feed.Rate)
		log.Warn("sound comes from recordings, not from this room")
	default:
		p.Sound.Cannot = []string{"no-microphone"}
	}
	if c.Radio.Source == "feed" {
		if radio, err = feed.Radio(c.Radio.Feed, clk, began); err != nil {
			return nil, err
		}
		args = append(args, "--radio", "pipe")
		p.Radio = radioStream(c.Radio.Feed)
		log.Warn("radio comes from recordings, not from this room")
	} else {
		p.Radio.Cannot = []string{"no-receiver"}
	}
	desktop := c.Sound.Source == "desktop"
	return sensor.Command(c.Sensed, args, sound != nil || desktop, radio != nil, func(s, r *os.File) {
		if s != nil && desktop {
			go hearDesktop(ctx, c.Sound, s, log)
		} else if s != nil {
			go playSound(ctx, sound, s, c.Sound.Feed.Rate, log)
		}
		if r != nil {
			go playRadio(ctx, radio, r, c.Radio.Feed, log)
		}
	}), nil
}

func microphoneArgs(s Sound) []string {
	args := []string{"--sound", "microphone", "--device", s.Device, "--rate", fmt.Sprint(s.Rate)}
	if s.Shared {
		args = append(args, "--shared")
	}
	if len(s.Channels) > 0 {
		args = append(args, "--channels", strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Channels), " ", ","), "[]"))
	}
	return args
}

// hearDesktop pipes a microphone of this machine's sound server to one run of the sensor, which may hold no socket.
func hearDesktop(ctx context.Context, s Sound, f *os.File, log *slog.Logger) {
	defer f.Close()
	src, err := portaudio.Open(portaudio.Config{Device: s.Device, Format: audio.Format{Rate: s.Rate}, Map: s.Channels, Shared: true})
	if err != nil {
		log.Warn("sound", "err", err)
		return
	}
	stop := context.AfterFunc(ctx, func() { src.Close() })
	defer func() { stop(); src.Close() }()
	if g, ok := src.(interface{ Grant() portaudio.Grant }); ok {
		log.Info("sound", "granted", g.Grant())
	}
	w, err := soundpipe.NewWriter(f, src.Format())
	buf := make([]float32, src.Format().Channels*s.Rate/25)
	for err == nil {
		var at int64
		var n int
		if at, n, err = src.Read(buf); n > 0 {
			err = errors.Join(w.Write(at, buf[:n*src.Format().Channels]), err)
		}
	}
	log.Warn("sound", "err", err)
}

// speaker plays the self-test.
type speaker struct {
	*loudspeaker.Loudspeaker
	rate int
}

// newSpeaker returns nil if there is no output.
func newSpeaker(s Sound, log *slog.Logger) (room.Speaker, error) {
	if s.Output == "none" {
		return nil, nil
	}
	conf := portaudio.Config{Device: s.Output, Format: audio.Format{Rate: s.Rate}, Shared: s.OutputShared}
	if s.Output == "default" {
		conf.Device = ""
	}
	l, err := loudspeaker.New(func() (audio.Sink, error) {
		sink, err := portaudio.OpenSink(conf)
		if g, ok := sink.(interface{ Grant() portaudio.Grant }); ok {
			log.Info("output", "granted", g.Grant())
		}
		return sink, err
	}, s.MaxDBFS)
	if err != nil {
		return nil, err
	}
	return speaker{l, s.Rate}, nil
}

// Play plays the sweep.
func (s speaker) Play(ctx context.Context, c sense.Chirp) error {
	return s.Loudspeaker.Play(ctx, sweepAt(c, s.rate).Samples(), s.rate, float64(c.LevelDB))
}

// playSound plays to one run of the sensor; that it ends is no news, the watcher sees it.
func playSound(ctx context.Context, p *feed.Player[float32], f *os.File, rate int, log *slog.Logger) {
	defer f.Close()
	w, err := soundpipe.NewWriter(f, audio.Format{Rate: rate, Channels: 1})
	if err == nil {
		err = p.Play(ctx, w)
	}
	log.Debug("sound", "err", err)
}

func playRadio(ctx context.Context, p *feed.Player[complex64], f *os.File, pr feed.Programme, log *slog.Logger) {
	defer f.Close()
	w, err := radiopipe.NewWriter(f, sdr.Format{Rate: pr.Rate, Centre: pr.Centre})
	if err == nil {
		err = p.Play(ctx, w)
	}
	log.Debug("radio", "err", err)
}

func soundStream(rate int) room.Stream {
	return room.Stream{Present: true, LoHz: ultrasonic.Default.LoHz, HiHz: min(0.49*float64(rate), ultrasonic.Default.HiHz),
		Cannot: []string{"audible", "above-range", "silent-recorders"}}
}

func radioStream(p feed.Programme) room.Stream {
	half := float64(p.Rate) / 2
	return room.Stream{Present: true, LoHz: p.Centre - half, HiHz: p.Centre + half, Cannot: []string{"outside-span", "mobile-wlan-ble"}}
}
