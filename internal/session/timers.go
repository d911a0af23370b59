// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/hang"
)

// maxTimerLoop bounds the code of hang.TimerLoop, in bytes.
const maxTimerLoop = 4 << 10

// kernelSymbols knows the kernel's functions by name and by address.
type kernelSymbols interface {
	Variable(name string) uint64
	Function(addr uint64) string
}

// timerLoop recognizes a CPU that is in hang.TimerLoop.
type timerLoop struct {
	kernel kernelSymbols // nil if unknown
	start  uint64        // of hang.TimerLoop; 0 before it was asked for
	in     map[uint64]bool
}

// runs reports whether a CPU at an instruction, with a stack, is in hang.TimerLoop or has been called from there.
func (l *timerLoop) runs(at uint64, stack []uint64) bool {
	if l.kernel == nil {
		return false
	}
	if l.in == nil {
		l.start, l.in = l.kernel.Variable(hang.TimerLoop), make(map[uint64]bool)
	}
	if l.start == 0 {
		return false
	}
	return l.holds(at) || slices.ContainsFunc(stack, l.holds)
}

// holds reports whether an address is in hang.TimerLoop.
func (l *timerLoop) holds(addr uint64) bool {
	if addr < l.start || addr-l.start >= maxTimerLoop {
		return false
	}
	in, known := l.in[addr]
	if !known {
		in = strings.HasPrefix(l.kernel.Function(addr), hang.TimerLoop)
		l.in[addr] = in
	}
	return in
}

// entries are the functions of the modules under study whose first address is among words of a CPU.
func (p *sampler) entries(ctx context.Context, cpu int, words []uint64) ([]uint64, error) {
	var found []uint64
	for _, addr := range words {
		if !inModules(addr) || slices.Contains(found, addr) || len(found) == maxCalled {
			continue
		}
		if err := p.readCode(ctx, cpu, addr); err != nil {
			return nil, err
		}
		if p.ours(addr) && p.places.Site(addr+1, 0).Offset == 1 {
			found = append(found, addr)
		}
	}
	return found, nil
}
