package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"subrosa/cmd/roomd/internal/board"
	"subrosa/cmd/roomd/internal/feed"
	"subrosa/firmware/config"
	"subrosa/firmware/detectors"
	"subrosa/firmware/topic"
)

// Config is the unit's file, such as unit.json of its bundle with what the room adds. Paths are relative to it.
type Config struct {
	Unit   string `json:"unit"`
	Room   string `json:"room"`
	Name   string `json:"name"`   // of the room, for people; default: Room
	Broker string `json:"broker"` // tls://host:8883; tcp:// in development
	CA     string `json:"ca"`
	Cert   string `json:"cert"` // of the unit: client of the broker and server of its pages
	Key    string `json:"key"`

	Listen  string `json:"listen"`  // pages, :8443
	Metrics string `json:"metrics"` // Prometheus, loopback; "" off
	Plain   bool   `json:"plain"`   // pages without TLS: development, loopback only
	Sensed  string `json:"sensed"`  // the sensor's program; default beside this one

	Sound Sound `json:"sound"`
	Radio Radio `json:"radio"`

	Panel board.Config `json:"panel"` // what is wired to the unit

	Timezone          string `json:"timezone"` // of the times on the pages
	WallShowsFindings bool   `json:"wall_shows_findings"`
}

// Sound says where the sensor gets sound from.
type Sound struct {
	Source string         `json:"source"` // none, microphone, feed
	Device string         `json:"device"`
	Rate   int            `json:"rate"` // of the microphone
	Feed   feed.Programme `json:"feed"` // recordings in place of a microphone: development

	Detectors []string `json:"detectors"` // out of the table in firmware/detectors; none named: all
}

// rate returns the samples per second of the source.
func (s *Sound) rate() int {
	if s.Source == "feed" {
		return s.Feed.Rate
	}
	return s.Rate
}

func defaults() Config {
	return Config{Listen: ":8443", Metrics: "127.0.0.1:9464", Timezone: "Europe/Berlin", Sound: Sound{Source: "microphone", Rate: 48000}, Radio: Radio{Source: "none"}}
}

// loadConfig reads and checks the file.
func loadConfig(path string) (Config, error) {
	c := defaults()
	c.Panel = board.Default()
	c.Panel.Begin()
	if err := config.Load(path, &c, false); err != nil {
		return c, err
	}
	c.Panel.Complete()
	if c.Name == "" {
		c.Name = c.Room
	}
	dir := filepath.Dir(path)
	for _, p := range []*string{&c.CA, &c.Cert, &c.Key, &c.Sensed, &c.Panel.Power.Calibration} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	for _, items := range [][]feed.Item{c.Sound.Feed.Items, c.Radio.Feed.Items} {
		for i := range items {
			if !filepath.IsAbs(items[i].File) {
				items[i].File = filepath.Join(dir, items[i].File)
			}
		}
	}
	if c.Sensed == "" {
		exe, err := os.Executable()
		if err != nil {
			return c, fmt.Errorf("config: sensed: %w", err)
		}
		c.Sensed = filepath.Join(filepath.Dir(exe), "sensed")
	}
	return c, c.check(path)
}

func (c *Config) check(path string) error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("config: %s: "+format, append([]any{path}, args...)...))
	}
	if err := topic.CheckID(c.Unit); err != nil {
		fail("unit: %w", err)
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil {
		fail("timezone: %w", err)
	}
	if err := topic.CheckID(c.Room); err != nil {
		fail("room: %w", err)
	}
	if err := c.Panel.Check(); err != nil {
		fail("%w", err)
	}
	if c.Panel.Simulated && !c.Plain {
		fail("panel.simulated is for plain pages on loopback, never for an appliance")
	}
	if c.Broker == "" {
		fail("broker is missing, such as tls://broker.raum.example:8883")
	}
	// The sensor has no way to say what it does not like of its configuration: it is tried here.
	switch c.Sound.Source {
	case "none":
	case "microphone", "feed":
		if _, err := detectors.Build(detectors.Acoustic, c.Sound.Detectors, detectors.Stream{Rate: c.Sound.rate()}); err != nil {
			fail("sound: %w", err)
		}
	default:
		fail("sound.source %q, want none, microphone or feed", c.Sound.Source)
	}
	if err := c.Radio.check(); err != nil {
		fail("%w", err)
	}
	if c.Sound.Source == "none" && c.Radio.Source == "none" {
		fail("neither sound nor radio has a source: there is nothing to listen to")
	}
	return errors.Join(errs...)
}

// scenario is the demo's clock as its flags give it.
type scenario struct {
	epoch, start string
	speed        float64
}

func (s scenario) parse() (epoch, start time.Time, err error) {
	if epoch, err = time.Parse(time.RFC3339Nano, s.epoch); err != nil {
		return epoch, start, fmt.Errorf("--epoch: %w", err)
	}
	if start, err = time.Parse(time.RFC3339Nano, s.start); err != nil {
		return epoch, start, fmt.Errorf("--start: %w", err)
	}
	if !(s.speed > 0 && s.speed <= 1000) {
		err = fmt.Errorf("--speed %g, want more than 0 and at most 1000", s.speed)
	}
	return epoch, start, err
}
