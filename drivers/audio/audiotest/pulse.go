package audiotest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Pulse is a PulseAudio server of the test's own, without hardware.
type Pulse struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// Null is a null sink of a Pulse. ALSA has it as NAME for playing and as NAME-monitor for hearing what is played.
type Null struct {
	Name string
	Rate int // a stream of another rate is resampled, and so loses what lies above half the lower one
}

// StartPulse starts a server and makes it, until the test ends, all that ALSA knows of. It skips the test where there is
// no PulseAudio or no plugin for it.
func StartPulse(tb testing.TB, sinks ...Null) *Pulse {
	tb.Helper()
	path, err := exec.LookPath("pulseaudio")
	if err != nil {
		tb.Skip("pulseaudio is not installed")
	}
	if found, _ := filepath.Glob("/usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so"); len(found) == 0 {
		tb.Skip("libasound2-plugins is not installed")
	}
	dir, err := os.MkdirTemp("", "pulse") // short: the name of a socket has 107 bytes at most
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	args := []string{"-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes", "--use-pid-file=no",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket=" + socket}
	conf := "pcm.default { type null }\n"
	for _, s := range sinks {
		args = append(args, "-L", fmt.Sprintf("module-null-sink sink_name=%s rate=%d channels=1 format=float32le", s.Name, s.Rate))
		conf += fmt.Sprintf("pcm.%s { type pulse server \"unix:%s\" device %q }\n", s.Name, socket, s.Name)
		conf += fmt.Sprintf("pcm.%s-monitor { type pulse server \"unix:%s\" device %q }\n", s.Name, socket, s.Name+".monitor")
	}
	p := &Pulse{cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "HOME="+dir, "PULSE_RUNTIME_PATH="+dir, "PULSE_STATE_PATH="+dir, "DBUS_SESSION_BUS_ADDRESS=")
	var said strings.Builder
	p.cmd.Stderr = &said
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.done) }()
	tb.Cleanup(p.Kill)
	alsa := filepath.Join(dir, "asoundrc")
	if err := os.WriteFile(alsa, []byte(conf), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Setenv("ALSA_CONFIG_PATH", alsa)
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
			return p
		}
		select {
		case <-p.done:
			tb.Fatalf("pulseaudio ended: %s", said.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			tb.Fatal("pulseaudio does not answer")
		}
	}
}

// Kill ends the server at once: to those who use it, their devices are unplugged.
func (p *Pulse) Kill() {
	p.cmd.Process.Kill()
	<-p.done
}
