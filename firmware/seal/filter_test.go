package seal

import (
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

const testArch = 0x1234

// judge runs a filter over one call, as the kernel does. The virtual machine reads words the network's way.
func judge(t *testing.T, f []bpf.RawInstruction, arch, nr uint32, args ...uint64) uint32 {
	t.Helper()
	var p []bpf.Instruction
	for _, r := range f {
		p = append(p, r.Disassemble())
	}
	vm, err := bpf.NewVM(p)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[offNr:], nr)
	binary.BigEndian.PutUint32(data[offArch:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[offArgs+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[offArgs+8*i+4:], uint32(a>>32))
	}
	v, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(v)
}

func TestFilter(t *testing.T) {
	f, err := filter(testArch, 1, []Call{
		{"read", 0, "", nil, 0},
		{"write", 1, "", []Check{{{0, half, 3}}, {{0, half, 7}, {2, whole, 1 << 33}}}, 0},
		{"mmap", 9, "", []Check{{{2, 4, 0}, {4, half, half}}}, 0},
		{"clone3", 435, "", nil, 38},
	}, []Call{{"write", 1, "", []Check{{{0, half, 9}}}, 0}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		arch uint32
		nr   uint32
		args []uint64
		want uint32
	}{
		{"on the list", testArch, 0, nil, allow},
		{"another architecture", testArch + 1, 0, nil, kill},
		{"not on the list", testArch, 2, nil, errno | 1},
		{"x32's way to call the same", testArch, 0 | 1<<30, nil, errno | 1},
		{"a descriptor that is", testArch, 1, []uint64{3}, allow},
		{"the same with garbage above, as for an int", testArch, 1, []uint64{3 | 1<<40}, allow},
		{"one that is not", testArch, 1, []uint64{2}, errno | 1},
		{"both checks of an alternative", testArch, 1, []uint64{7, 0, 1 << 33}, allow},
		{"one of both", testArch, 1, []uint64{7, 0, 1}, errno | 1},
		{"in a later list", testArch, 1, []uint64{9}, allow},
		{"memory", testArch, 9, []uint64{0, 4096, 3, 0x22, 1<<64 - 1}, allow},
		{"memory of a file", testArch, 9, []uint64{0, 4096, 3, 0x22, 5}, errno | 1},
		{"memory that runs", testArch, 9, []uint64{0, 4096, 5, 0x22, 1<<64 - 1}, errno | 1},
		{"an error of its own", testArch, 435, nil, errno | 38},
	} {
		if got := judge(t, f, c.arch, c.nr, c.args...); got != c.want {
			t.Errorf("%s: got %#x, want %#x", c.what, got, c.want)
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	var many []Call
	for nr := range uint32(2000) {
		many = append(many, Call{Nr: nr})
	}
	for want, list := range map[string][]Call{
		"argument 6":   {{Name: "x", When: []Check{{{6, half, 0}}}}},
		"of mask":      {{Name: "x", When: []Check{{{0, 1, 2}}}}},
		"instructions": many,
	} {
		if _, err := filter(testArch, 1, list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %q", err, want)
		}
	}
}
