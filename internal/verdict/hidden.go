// SPDX-License-Identifier: MIT

package verdict

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// unhide puts the module back into a call trace that passes through a function at whose return we have a probe.
func (m *maker) unhide(c *result.Crash) {
	m.unhideStop(c)
	m.unhideTaken(c)
}

// unhideTaken is unhide for the functions that take things, or give them back, whose callers the ledger has.
func (m *maker) unhideTaken(c *result.Crash) {
	ledger := m.e.Left.Ledger
	if ledger == nil || c.Task == nil {
		return
	}
	for i := 1; i < len(c.Frames); i++ {
		f, callee := &c.Frames[i], &c.Frames[i-1]
		if f.Module != "" || callee.Module != "" || f.Size == 0 || f.Offset != f.Size || !f.Reliable {
			continue
		}
		site, module := ledger.CalledFrom(c.Task.PID, callee.Function, m.placeOf)
		if frame, ok := frameAt(site); ok && m.studied(module) {
			*f = frame
		}
	}
}

// frameAt is the frame of a place in a module, f+0x1 [m].
func frameAt(site string) (result.Frame, bool) {
	function, rest, _ := strings.Cut(site, "+0x")
	digits, module, ok := strings.Cut(rest, " [")
	offset, err := strconv.ParseUint(digits, 16, 64)
	return result.Frame{
		Function: function, Offset: offset, Module: strings.TrimSuffix(module, "]"), Reliable: true,
	}, ok && err == nil
}

// unhideStop puts the module back into a call trace that passes through kthread_stop. If
// the tracer has a return probe there, the stack holds the probe's trampoline instead
// of the caller, and kernels print it as the end of whatever function lies before it.
// The tracer itself recorded the caller at the entry.
func (m *maker) unhideStop(c *result.Crash) {
	i := slices.IndexFunc(c.Frames, func(f result.Frame) bool { return f.Function == "kthread_stop" && f.Module == "" })
	if i < 0 || c.Task == nil || slices.ContainsFunc(c.Frames, func(f result.Frame) bool { return m.studied(f.Module) }) {
		return
	}
	caller, ok := m.stopCaller(c.Task.PID)
	if !ok {
		return
	}
	rest := c.Frames[i+1:]
	if len(rest) > 0 && rest[0].Offset == rest[0].Size {
		rest = rest[1:] // the trampoline
	}
	c.Frames = slices.Concat(c.Frames[:i+1], []result.Frame{caller}, rest)
}

// stopCaller returns the place in the modules from which a task last called
// kthread_stop, if it is still in that call.
func (m *maker) stopCaller(pid int) (result.Frame, bool) {
	for _, e := range slices.Backward(m.e.Trace.Events) {
		if int(e.By.PID) != pid && int(e.By.TGID) != pid {
			continue
		}
		switch e.Kind {
		case event.ThreadStopReturned:
			return result.Frame{}, false
		case event.ThreadStopAsked:
			for _, addr := range e.Stack {
				if s := m.table.Site(addr, e.Time); m.studied(s.Module) {
					return result.Frame{Function: s.Symbol, Offset: s.Offset, Module: s.Module, Reliable: true}, true
				}
			}
			return result.Frame{}, false
		}
	}
	return result.Frame{}, false
}
