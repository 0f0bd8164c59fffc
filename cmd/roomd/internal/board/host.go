package board

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2creg"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spireg"
	"periph.io/x/host/v3"
)

// machine is the computer that this runs on.
type machine struct{ open []io.Closer }

// Host returns the machine's own pins and buses.
func Host() (Hardware, error) {
	if _, err := host.Init(); err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	return &machine{}, nil
}

func (m *machine) Pin(name string) gpio.PinIO { return gpioreg.ByName(name) }

func (m *machine) SPI(port string, clock physic.Frequency) (conn.Conn, error) {
	if !known(spireg.All(), func(r *spireg.Ref) (string, []string) { return r.Name, r.Aliases }, port) {
		return nil, fmt.Errorf("board: %s: %w", port, ErrAbsent)
	}
	p, err := spireg.Open(port)
	if err != nil {
		return nil, fmt.Errorf("board: %s: %w", port, err)
	}
	m.open = append(m.open, p)
	c, err := p.Connect(clock, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("board: %s: %w", port, err)
	}
	return c, nil
}

func (m *machine) I2C(bus string) (i2c.Bus, error) {
	if !known(i2creg.All(), func(r *i2creg.Ref) (string, []string) { return r.Name, r.Aliases }, bus) {
		return nil, fmt.Errorf("board: %s: %w", bus, ErrAbsent)
	}
	b, err := i2creg.Open(bus)
	if err != nil {
		return nil, fmt.Errorf("board: %s: %w", bus, err)
	}
	m.open = append(m.open, b)
	return b, nil
}

// known reports whether one of the refs goes by the name.
func known[R any](refs []R, names func(R) (string, []string), name string) bool {
	for _, r := range refs {
		n, aliases := names(r)
		for _, a := range append([]string{n}, aliases...) {
			if a == name {
				return true
			}
		}
	}
	return false
}

// Line opens a serial device for reading: raw, 8 data bits, no parity, one stop bit, at any baud rate.
func (m *machine) Line(device string, baud int) (io.ReadCloser, error) {
	f, err := os.OpenFile(device, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0) // not blocking: Close ends a Read
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("board: %s: %w", device, ErrAbsent)
	}
	if err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	raw, err := f.SyscallConn()
	if err == nil {
		var set error
		err = errors.Join(raw.Control(func(fd uintptr) { set = rawLine(int(fd), baud) }), set)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("board: %s: %w", device, err), f.Close())
	}
	return f, nil
}

// rawLine sets termios2: BOTHER takes the rate as a number, since 256000 has no name.
func rawLine(fd, baud int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.BOTHER
	t.Ispeed, t.Ospeed = uint32(baud), uint32(baud)
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS2, t)
}

// Close closes the buses.
func (m *machine) Close() error {
	var errs []error
	for _, c := range m.open {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
