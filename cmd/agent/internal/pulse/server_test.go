//go:build linux

package pulse

import (
	"encoding/binary"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sound is a sound server of this test alone, headless: a source "mic" with a tone in it, and an output "out" that plays one.
type sound struct {
	Server
	t   *testing.T
	env []string
	dir string
}

// until polls f.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); {
		if time.Now().After(end) {
			t.Fatalf("no %s within 20 s", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

func newSound(t *testing.T) *sound {
	dir, err := os.MkdirTemp("", "agent-sound-") // sockets want short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	os.Chmod(dir, 0o700)
	address := filepath.Join(dir, "pulse", "native")
	s := &sound{Server: Server{Address: "unix:" + address}, t: t, dir: dir}
	for _, e := range os.Environ() {
		if k, _, _ := strings.Cut(e, "="); !strings.HasPrefix(k, "PULSE") && !strings.HasPrefix(k, "XDG_") && k != "HOME" && !strings.HasPrefix(k, "DBUS") {
			s.env = append(s.env, e)
		}
	}
	s.env = append(s.env, "XDG_RUNTIME_DIR="+dir, "HOME="+dir, "XDG_CONFIG_HOME="+dir+"/config", "XDG_STATE_HOME="+dir+"/state", "PULSE_SERVER=unix:"+address,
		"PIPEWIRE_RUNTIME_DIR="+dir, "DBUS_SESSION_BUS_ADDRESS=unix:path="+dir+"/bus")
	t.Setenv("HOME", dir) // where the client looks for its cookie
	return s
}

// start runs a program for the time of the test.
func (s *sound) start(name string, args ...string) {
	s.t.Helper()
	c := exec.Command(name, args...)
	c.Env = s.env
	if name == "pulseaudio" {
		c.Env = nil
		for _, e := range s.env { // it would take its own address for another server's
			if !strings.HasPrefix(e, "PULSE_SERVER=") {
				c.Env = append(c.Env, e)
			}
		}
	}
	log, err := os.Create(filepath.Join(s.dir, filepath.Base(name)+".log"))
	if err != nil {
		s.t.Fatal(err)
	}
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		c.Process.Kill()
		c.Wait() //nolint:errcheck // it was killed
		if b, err := os.ReadFile(log.Name()); err == nil && s.t.Failed() {
			s.t.Logf("%s: %.2000s", name, b)
		}
		log.Close()
	})
}

func (s *sound) cmd(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Env = s.env
	b, err := c.CombinedOutput()
	return strings.TrimSpace(string(b)), err
}

func (s *sound) must(name string, args ...string) string {
	s.t.Helper()
	out, err := s.cmd(name, args...)
	if err != nil {
		s.t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return out
}

// pulseAudio starts the real PulseAudio. Its module-sine-source is the microphone, module-sine what the output plays.
func pulseAudio(t *testing.T) *sound {
	need(t, "pulseaudio", "pactl", "parec")
	s := newSound(t)
	os.Mkdir(filepath.Join(s.dir, "pulse"), 0o700)
	s.startPulse()
	return s
}

func (s *sound) startPulse() {
	s.t.Helper()
	s.start("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+filepath.Join(s.dir, "pulse", "native"),
		"-L", "module-sine-source source_name=mic frequency=440", "-L", "module-null-sink sink_name=out", "-L", "module-sine sink=out frequency=1000")
	until(s.t, "PulseAudio", func() bool {
		out, err := s.cmd("pactl", "list", "short", "sources")
		return err == nil && strings.Contains(out, "mic")
	})
}

// pipeWire starts the real PipeWire with its session manager and its server for PulseAudio's protocol. A file with a tone plays
// into "out"; "mic" is a virtual source fed from there.
func pipeWire(t *testing.T) *sound {
	need(t, "pipewire", "wireplumber", "pipewire-pulse", "pactl", "parec", "pacat", "pw-record", "dbus-daemon", "tail")
	s := newSound(t)
	bus := filepath.Join(s.dir, "bus") // wireplumber does nothing without a session's bus
	s.start("dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=unix:path="+bus)
	until(t, "session bus", func() bool { _, err := os.Stat(bus); return err == nil })
	s.start("pipewire")
	until(t, "PipeWire", func() bool { _, err := os.Stat(filepath.Join(s.dir, "pipewire-0")); return err == nil })
	s.start("wireplumber")
	s.start("pipewire-pulse")
	until(t, "pipewire-pulse", func() bool { _, err := s.cmd("pactl", "info"); return err == nil })
	s.must("pactl", "load-module", "module-null-sink", "sink_name=out")
	until(t, "output", func() bool { out, _ := s.cmd("pactl", "list", "short", "sinks"); return strings.Contains(out, "out") })
	s.must("pactl", "load-module", "module-remap-source", "master=out.monitor", "source_name=mic")
	file := filepath.Join(s.dir, "tone.raw")
	if err := os.WriteFile(file, tone(60), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start("pacat", "--device=out", "--format=s16le", "--rate=48000", "--channels=2", "--raw", file)
	return s
}

// tone is seconds of 440 Hz at half of full scale, stereo 48 kHz.
func tone(seconds int) []byte {
	out := make([]byte, 0, seconds*48000*4)
	for i := range seconds * 48000 {
		v := uint16(int16(16384 * math.Sin(2*math.Pi*440*float64(i)/48000)))
		out = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(out, v), v)
	}
	return out
}

// recording is a program that records, as an app on the laptop would.
type recording struct {
	t   *testing.T
	out io.Reader
}

func (s *sound) record(name string, args ...string) *recording {
	s.t.Helper()
	c := exec.Command(name, args...)
	c.Env = s.env
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Process.Kill(); c.Wait() }) //nolint:errcheck // it was killed
	return &recording{s.t, out}
}

func (s *sound) parec(source string) *recording {
	return s.record("parec", "--raw", "--format=s16le", "--rate=48000", "--channels=1", "--latency-msec=20", "--device="+source)
}

// pwRecord records as a program that speaks PipeWire's own protocol, past pipewire-pulse. It writes a WAV file.
func (s *sound) pwRecord(node string) *recording {
	file := filepath.Join(s.dir, "native.wav")
	s.record("pw-record", "--target="+node, "--format=s16", "--rate=48000", "--channels=1", "--latency=20ms", file)
	until(s.t, "recording", func() bool { i, err := os.Stat(file); return err == nil && i.Size() > 44 })
	return s.record("tail", "-c", "+45", "-f", "--sleep-interval=0.1", file)
}

// peak of the next tenth of a second.
func (r *recording) peak() int {
	r.t.Helper()
	b := make([]byte, 2*4800)
	if _, err := io.ReadFull(r.out, b); err != nil {
		r.t.Fatalf("recording: %v", err)
	}
	top := 0
	for i := 0; i < len(b); i += 2 {
		top = max(top, int(math.Abs(float64(int16(binary.LittleEndian.Uint16(b[i:]))))))
	}
	return top
}

// reaches reads until a tenth of a second has such a peak.
func (r *recording) reaches(what string, f func(int) bool) int {
	r.t.Helper()
	p := 0
	for range 200 {
		if p = r.peak(); f(p) {
			return p
		}
	}
	r.t.Fatalf("%s: not within 20 s of sound; the last peak was %d", what, p)
	return 0
}

func loud(p int) bool   { return p > 1000 }
func silent(p int) bool { return p == 0 }
