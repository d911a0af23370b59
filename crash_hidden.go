// SPDX-License-Identifier: MIT

package kmodlab

import (
	"slices"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// unhide puts the module back into a call trace that goes through kthread_stop.
// Where the tracer has a return probe there, the kernel's stack holds the probe's
// trampoline instead of who called, and kernels print that as the end of whatever
// function lies before it. The tracer itself saw the caller as it came in.
func (r *run) unhide(c *result.Crash) {
	studied := r.studied()
	i := slices.IndexFunc(c.Frames, func(f result.Frame) bool { return f.Function == "kthread_stop" && f.Module == "" })
	if i < 0 || c.Task == nil || slices.ContainsFunc(c.Frames, func(f result.Frame) bool { return slices.Contains(studied, f.Module) }) {
		return
	}
	caller, ok := r.stopCaller(c.Task.PID, studied)
	if !ok {
		return
	}
	rest := c.Frames[i+1:]
	if len(rest) > 0 && rest[0].Offset == rest[0].Size {
		rest = rest[1:] // the trampoline
	}
	c.Frames = slices.Concat(c.Frames[:i+1], []result.Frame{caller}, rest)
}

// stopCaller is from where in the modules a task is in kthread_stop, by its last
// call.
func (r *run) stopCaller(pid int, studied []string) (result.Frame, bool) {
	for _, e := range slices.Backward(r.trace.all()) {
		if int(e.By.PID) != pid && int(e.By.TGID) != pid {
			continue
		}
		switch e.Kind {
		case event.ThreadStopReturned:
			return result.Frame{}, false
		case event.ThreadStopAsked:
			for _, addr := range e.Stack {
				if s := r.trace.table.Site(addr, e.Time); slices.Contains(studied, s.Module) {
					return result.Frame{Function: s.Symbol, Offset: s.Offset, Module: s.Module, Reliable: true}, true
				}
			}
			return result.Frame{}, false
		}
	}
	return result.Frame{}, false
}
