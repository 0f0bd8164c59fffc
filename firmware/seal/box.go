//go:build linux && (amd64 || arm64)

package seal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	lsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Box is the outer seal: what a program may reach from its first instruction on, whether it seals itself or not.
type Box struct {
	Read    []string // files and folders that may be read, and programs in them run; the program itself is always one
	List    []string // folders that may be listed, but nothing in them read
	Devices []string // device nodes, or folders of them, that may be read, written and asked; what is not there is left out
	Out     []int    // of the given descriptors, those that may be written to
	Given   int      // how many descriptors it is given, at most 8; 0: the standard three

	// Shared leaves it in the namespaces of its parent, as is done by itself where the kernel allows no others.
	Shared bool

	// Tests prove by these that a denial comes from where it is said to: layers left out, calls allowed again.
	without layer
	allow   []uint32
}

// stage is the name by which a program is called to lay the outer seal and then become another program.
const stage = "subrosa-seal"

// notSealed is the exit code of a stage that could not lay the seal: the program was not started.
const notSealed = 125

// order is what the stage is told.
type order struct {
	Box
	Path string   // "": end at once, a trial
	Args []string // with the program's name

	Without layer    `json:",omitempty"`
	Allow   []uint32 `json:",omitempty"`
}

// Command returns the command that starts a program in the box. The calling program must begin with Stage.
func (b Box) Command(path string, args ...string) (*exec.Cmd, error) {
	if b.Given == 0 {
		b.Given = 3
	}
	if b.Given < 3 || b.Given > inherited {
		return nil, fmt.Errorf("seal: %d descriptors given, want 3…%d", b.Given, inherited)
	}
	told, err := json.Marshal(order{b, path, append([]string{path}, args...), b.without, b.allow})
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{stage, string(told)}, Env: []string{},
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	if !b.Shared {
		apart(cmd.SysProcAttr)
	}
	return cmd, nil
}

// apart asks for namespaces in which there is no network and nobody to share memory with. A namespace of processes is
// not among them: Landlock is laid on all threads by looking them up in /proc, under numbers that would be others'.
func apart(a *syscall.SysProcAttr) {
	a.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
}

// Try lays the box around nothing. Its error wraps ErrUnsupported and says in words what this machine does not enforce.
// Namespaces are an addition: where they are refused, b.Shared is set and all else is tried without them.
func (b *Box) Try() error {
	if err := Probe(); err != nil {
		return err
	}
	for {
		cmd, err := b.Command("")
		if err != nil {
			return err
		}
		var said strings.Builder
		cmd.Stderr = &said
		err = cmd.Run()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &exit):
			return fmt.Errorf("%w: %s", ErrUnsupported, strings.TrimSpace(said.String()))
		case !b.Shared:
			b.Shared = true
		default:
			return fmt.Errorf("seal: %w", err)
		}
	}
}

// Stage must be the first thing that main does in a program that uses Box:
//
//	if code, staged := seal.Stage(); staged {
//		os.Exit(code)
//	}
//
// It does nothing unless the program was started by Command: then it becomes the program in the box, or says why not.
func Stage() (code int, staged bool) {
	if len(os.Args) != 2 || os.Args[0] != stage {
		return 0, false
	}
	if err := become(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return notSealed, true
	}
	return 0, true
}

// become lays the outer seal and replaces this program. It returns only to say why not, or after a trial.
func become(told string) error {
	var o order
	if err := json.Unmarshal([]byte(told), &o); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	runtime.LockOSThread()
	if o.Without&powerless == 0 {
		if err := dropCapabilities(); err != nil {
			return err
		}
	}
	if err := limit(); err != nil {
		return err
	}
	if o.Without&landlocked == 0 {
		if err := landlock.V7.BestEffort().Restrict(o.rules()...); err != nil {
			return denied(Files, "Landlock", err)
		}
	}
	// What this program was given by whoever started it is not the other's business.
	if err := unix.CloseRange(uint(o.Given), 1<<32-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return denied(Speak, "descriptors from elsewhere", err)
	}
	if o.Without&filtered == 0 {
		if err := o.filter(); err != nil {
			return err
		}
	}
	if o.Path == "" {
		return nil
	}
	return fmt.Errorf("seal: %s: %w", o.Path, syscall.Exec(o.Path, o.Args, os.Environ()))
}

// filter lays the list of calls that a program may make before it seals itself.
func (o *order) filter() error {
	pid := os.Getpid()
	lists := [][]Call{base(pid), given(o.Given, o.Out), opening(pid)}
	for _, nr := range o.Allow {
		lists = append(lists, []Call{{Name: "allowed again", Nr: nr}})
	}
	f, err := filter(architecture, uint32(unix.EPERM), lists...)
	if err != nil {
		return err
	}
	return install(f)
}

// rules are the files of the box for Landlock.
func (o *order) rules() []landlock.Rule {
	const file = landlock.AccessFSSet(lsys.AccessFSReadFile | lsys.AccessFSWriteFile | lsys.AccessFSIoctlDev)
	rs := []landlock.Rule{
		landlock.RWFiles("/dev/null").IgnoreIfMissing(), // the runtime puts it where a standard descriptor is missing
		// To seal itself the program has to find its own threads.
		landlock.PathAccess(lsys.AccessFSReadDir, fmt.Sprintf("/proc/%d/task", os.Getpid())).IgnoreIfMissing(),
	}
	if o.Path != "" {
		rs = append(rs, landlock.ROFiles(o.Path).IgnoreIfMissing())
	}
	for _, p := range o.Read {
		if st, err := os.Stat(p); err == nil && st.IsDir() {
			rs = append(rs, landlock.RODirs(p))
		} else if err == nil {
			rs = append(rs, landlock.ROFiles(p))
		}
	}
	for _, p := range o.List {
		rs = append(rs, landlock.PathAccess(lsys.AccessFSReadDir, p).IgnoreIfMissing())
	}
	for _, p := range o.Devices {
		if st, err := os.Stat(p); err == nil && st.IsDir() {
			rs = append(rs, landlock.PathAccess(file|lsys.AccessFSReadDir, p))
		} else if err == nil {
			rs = append(rs, landlock.PathAccess(file, p))
		}
	}
	return rs
}

// dropCapabilities empties all sets, so that root in the box is nobody.
func dropCapabilities() error {
	for c := uintptr(0); c <= 63; c++ {
		_, _, _ = unix.Syscall6(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0, 0, 0, 0) // beyond the last, or not ours to drop
	}
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&h, &none[0]); err != nil {
		return denied(Process, "capabilities", err)
	}
	return nil
}

// limit sets what the program may use: memory that can be locked as far as it goes, since sample buffers are kept out of
// swap; other memory and descriptors so that it cannot take them from others; no core file. How many threads it makes
// is for the service's TasksMax.
func limit() error {
	var locked unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &locked); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	locked.Cur = locked.Max
	for what, l := range map[int]unix.Rlimit{unix.RLIMIT_MEMLOCK: locked, unix.RLIMIT_CORE: noCore,
		unix.RLIMIT_DATA: {Cur: mostData, Max: mostData}, unix.RLIMIT_NOFILE: {Cur: mostFiles, Max: mostFiles}} {
		if err := unix.Setrlimit(what, &l); err != nil {
			return fmt.Errorf("seal: limit %d: %w", what, err)
		}
	}
	return nil
}

const (
	mostData  = 1 << 30
	mostFiles = 256
)
