package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

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
	box, args, err := sealed(c, p.Unsealed, log)
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

// sealed returns the box for the sensor, made anew for each start, and its first arguments. It is tried: what this
// machine cannot enforce must be said now, since the sensor has no way to say it.
func sealed(c Config, unsealed bool, log *slog.Logger) (box func() *seal.Box, args []string, err error) {
	if unsealed {
		return nil, []string{"--unsealed"}, nil
	}
	if err := lockable(c); err != nil {
		return nil, nil, err
	}
	first := sensorBox(c)
	if err := first.Try(); err != nil {
		return nil, nil, fmt.Errorf("the sensor cannot be sealed on this machine: %w; --unsealed starts it all the same, and is written on the wall and in every entry of the record", err)
	}
	if first.Shared {
		log.Warn("this machine allows no namespaces of its own to the sensor; it is sealed without them")
	}
	if b, err := os.ReadFile("/proc/sys/kernel/seccomp/actions_logged"); err == nil && slices.Contains(strings.Fields(string(b)), "log") {
		log.Warn("a hostile sensor could write to this machine's kernel log: see docs/operation.md", "sysctl", "kernel.seccomp.actions_logged")
	}
	return func() *seal.Box {
		b := sensorBox(c)
		b.Shared = first.Shared
		return b
	}, nil, nil
}

// lockable says so if the buffers of a receiver cannot be kept out of swap: the sensor has no way to say it.
func lockable(c Config) error {
	const need = 32 << 20 // a HackRF's at 20 MS/s are 16 MiB
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l); err != nil {
		return fmt.Errorf("locked memory: %w", err)
	}
	if receiver := c.Radio.Source == "rtlsdr" || c.Radio.Source == "hackrf"; receiver && l.Max < need {
		return fmt.Errorf("a receiver's samples must not be swapped out: raise the limit of locked memory from %d to %d MiB (ulimit -H -l, or LimitMEMLOCK= of the service), or start with --unsealed", l.Max>>20, need>>20)
	}
	return nil
}

// sensorBox is what the sensor may reach until it has opened its devices.
func sensorBox(c Config) *seal.Box {
	b := &seal.Box{Read: slices.Clone(libraries), Out: []int{sensor.RecordsFD}, Given: sensor.Given}
	if c.Sound.Source == "microphone" {
		b.Read = append(b.Read, "/etc/alsa", "/etc/asound.conf", "/usr/share/alsa", "/proc/asound")
		b.List = append(b.List, "/dev/snd")
		b.Devices = append(b.Devices, captureNodes("/dev/snd")...)
	}
	if c.Radio.Source == "rtlsdr" || c.Radio.Source == "hackrf" {
		b.Read = append(b.Read, "/sys/bus", "/sys/devices", "/sys/class", "/run/udev")
		b.List = append(b.List, "/dev/bus/usb")
		b.Devices = append(b.Devices, receiverNodes("/sys/bus/usb/devices", "/dev/bus/usb")...)
	}
	return b
}

// captureNodes returns those devices of sound that take it in, and the controls of their cards, without which ALSA's
// library opens none: with these a card can be told to play what it hears.
func captureNodes(dir string) (nodes []string) {
	for _, pattern := range []string{"pcmC*D*c", "controlC*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err == nil {
			nodes = append(nodes, found...)
		}
	}
	return nodes
}

// usbReceivers are vendor and product of the receivers that are let through.
var usbReceivers = []string{"0bda:2832", "0bda:2838", "1d50:6089", "1d50:604b", "1d50:cc15"}

// receiverNodes returns the nodes of the receivers that are plugged in now, and of no other USB device.
func receiverNodes(devices, nodes string) (out []string) {
	dirs, err := filepath.Glob(filepath.Join(devices, "*"))
	if err != nil {
		return nil
	}
	for _, d := range dirs {
		read := func(name string) string {
			b, err := os.ReadFile(filepath.Join(d, name))
			if err != nil {
				return ""
			}
			return strings.TrimSpace(string(b))
		}
		if !slices.Contains(usbReceivers, read("idVendor")+":"+read("idProduct")) {
			continue
		}
		bus, err1 := strconv.Atoi(read("busnum"))
		dev, err2 := strconv.Atoi(read("devnum"))
		if err1 == nil && err2 == nil {
			out = append(out, filepath.Join(nodes, fmt.Sprintf("%03d", bus), fmt.Sprintf("%03d", dev)))
		}
	}
	return out
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
