package sensor

import (
	"bytes"
	"flag"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestMain makes this program the sensor's: it tells on descriptor 3 what it was given.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "be-the-sensor" {
		tell(os.Args[2:])
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// tell writes its arguments and environment, what it read on 4 and 5 to their ends, and whether 6 is a pipe.
func tell(args []string) {
	out := os.NewFile(3, "records")
	control, _ := io.ReadAll(os.NewFile(4, "control"))
	sound, _ := io.ReadAll(os.NewFile(5, "sound"))
	var st syscall.Stat_t
	radio := "closed"
	if syscall.Fstat(6, &st) == nil {
		radio = map[bool]string{true: "pipe", false: "no pipe"}[st.Mode&syscall.S_IFMT == syscall.S_IFIFO]
	}
	more := "nothing more"
	if syscall.Fstat(7, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFIFO {
		more = "another pipe"
	}
	if _, err := os.Stderr.WriteString("a cry\n"); err != nil {
		more += ", no stderr"
	}
	io.WriteString(out, strings.Join([]string{strings.Join(args, " "), strings.Join(os.Environ(), " "), string(control), string(sound), radio, more}, "|"))
}

func TestCommand(t *testing.T) {
	t.Setenv("SECRET", "of the room unit")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := Command(nil, exe, []string{"be-the-sensor", "--sound", "pipe"}, true, false, func(sound, radio *os.File) {
		if radio != nil {
			t.Error("a pipe for radio that nobody wanted")
		}
		io.WriteString(sound, "samples")
		sound.Close()
	})
	p, err := start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Records.Close()
	io.WriteString(p.Control, "S\n")
	p.Control.Close()
	var told bytes.Buffer
	if _, err := io.Copy(&told, p.Records); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if got, want := told.String(), "--sound pipe||S\n|samples|no pipe|nothing more"; got != want {
		t.Errorf("the sensor was given %q, want %q", got, want)
	}
	p.Kill() // what has ended may be killed
}

func TestCommandThatIsNotThere(t *testing.T) {
	open := func() int {
		es, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc")
		}
		return len(es)
	}
	before := open()
	start := Command(nil, "/no/such/sensed", nil, true, true, func(_, _ *os.File) { t.Error("fed") })
	if _, err := start(t.Context()); err == nil || !strings.Contains(err.Error(), "/no/such/sensed") {
		t.Errorf("got %v, want an error that names the program", err)
	}
	if after := open(); after > before {
		t.Errorf("%d descriptors were left open", after-before)
	}
}
