package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"subrosa/cmd/roomd/internal/board"
	"subrosa/cmd/roomd/internal/calendars"
	"subrosa/cmd/roomd/internal/feed"
	"subrosa/cmd/roomd/internal/hall"
	"subrosa/drivers/audio/loudspeaker"
	"subrosa/dsp/chirp"
	"subrosa/firmware/config"
	"subrosa/firmware/detectors"
	"subrosa/firmware/handover"
	"subrosa/firmware/policy"
	"subrosa/firmware/sense"
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
	// Evidence is where the console fetches bundles, such as :8445; "" off.
	Evidence string `json:"evidence"`
	Plain    bool   `json:"plain"`  // pages without TLS: development, loopback only
	Sensed   string `json:"sensed"` // the sensor's program; default beside this one

	Sound Sound `json:"sound"`
	Radio Radio `json:"radio"`

	Panel board.Config `json:"panel"` // what is wired to the unit

	Policy string         `json:"policy"` // file of the room's rules; "": none
	rules  *policy.Policy // that it holds

	AV       []hall.Device   `json:"av"`       // the hall's equipment that must be off in a closed session
	Contacts []Contact       `json:"contacts"` // windows and doors that the building's gateways watch
	Handover handover.Config `json:"handover"` // what else is walked through before one

	Calendar []calendars.Config `json:"calendar"` // which propose sessions to chair and clerk

	Roster   Roster   `json:"roster"`   // who may attend
	Lockdown Lockdown `json:"lockdown"` // what is asked of the device management during a session

	Conference Conference `json:"conference"` // on this unit

	Timezone          string `json:"timezone"` // of the times on the pages
	WallShowsFindings bool   `json:"wall_shows_findings"`

	RetentionDays int `json:"retention_days"` // after which the details of the record are deleted; summaries and proofs stay
}

// Sound says where the sensor gets sound from.
type Sound struct {
	Source   string         `json:"source"` // none, microphone, desktop, feed
	Device   string         `json:"device"`
	Rate     int            `json:"rate"`     // of the microphone
	Channels []int          `json:"channels"` // of the device, from 1, in the order used; the first is the one of levels and self-test
	Shared   bool           `json:"shared"`   // take a microphone that is not raw ALSA and may resample unseen
	Feed     feed.Programme `json:"feed"`     // recordings in place of a microphone: development

	Detectors []string `json:"detectors"` // out of the table in firmware/detectors; none named: all

	Output       string   `json:"output"`        // none, or the name of a device that plays the self-test
	OutputShared bool     `json:"output_shared"` // it need not be raw ALSA
	MaxDBFS      float64  `json:"max_dbfs"`      // that nothing ever played exceeds
	SelfTest     SelfTest `json:"self_test"`
}

// SelfTest is the sweep by which the microphone is proven to hear.
type SelfTest struct {
	LoHz         int `json:"lo_hz"`
	HiHz         int `json:"hi_hz"` // 0: what rate and loudspeaker carry
	LevelDBFS    int `json:"level_dbfs"`
	EveryMinutes int `json:"every_minutes"` // while no session is on its way; 0: only at the start and before sessions
}

// rate returns the samples per second of the source.
func (s *Sound) rate() int {
	if s.Source == "feed" {
		return s.Feed.Rate
	}
	return s.Rate
}

func defaults() Config {
	return Config{Listen: ":8443", Metrics: "127.0.0.1:9464", Timezone: "Europe/Berlin", RetentionDays: 30, Sound: Sound{Source: "microphone", Rate: 48000,
		Output: "none", MaxDBFS: loudspeaker.CeilingDB, SelfTest: SelfTest{LoHz: 2000, LevelDBFS: -20}}, Radio: Radio{Source: "none"}}
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
	for _, p := range []*string{&c.CA, &c.Cert, &c.Key, &c.Sensed, &c.Panel.Power.Calibration, &c.Policy, &c.Roster.File} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	for i := range c.AV {
		files := []*string{&c.AV[i].Token}
		if p := c.AV[i].PJLink; p != nil {
			files = append(files, &p.Password)
		}
		for _, f := range files {
			if *f != "" && !filepath.IsAbs(*f) {
				*f = filepath.Join(dir, *f)
			}
		}
	}
	for i := range c.Calendar {
		p := &c.Calendar[i]
		if p.Password != "" && !filepath.IsAbs(p.Password) {
			p.Password = filepath.Join(dir, p.Password)
		}
		if p.ICS != "" && !strings.Contains(p.ICS, "://") && !filepath.IsAbs(p.ICS) {
			p.ICS = filepath.Join(dir, p.ICS)
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
	var err error
	if c.Policy != "" {
		if c.rules, err = loadPolicy(c.Policy); err != nil {
			err = fmt.Errorf("config: %s: policy: %w", path, err)
		}
	}
	return c, errors.Join(err, c.check(path))
}

// loadPolicy reads the room's rules. A policy that is not in order keeps the unit from starting: a room must not seem to
// follow rules that it does not.
func loadPolicy(path string) (*policy.Policy, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return policy.Parse(path, b)
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
	if err := c.Handover.Check(); err != nil {
		fail("%w", err)
	}
	if _, err := c.buildingContacts(); err != nil {
		fail("%w", err)
	}
	if _, _, _, err := hall.Build(c.AV, c.Panel.RelayNames()); err != nil {
		fail("%w", err)
	}
	if err := c.Roster.check(); err != nil {
		fail("roster: %w", err)
	}
	if _, err := c.Lockdown.config(); err != nil {
		fail("lockdown: %w", err)
	}
	if _, err := calendars.Build(c.Calendar, time.UTC); err != nil {
		fail("%w", err)
	}
	if c.RetentionDays < 1 || c.RetentionDays > 3650 {
		fail("retention_days %d, want 1 to 3650", c.RetentionDays)
	}
	if c.Broker == "" {
		fail("broker is missing, such as tls://broker.raum.example:8883")
	}
	errs = append(errs, c.checkSenses(path))
	return errors.Join(errs...)
}

// checkSenses tries what the sensor is told: it has no way to say what it does not like.
func (c *Config) checkSenses(path string) error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("config: %s: "+format, append([]any{path}, args...)...))
	}
	switch c.Sound.Source {
	case "none":
	case "microphone", "desktop", "feed":
		if _, err := detectors.Build(detectors.Acoustic, c.Sound.Detectors, detectors.Stream{Rate: c.Sound.rate()}); err != nil {
			fail("sound: %w", err)
		}
	default:
		fail("sound.source %q, want none, microphone, desktop or feed", c.Sound.Source)
	}
	if c.Sound.Output != "none" {
		if err := c.Sound.checkOutput(); err != nil {
			fail("sound.output: %w", err)
		}
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

// sweep is the self-test's sound as the sensor is told it.
func (s *Sound) sweep() sense.Chirp {
	hi := s.SelfTest.HiHz
	if hi == 0 {
		hi = int(min(0.485*float64(s.rate()), 45_000))
	}
	return sense.Chirp{LoHz: s.SelfTest.LoHz, HiHz: hi, Millis: 1000, LevelDB: s.SelfTest.LevelDBFS}
}

// sweepAt is that sound for a rate.
func sweepAt(c sense.Chirp, rate int) chirp.Sweep {
	return chirp.Sweep{Rate: rate, LoHz: float64(c.LoHz), HiHz: float64(c.HiHz), Seconds: float64(c.Millis) / 1000}
}

func (s *Sound) checkOutput() error {
	c := s.sweep()
	if _, err := loudspeaker.New(nil, s.MaxDBFS); err != nil {
		return err
	}
	switch {
	case s.Output == "":
		return errors.New("is empty, want none or a device; default for the system's, with output_shared")
	case s.Source != "microphone" && s.Source != "desktop":
		return fmt.Errorf("with sound.source %q there is nothing that could hear it", s.Source)
	case float64(c.LevelDB) > s.MaxDBFS || c.LevelDB < -90:
		return fmt.Errorf("self_test.level_dbfs %d, want -90 to max_dbfs %g", c.LevelDB, s.MaxDBFS)
	case s.SelfTest.EveryMinutes < 0:
		return fmt.Errorf("self_test.every_minutes %d", s.SelfTest.EveryMinutes)
	}
	return sweepAt(c, s.Rate).Check()
}
