// SPDX-License-Identifier: MIT

package hang

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/code"
)

// Limits of a step that only waits. They hold for every accelerator, because waiting is not work.
const (
	// FirstLook is how long a step may take before its tasks are looked at, and Pause the time between two looks.
	FirstLook = 3 * time.Second
	Pause     = time.Second
	// Patience is how long it may take before it is judged.
	Patience = 10 * time.Second

	steady     = 5500 * time.Millisecond // without a change, until a wait counts
	leastLooks = 5                       // at a task, until it counts
	rounds     = 10                      // of a loop, until it counts
	busyTicks  = 10                      // of processor time in a Pause, in 1/100 s
	readySteps = 3                       // rounds after which a thread that looks would have stopped
)

// Watch compares what a step's tasks do from look to look.
type Watch struct {
	Study
	// Quiet reports that the CPUs were sampled, and none was at work in the modules of late.
	Quiet bool

	since map[int]*life
	last  []Task
	looks int
	at    time.Duration
	armed bool           // a timer or a work item of the modules is still to come
	asked map[*life]bool // of which it is being found out whether another program helps them
}

// life is a task through the looks.
type life struct {
	looks   int
	first   Task          // at the first look
	now     Task          // at the last one
	still   time.Duration // since when it has neither left its stack nor run
	place   time.Duration // since when it has had the same stack, though it may have woken
	busy    bool          // it computed between the last two looks
	asleep  Task          // as it was when it last had a stack
	call    string        // the call of a module in which it slept
	called  time.Duration // since when it slept in no other one
	present bool          // at the last look
}

// Add notes a look at all tasks, at a time since the step began.
func (w *Watch) Add(at time.Duration, tasks []Task) {
	if w.since == nil {
		w.since = make(map[int]*life)
	}
	for _, l := range w.since {
		l.present = false
	}
	for _, t := range tasks {
		l := w.since[t.PID]
		if l == nil || l.first.Comm != t.Comm || l.first.TGID != t.TGID {
			l = &life{first: t, now: t, still: at, place: at}
			w.since[t.PID] = l
		}
		l.add(at, t, enoughTicks(at-w.at))
		if wait := w.waitOf(&t); t.State != "R" && len(t.Stack) > 0 && wait.site+wait.call != l.call {
			l.call, l.called = wait.site+wait.call, at
		}
	}
	maps.DeleteFunc(w.since, func(_ int, l *life) bool { return !l.present })
	w.last, w.at = tasks, at
	w.looks++
}

// enoughTicks is how much processor time between two looks counts as computing. Two looks may follow each other sooner
// than usual.
func enoughTicks(apart time.Duration) uint64 {
	return max(1, uint64(busyTicks*min(max(apart, 0), Pause)/Pause))
}

func (l *life) add(at time.Duration, t Task, enough uint64) {
	sameStack := slices.Equal(t.Stack, l.now.Stack) && t.State != "R"
	if !sameStack {
		l.place = at
	}
	if !sameStack || t.Slept != l.now.Slept || t.Ticks != l.now.Ticks {
		l.still = at
	}
	l.busy = l.looks > 0 && t.Ticks-l.now.Ticks >= enough
	if len(t.Stack) > 0 {
		l.asleep = t
	}
	l.now, l.present = t, true
	l.looks++
}

// Kind says what a slow step does.
type Kind int

// What a step does. Only Hung is final.
const (
	Works  Kind = iota // it computes, or what it does is unknown
	Sleeps             // it waits for a time to pass
	Waits              // it waits for somebody who may still do something
	Hung               // it waits, and nobody will end that
)

// Judge says what the step does. armed reports that a timer or a work item of the modules is still to come.
func (w *Watch) Judge(armed bool) Kind {
	steps := w.steps()
	if len(steps) == 0 {
		return Works
	}
	w.armed, w.asked = armed, make(map[*life]bool)
	kind := Hung
	for _, l := range steps {
		kind = min(kind, w.kind(l))
	}
	return kind
}

// steps are the tasks that are the step: those of its own that load or unload or are in a module; else others that load
// or unload, as for a shell's command, or that wait in a module and cannot be interrupted.
func (w *Watch) steps() []*life {
	var own, others []*life
	for _, l := range w.since {
		if !l.present || l.now.Kernel || len(l.asleep.Stack) == 0 {
			continue
		}
		inModule := w.siteOf(&l.asleep) != ""
		switch load := loads(l.asleep); {
		case l.now.TGID == w.Step.PID && (load || inModule && l.now.State == "D"):
			own = append(own, l)
		case load || inModule && l.now.State == "D":
			others = append(others, l)
		}
	}
	if len(own) > 0 {
		return own
	}
	return others
}

func (w *Watch) siteOf(t *Task) string {
	i := slices.IndexFunc(t.Stack, func(frame string) bool { return inside(frame, w.Modules) })
	if i < 0 {
		return w.tailed(t).site
	}
	return t.Stack[i]
}

// inVain reports whether a task waits for a tasklet that is never run, because it is disabled: each time the softirqs
// leave it out, they wake who waits for it.
func (w *Watch) inVain(l *life) bool {
	name := placeOf(w.waitOf(&l.asleep).call).function
	return w.Quiet && strings.HasPrefix(name, "tasklet_") && l.looks >= leastLooks && w.at-l.called >= steady
}

// kind judges one task of the step.
func (w *Watch) kind(l *life) Kind {
	now, vain := &l.now, w.inVain(l)
	if vain {
		now = &l.asleep
	} else if l.busy || len(now.Stack) == 0 {
		return Works
	}
	wait := w.waitOf(now)
	name := placeOf(wait.call).function
	switch {
	case wait.ends && !w.fruitless(l):
		return Sleeps
	case !wait.known:
		return Waits
	case !vain && (w.at-l.place < steady || l.looks < leastLooks):
		return Waits
	case !vain && w.at-l.still < steady && wait.site == now.Stack[0]: // it is woken, and looks at a condition of its own
		return Waits
	case w.served(now, strings.HasPrefix(name, "tasklet_")):
		return Waits
	}
	switch {
	case strings.HasPrefix(name, "kthread_stop"):
		return w.stopping()
	case byProgram(name):
		return w.helping(l)
	case w.armed && byAnyone(name):
		return Waits
	}
	for _, other := range w.others(l) {
		if w.canHelp(other) {
			return Waits
		}
	}
	return Hung
}

// byAnyone reports whether a wait can be ended by a timer or a work item, and not only by a task that holds something.
func byAnyone(name string) bool {
	return strings.HasPrefix(name, "wait_for_completion") || strings.Contains(name, "schedule") ||
		strings.HasPrefix(name, "down") || strings.Contains(name, "wait_on_bit")
}

// byProgram reports whether a wait ends with a program that the kernel has started.
func byProgram(name string) bool {
	return name == "call_usermodehelper_exec" || name == "__request_module"
}

// served reports whether somebody outside the modules is at work, perhaps for them: a worker that carries out a work
// item of the kernel, as request_firmware_nowait() has one, or a task that computes, perhaps a function of the modules.
// A worker that waits for a modprobe is at work as long as that is.
//
// A tasklet that is never run, because it is disabled, keeps the softirqs busy: their thread, and those that they
// interrupt, such as the threads beside the one that waits.
func (w *Watch) served(step *Task, tasklet bool) bool {
	for _, l := range w.since {
		if !l.present || w.siteOf(&l.asleep) != "" || !l.now.Kernel && loads(l.asleep) {
			continue
		}
		works := l.now.Kernel && l.in("process_one_work") && !(l.in("call_usermodehelper_exec_work") && w.helping(l) == Hung)
		softirqs := l.now.Kernel && strings.HasPrefix(l.now.Comm, "ksoftirqd/") || l.now.TGID == step.TGID
		vain := tasklet && w.Quiet && softirqs
		if works || l.busy && !vain {
			return true
		}
	}
	return false
}

// in reports whether a task is in a function of the kernel.
func (l *life) in(function string) bool {
	return slices.ContainsFunc(l.now.Stack, func(frame string) bool { return placeOf(frame).function == function })
}

// fruitless reports whether a task sleeps in a loop of a module that never ends.
func (w *Watch) fruitless(l *life) bool {
	flow, ok := w.flow(&l.now)
	return ok && flow.Endless
}

// others are the tasks in the modules besides one, whatever they do.
func (w *Watch) others(but *life) []*life {
	var list []*life
	for _, l := range w.since {
		if l != but && l.present && w.siteOf(&l.asleep) != "" {
			list = append(list, l)
		}
	}
	return list
}

// stopping judges a task that waits for a kernel thread to end. Which one is not known: so one must be stuck or deaf,
// and each of the others too, unless it has looked and would have ended, or would have been woken and have looked.
func (w *Watch) stopping() Kind {
	stuck := 0
	for _, l := range w.since {
		if !l.present || !l.now.Kernel || w.siteOf(&l.asleep) == "" {
			continue
		}
		switch {
		case w.untold(l):
		case w.isStuck(l) || w.isDeaf(l):
			stuck++
		case !w.heeds(l):
			return Waits
		}
	}
	if stuck == 0 && !w.allEnded() {
		return Waits
	}
	return Hung
}

// allEnded reports whether each kernel thread that began since the first load has ended: a task that waits for one of
// them stops it a second time, and nobody tells of an end twice.
func (w *Watch) allEnded() bool {
	if w.Before == nil {
		return false
	}
	for _, l := range w.since {
		if l.present && l.now.Kernel && !w.Before[l.now.PID] && !strings.HasPrefix(l.now.Comm, "kworker/") {
			return false
		}
	}
	return true
}

// isStuck reports whether a task has not moved from a wait that only another task ends.
func (w *Watch) isStuck(l *life) bool {
	wait := w.waitOf(&l.now)
	name := placeOf(wait.call).function
	switch {
	case l.looks < leastLooks || w.at-l.still < steady || !wait.known || wait.ends || w.armed && byAnyone(name):
		return false
	case byProgram(name):
		return w.helping(l) == Hung
	}
	return true
}

// untold reports whether a thread waits in a loop of its own that looks each time it is woken, as kthread_stop() wakes
// it.
func (w *Watch) untold(l *life) bool {
	wait := w.waitOf(&l.now)
	if l.busy || wait.site == "" || wait.site != l.now.Stack[0] || !strings.HasPrefix(wait.call, "schedule") || wait.ends {
		return false
	}
	flow, ok := w.flow(&l.now)
	return ok && flow.Loops && alwaysLooks(flow)
}

// isDeaf reports whether a thread loops without a look at what would tell it to stop, and without an end of its own.
func (w *Watch) isDeaf(l *life) bool {
	if l.busy {
		return false
	}
	flow, ok := w.flow(&l.asleep)
	if !ok || !flow.Loops || looks(flow) {
		return false
	}
	return flow.Endless || !flow.Counts && l.now.Slept-l.first.Slept >= rounds
}

// deaf is isDeaf for a single look.
func (s *Study) deaf(t *Task) bool {
	flow, ok := s.flow(t)
	return ok && flow.Loops && !looks(flow) && (flow.Endless || !flow.Counts)
}

// heeds reports whether a thread has looked, again and again, whether it should stop: it is not the one that was told.
func (w *Watch) heeds(l *life) bool {
	flow, ok := w.flow(&l.asleep)
	return ok && flow.Loops && alwaysLooks(flow) && l.now.Slept-l.first.Slept >= readySteps
}

// alwaysLooks reports whether no way round a loop leaves the look out, as an inner loop does that first works off what
// is left.
func alwaysLooks(flow code.Flow) bool {
	return slices.ContainsFunc(flow.Always, func(name string) bool { return slices.Contains(looking, name) })
}

func looks(flow code.Flow) bool {
	return slices.ContainsFunc(flow.Calls, func(name string) bool { return slices.Contains(looking, name) })
}

// canHelp reports whether a task may still end another one's wait.
func (w *Watch) canHelp(l *life) bool {
	if w.isStuck(l) {
		return false
	}
	flow, ok := w.flow(&l.asleep)
	if l.busy || !ok || !flow.Loops {
		return true
	}
	if !flow.Counts && l.now.Slept-l.first.Slept >= rounds {
		return false // each round is like the last ones
	}
	return !flow.Endless || slices.ContainsFunc(flow.Calls, signal) || unknownCalls(flow)
}

// unknownCalls reports whether a loop calls something that is in none of the tables: it may end another task's wait.
func unknownCalls(flow code.Flow) bool {
	return slices.ContainsFunc(flow.Calls, func(name string) bool { return !code.Stateless(name) && !ending(name) })
}

// helping judges a task that waits for a program that the kernel started for it. It is hung if that is another modprobe
// that waits in turn: which one is not known, so each that there is must be hung.
func (w *Watch) helping(of *life) Kind {
	if w.asked[of] { // they wait for each other
		return Hung
	}
	w.asked[of] = true
	defer delete(w.asked, of)
	kind := Works
	for _, l := range w.since {
		started := !l.now.Kernel && l.now.TGID != of.now.TGID && w.other(&l.now)
		if l == of || !l.present || !started || !loads(l.asleep) {
			continue
		}
		if w.kind(l) != Hung {
			return Waits
		}
		kind = Hung
	}
	return max(kind, Waits)
}

// flow is the loop around the innermost place of a task in a module that has one.
func (s *Study) flow(t *Task) (code.Flow, bool) {
	for _, frame := range t.Stack {
		p := placeOf(frame)
		if !slices.Contains(s.Modules, p.module) {
			continue
		}
		c := s.code(p.module)
		if c == nil {
			return code.Flow{}, false
		}
		flow, ok := c.Flow(p.function, p.offset)
		if !ok || flow.Loops || flow.Endless {
			return flow, ok
		}
	}
	return code.Flow{}, false
}

// Last are the tasks as they were at the last look. One that is woken in vain may have been on a CPU just then, but it
// waits for a tasklet, and no signal ends that.
func (w *Watch) Last() []Task {
	settled := w.Settle(w.last)
	for i := range settled {
		if l := w.since[settled[i].PID]; l != nil && w.inVain(l) {
			settled[i].State, settled[i].Stack = "D", l.asleep.Stack
		}
	}
	return settled
}

// Settle gives tasks that run just now, between two naps, the place in which they mostly are.
func (w *Watch) Settle(tasks []Task) []Task {
	settled := slices.Clone(tasks)
	for i := range settled {
		t := &settled[i]
		l := w.since[t.PID]
		if l == nil || len(t.Stack) > 0 || t.State == "R" || len(l.asleep.Stack) == 0 || l.first.Comm != t.Comm {
			continue
		}
		t.State, t.Stack = l.asleep.State, l.asleep.Stack
	}
	return settled
}

// Text says what the step waits for, "" if it does not wait. where gives a place its source line.
func (w *Watch) Text(typed string, where func(site string, jump bool) string) string {
	steps := w.steps()
	if len(steps) == 0 {
		return ""
	}
	slices.SortFunc(steps, func(a, b *life) int { return a.now.PID - b.now.PID })
	l := steps[0]
	if l.runs() || len(l.now.Stack) == 0 {
		return ""
	}
	own := w.waitOf(&l.now)
	text := typed + " " + w.verb(l) + waitsWhere(own, where)
	others := w.others(l)
	slices.SortFunc(others, func(a, b *life) int { return a.now.PID - b.now.PID })
	n := 0
	for _, o := range others {
		if slices.Contains(steps, o) {
			continue
		}
		if n++; n > 3 {
			break
		}
		text += fmt.Sprintf("; %s[%d] %s", o.now.Comm, o.now.PID, w.verb(o))
		if !o.runs() {
			text += waitsWhere(w.waitOf(&o.asleep), where)
		}
	}
	return text
}

// runs reports whether a task computes, or would if it had a CPU.
func (l *life) runs() bool { return l.busy || l.now.State == "R" && len(l.now.Stack) > 0 }

func (w *Watch) verb(l *life) string {
	switch {
	case l.runs():
		return "runs"
	case w.waitOf(&l.asleep).ends:
		return "sleeps in "
	}
	return "waits in "
}

func waitsWhere(w wait, where func(string, bool) string) string {
	name := placeOf(w.call).function
	switch {
	case w.site == "":
		return name
	case name == "":
		return where(w.site, false)
	}
	return name + ", called by " + where(w.site, w.of != "")
}
