package board

import (
	"io"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// None is a machine without pins and buses.
type None struct{}

func (None) Pin(string) gpio.PinIO                           { return nil }
func (None) SPI(string, physic.Frequency) (conn.Conn, error) { return nil, ErrAbsent }
func (None) I2C(string) (i2c.Bus, error)                     { return nil, ErrAbsent }
func (None) Line(string, int) (io.ReadCloser, error)         { return nil, ErrAbsent }
func (None) Close() error                                    { return nil }
