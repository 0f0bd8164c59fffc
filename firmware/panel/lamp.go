package panel

import (
	"math"
	"time"

	"subrosa/drivers/lamp"
	"subrosa/firmware/session"
)

// Colours of the lamp. None is green, which would read as "clean", and none is red: rose has its blue, amber its
// yellow. They are drawn at full brightness; the driver caps it.
var (
	white     = lamp.RGB{R: 255, G: 244, B: 229}
	softWhite = lamp.RGB{R: 150, G: 142, B: 132}
	amber     = lamp.RGB{R: 255, G: 165, B: 20}
	deepRose  = lamp.RGB{R: 215, G: 60, B: 125}
	paleRose  = lamp.RGB{R: 255, G: 205, B: 225}
)

const (
	breath = 6 * time.Second // one breath
	round  = 2 * time.Second // in which the bright part runs along the row
)

// Lamp draws the row of lights for the scene at the time now into dst, and returns it. What moves is a function of the
// time alone.
func (s Scene) Lamp(dst []lamp.RGB, now time.Time) []lamp.RGB {
	n := len(dst)
	for i := range dst {
		dst[i] = s.light(i, n, now)
	}
	if n == 0 {
		return dst
	}
	if s.Look.Wrench {
		dst[n-1] = amber
	}
	if s.Finding && now.UnixMilli()%1000 < 500 {
		dst[0] = amber
	}
	return dst
}

// Record draws the recording lamp into dst, and returns it: lit while something records or streams, dark while nothing
// does, blinking slowly while nobody knows. Its place and its label tell it from the lamp at the door, not its colour.
func (s Scene) Record(dst []lamp.RGB, now time.Time) []lamp.RGB {
	c := lamp.RGB{}
	if s.Tally == TallyOn || s.Tally == TallyUnknown && now.UnixMilli()%4000 < 500 {
		c = white
	}
	for i := range dst {
		dst[i] = c
	}
	return dst
}

// light returns light i of n without the dots of the flags.
func (s Scene) light(i, n int, now time.Time) lamp.RGB {
	middle := i == n/2
	switch s.Look.Lamp {
	case session.SoftWhite:
		return softWhite
	case session.WhiteBreath:
		return dim(white, 0.35+0.3*math.Cos(2*math.Pi*phase(now, breath)))
	case session.White:
		return white
	case session.AmberMoving:
		d := math.Abs(phase(now, round) - (float64(i)+0.5)/float64(n))
		d = min(d, 1-d) // the row is a ring
		return dim(amber, 0.25+0.75*max(0, 1-5*d))
	case session.AmberBlink:
		if now.UnixMilli()%1000 < 500 {
			return amber
		}
		return lamp.RGB{}
	case session.DeepRose:
		return deepRose
	case session.RoseDot:
		if middle {
			return paleRose
		}
		return deepRose
	case session.RoseAmber:
		if middle {
			return amber
		}
		return deepRose
	}
	return lamp.RGB{}
}

// phase returns where in its period the time is, 0…1.
func phase(now time.Time, period time.Duration) float64 {
	return float64(now.UnixNano()%int64(period)) / float64(period)
}

func dim(c lamp.RGB, by float64) lamp.RGB {
	part := func(v uint8) uint8 { return uint8(math.Round(float64(v) * by)) }
	return lamp.RGB{R: part(c.R), G: part(c.G), B: part(c.B)}
}
