// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/vm"
)

// fakeCPUs is a machine with one CPU, a stack and a page of code.
type fakeCPUs struct {
	at, sp uint64
	memory map[uint64][]byte
	asked  int
	broken error
}

func (f *fakeCPUs) Processors(context.Context) ([]vm.Processor, error) {
	f.asked++
	return []vm.Processor{{Instruction: f.at, StackPointer: f.sp}}, f.broken
}

func (f *fakeCPUs) Memory(_ context.Context, _ int, addr uint64, size int) ([]byte, error) {
	data := f.memory[addr]
	return data[:min(size, len(data))], nil
}

func samplerOf(cpus lab.CPUs) *sampler { return newSampler(cpus, nil, new(prepare.Files), nil) }

// TestSample: of the words on a stack only those count that point right after a call in
// a module's code.
func TestSample(t *testing.T) {
	const code, sp = 0xffffffffc0264000, 0xffffc90000003f80
	page := make([]byte, codePage)
	page[0x10] = 0xe8                                                               // a call, which ends at 0x15
	page[0x30], page[0x31] = 0xff, 0xd0                                             // another one, at 0x32
	words := []uint64{0xffffffff81000010, code + 0x20, code + 0x15, 7, code + 0x32} // the second is none
	var stack []byte
	for _, w := range words {
		stack = binary.LittleEndian.AppendUint64(stack, w)
	}
	inside := &fakeCPUs{at: 0xffffffff81000100, sp: sp, memory: map[uint64][]byte{code: page, sp: stack}}
	r := samplerOf(inside)
	if found, err := r.once(t.Context()); found || err != nil {
		t.Fatal(found, err)
	}
	want := evidence.Sample{At: 0xffffffff81000100, Called: []uint64{code + 0x15, code + 0x32}}
	if len(r.samples) != 1 || r.samples[0].At != want.At || !slices.Equal(r.samples[0].Called, want.Called) {
		t.Errorf("%+v, want %+v", r.samples, want)
	}
	if len(r.code) != 1 || r.code[code] == nil {
		t.Errorf("kept %d pages", len(r.code))
	}
}

// TestSampleProgram: a CPU that runs a program has no kernel stack.
func TestSampleProgram(t *testing.T) {
	r := samplerOf(&fakeCPUs{at: 0x401000, sp: 0x7ffd00001000})
	if found, err := r.once(t.Context()); found || err != nil {
		t.Fatal(found, err)
	}
	if len(r.samples) != 1 || r.samples[0].Called != nil || len(r.code) != 0 {
		t.Errorf("%+v, %d pages", r.samples, len(r.code))
	}
}

// TestSampleBroken: what cannot be sampled is asked once, and says why.
func TestSampleBroken(t *testing.T) {
	cpus := &fakeCPUs{broken: errors.New("the monitor is gone")}
	if err := samplerOf(cpus).run(t.Context()); err != cpus.broken || cpus.asked != 1 {
		t.Errorf("%v after %d samples, want %v after one", err, cpus.asked, cpus.broken)
	}
}

// TestUnresponsive: a machine that does not answer is unresponsive, but not one that was stopped because its caller's
// time is over.
func TestUnresponsive(t *testing.T) {
	silent := &lab.CallError{What: "modprobe m", Err: context.DeadlineExceeded}
	over, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for name, tt := range map[string]struct {
		ctx  context.Context
		err  error
		want bool
	}{
		"silent":  {t.Context(), silent, true},
		"stopped": {over, silent, false},
		"gone":    {t.Context(), &lab.CallError{What: "modprobe m", Err: errors.New("closed")}, false},
	} {
		if got := unresponsive(tt.ctx, tt.err); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}
