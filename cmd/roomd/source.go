package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"subrosa/cmd/roomd/internal/feed"
	"subrosa/drivers/audio"
	soundpipe "subrosa/drivers/audio/pipe"
	"subrosa/drivers/sdr"
	radiopipe "subrosa/drivers/sdr/pipe"
	"subrosa/dsp/detect/ultrasonic"
	"subrosa/firmware/clock"
	"subrosa/firmware/room"
	"subrosa/firmware/seal"
	"subrosa/firmware/sensor"
)

// sensorProcess chooses where the samples come from, and says in p what they cover.
func sensorProcess(ctx context.Context, c Config, clk clock.Clock, began time.Time, log *slog.Logger, p *room.Parts) (sensor.Start, error) {
	box, args, err := sealed(c, p.Unsealed)
	if err != nil {
		return nil, err
	}
	var sound *feed.Player[float32]
	var radio *feed.Player[complex64]
	switch c.Sound.Source {
	case "microphone":
		args = append(args, "--sound", "microphone", "--device", c.Sound.Device, "--rate", fmt.Sprint(c.Sound.Rate))
		p.Sound = soundStream(c.Sound.Rate)
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
	return sensor.Command(box, c.Sensed, args, sound != nil, radio != nil, func(s, r *os.File) {
		if s != nil {
			go playSound(ctx, sound, s, c.Sound.Feed.Rate, log)
		}
		if r != nil {
			go playRadio(ctx, radio, r, c.Radio.Feed, log)
		}
	}), nil
}

// sealed returns the box for the sensor and its first arguments. It is tried: what this machine cannot enforce must be
// said now, since the sensor has no way to say it.
func sealed(c Config, unsealed bool) (*seal.Box, []string, error) {
	if unsealed {
		return nil, []string{"--unsealed"}, nil
	}
	box := &seal.Box{
		Read: []string{"/lib", "/lib64", "/usr/lib", "/usr/local/lib", "/etc/ld.so.cache", "/etc/alsa", "/etc/asound.conf", "/usr/share/alsa",
			"/proc/asound", "/dev/snd"},
		Devices: captureNodes("/dev/snd"),
		Out:     []int{sensor.RecordsFD}, Given: sensor.Given,
	}
	if err := box.Try(); err != nil {
		return nil, nil, fmt.Errorf("the sensor cannot be sealed on this machine: %w; --unsealed starts it all the same, and is written on the wall and in every entry of the record", err)
	}
	return box, nil, nil
}

// captureNodes returns those devices of sound that take it in: what could play is out of the sensor's reach.
func captureNodes(dir string) (nodes []string) {
	for _, pattern := range []string{"pcmC*D*c", "controlC*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err == nil {
			nodes = append(nodes, found...)
		}
	}
	return nodes
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
