package endurance_test

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"subrosa/dsp/detect"
	"subrosa/firmware/record"
	"subrosa/firmware/seal"
	"subrosa/firmware/sense"
)

// The hostile sensor: what sensed would be if somebody else had written it. roomd starts it as its sensor, with the same
// rights, under the name hostile-WAY. Sender and observer know the same secret, drawn from a seed.

// marker is looked for in everything that leaves the unit.
const marker = "Niederschrift der nichtoeffentlichen Sitzung, Punkt 7"

// secret returns the source of the bits that a way is to carry.
func secret(way string) *rand.Rand {
	var seed uint64
	for _, c := range way {
		seed = seed*31 + uint64(c)
	}
	return rand.New(rand.NewPCG(20261122, seed))
}

// secretStatus fills the fields of a status that an observer can read: 90 bits of levels, 4 of findings that last.
func secretStatus(r *rand.Rand) (s record.Status) {
	level := func() float64 { return -124 + 4*float64(1+r.IntN(31)) }
	for i := range s.Thirds {
		s.Thirds[i] = level()
	}
	for i := range s.Bands {
		s.Bands[i] = level()
	}
	s.Open = r.IntN(16)
	s.Health = record.SoundOn | record.RadioOn
	return s
}

// secretFinding fills the fields of a finding; as the record makes them exact, they are what the grammar lets through.
func secretFinding(r *rand.Rand, number uint8) record.Record {
	names := detect.NewEmitter.Names()
	f := record.Record{Type: record.Appeared, Finding: record.Finding{Kind: detect.NewEmitter, Name: names[r.IntN(len(names))], Alarm: true,
		Number: number & 63, Hz: 24e6 + r.Float64()*1.7e9, BwHz: math.Ldexp(1, r.IntN(20)), LevelDB: -126 + 2*float64(r.IntN(64)), SNRDB: -30 + 1.5*float64(r.IntN(64)),
		Statistic: 1 + 1000*r.Float64(), Threshold: 1 + 1000*r.Float64(), Pfa: 1e-6, Confidence: float64(r.IntN(16)) / 15, StartAge: 0.1 * float64(r.IntN(4096)),
		Coverage: record.All}}
	var b [record.Size]byte
	f.Encode(&b)
	f, _ = record.Decode(&b)
	return f
}

// hostile serves polls as its way wants.
func hostile(way string) {
	records, control := os.NewFile(3, "records"), os.NewFile(4, "control")
	if way == "inside" {
		if err := seal.Inside(seal.Rights{Out: []int{3}}); err != nil {
			os.Exit(1)
		}
	}
	if way == "load" {
		go burn(time.Now)
	}
	h := &mole{way: way, levels: secret("levels"), findings: secret("findings")}
	if way == "inside" || way == "outside" {
		h.leaks = leak()
	}
	in := bufio.NewScanner(control)
	in.Buffer(nil, sense.MaxLine)
	for in.Scan() {
		c, err := sense.ParseControl(in.Text())
		if err != nil {
			os.Exit(2)
		}
		var b [record.Size]byte
		switch c.Verb {
		case 'S':
			h.status(&b)
		case 'U':
			h.urgent(&b, c.Left)
		default:
			continue
		}
		if _, err := records.Write(b[:]); err != nil {
			os.Exit(3)
		}
	}
}

// mole is what one run of the hostile sensor keeps.
type mole struct {
	way              string
	levels, findings *rand.Rand
	seq              uint8
	polls            int
	number           uint8
	leaks            []bool
}

func (m *mole) encode(b *[record.Size]byte, r record.Record) {
	m.seq = (m.seq + 1) & 15
	r.Seq = m.seq
	r.Encode(b)
}

func (m *mole) status(b *[record.Size]byte) {
	r := record.Record{Type: record.StatusType}
	switch {
	case m.way == "records":
		r.Status = secretStatus(m.levels)
	case m.leaks != nil: // what it could do, told in the only way there is
		for i, ok := range m.leaks {
			l := -100.0
			if ok {
				l = -20
			}
			if i < 10 {
				r.Status.Thirds[i] = l
			} else {
				r.Status.Bands[i-10] = l
			}
		}
	}
	m.encode(b, r)
}

func (m *mole) urgent(b *[record.Size]byte, left int) {
	m.polls++
	switch m.way {
	case "records":
		if left > 0 {
			m.number++
			m.encode(b, secretFinding(m.findings, m.number))
		}
	case "ends": // it ends after a secret number of polls
		if m.polls == 1 {
			m.polls = -endsAfter(time.Now())
		}
		if m.polls == 0 {
			os.Exit(0)
		}
	}
}

// endsAfter is how many polls a run that begins at now lasts, 2…65: the secret, which has to come from somewhere that
// outlives a run. The clock is the sensor's only memory; the observer learns the number from the times alone.
func endsAfter(now time.Time) int { return 2 + int(now.UnixNano()/1e6*2654435761>>16&63) }

// burnEvery is how long each bit of the load lasts.
const burnEvery = 500 * time.Millisecond

// loadBit is the secret by time of day.
func loadBit(at time.Time) bool {
	n := uint64(at.UnixNano() / int64(burnEvery))
	return rand.New(rand.NewPCG(n, 1)).IntN(2) == 1
}

// burn keeps all cores busy in those half seconds whose bit is set.
func burn(now func() time.Time) {
	for range runtime.NumCPU() {
		go func() {
			for x := 1.0; ; {
				if !loadBit(now()) {
					<-time.After(10 * time.Millisecond)
					continue
				}
				for range 1_000_000 {
					x = x*1.0000001 + 1e-9
				}
				if x < 0 {
					return
				}
			}
		}()
	}
}

// elsewhere are the ways past the records, in the order in which leak tries them.
var elsewhere = []string{"standard output", "standard error", "the control pipe", "the pipe of samples", "a descriptor opened by its parent's parent",
	"a file in /tmp", "a file in /dev/shm", "TCP", "UDP", "abstract Unix socket", "signal to roomd", "a child process", "name in /proc/PID/comm",
	"arguments in /proc/PID/cmdline", "size of the sample pipe", "memory of roomd"}

// leak tries all of them with the marker. It returns which succeeded in the program's own eyes.
func leak() (did []bool) {
	msg := []byte(marker)
	write := func(fd int) bool { n, err := syscall.Write(fd, msg); return err == nil && n > 0 }
	file := func(path string) bool { return os.WriteFile(path, msg, 0o666) == nil }
	dial := func(network, addr string) bool {
		c, err := net.DialTimeout(network, addr, time.Second)
		if err == nil {
			_, err = c.Write(msg)
			c.Close()
		}
		return err == nil
	}
	rewrite := func() bool {
		arg := unsafe.Slice(unsafe.StringData(os.Args[0]), len(os.Args[0]))
		copy(arg, msg)
		return true
	}
	stray := false
	for fd := 7; fd < 1024; fd++ {
		if flags, _, e := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0); e == 0 && flags&syscall.FD_CLOEXEC == 0 {
			stray = write(fd) || stray
		}
	}
	_, _, pipeSize := syscall.Syscall(syscall.SYS_FCNTL, 5, 1031, 1<<20)
	mem, memErr := os.Open(fmt.Sprintf("/proc/%d/mem", os.Getppid()))
	if memErr == nil {
		mem.Close()
	}
	_, forkErr := os.StartProcess("/proc/self/exe", []string{"true"}, &os.ProcAttr{})
	comm := make([]byte, 16)
	copy(comm, msg)
	_, _, named := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_NAME, uintptr(unsafe.Pointer(&comm[0])), 0)
	return []bool{write(1), write(2), write(4), write(5), stray, file("/tmp/" + strings.ReplaceAll(marker, " ", "-")), file("/dev/shm/subrosa-leak"),
		dial("tcp", "127.0.0.1:1883"), dial("udp", "127.0.0.1:53"), dial("unix", "@subrosa-leak"), syscall.Kill(os.Getppid(), 0) == nil,
		forkErr == nil, named == 0, rewrite(), pipeSize == 0, memErr == nil}
}
