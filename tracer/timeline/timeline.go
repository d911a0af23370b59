// SPDX-License-Identifier: MIT

// Package timeline joins single events to lives: a kernel thread from its request to its last reference, a
// request_module from the call to modprobe and back, a signal from its sender to the place where it was taken, a module
// from its load to its end.
//
// Every join follows an identity that the kernel itself uses (the kthread_create_info, the subprocess_info, the struct
// module, the requester's stack), never a name or closeness in time; the one exception is marked Thread.Inexact. Any
// list of events yields a Timeline: lost events leave fields at zero, and nothing else. The package is pure.
package timeline

import (
	"cmp"
	"slices"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Timeline is what a list of events amounts to. All times are nanoseconds of the traced machine's CLOCK_MONOTONIC; 0
// means "not seen". Each list is in the order in which its members began.
type Timeline struct {
	// Start is the first moment of what is not Background, or of the first event if everything is. Background members
	// may begin before it.
	Start    uint64
	Threads  []Thread
	Requests []Request
	Signals  []Signal
	Loads    []Load
	Taints   []Taint
	// Processes are those that were followed, Calls what they did to files of modules.
	Processes []Process
	Calls     []Call
}

// Taint is a call of add_taint: the kernel notes that something is odd, a module's licence or a report.
type Taint struct {
	At  uint64
	Bit int // of the taint mask
	By  Actor
}

// Options say what deserves a person's attention, which decides the Background marks and hides nothing, and what the
// trace could not see.
type Options struct {
	// AgentTGID is the process that loads and unloads. Signals within it and from it to strangers are background.
	AgentTGID uint32
	// Blind holds the kinds of record that may be missing, and why: nothing writes them on this kernel, the hook was
	// not proved, or some were lost. Whatever rests on the absence of such a record is unknown: an outcome or ending of
	// that name, and a name in the member's list Unknown. The records that did arrive still count.
	Blind map[event.Kind]string
	// Modules are the modules under study. What neither they nor their threads and helpers take part in is background.
	// Empty means every module.
	Modules []string
}

// Actor is a task and the place in code from which it acted: the innermost frame in a module, or else the innermost one
// that is not part of the interface it called. Site is zero if the stack has no such frame.
type Actor struct {
	event.Task
	Site event.Site
	// Stack is the kernel stack of the act, innermost first, without the tracer's own frames. It is shared between
	// acts, so it must not be changed.
	Stack []event.Site
}

// Build joins the events, which may come in any order. resolve names the code at an address at a moment (module text is
// reused); if nil, addresses stay unnamed. Build keeps no reference to events.
func Build(events []event.Event, resolve func(addr, at uint64) event.Site, opts Options) *Timeline {
	sorted := inOrder(events)
	if resolve == nil {
		resolve = func(addr, _ uint64) event.Site { return event.Site{Addr: addr} }
	}
	b := &builder{
		resolve:   resolve,
		blind:     blind(opts.Blind),
		stacks:    map[stackKey]place{},
		threads:   newThreadJoin(),
		wakes:     map[wakeKey]*wakes{},
		works:     workJoin{queued: map[uint64]*work{}, running: map[*Thread]*work{}},
		requests:  newRequestJoin(),
		signals:   newSignalJoin(),
		calls:     newCallJoin(),
		processes: processJoin{byTGID: map[uint32]*Process{}},
		loads:     loadJoin{open: map[uint64]*Load{}, refused: map[uint64]*Load{}},
	}
	for i := range sorted {
		b.add(&sorted[i])
	}
	b.threads.all = slices.DeleteFunc(b.threads.all, func(t *Thread) bool { return t.merged })
	b.closeWorks()
	b.closeLoads()
	b.closeThreads()
	b.closeRequests()
	b.closeSignals()
	b.markBackground(opts)
	tl := b.timeline()
	if tl.Start == 0 && len(sorted) > 0 {
		tl.Start = sorted[0].Time
	}
	return tl
}

// inOrder returns the events in order of time, without a copy if they already are: there may be a million.
func inOrder(events []event.Event) []event.Event {
	byTime := func(a, b event.Event) int { return cmp.Compare(a.Time, b.Time) }
	if slices.IsSortedFunc(events, byTime) {
		return events
	}
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, byTime)
	return sorted
}

// builder holds the joins that are open while events are added.
type builder struct {
	resolve   func(addr, at uint64) event.Site
	blind     blind
	stacks    map[stackKey]place
	threads   threadJoin
	works     workJoin
	wakes     map[wakeKey]*wakes
	requests  requestJoin
	signals   signalJoin
	loads     loadJoin
	processes processJoin
	calls     callJoin
	taints    []Taint
}

// add passes one event to every join that it may open, continue or close.
func (b *builder) add(e *event.Event) {
	switch {
	case e.Kind == event.TaskExited:
		b.threadExited(e)
		b.helperExited(e)
		b.signalTargetExited(e)
		b.addProcess(e)
	case e.Kind >= event.ThreadRequested && e.Kind <= event.TaskFreed,
		e.Kind >= event.ThreadBound && e.Kind <= event.WorkEnded:
		b.addThread(e)
	case e.Kind >= event.RequestAsked && e.Kind <= event.TaskExeced, e.Kind == event.RequestDuplicate:
		b.addRequest(e)
		b.addProcess(e)
	case e.Kind == event.ProcessForked || e.Kind == event.ProcessFaulted:
		b.addProcess(e)
	case e.Kind >= event.FileMet && e.Kind <= event.CallCounted:
		b.addCall(e)
	case e.Kind == event.ProcessWoke || e.Kind == event.WakesCounted:
		b.addWakeup(e)
	case e.Kind == event.ModuleLoaded:
		clear(b.stacks) // the meaning of addresses has changed
		b.addLoad(e)
		b.helperLoaded(e)
	case e.Kind >= event.ModuleInitBegin && e.Kind <= event.ModuleFreed:
		b.addLoad(e)
	case e.Kind == event.ModuleGot || e.Kind == event.ModulePut:
		b.moduleRef(e)
	case e.Kind == event.Tainted:
		b.taints = append(b.taints, Taint{At: e.Time, Bit: int(e.Arg), By: b.actor(e)})
	case e.Kind >= event.SignalSent && e.Kind <= event.SignalAllowed:
		b.addSignal(e)
	}
}

// actor is the task that caused e, with its place in code.
func (b *builder) actor(e *event.Event) Actor {
	p := b.place(e)
	return Actor{Task: e.By, Site: p.site, Stack: p.stack}
}

// closeThreads decides how each thread ended.
func (b *builder) closeThreads() {
	b.findModuleEnds()
	for _, t := range b.threads.all {
		b.endThread(t)
		t.Unknown = b.threadUnknown(t)
	}
}

// timeline copies the joined members out and finds the first moment.
func (b *builder) timeline() *Timeline {
	tl := &Timeline{Taints: b.taints}
	start := func(background bool, at uint64) {
		if !background && at != 0 && (tl.Start == 0 || at < tl.Start) {
			tl.Start = at
		}
	}
	for _, t := range b.threads.all {
		tl.Threads = append(tl.Threads, *t)
		start(t.Background, t.began())
	}
	for _, r := range b.requests.all {
		tl.Requests = append(tl.Requests, *r)
		start(r.Background, r.began())
	}
	for _, s := range b.signals.all {
		tl.Signals = append(tl.Signals, *s)
		start(s.Background, s.Sent)
	}
	for _, l := range b.loads.all {
		tl.Loads = append(tl.Loads, *l)
		start(l.Background, l.began())
	}
	for _, p := range b.processes.all {
		tl.Processes = append(tl.Processes, *p)
		start(false, p.Started)
	}
	for _, c := range b.calls.all {
		tl.Calls = append(tl.Calls, *c)
		start(false, c.Entered)
	}
	return tl
}

// setOnce keeps the first moment that was seen.
func setOnce(at *uint64, now uint64) {
	if *at == 0 {
		*at = now
	}
}

// firstOf is the earliest moment that was seen, 0 if none was.
func firstOf(times ...uint64) uint64 {
	var first uint64
	for _, at := range times {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	return first
}
