package seal

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// Call is one system call that a filter lets through, with the reason why it has to.
type Call struct {
	Name string
	Nr   uint32
	Why  string
	When []Check // one of these alternatives must hold; none: always

	Fail uint32 // not let through at all, but with this error, by which a program finds another way
}

// Check demands values of arguments, all of them.
type Check []Arg

// Arg demands that argument N, masked, is Want. Half is the usual mask: ints and descriptors are 32 bits.
type Arg struct {
	N    int // 0…5
	Mask uint64
	Want uint64
}

const (
	half  = 1<<32 - 1
	whole = 1<<64 - 1
)

// The verdicts of a filter, seccomp(2).
const (
	allow = 0x7fff0000
	errno = 0x00050000
	kill  = 0x80000000
)

// The layout of struct seccomp_data: number, architecture, instruction pointer (8), six arguments (8 each), in the
// machine's order of bytes, which on all machines here is the little one first.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

// filter is the program of a filter: an allow-list. Everything else fails with deny, a call of a foreign architecture
// ends the process. In later lists a call may come again: then either may allow it.
func filter(arch uint32, deny uint32, lists ...[]Call) ([]bpf.RawInstruction, error) {
	load := func(off uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: off, Size: 4} }
	p := []bpf.Instruction{
		load(offArch),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: arch, SkipTrue: 1},
		bpf.RetConstant{Val: kill},
		load(offNr),
	}
	for _, list := range lists {
		for _, c := range list {
			block, err := c.block(load)
			if err != nil {
				return nil, err
			}
			p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: c.Nr, SkipTrue: 1}, bpf.Jump{Skip: uint32(len(block))})
			p = append(p, block...)
		}
	}
	p = append(p, bpf.RetConstant{Val: errno | deny})
	const most = 4096 // BPF_MAXINSNS
	if len(p) > most {
		return nil, fmt.Errorf("seal: filter of %d instructions, the kernel takes %d", len(p), most)
	}
	raw, err := bpf.Assemble(p)
	if err != nil {
		return nil, fmt.Errorf("seal: filter: %w", err)
	}
	return raw, nil
}

// block is what follows once the number has matched. It ends with the number loaded again, so that the next call in
// the list can look at it.
func (c *Call) block(load func(uint32) bpf.Instruction) ([]bpf.Instruction, error) {
	if c.Fail != 0 {
		return []bpf.Instruction{bpf.RetConstant{Val: errno | c.Fail}}, nil
	}
	if len(c.When) == 0 {
		return []bpf.Instruction{bpf.RetConstant{Val: allow}}, nil
	}
	var p []bpf.Instruction
	for _, check := range c.When {
		type test struct{ off, mask, want uint32 }
		var tests []test
		for _, a := range check {
			if a.N < 0 || a.N > 5 || a.Want&^a.Mask != 0 {
				return nil, fmt.Errorf("seal: %s: no check on argument %d: %#x of mask %#x", c.Name, a.N, a.Want, a.Mask)
			}
			for i, shift := range []uint{0, 32} {
				if m := uint32(a.Mask >> shift); m != 0 {
					tests = append(tests, test{offArgs + 8*uint32(a.N) + 4*uint32(i), m, uint32(a.Want >> shift)})
				}
			}
		}
		rest := 3*len(tests) + 1 // what one alternative takes
		if rest > 255 {
			return nil, fmt.Errorf("seal: %s: alternative of %d checks", c.Name, len(tests))
		}
		for _, t := range tests {
			rest -= 3
			p = append(p, load(t.off), bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: t.mask},
				bpf.JumpIf{Cond: bpf.JumpEqual, Val: t.want, SkipFalse: uint8(rest)})
		}
		p = append(p, bpf.RetConstant{Val: allow})
	}
	return append(p, load(offNr)), nil
}
