// SPDX-License-Identifier: MIT

package leaks

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// later reports whether things of a kind call a function of the module later.
func later(kind string) bool { return kind == "timer" || kind == "hrtimer" || kind == "work" }

// TellsArmed reports whether the trace has what the modules arm, if they do.
func (p *Plan) TellsArmed() bool { return len(p.Settings) > 0 && !p.Hashed && !p.unarmed }

// Arms reports whether the modules may arm timers or queue work items, and the trace has it.
func (p *Plan) Arms() bool {
	return p.TellsArmed() && slices.ContainsFunc(p.Settings, func(s Setting) bool {
		return strings.Contains(s.Value, ":"+group+"/") && strings.Contains(s.Value, "_"+arm+"_")
	})
}

// ReadUnloading is Read for a trace that was read before the first unload, or that part of it which was read if it was
// cut. Only what was armed then is known.
func ReadUnloading(plan *Plan, trace []byte, cut bool) *Ledger {
	p := *plan
	p.Unloading, p.Cut = true, cut
	return Read(&p, trace)
}

// Unloading reports whether the trace was read before the first unload.
func (l *Ledger) Unloading() bool { return l.plan.Unloading }

// Armed are the timers and work items of the modules that are still to come, with the times at which they were set.
func (l *Ledger) Armed(modules []string) map[string]uint64 {
	armed := make(map[string]uint64)
	for key, list := range l.held {
		if !later(key.kind) {
			continue
		}
		for _, t := range list {
			if !t.idle && (t.place.Name == "" || slices.Contains(modules, t.place.Module)) {
				armed[fmt.Sprintf("%s %x", key.kind, key.ptr)] = max(t.place.AtNS, t.calls.AtNS)
			}
		}
	}
	return armed
}

// rest notes that a timer or work item is no longer armed. Its place is kept: it may be
// armed again by a call whose place is not recorded.
func (l *Ledger) rest(t thing) {
	if list := l.held[t]; len(list) > 0 {
		list[0].idle = true
	}
}

// run notes that a task, or an interrupt of it, calls the function of a timer or work item.
func (l *Ledger) run(pid string, t thing) {
	l.rest(t)
	if len(l.runs) < maxHeld {
		l.runs[pid] = t
	}
}

// arm enters that something is armed. If its function does that itself after it was waited for, it does so meanwhile:
// later it cannot run, unless somebody else has armed it.
func (l *Ledger) arm(pid string, t thing, how entry) {
	if l.waited[t] && l.runs[pid] == t && (l.irq || t.kind == "work") {
		return
	}
	delete(l.waited, t)
	l.take(t, how)
}

// inIRQ reads the column with the state of the processor: d.s2., of which the third letter is for interrupts.
func inIRQ(flags []byte) bool {
	return len(flags) > 2 && bytes.IndexByte([]byte("hHsSzZ"), flags[2]) >= 0
}

// TimerAt returns the timer function that was called last before a time and may still have run then.
func (l *Ledger) TimerAt(at uint64, name Namer) (function, module string) {
	const longest = 20e6 // nanoseconds; a timer's function is short, and emulated
	for _, p := range slices.Backward(l.ran) {
		if p.AtNS <= at {
			if at-p.AtNS > longest {
				break
			}
			return p.callee(name)
		}
	}
	return "", ""
}

// Namer finds the function at an address that the kernel could no longer name.
type Namer func(addr, at uint64) (site, module string)
