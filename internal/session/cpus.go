// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

const (
	// One sample is not enough: a CPU may be in an interrupt, or run another task.
	maxSamples  = 40
	samplePause = 100 * time.Millisecond
	sampleLimit = 10 * time.Second

	stackSize = 16 << 10 // of a task in the kernel, and its alignment
	codePage  = 4 << 10
	maxPages  = 16 // of code
	maxCalled = 32 // return addresses of one CPU
)

// moduleSpace is where x86-64 puts modules, up to moduleEnd; the kernel's own code
// lies lower.
const (
	moduleSpace = 0xffffffffa0000000
	moduleEnd   = 0xffffffffff000000
)

func inModules(addr uint64) bool { return addr >= moduleSpace && addr < moduleEnd }

// sampleCPUs samples the CPUs of a guest that is unresponsive, or cannot say which task
// blocks it.
func (s *session) sampleCPUs() {
	if s.CPUs == nil || len(s.journal.Commands()) == 0 { // nothing of the modules runs yet
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), sampleLimit)
	defer cancel()
	p := newSampler(s.CPUs, s.Studied(), s.Read, s)
	if err := p.run(ctx); err != nil {
		s.journal.Log(err.Error())
	}
	s.samples, s.code = p.samples, p.code
}

// sampleLocks looks for the CPU that spins if the kernel reported another one, which
// waits for it, as stuck.
func (s *session) sampleLocks() {
	crashes := s.Crashes()
	for i := range crashes {
		oops.Blame(&crashes[i], s.Studied())
	}
	blamed := slices.ContainsFunc(crashes, func(c result.Crash) bool { return c.Guilty != nil })
	if oops.Class(crashes) == result.Lockup && !blamed {
		s.sampleCPUs()
	}
}

// sampler takes samples of a guest's CPUs.
type sampler struct {
	cpus    lab.CPUs
	modules []string // under study
	read    *prepare.Files

	samples []evidence.Sample
	code    map[uint64][]byte // pages of modules' code, by address
	places  *symbols.Table    // of the modules' code in these pages
	states  []string          // the registers of each sample
	last    []lab.Processor   // the CPUs, at the last sample
	timers  timerLoop
}

func newSampler(cpus lab.CPUs, modules []string, read *prepare.Files, kernel kernelSymbols) *sampler {
	return &sampler{
		cpus: cpus, modules: modules, read: read, code: make(map[uint64][]byte), places: symbols.New(nil, nil, nil),
		timers: timerLoop{kernel: kernel},
	}
}

// run takes samples until one is in a module under study.
func (p *sampler) run(ctx context.Context) error {
	for range maxSamples {
		found, err := p.once(ctx)
		if found || err != nil {
			return err
		}
		select {
		case <-time.After(samplePause):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// once takes one sample of each CPU: its instruction, and the words on its stack
// that may be return addresses in modules. found reports whether one of these is in a
// module under study.
func (p *sampler) once(ctx context.Context) (found bool, _ error) {
	list, err := p.cpus.Processors(ctx)
	if err != nil {
		return false, err
	}
	p.last = list
	for cpu, at := range list {
		seen := evidence.Sample{CPU: cpu, At: at.Instruction}
		if err := p.readCode(ctx, cpu, at.Instruction); err != nil {
			return false, err
		}
		if at.StackPointer >= 1<<63 { // the kernel's half
			stack, err := p.cpus.Memory(ctx, cpu, at.StackPointer&^7, int(stackSize-at.StackPointer%stackSize))
			if err != nil {
				return false, err
			}
			words := wordsOf(stack)
			if seen.Called, err = p.returns(ctx, cpu, words); err != nil {
				return false, err
			}
			if seen.Timer = p.timers.runs(at.Instruction, words); seen.Timer {
				if seen.Timers, err = p.entries(ctx, cpu, append(at.Values(), words...)); err != nil {
					return false, err
				}
			}
		}
		p.samples = append(p.samples, seen)
		p.states = append(p.states, at.Registers)
		found = found || !seen.Timer && slices.ContainsFunc(append(seen.Called, seen.At), p.ours)
	}
	return found, nil
}

// recognize reports whether a page holds code of the modules under study, and learns the places in it.
func (p *sampler) recognize(page uint64, code []byte) bool {
	for _, name := range p.modules {
		file := p.read.Get(name)
		if file.Err != "" { // without a file there are no symbols either
			continue
		}
		if known, _ := p.places.Recognize(name, file.Data, code, page); known {
			return true
		}
	}
	return false
}

// ours reports whether an address is in code of the modules under study.
func (p *sampler) ours(addr uint64) bool {
	if p.places.Site(addr+1, 0).Module != "" {
		return true
	}
	page := addr &^ (codePage - 1)
	code := p.code[page]
	return code != nil && p.recognize(page, code)
}

// returns finds the words of a stack that point right after a call in a module's code.
func (p *sampler) returns(ctx context.Context, cpu int, stack []uint64) ([]uint64, error) {
	var found []uint64
	for _, addr := range stack {
		if !inModules(addr) || len(found) == maxCalled {
			continue
		}
		if err := p.readCode(ctx, cpu, addr); err != nil {
			return nil, err
		}
		if afterCall(p.code[addr&^(codePage-1)], addr%codePage) {
			found = append(found, addr)
		}
	}
	return found, nil
}

func wordsOf(stack []byte) []uint64 {
	var words []uint64
	for ; len(stack) >= 8; stack = stack[8:] {
		words = append(words, binary.LittleEndian.Uint64(stack))
	}
	return words
}

// instruction names the place of an instruction in the modules' code; "" if that is unknown.
func (p *sampler) instruction(addr uint64) string {
	site := p.places.Site(addr+1, 0)
	if site.Symbol == "" {
		return ""
	}
	site.Offset--
	return site.String()
}

// readCode reads and keeps the page of code around an address.
func (p *sampler) readCode(ctx context.Context, cpu int, addr uint64) error {
	page := addr &^ (codePage - 1)
	if !inModules(addr) || p.code[page] != nil || len(p.code) == maxPages {
		return nil
	}
	code, err := p.cpus.Memory(ctx, cpu, page, codePage)
	if err == nil {
		p.code[page] = code
	}
	return err
}

// afterCall reports whether the instruction before an offset of a page is a call:
// with a distance (e8), or through a register or memory (ff).
func afterCall(page []byte, offset uint64) bool {
	if offset > uint64(len(page)) {
		return false
	}
	before := page[:offset]
	is := func(back int, opcode byte) bool { return len(before) >= back && before[len(before)-back] == opcode }
	return is(5, 0xe8) || is(2, 0xff) || is(3, 0xff) || is(6, 0xff) || is(7, 0xff)
}
