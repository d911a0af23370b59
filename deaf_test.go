// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/internal/recording"
	"github.com/kmodlab/kmodlab/internal/vm"
)

// fakeInside is a machine of one processor with a stack and a page of code.
type fakeInside struct {
	at, sp uint64
	memory map[uint64][]byte
}

func (f *fakeInside) Processors(context.Context) ([]vm.Processor, error) {
	return []vm.Processor{{Instruction: f.at, StackPointer: f.sp}}, nil
}

func (f *fakeInside) Memory(_ context.Context, _ int, addr uint64, size int) ([]byte, error) {
	data := f.memory[addr]
	return data[:min(size, len(data))], nil
}

// TestLookInside: of a stack the words count that stand behind a call in a
// module's code.
func TestLookInside(t *testing.T) {
	const code, sp = 0xffffffffc0264000, 0xffffc90000003f80
	page := make([]byte, codePage)
	page[0x10] = 0xe8                                                               // a call, which ends at 0x15
	page[0x30], page[0x31] = 0xff, 0xd0                                             // another one, at 0x32
	words := []uint64{0xffffffff81000010, code + 0x20, code + 0x15, 7, code + 0x32} // the second is none
	var stack []byte
	for _, w := range words {
		stack = binary.LittleEndian.AppendUint64(stack, w)
	}
	inside := &fakeInside{at: 0xffffffff81000100, sp: sp, memory: map[uint64][]byte{code: page, sp: stack}}
	r := &run{lab: &lab{inside: inside}, code: make(map[uint64][]byte)}
	if found, err := r.lookInside(t.Context()); found || err != nil {
		t.Fatal(found, err)
	}
	want := recording.Processor{At: 0xffffffff81000100, Called: []uint64{code + 0x15, code + 0x32}}
	if len(r.deaf) != 1 || r.deaf[0].At != want.At || !slices.Equal(r.deaf[0].Called, want.Called) {
		t.Errorf("%#x, want %#x", r.deaf, want)
	}
	if len(r.code) != 1 || r.code[code] == nil {
		t.Errorf("kept %d pages", len(r.code))
	}
}

// TestLookInsideProgram: a processor that runs a program has no stack of the kernel.
func TestLookInsideProgram(t *testing.T) {
	r := &run{lab: &lab{inside: &fakeInside{at: 0x401000, sp: 0x7ffd00001000}}, code: make(map[uint64][]byte)}
	if found, err := r.lookInside(t.Context()); found || err != nil {
		t.Fatal(found, err)
	}
	if len(r.deaf) != 1 || r.deaf[0].Called != nil || len(r.code) != 0 {
		t.Errorf("%+v, %d pages", r.deaf, len(r.code))
	}
}
