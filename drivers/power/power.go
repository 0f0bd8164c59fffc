// Package power is the driver of a bank of logarithmic power detectors (AD8318 class, 1 MHz to 8 GHz), each behind a
// filter or antenna of its own and read through an analogue-to-digital converter. It is the cheap answer to what a
// receiver that ends at 1.7 GHz cannot see: that there is power in a band, not what it is.
//
// A detector's output voltage is linear in dB (Analog Devices, AD8318 data sheet, "1 MHz to 8 GHz, 70 dB Logarithmic
// Detector/Controller"; output 0.5 to 2.1 V):
//
//	V = slope · (P − intercept)        slope nominally −25 mV/dB, intercept about +20 dBm
//
// Both vary by part, frequency and temperature (the data sheet's figures of log conformance over −40…+85 °C): the
// table below is measured with a generator for each channel, and says how far it can be trusted. The slope is
// negative: full power is a low voltage. The detector's own filter (CLPF) sets how short a burst can be seen; the
// converter's pace sets how likely a short one is met. Nothing is demodulated; no content passes here.
package power

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrAbsent is wrapped by New where there is no converter.
var ErrAbsent = errors.New("power: no detectors here")

// ADC converts one input to a code, 0…4095. A mcp3208.Dev is one.
type ADC interface {
	Read(input int) (int, error)
}

const fullScale = 4096 // codes

// Flag says what a level must not be taken for.
type Flag uint8

const (
	BelowFloor Flag = 1 << iota // at or below the weakest power the channel can tell from nothing
	Saturated                   // at or above the strongest: the true power may be higher
)

// Level is what one channel saw over a dwell.
type Level struct {
	Channel       int           // index into the calibration's channels
	Start         time.Time     // of the first sample
	Length        time.Duration // to the last
	Samples       int
	MeanDBm       float64 // of the power, not of the decibels
	PeakDBm       float64 // strongest single sample
	UncertaintyDB float64 // calibration and half a step of the converter, root sum of squares
	Mean, Peak    Flag    // of MeanDBm and PeakDBm
}

// Bank reads the detectors. It is not safe for concurrent use.
type Bank struct {
	adc      ADC
	table    Calibration
	channels []channel
}

// channel is what one detector needs in the loop.
type channel struct {
	input        int
	dbmPerCode   float64
	dbmAtZero    float64
	uncertainty  float64
	floor, limit float64

	start, last time.Time
	samples     int
	sumMW       float64
	peak        float64
}

// New returns a bank of the calibrated channels. A nil adc is ErrAbsent. It reads each channel once, so that a
// converter that does not answer is known now.
func New(adc ADC, c Calibration) (*Bank, error) {
	if adc == nil {
		return nil, fmt.Errorf("power: no converter: %w", ErrAbsent)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	b := &Bank{adc: adc, table: c}
	for _, ch := range c.Channels {
		perCode := c.VrefMV / fullScale / ch.SlopeMV
		b.channels = append(b.channels, channel{input: ch.Input, dbmPerCode: perCode, dbmAtZero: ch.InterceptDBm,
			uncertainty: math.Hypot(ch.UncertaintyDB, perCode/2), floor: ch.FloorDBm, limit: ch.LimitDBm, peak: math.Inf(-1)})
		if _, err := adc.Read(ch.Input); err != nil {
			return nil, fmt.Errorf("power: %s: %w", ch.Band, err)
		}
	}
	return b, nil
}

// Channels returns the table the bank works with. Do not modify it.
func (b *Bank) Channels() []Channel { return b.table.Channels }

// Sample reads every channel once, at the time now. An error names the first channel that could not be read; the
// others have been.
func (b *Bank) Sample(now time.Time) (err error) {
	for i := range b.channels {
		c := &b.channels[i]
		code, e := b.adc.Read(c.input)
		if e != nil {
			if err == nil {
				err = fmt.Errorf("power: %s: %w", b.table.Channels[i].Band, e)
			}
			continue
		}
		dbm := c.dbm(code)
		if c.samples == 0 {
			c.start = now
		}
		c.last = now
		c.samples++
		c.sumMW += math.Pow(10, dbm/10)
		c.peak = max(c.peak, dbm)
	}
	return err
}

// dbm applies the calibration.
func (c *channel) dbm(code int) float64 { return c.dbmAtZero + float64(code)*c.dbmPerCode }

func (c *channel) flag(dbm float64) (f Flag) {
	if dbm <= c.floor {
		f |= BelowFloor
	}
	if dbm >= c.limit {
		f |= Saturated
	}
	return f
}

// Dwell appends what each channel saw since the last Dwell, and begins anew. A channel without a sample is left out.
// It does not allocate beyond growing dst.
func (b *Bank) Dwell(dst []Level) []Level {
	for i := range b.channels {
		c := &b.channels[i]
		if c.samples == 0 {
			continue
		}
		mean := 10 * math.Log10(c.sumMW/float64(c.samples))
		dst = append(dst, Level{Channel: i, Start: c.start, Length: c.last.Sub(c.start), Samples: c.samples,
			MeanDBm: mean, PeakDBm: c.peak, UncertaintyDB: c.uncertainty, Mean: c.flag(mean), Peak: c.flag(c.peak)})
		c.samples, c.sumMW, c.peak = 0, 0, math.Inf(-1)
	}
	return dst
}
