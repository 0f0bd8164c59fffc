package sense

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"subrosa/firmware/config"
)

// Control is what the room unit sends to the sensor, one line each on descriptor 4:
//
//	S                   status poll: answer with one status record
//	U left closed       urgent poll: answer with one record, empty or not; left of them may be filled (0…12)
//	C {"…"}             configuration, once, before anything else
//	B [{"hz":…},…]      baseline, at most 200 emitters
//	K lo hi ms db       self-test: the room unit is about to play a sweep from lo to hi Hz, ms long, at db dBFS; listen
//	K                   that sweep was not played: forget what self-tests have shown
//	L 1 | L 0           learn a baseline; 0 ends it, and what was learned counts, and leaves in urgent records
//
// Nothing that comes in here can make a record larger or more frequent than its poll.
type Control struct {
	Verb     byte
	Left     int
	Closed   bool
	Learn    bool
	Chirp    Chirp
	Config   *Config
	Baseline []Emitter
}

// Chirp is the sound of the self-test: an exponential sweep.
type Chirp struct {
	LoHz, HiHz int
	Millis     int
	LevelDB    int // of its peak, dBFS
}

// check keeps out what no sweep could be; whether the microphone's rate carries it, Hearing decides.
func (c Chirp) check() error {
	if c.LoHz < 20 || c.HiHz > 500_000 || c.HiHz <= c.LoHz || c.Millis < 500 || c.Millis > 2000 || c.LevelDB < -90 || c.LevelDB > 0 {
		return fmt.Errorf("sense: self-test %+v", c)
	}
	return nil
}

// Emitter is one entry of a baseline.
type Emitter struct {
	Hz      float64 `json:"hz"`
	BwHz    float64 `json:"bw_hz"`
	LevelDB float64 `json:"level_db"`
}

// Config tells the sensor what to look for.
type Config struct {
	Acoustic []string `json:"acoustic"` // names out of the table of detectors
	Radio    []string `json:"radio"`
}

// The limits of a control line.
const (
	MaxLine     = 64 << 10
	MaxBaseline = 200
)

// ParseControl reads one line without its end.
func ParseControl(line string) (Control, error) {
	if line == "" {
		return Control{}, errors.New("sense: empty control line")
	}
	verb, rest := line[0], strings.TrimPrefix(line[1:], " ")
	c := Control{Verb: verb}
	switch verb {
	case 'S':
		if rest != "" {
			return Control{}, fmt.Errorf("sense: status poll with %q", rest)
		}
	case 'U':
		left, closed, ok := strings.Cut(rest, " ")
		n, err := strconv.Atoi(left)
		if !ok || err != nil || n < 0 || n > 12 || closed != "0" && closed != "1" {
			return Control{}, fmt.Errorf("sense: urgent poll %q, want LEFT CLOSED", rest)
		}
		c.Left, c.Closed = n, closed == "1"
	case 'C':
		c.Config = &Config{}
		if err := config.Decode([]byte(rest), c.Config); err != nil {
			return Control{}, fmt.Errorf("sense: configuration: %w", err)
		}
	case 'B':
		c.Baseline = []Emitter{}
		if err := config.Decode([]byte(rest), &c.Baseline); err != nil {
			return Control{}, fmt.Errorf("sense: baseline: %w", err)
		}
		if len(c.Baseline) > MaxBaseline {
			return Control{}, fmt.Errorf("sense: baseline of %d emitters, at most %d", len(c.Baseline), MaxBaseline)
		}
	case 'K':
		if line == "K" {
			return c, nil
		}
		k, err := parseChirp(rest)
		if err != nil {
			return Control{}, err
		}
		c.Chirp = k
	case 'L':
		if rest != "0" && rest != "1" {
			return Control{}, fmt.Errorf("sense: learn %q, want 0 or 1", rest)
		}
		c.Learn = rest == "1"
	default:
		return Control{}, fmt.Errorf("sense: control %q", verb)
	}
	return c, nil
}

func parseChirp(rest string) (c Chirp, err error) {
	words := strings.Split(rest, " ")
	into := []*int{&c.LoHz, &c.HiHz, &c.Millis, &c.LevelDB}
	if len(words) != len(into) {
		return c, fmt.Errorf("sense: self-test %q, want LO HI MS DB", rest)
	}
	for i, w := range words {
		if *into[i], err = strconv.Atoi(w); err != nil {
			return Chirp{}, fmt.Errorf("sense: self-test %q: %w", rest, err)
		}
	}
	return c, c.check()
}

// String returns the line for c, without its end. It panics if a baseline holds what is no number.
func (c Control) String() string {
	bit := func(b bool) string {
		if b {
			return "1"
		}
		return "0"
	}
	switch c.Verb {
	case 'U':
		return fmt.Sprintf("U %d %s", c.Left, bit(c.Closed))
	case 'L':
		return "L " + bit(c.Learn)
	case 'K':
		if c.Chirp == (Chirp{}) {
			return "K"
		}
		return fmt.Sprintf("K %d %d %d %d", c.Chirp.LoHz, c.Chirp.HiHz, c.Chirp.Millis, c.Chirp.LevelDB)
	case 'C', 'B':
		var v any = c.Config
		if c.Verb == 'B' {
			v = c.Baseline
		}
		b, err := json.Marshal(v)
		if err != nil {
			panic(err) // numbers and strings only
		}
		return string(c.Verb) + " " + string(b)
	}
	return string(c.Verb)
}

// controls reads lines from r and hands them on until r ends or a line is no control.
func controls(r io.Reader, take func(Control) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 4096), MaxLine)
	for s.Scan() {
		c, err := ParseControl(s.Text())
		if err != nil {
			return err
		}
		if err := take(c); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("sense: control: %w", err)
	}
	return io.EOF
}
