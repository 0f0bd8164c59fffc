package rtltcp

import (
	"encoding/binary"
	"fmt"

	"subrosa/drivers/sdr/internal/rtl"
)

// headerSize is how long the greeting of a server is:
//
//	"RTL0" tuner:4 gains:4       once, big-endian; gains is how many the tuner has
//
// as rtl_tcp sends it (rtl-sdr 0.6.0, src/rtl_tcp.c, dongle_info_t). Samples follow, each I:1 Q:1, unsigned.
const headerSize = 12

// maxGains is more than any tuner has; the largest list in librtlsdr has 29.
const maxGains = 256

// Header is a server's greeting.
type Header struct {
	Tuner rtl.Tuner
	Gains int
}

// ParseHeader reads a greeting of 12 bytes.
func ParseHeader(b []byte) (h Header, err error) {
	if len(b) != headerSize {
		return h, fmt.Errorf("greeting of %d bytes, want %d", len(b), headerSize)
	}
	if string(b[:4]) != "RTL0" {
		return h, fmt.Errorf("starts with %q, want \"RTL0\": no rtl_tcp server", b[:4])
	}
	tuner, gains := binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	if tuner > 255 || gains > maxGains {
		return h, fmt.Errorf("greeting says tuner %d with %d gains", tuner, gains)
	}
	return Header{rtl.Tuner(tuner), int(gains)}, nil
}

// append is the inverse of ParseHeader.
func (h Header) append(b []byte) []byte {
	b = append(b, "RTL0"...)
	b = binary.BigEndian.AppendUint32(b, uint32(h.Tuner))
	return binary.BigEndian.AppendUint32(b, uint32(h.Gains))
}

// Commands are a byte and a big-endian number of four (rtl_tcp.c, command_worker).
const (
	setCentre   = 0x01
	setRate     = 0x02
	setManual   = 0x03 // 1: gain as said, 0: automatic
	setGain     = 0x04 // tenths of dB
	setPPM      = 0x05
	setAGC      = 0x08 // digital gain control
	setDirect   = 0x09 // direct sampling
	setBiasTee  = 0x0e
	commandSize = 5
)

func appendCommand(b []byte, command byte, arg uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, command), arg)
}
