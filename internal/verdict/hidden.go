// SPDX-License-Identifier: MIT

package verdict

import (
	"slices"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// unhide puts the module back into a call trace that passes through kthread_stop. If
// the tracer has a return probe there, the stack holds the probe's trampoline instead
// of the caller, and kernels print it as the end of whatever function lies before it.
// The tracer itself recorded the caller at the entry.
func (m *maker) unhide(c *result.Crash) {
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
