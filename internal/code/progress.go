// SPDX-License-Identifier: MIT

package code

import (
	"slices"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// follows reports whether a loop walks a list: some register gets what it, or what came of it, points to. Then each
// round is another one, though nothing is counted.
func (w *walker) follows(round []place) bool {
	const registers = 16
	var leads, loads [registers][registers]bool
	note := func(from, to x86asm.Reg, load bool) {
		if from, to := general(from), general(to); from >= 0 && to >= 0 {
			leads[from][to] = true
			loads[from][to] = loads[from][to] || load
		}
	}
	kept := make(map[int64][]x86asm.Reg) // on the stack, by offset
	for _, at := range round {
		if inst := w.steps[at].inst; inst.Op == x86asm.MOV && inst.Args[1] != nil {
			to, _ := inst.Args[0].(x86asm.Mem)
			if from, ok := inst.Args[1].(x86asm.Reg); ok && to.Base == x86asm.RSP {
				kept[to.Disp] = append(kept[to.Disp], from)
			}
		}
	}
	for _, at := range round {
		inst := w.steps[at].inst
		to, ok := inst.Args[0].(x86asm.Reg)
		if !ok || !slices.Contains([]x86asm.Op{x86asm.MOV, x86asm.MOVZX, x86asm.MOVSX, x86asm.MOVSXD}, inst.Op) {
			continue
		}
		switch from := inst.Args[1].(type) {
		case x86asm.Reg:
			note(from, to, false)
		case x86asm.Mem:
			if from.Base != x86asm.RSP {
				note(from.Base, to, true)
				note(from.Index, to, true)
				continue
			}
			for _, r := range kept[from.Disp] {
				note(r, to, false)
			}
		}
	}
	for via := range registers {
		for from := range registers {
			for to := range registers {
				leads[from][to] = leads[from][to] || leads[from][via] && leads[via][to]
			}
		}
	}
	for from := range registers {
		for to := range registers {
			if loads[from][to] && (from == to || leads[to][from]) {
				return true
			}
		}
	}
	return false
}

// general is the number of the general register that a register is, or is a part of; -1 if it is another one.
func general(r x86asm.Reg) int {
	switch {
	case r >= x86asm.RAX && r <= x86asm.R15:
		return int(r - x86asm.RAX)
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return int(r - x86asm.EAX)
	case r >= x86asm.AX && r <= x86asm.R15W:
		return int(r - x86asm.AX)
	case r >= x86asm.AL && r <= x86asm.BL:
		return int(r - x86asm.AL)
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return int(r-x86asm.SPB) + 4
	}
	return -1
}

// clocks are beginnings of the names of the kernel's functions that read the time.
var clocks = []string{"ktime_get", "sched_clock", "local_clock", "get_jiffies", "get_cycles"}

// isClock reports whether a function reads the time.
func isClock(name string) bool {
	return slices.ContainsFunc(clocks, func(clock string) bool { return strings.HasPrefix(name, clock) })
}

// countsInMemory reports whether an instruction counts something that is in memory.
func countsInMemory(inst x86asm.Inst) bool {
	_, ok := inst.Args[0].(x86asm.Mem)
	return ok && inst.Op != x86asm.LEA && counts(inst)
}

// keeps reports whether an instruction keeps a register's contents in memory.
func keeps(inst x86asm.Inst) bool {
	_, to := inst.Args[0].(x86asm.Mem)
	_, from := inst.Args[1].(x86asm.Reg)
	return inst.Op == x86asm.MOV && to && from
}
