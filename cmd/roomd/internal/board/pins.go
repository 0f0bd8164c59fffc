package board

import (
	"fmt"
	"strconv"
	"strings"
)

// Use is one pin of the 40-pin header that a part takes.
type Use struct {
	GPIO   int
	Signal string // such as "SPI0 MOSI" or "button light"
	Part   string // out of Parts(), or the bus for the pins that its parts share
}

// Header is the place of each GPIO on the Raspberry Pi's 40-pin header (all models with that header).
var Header = map[int]int{2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19, 9: 21, 25: 22, 11: 23, 8: 24, 7: 26,
	0: 27, 1: 28, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40}

// buses are the pins of each port; those whose name has a space are shared by the ports of the bus.
var buses = map[string][]Use{
	"SPI0.0":       {{9, "SPI0 MISO", "SPI0"}, {10, "SPI0 MOSI", "SPI0"}, {11, "SPI0 SCLK", "SPI0"}, {8, "SPI0 CE0", ""}},
	"SPI0.1":       {{9, "SPI0 MISO", "SPI0"}, {10, "SPI0 MOSI", "SPI0"}, {11, "SPI0 SCLK", "SPI0"}, {7, "SPI0 CE1", ""}},
	"SPI1.0":       {{19, "SPI1 MISO", "SPI1"}, {20, "SPI1 MOSI", "SPI1"}, {21, "SPI1 SCLK", "SPI1"}, {18, "SPI1 CE0", ""}},
	"I2C1":         {{2, "I2C1 SDA", "I2C1"}, {3, "I2C1 SCL", "I2C1"}},
	"/dev/serial0": {{14, "UART TXD", ""}, {15, "UART RXD", ""}},
	"/dev/ttyAMA0": {{14, "UART TXD", ""}, {15, "UART RXD", ""}},
}

// Uses lists every pin that the parts of c take, in the order of the parts. A pin that is no GPIO of the header, and a
// port that is not one of its buses, has the number −1.
func (c *Config) Uses() (out []Use) {
	pin := func(part, signal, name string) {
		if name == "" {
			return
		}
		n, err := strconv.Atoi(strings.TrimPrefix(name, "GPIO"))
		if _, there := Header[n]; err != nil || !there || !strings.HasPrefix(name, "GPIO") {
			n, signal = -1, signal+" at "+name
		}
		out = append(out, Use{n, signal, part})
	}
	bus := func(part, port string) {
		uses, known := buses[port]
		if !known && !strings.HasPrefix(port, "/dev/") { // a serial line at USB takes no pin
			out = append(out, Use{-1, "port " + port, part})
		}
		for _, u := range uses {
			if u.Part == "" {
				u.Part = part
			}
			out = append(out, u)
		}
	}
	for _, part := range c.Parts {
		switch part {
		case "lamp":
			bus(part, c.Lamp.Port)
		case "button":
			pin(part, "button", c.Button.Pin)
			pin(part, "button light", c.Button.Light)
			pin(part, "button motor", c.Button.Motor)
		case "relays":
			for _, r := range c.Relays {
				pin(part, r.Name, r.Pin)
				pin(part, r.Name+" contact", r.Contact)
			}
		case "lines":
			bus(part, c.Lines.Port)
		case "switches":
			for _, s := range c.Switches {
				pin(part, s.Name, s.Pin)
			}
		case "pir":
			pin(part, "PIR", c.PIR.Pin)
		case "radar":
			bus(part, c.Radar.Line)
		case "power":
			bus(part, c.Power.Port)
		case "locker":
			pin(part, "locker load", c.Locker.Load)
			pin(part, "locker clock", c.Locker.Clock)
			pin(part, "locker data", c.Locker.Data)
		case "screen":
			bus(part, c.Screen.Bus)
		}
	}
	return out
}

// conflicts returns an error that names each pin that is taken twice, or does not exist.
func conflicts(uses []Use) error {
	var faults []string
	taken := map[int]Use{}
	for _, u := range uses {
		if u.GPIO < 0 {
			faults = append(faults, fmt.Sprintf("%s: no such pin or port: %s", u.Part, u.Signal))
			continue
		}
		if other, is := taken[u.GPIO]; is && other != u {
			faults = append(faults, fmt.Sprintf("GPIO%d is taken twice: %s (%s) and %s (%s)", u.GPIO, other.Signal, other.Part, u.Signal, u.Part))
		}
		taken[u.GPIO] = u
	}
	if faults == nil {
		return nil
	}
	return fmt.Errorf("panel: %s", strings.Join(faults, "; "))
}
