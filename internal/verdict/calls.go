// SPDX-License-Identifier: MIT

package verdict

import (
	"slices"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// FollowedProcesses are the processes that were followed and their calls on files of the modules under study, in the
// order of time. roots are the process ids of the tests, in their order; the index of a process that belongs to none of
// them is -1.
func FollowedProcesses(tl *timeline.Timeline, roots []uint32, studied []string) ([]result.Process, []result.Call) {
	c := clock{tl.Start}
	var processes []result.Process
	for i := range tl.Processes {
		processes = append(processes, c.process(&tl.Processes[i], roots))
	}
	var calls []result.Call
	for i := range tl.Calls {
		call := &tl.Calls[i]
		if call.Module == "" || len(studied) == 0 || slices.Contains(studied, call.Module) {
			calls = append(calls, c.call(call))
		}
	}
	return processes, calls
}

func (c clock) process(p *timeline.Process, roots []uint32) result.Process {
	r := result.Process{
		Task: task(p.Task, event.Site{}), Test: slices.Index(roots, p.Root), Parent: int(p.Parent),
		StartNS: c.ns(p.Started), EndNS: c.ns(p.Ended), KilledBy: p.KilledBy(),
	}
	if code, ok := p.ExitCode(); ok {
		r.Exit = &code
	}
	for _, e := range p.Execs {
		r.Execs = append(r.Execs, result.Exec{AtNS: c.since(e.At), Path: e.Path})
	}
	return r
}

func (c clock) call(t *timeline.Call) result.Call {
	r := result.Call{
		By: task(t.By, event.Site{}), Name: t.Call.Name, File: t.File, FD: t.FD, Module: t.Module, Args: t.Words(),
		AtNS: c.since(t.Entered), EndNS: c.ns(t.Returned), Omitted: t.Omitted,
	}
	if t.Compat {
		r.Name += " (32-bit)"
	}
	if t.Returned != 0 {
		ret := t.Ret
		r.Ret = &ret
	}
	if served(t) {
		r.Serving = t.Serving.Function()
	}
	return r
}

// served reports whether the function that serves a call says something of the module: one of the kernel's own does if
// it moves data for the module, as param_get_int does, and not if it only opens, seeks or closes.
func served(t *timeline.Call) bool {
	switch t.Call.Op {
	case event.OpOpen, event.OpClose, event.OpLseek:
		return t.Serving.Module != ""
	}
	return t.Serving != (event.Site{})
}
