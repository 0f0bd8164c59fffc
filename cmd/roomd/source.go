package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"subrosa/cmd/roomd/internal/feed"
	"subrosa/cmd/roomd/internal/remote"
	"subrosa/drivers/audio"
	"subrosa/drivers/audio/loudspeaker"
	soundpipe "subrosa/drivers/audio/pipe"
	"subrosa/drivers/audio/portaudio"
	"subrosa/drivers/sdr"
	radiopipe "subrosa/drivers/sdr/pipe"
	"subrosa/drivers/sdr/rtltcp"
	"subrosa/dsp/detect/ultrasonic"
	"subrosa/firmware/clock"
	"subrosa/firmware/room"
	"subrosa/firmware/seal"
	"subrosa/firmware/sense"
	"subrosa/firmware/sensor"
)

// sensorProcess chooses where the samples come from, and says in p what they cover.
func sensorProcess(ctx context.Context, c Config, clk clock.Clock, began time.Time, log *slog.Logger, p *room.Parts) (sensor.Start, error) {
	box, args, err := sealed(c, p.Unsealed)
	if err != nil {
		return nil, err
	}
	var sound *feed.Player[float32]
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
	air, flags, err := radioSource(c.Radio, clk, began, log, p)
	if err != nil {
		return nil, err
	}
	args = append(args, flags...)
	desktop := c.Sound.Source == "desktop"
	return sensor.Command(box, c.Sensed, args, sound != nil || desktop, air.player != nil, func(s, r *os.File) {
		if s != nil && desktop {
			go hearDesktop(ctx, c.Sound, s, log)
		} else if s != nil {
			go playSound(ctx, sound, s, c.Sound.Feed.Rate, log)
		}
		if r != nil {
			go playRadio(ctx, air, r, log)
		}
	}), nil
}

// libraries are what programs are linked against.
var libraries = []string{"/lib", "/lib64", "/usr/lib", "/usr/local/lib", "/etc/ld.so.cache"}

// sealed returns the box for the sensor and its first arguments. It is tried: what this machine cannot enforce must be
// said now, since the sensor has no way to say it.
func sealed(c Config, unsealed bool) (*seal.Box, []string, error) {
	if unsealed {
		return nil, []string{"--unsealed"}, nil
	}
	box := &seal.Box{Read: slices.Clone(libraries), Out: []int{sensor.RecordsFD}, Given: sensor.Given}
	if c.Sound.Source == "microphone" {
		box.Read = append(box.Read, "/etc/alsa", "/etc/asound.conf", "/usr/share/alsa", "/proc/asound", "/dev/snd")
		box.Devices = append(box.Devices, captureNodes("/dev/snd")...)
	}
	if c.Radio.Source == "rtlsdr" || c.Radio.Source == "hackrf" {
		// Which nodes these will be is known only once they are plugged in; what else is on the bus, udev's rights decide.
		box.Read = append(box.Read, "/sys/bus", "/sys/devices", "/sys/class", "/run/udev")
		box.Devices = append(box.Devices, "/dev/bus/usb")
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

// air plays radio samples to the sensor; without a player it has a receiver of its own, or none.
type air struct {
	player interface {
		Play(context.Context, interface {
			Write(at int64, x []complex64) error
		}) error
	}
	format sdr.Format
}

// radioSource chooses where radio samples come from, and says in p what they cover.
func radioSource(r Radio, clk clock.Clock, began time.Time, log *slog.Logger, p *room.Parts) (a air, flags []string, err error) {
	switch r.Source {
	case "none":
		p.Radio.Cannot = []string{"no-receiver"}
		return a, nil, nil
	case "feed":
		if a.player, err = feed.Radio(r.Feed, clk, began); err != nil {
			return air{}, nil, err
		}
		a.format = sdr.Format{Rate: r.Feed.Rate, Centre: r.Feed.Centre}
		log.Warn("radio comes from recordings, not from this room")
	case "rtl_tcp":
		if !p.Unsealed {
			return a, nil, errors.New("config: radio.source rtl_tcp is for development: samples pass through the network and this process; start with --unsealed if that is acceptable")
		}
		a.format = sdr.Format{Rate: r.Rate, Centre: r.Centre}
		a.player = remote.Receiver{Rate: r.Rate, Clock: clk, Log: log, Open: func(ctx context.Context) (sdr.Source, error) {
			src, err := rtltcp.Open(ctx, r.server())
			if err != nil {
				return nil, err
			}
			return src, nil
		}}
		log.Warn("radio comes over the network, in the clear", "address", r.Address)
	default:
		p.Radio = radioStream(r.Rate, r.Centre)
		return a, r.flags(), nil
	}
	p.Radio = radioStream(a.format.Rate, a.format.Centre)
	return a, []string{"--radio", "pipe"}, nil
}

func playRadio(ctx context.Context, a air, f *os.File, log *slog.Logger) {
	defer f.Close()
	w, err := radiopipe.NewWriter(f, a.format)
	if err == nil {
		err = a.player.Play(ctx, w)
	}
	log.Debug("radio", "err", err)
}

func soundStream(rate int) room.Stream {
	return room.Stream{Present: true, LoHz: ultrasonic.Default.LoHz, HiHz: min(0.49*float64(rate), ultrasonic.Default.HiHz),
		Cannot: []string{"audible", "above-range", "silent-recorders"}}
}
