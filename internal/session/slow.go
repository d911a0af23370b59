// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kmodlab/kmodlab/internal/code"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/hang"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/srcline"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// errStuck ends the wait for a command that makes no progress.
var errStuck = errors.New("the step makes no progress")

const (
	// lookLimit bounds single questions about what was seen; lastLook is how long a real machine may take to end a command
	// and say where each task is.
	lookLimit = 2500 * time.Millisecond
	lastLook  = 8 * time.Second

	samplePeriod = 250 * time.Millisecond
	sayAgain     = 2 * time.Second // between two sentences about the same step
)

// slow observes a step that takes long: what its tasks do, and where the CPUs are.
type slow struct {
	s       *session
	step    Step
	began   time.Time
	counted time.Time // from when its time counts: later than began if somebody has debugged it
	watch   hang.Watch
	sampler *sampler // nil if the CPUs cannot be sampled
	samples []hang.Sample
	lines   map[string]*srcline.Module
	codes   map[string]*code.Module
	said    string
	saidAt  time.Time
	spins   []hang.Spin       // CPUs that make no progress
	perTask uint64            // where each CPU has the address of its task
	found   []result.Stuck    // once the step was judged
	pid     atomic.Int64      // of the step's program
	first   atomic.Bool       // armed was read
	armed   map[string]uint64 // timers and work items that were to come at the first look
	looks   int               // that were answered
	read    int               // of these, when armed was read last
	idle    int               // looks until nothing was to come any more; 0 before
}

// observer is ready to observe a step.
func (s *session) observer(step Step) *slow {
	o := &slow{
		s: s, step: step, began: time.Now(), counted: time.Now(),
		lines: make(map[string]*srcline.Module), codes: make(map[string]*code.Module),
	}
	o.watch.Study = hang.Study{Modules: s.Studied(), Code: o.code, Step: commandOf(step), Before: s.threadsBefore()}
	if s.CPUs != nil {
		o.sampler = newSampler(s.CPUs, s.Studied(), s.Read, s)
	}
	return o
}

// threadsBefore are the PIDs of the kernel threads that were there before the first load, nil if nobody looked.
func (s *session) threadsBefore() map[int]bool {
	if len(s.Before.Threads) == 0 {
		return nil
	}
	pids := make(map[int]bool, len(s.Before.Threads))
	for _, t := range s.Before.Threads { // name[pid]
		pid, err := strconv.Atoi(strings.TrimSuffix(t[strings.LastIndexByte(t, '[')+1:], "]"))
		if err == nil {
			pids[pid] = true
		}
	}
	return pids
}

// observe begins to observe a step. cancel ends the wait for it; stop ends the observing.
func (s *session) observe(ctx context.Context, step Step, cancel context.CancelCauseFunc) (_ *slow, stop func()) {
	o := s.observer(step)
	ctx, end := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() { o.run(ctx, cancel) })
	return o, sync.OnceFunc(func() { end(); working.Wait() })
}

// commandOf is the module that a step loads or unloads, as far as its words say.
func commandOf(step Step) hang.Command {
	c := hang.Command{}
	if len(step.Argv) == 0 {
		return c
	}
	for _, word := range step.Argv[1:] {
		switch {
		case word == "-r" || word == "--remove":
			c.Unload = true
		case !strings.HasPrefix(word, "-") && !strings.Contains(word, "=") && c.Module == "":
			c.Module = kmod.CanonicalName(strings.TrimSuffix(word[strings.LastIndexByte(word, '/')+1:], ".ko"))
		}
	}
	c.Unload = c.Unload || step.Argv[0] == "rmmod"
	return c
}

// run looks at the tasks and samples the CPUs, until the step ends or is judged.
func (o *slow) run(ctx context.Context, cancel context.CancelCauseFunc) {
	if !o.s.Sleep(ctx, hang.FirstLook) {
		return
	}
	o.counted = time.Now().Add(-hang.FirstLook)
	o.watch.Step.PID = int(o.pid.Load())
	looking, giveUp := context.WithCancel(ctx)
	texts, wait := o.askTexts(looking)
	defer wait()
	defer giveUp()
	looked := make(chan look, 1)
	var asked time.Time // when the tasks were last asked for; zero: they have answered
	var next time.Time
	tick := time.NewTicker(samplePeriod)
	defer tick.Stop()
	for {
		if asked.IsZero() && (o.confirms() || !time.Now().Before(next)) {
			asked = time.Now()
			next = asked.Add(hang.Pause)
			go func() { looked <- o.look(looking) }()
		}
		select {
		case seen := <-looked:
			asked = time.Time{}
			o.add(seen)
		case at := <-texts:
			o.place(at)
		case <-tick.C:
			o.sample(ctx)
		case <-ctx.Done():
			if !asked.IsZero() {
				<-looked
			}
			return
		}
		waited, patience := time.Since(o.counted), o.s.patience()
		if waited >= patience-preparation && o.judge(ctx, waited >= patience) {
			if giveUp(); !asked.IsZero() {
				<-looked
			}
			o.end(ctx, cancel)
			return
		}
	}
}

// started takes the pid of the step's program from its progress, and reports whether that is what a message is about.
func (o *slow) started(m *wire.Message) bool {
	if m.Op != wire.OpStarted {
		return false
	}
	var news wire.Started
	if json.Unmarshal(m.Body, &news) == nil {
		o.pid.Store(int64(news.PID))
	}
	return true
}

// look is an answer of the guest.
type look struct {
	ok    bool
	tasks wire.TasksResult
	armed map[string]uint64
}

// patience is how long a step that only waits may take.
func (s *session) patience() time.Duration { return max(hang.Patience, s.options.Patience) }

// look asks the guest what its tasks do. However long it takes, another one would only take longer.
func (o *slow) look(ctx context.Context) look {
	var seen look
	seen.ok = o.s.Call(ctx, wire.OpTasks, nil, &seen.tasks) == nil // else the CPUs may tell
	if seen.ok && o.armable() && !o.first.Load() {
		seen.armed = o.readArmed(ctx)
		o.first.Store(seen.armed != nil)
	}
	return seen
}

// askTexts reads where the code is beside the tasks, which may take long to read if a loop holds a CPU.
func (o *slow) askTexts(ctx context.Context) (_ <-chan []event.Event, wait func()) {
	texts := make(chan []event.Event, 1)
	var reading sync.WaitGroup
	if o.sampler != nil {
		reading.Go(func() { texts <- o.readTexts(ctx) })
	}
	return texts, reading.Wait
}

// readTexts asks where the code of the modules is: one that is very small is not recognized by its code.
func (o *slow) readTexts(ctx context.Context) []event.Event {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var texts []event.Event
	for _, name := range o.s.Studied() {
		at := event.Event{Text: name}
		at.Func, at.Data = o.s.sectionAt(ctx, name, ".text"), o.s.sectionAt(ctx, name, ".init.text")
		if at.Func%codePage == 0 && at.Data%codePage == 0 { // as the kernel lays them out: first in their memory
			texts = append(texts, at)
		}
	}
	return texts
}

// place takes over where the code of the modules is.
func (o *slow) place(texts []event.Event) {
	for i := range texts {
		o.sampler.places.Place(&texts[i], symbols.OfModule(o.s.Read.Get(texts[i].Text).Data))
	}
}

func (o *slow) add(seen look) {
	if !seen.ok {
		return
	}
	o.looks++
	o.watch.Step.PID = int(o.pid.Load())
	o.watch.Add(time.Since(o.counted), tasksOf(seen.tasks.Tasks))
	if seen.armed != nil {
		o.armed = seen.armed
	}
	o.say()
}

func tasksOf(list []wire.TaskState) []hang.Task {
	tasks := make([]hang.Task, 0, len(list))
	for _, t := range list {
		tasks = append(tasks, hang.Task(t))
	}
	return tasks
}

// say tells the person what the step waits for.
func (o *slow) say() {
	text := o.watch.Text(strings.Join(o.step.Argv, " "), o.where)
	if text == "" || text == o.said || time.Since(o.saidAt) < sayAgain {
		return
	}
	o.said, o.saidAt = text, time.Now()
	o.s.journal.Progress(notify.Progress{Phase: phaseOf[o.step.Role], Detail: text})
}

// sample samples the CPUs once.
func (o *slow) sample(ctx context.Context) {
	if o.sampler == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	before := len(o.sampler.samples)
	if _, err := o.sampler.once(ctx); err != nil {
		return
	}
	for n, seen := range o.sampler.samples[before:] {
		at := o.placed(seen, o.sampler.states[before+n])
		if at.Place != "" || len(at.Called) > 0 {
			at.Task = o.current(ctx, seen.CPU)
		}
		o.samples = append(o.samples, at)
	}
	o.forget()
}

// forget bounds what is kept of a step that takes hours.
func (o *slow) forget() {
	const most = 1000
	if n := len(o.samples) - most; n > 0 {
		o.samples, o.sampler.samples = slices.Delete(o.samples, 0, n), slices.Delete(o.sampler.samples, 0, n)
		o.sampler.states = slices.Delete(o.sampler.states, 0, n)
	}
}

// placed names the places of a sample.
func (o *slow) placed(seen evidence.Sample, state string) hang.Sample {
	at := hang.Sample{CPU: seen.CPU, At: time.Since(o.counted), State: state}
	if o.sampler.ours(seen.At) {
		at.Place = o.sampler.instruction(seen.At)
	}
	for _, addr := range seen.Called {
		if !o.sampler.ours(addr) {
			continue
		}
		if site := o.sampler.places.Site(addr, 0); site.Symbol != "" {
			at.Called = append(at.Called, site.String())
		}
	}
	at.Timer = seen.Timer
	for _, addr := range seen.Timers {
		at.Timers = append(at.Timers, o.sampler.instruction(addr))
	}
	return at
}

// preparation is how long before a step may be judged it is found out what may still end its wait. That takes some
// looks, and begins anew if something moves meanwhile.
const preparation = 2 * time.Second

// judge reports whether the step will never end, if it is due.
func (o *slow) judge(ctx context.Context, due bool) bool {
	if due {
		o.spins = o.watch.Unhelped(o.watch.Spins(o.samples), time.Since(o.counted))
	}
	if len(o.spins) > 0 {
		return true
	}
	o.watch.Quiet = o.quiet()
	if o.watch.Judge(false) != hang.Hung {
		o.idle = 0 // something has moved: it may have set a timer
		return false
	}
	if o.idle == 0 {
		if o.read == o.looks { // nothing is new
			return false
		}
		o.read = o.looks
		if o.watch.Judge(o.stillArmed(ctx)) == hang.Hung {
			o.idle = max(o.looks, 1)
		}
		return false
	}
	// What was to come may have come just now, and ended the wait. The look after next began later than that.
	return due && o.looks >= o.idle+2
}

// confirms reports whether nothing but further looks is missing until the step is judged. Then no look waits for its
// time: reading all tasks takes the guest a second under emulation, and somebody waits for the verdict.
func (o *slow) confirms() bool { return o.idle > 0 && time.Since(o.began) >= o.s.patience() }

// quiet reports whether the CPUs were sampled for some time, and none was at work in the modules.
func (o *slow) quiet() bool {
	last := o.samples[max(0, len(o.samples)-quietSamples):]
	return len(last) == quietSamples && !slices.ContainsFunc(last, o.watch.AtWork)
}

// quietSamples are those of two CPUs in five seconds.
const quietSamples = 40

// stillArmed reports whether a timer or a work item of the modules is still to come: it may end the wait. If that
// cannot be read, one may be.
func (o *slow) stillArmed(ctx context.Context) bool {
	if !o.armable() {
		return slices.ContainsFunc(o.s.Studied(), o.arms)
	}
	if o.s.Watched.Late && time.Since(o.counted) < setAgain {
		return true // an interrupt, a notifier or the like may call the modules
	}
	now := o.readArmed(ctx)
	return now == nil || o.armed == nil || toCome(o.armed, now, time.Since(o.counted))
}

// arms reports whether a module may arm timers or queue work items.
func (o *slow) arms(module string) bool {
	c := o.code(module)
	return c == nil || c.Refers(hang.Arms)
}

// setAgain is how long a step may wait for what is set anew all the time, as by somebody who tries again and gives up
// some day, and for what the trace does not tell.
const setAgain = time.Minute

// toCome reports whether something that is armed may still end a wait: for ever if it has been since an early look,
// and for setAgain if it was set later.
func toCome(early, now map[string]uint64, waited time.Duration) bool {
	if waited < setAgain {
		return len(now) > 0
	}
	for key, since := range now {
		if was, ok := early[key]; ok && was == since {
			return true
		}
	}
	return false
}

// armable reports whether the kernel traces the timers and work items of the modules.
func (o *slow) armable() bool { return o.s.Watched != nil && o.s.Watched.TellsArmed() }

// readLimit bounds the reading of the kernel's trace.
const readLimit = 10 * time.Second

// readArmed reads the timers and work items that are still to come; nil if that is unknown.
func (o *slow) readArmed(ctx context.Context) map[string]uint64 {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	trace, cut, err := o.s.readTrace(ctx)
	if err != nil || cut {
		return nil
	}
	ledger := leaks.Read(o.s.Watched, trace)
	if ledger.Overrun {
		return nil
	}
	return ledger.Armed(o.s.Studied())
}

// end ends the wait for the step. A VM is not needed any more; on a real machine the agent ends the command first.
func (o *slow) end(ctx context.Context, cancel context.CancelCauseFunc) {
	if o.s.Here {
		call, done := context.WithTimeout(ctx, lastLook)
		defer done()
		o.s.Call(call, wire.OpExpire, wire.ExpireArgs{}, nil)
		<-call.Done() // the command ends, or does not
	}
	if ctx.Err() != nil {
		return
	}
	o.found = o.stuck(ctx)
	cancel(errStuck)
}

// stuck are the tasks that make no progress, with what only the machine's memory tells.
func (o *slow) stuck(ctx context.Context) []result.Stuck {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	if len(o.spins) > 0 {
		return o.spinning(ctx)
	}
	stuck := o.watch.Find(o.watch.Last(), nil)
	for i := range stuck {
		stuck[i].Holder = o.holder(ctx, &stuck[i])
	}
	return stuck
}

func (o *slow) code(module string) *code.Module {
	c, ok := o.codes[module]
	if !ok {
		c, _ = code.Open(o.s.Read.Get(module).Data) // nil if it cannot be read
		o.codes[module] = c
	}
	return c
}

// where is a place with its source line, if that is known.
func (o *slow) where(site string, jump bool) string {
	function, offset, module := hang.Place(site)
	if _, ok := o.lines[module]; !ok {
		o.lines[module], _ = srcline.Open(o.s.Read.Get(module).Data) // nil without debug information
	}
	if m := o.lines[module]; m != nil {
		if at, err := m.Find(function, offset, 0, jump); err == nil && len(at) > 0 && at[len(at)-1].Line > 0 {
			at := at[len(at)-1]
			return function + " (" + srcline.Name(at.File) + ":" + strconv.Itoa(at.Line) + ")"
		}
	}
	return function
}
