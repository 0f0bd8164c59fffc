//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// world is what somebody who has taken the conference over would look for.
type world struct {
	Config string // the folder of its configuration
	State  string // its own folder
	Other  string // another folder
	Port   int    // takes TCP connections on loopback, and is nothing that the conference needs
	Socket string // Unix socket of somebody else
	Victim int    // another process of the same user
	Run    string // a program
}

// attempts returns what became of each; "" is success. Those that begin with "may" the conference needs itself.
func (x *world) attempts() map[string]string {
	out := map[string]string{}
	for name, do := range map[string]func() error{
		"exec":              func() error { return started(x.Run) },
		"its key":           func() error { return opened(os.ReadFile(filepath.Join(x.Config, "conference.json"))) },
		"its roster's file": func() error { return opened(os.ReadFile(filepath.Join(x.Config, "roster.csv"))) },
		"passwords":         func() error { return opened(os.ReadFile("/etc/shadow")) },
		"another's memory":  func() error { return opened(os.ReadFile(fmt.Sprintf("/proc/%d/maps", x.Victim))) },
		"another's file":    func() error { return opened(os.ReadFile(filepath.Join(x.Other, "kept"))) },
		"write beside it":   func() error { return os.WriteFile(filepath.Join(x.Other, "made"), []byte("x"), 0o600) },
		"a folder":          func() error { return os.Mkdir(filepath.Join(x.State, "folder"), 0o700) },
		"another port":      func() error { return closed(listenTCP("127.0.0.1:0")) },
		"connect elsewhere": func() error {
			return closed(net.DialTimeout("tcp4", fmt.Sprintf("127.0.0.1:%d", x.Port), 5*time.Second))
		},
		"another's socket":      func() error { return closed(net.Dial("unix", x.Socket)) },
		"raw socket":            func() error { return socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) },
		"packet socket":         func() error { return socket(unix.AF_PACKET, unix.SOCK_RAW, 0) },
		"routes":                func() error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE) },
		"signal another":        func() error { return unix.Kill(x.Victim, 0) },
		"trace another":         func() error { return traced(x.Victim) },
		"namespace":             func() error { return unix.Unshare(unix.CLONE_NEWUTS) },
		"mount":                 mounted,
		"program in memory":     func() error { return memory() },
		"memory that runs":      func() error { return runs() },
		"a file of 64 MiB":      func() error { return longFile(filepath.Join(x.State, "long")) },
		"may: a port of UDP":    func() error { return closed(net.ListenPacket("udp4", "127.0.0.1:0")) },
		"may: write its folder": func() error { return os.WriteFile(filepath.Join(x.State, "written"), []byte("x"), 0o600) },
		"may: its own figures":  func() error { return opened(os.ReadFile("/proc/self/stat")) },
	} {
		if err := do(); err != nil {
			out[name] = err.Error()
		} else {
			out[name] = ""
		}
	}
	return out
}

func started(path string) error {
	pid, err := syscall.ForkExec(path, []string{path, "-c", "true"}, nil)
	if err == nil {
		_, err = syscall.Wait4(pid, nil, 0, nil)
	}
	return err
}

func opened(_ []byte, err error) error { return err }

func closed[C interface{ Close() error }](c C, err error) error {
	if err == nil {
		err = c.Close()
	}
	return err
}

func socket(family, kind, proto int) error {
	fd, err := unix.Socket(family, kind, proto)
	if err == nil {
		err = unix.Close(fd)
	}
	return err
}

// traced attaches to a process and lets it go.
func traced(pid int) error {
	const seize = 0x4206
	_, _, e := unix.RawSyscall6(unix.SYS_PTRACE, seize, uintptr(pid), 0, 0, 0, 0)
	if e == 0 {
		return nil
	}
	return e
}

// mounted asks for a file system that there is not, which is told to those who may mount.
func mounted() error {
	if err := unix.Mount("none", "/", "no-such", 0, ""); err != unix.ENODEV {
		return err
	}
	return nil
}

// memory makes a file that lies on no disk, as programs are run from.
func memory() error {
	fd, err := unix.MemfdCreate("x", 0)
	if err == nil {
		err = unix.Close(fd)
	}
	return err
}

// runs makes a page that can be run.
func runs() error {
	b, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	return errors.Join(unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC), unix.Munmap(b))
}

func longFile(path string) error {
	defer os.Remove(path)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("x"), mostFile)
	return errors.Join(err, f.Close())
}
