// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/internal/recording"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

const (
	// A processor may be in an interrupt, or in another task for a moment.
	deafLooks = 40
	deafPause = 100 * time.Millisecond
	deafLimit = 10 * time.Second

	stackSize = 16 << 10 // of a task in the kernel, and aligned to it
	codePage  = 4 << 10
	maxPages  = 16 // of code
	maxCalled = 32 // return addresses of one processor
)

// moduleSpace is where x86-64 puts modules, up to moduleEnd; the kernel's own code
// lies lower.
const (
	moduleSpace = 0xffffffffa0000000
	moduleEnd   = 0xffffffffff000000
)

func inModules(addr uint64) bool { return addr >= moduleSpace && addr < moduleEnd }

// askProcessors looks where the processors of a guest are that does not answer, or
// cannot tell who keeps it.
func (r *run) askProcessors() {
	if r.lab.inside == nil || len(r.res.Commands) == 0 { // nothing of the modules runs yet
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), deafLimit)
	defer cancel()
	r.deaf, r.code = nil, make(map[uint64][]byte)
	for range deafLooks {
		found, err := r.lookInside(ctx)
		if err != nil {
			r.log(err.Error())
		}
		if found || err != nil {
			return
		}
		select {
		case <-time.After(deafPause):
		case <-ctx.Done():
			return
		}
	}
}

// askWhoLocks looks for the processor that spins where the kernel found another
// stuck, that waits for it.
func (r *run) askWhoLocks() {
	crashes := oops.Parse(r.lab.console())
	for i := range crashes {
		oops.Blame(&crashes[i], r.studied())
	}
	if oops.Class(crashes) == result.Lockup && !slices.ContainsFunc(crashes, func(c result.Crash) bool { return c.Guilty != nil }) {
		r.askProcessors()
	}
}

// lookInside takes one look at each processor: its instruction, and what on its
// stack can be a return into a module. found says that it is in one of ours.
func (r *run) lookInside(ctx context.Context) (found bool, _ error) {
	list, err := r.lab.inside.Processors(ctx)
	if err != nil {
		return false, err
	}
	for cpu, p := range list {
		seen := recording.Processor{CPU: cpu, At: p.Instruction}
		if err := r.readCode(ctx, cpu, p.Instruction); err != nil {
			return false, err
		}
		if p.StackPointer >= 1<<63 { // the kernel's half
			stack, err := r.lab.inside.Memory(ctx, cpu, p.StackPointer&^7, int(stackSize-p.StackPointer%stackSize))
			if err != nil {
				return false, err
			}
			if seen.Called, err = r.returns(ctx, cpu, stack); err != nil {
				return false, err
			}
		}
		r.deaf = append(r.deaf, seen)
		found = found || slices.ContainsFunc(append(seen.Called, seen.At), r.ours)
	}
	return found, nil
}

// ours tells whether there is code of the modules under study at an address.
func (r *run) ours(addr uint64) bool {
	page := addr &^ (codePage - 1)
	code := r.code[page]
	return code != nil && r.recognize(symbols.New(nil, nil, nil), page, code)
}

// returns are the words of a stack that stand behind a call in a module's code.
func (r *run) returns(ctx context.Context, cpu int, stack []byte) ([]uint64, error) {
	var found []uint64
	for ; len(stack) >= 8 && len(found) < maxCalled; stack = stack[8:] {
		addr := binary.LittleEndian.Uint64(stack)
		if !inModules(addr) {
			continue
		}
		if err := r.readCode(ctx, cpu, addr); err != nil {
			return nil, err
		}
		if afterCall(r.code[addr&^(codePage-1)], addr%codePage) {
			found = append(found, addr)
		}
	}
	return found, nil
}

// readCode keeps the page of code around an address.
func (r *run) readCode(ctx context.Context, cpu int, addr uint64) error {
	page := addr &^ (codePage - 1)
	if !inModules(addr) || r.code[page] != nil || len(r.code) == maxPages {
		return nil
	}
	code, err := r.lab.inside.Memory(ctx, cpu, page, codePage)
	if err == nil {
		r.code[page] = code
	}
	return err
}

// afterCall tells whether the instruction before an offset of a page is a call:
// with a distance (e8), or through a register or memory (ff).
func afterCall(page []byte, offset uint64) bool {
	if offset > uint64(len(page)) {
		return false
	}
	before := page[:offset]
	is := func(back int, opcode byte) bool { return len(before) >= back && before[len(before)-back] == opcode }
	return is(5, 0xe8) || is(2, 0xff) || is(3, 0xff) || is(6, 0xff) || is(7, 0xff)
}

// placeCode finds the modules whose loading nobody could tell of any more.
func (r *run) placeCode() {
	for page, code := range r.code {
		if _, module := r.trace.placeOf(page+1, math.MaxInt64); module == "" && r.trace.table != nil {
			r.recognize(r.trace.table, page, code)
		}
	}
}

// recognize adds the module whose code a page is to a table of symbols.
func (r *run) recognize(table *symbols.Table, page uint64, code []byte) bool {
	for _, m := range r.fresh {
		ko, err := r.readModule(m.Name)
		if err != nil {
			continue // who has no file has no symbols either
		}
		if known, _ := table.Recognize(m.Name, ko, code, page); known {
			return true
		}
	}
	return false
}

// spinning names the places in the modules at which processors of a deaf guest
// were. What a task is called there nobody can tell.
func (r *run) spinning() []result.Stuck {
	var stuck []result.Stuck
	for _, p := range r.deaf {
		name := fmt.Sprintf("processor %d", p.CPU)
		known := func(s result.Stuck) bool { return s.Comm == name }
		if site, stack := r.placeIn(p); site != "" && !slices.ContainsFunc(stuck, known) {
			stuck = append(stuck, result.Stuck{Comm: name, State: result.Running, Site: site, Stack: stack})
		}
	}
	return stuck
}

// placeIn is where in the modules a processor is, and where it is itself when it
// was called from there.
func (r *run) placeIn(p recording.Processor) (site string, stack []string) {
	at, module := r.trace.placeOf(p.At, math.MaxInt64)
	if slices.Contains(r.studied(), module) {
		return at, nil
	}
	for _, addr := range p.Called {
		if site, module := r.trace.placeOf(addr, math.MaxInt64); slices.Contains(r.studied(), module) {
			return site, []string{at, site}
		}
	}
	return "", nil
}
