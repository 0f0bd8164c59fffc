package board

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"subrosa/drivers/occupancy"
)

// pty returns the two ends of a pseudo-terminal: the kernel's own stand-in for a serial line.
func pty(t *testing.T) (master *os.File, line string) {
	t.Helper()
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminal here:", err)
	}
	t.Cleanup(func() { m.Close() })
	fd := int(m.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return m, fmt.Sprintf("/dev/pts/%d", n)
}

// TestLine: the radar's frames arrive as they were sent, at its rate, and closing the line ends the reader.
func TestLine(t *testing.T) {
	master, name := pty(t)
	line, err := (&machine{}).Line(name, occupancy.Baud)
	if err != nil {
		t.Fatal(err)
	}
	got, err := unix.IoctlGetTermios(int(master.Fd()), unix.TCGETS2)
	if err != nil || got.Ospeed != occupancy.Baud || got.Lflag&(unix.ECHO|unix.ICANON) != 0 || got.Cflag&unix.CS8 != unix.CS8 {
		t.Errorf("the line is set to %+v, %v", got, err)
	}
	r := occupancy.NewRadar(time.Now(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- r.Listen(line, time.Now) }()
	// 0x0d and 0x0a are what a terminal would change.
	frame := []byte{0xf4, 0xf3, 0xf2, 0xf1, 0x0d, 0, 2, 0xaa, 3, 0x0a, 0, 0x0d, 0x11, 0, 0x13, 0x03, 0, 0x55, 0, 0xf8, 0xf7, 0xf6, 0xf5}
	if _, err := master.Write(frame); err != nil {
		t.Fatal(err)
	}
	want := occupancy.Report{Moving: true, Still: true, MovingCM: 10, MovingEnergy: 13, StillCM: 17, StillEnergy: 19, DetectionCM: 3}
	for deadline := time.Now().Add(10 * time.Second); ; {
		rep, occupied, err := r.Step(time.Now())
		if err == nil && occupied && rep == want {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v, %v, %v", rep, occupied, err)
		}
		<-time.After(5 * time.Millisecond)
	}
	if err := line.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the reader does not end")
	}
}
