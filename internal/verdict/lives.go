// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"slices"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// FromTimeline turns the timeline into the result's lists, in the order of time.
// Modules are in load order; MergeModules adds what else is known of them. Background
// modules that were loaded before and after, and have nothing but references in the
// trace, are left out.
func FromTimeline(tl *timeline.Timeline) ([]result.Thread, []result.Request, []result.Signal, []result.Module) {
	c := clock{tl.Start}
	threads := make([]result.Thread, 0, len(tl.Threads))
	for i := range tl.Threads {
		threads = append(threads, c.thread(&tl.Threads[i]))
	}
	requests := make([]result.Request, 0, len(tl.Requests))
	for i := range tl.Requests {
		requests = append(requests, c.request(&tl.Requests[i]))
	}
	signals := make([]result.Signal, 0, len(tl.Signals))
	for i := range tl.Signals {
		signals = append(signals, c.signal(&tl.Signals[i]))
	}
	modules := make([]result.Module, 0, len(tl.Loads))
	for i := range tl.Loads {
		if l := &tl.Loads[i]; !l.Background || !l.OnlyRefs() {
			modules = append(modules, c.module(l))
		}
	}
	return threads, requests, signals, modules
}

// MergeModules joins what the agent knows of its modules (names, dependencies,
// whether it loaded and unloaded them) with what the trace saw, by name and order:
// the second load of a module is its second entry in both. Times and the result of
// init are the trace's, where it has them. Modules that only the trace knows follow.
func MergeModules(known, traced []result.Module) []result.Module {
	byName := map[string][]int{}
	for i, m := range traced {
		byName[m.Name] = append(byName[m.Name], i)
	}
	used := make([]bool, len(traced))
	merged := make([]result.Module, 0, len(known)+len(traced))
	depends := map[string][]string{}
	for _, k := range known {
		depends[k.Name] = k.Depends
		if list := byName[k.Name]; len(list) > 0 {
			t := traced[list[0]]
			byName[k.Name], used[list[0]] = list[1:], true
			t.Depends = k.Depends
			t.Loaded, t.Unloaded = t.Loaded || k.Loaded, t.Unloaded || k.Unloaded
			t.Unknown = slices.DeleteFunc(slices.Clone(t.Unknown), func(fact string) bool {
				return fact == "loaded" && k.Loaded || fact == "unloaded" && k.Unloaded
			})
			if t.InitMS == 0 && t.InitRet == 0 { // the end of its init was lost
				t.InitMS, t.InitRet = k.InitMS, k.InitRet
			}
			k = t
		}
		merged = append(merged, k)
	}
	for i, t := range traced {
		if !used[i] {
			if t.Depends == nil {
				t.Depends = depends[t.Name]
			}
			merged = append(merged, t)
		}
	}
	return merged
}

// clock converts the guest's times to nanoseconds since start.
type clock struct{ start uint64 }

// ns is nil for a time that was not recorded.
func (c clock) ns(at uint64) *int64 {
	if at == 0 {
		return nil
	}
	ns := c.since(at)
	return &ns
}

// since never overflows, whatever times the guest claims.
func (c clock) since(at uint64) int64 {
	const most = 1<<63 - 1
	if at >= c.start {
		return int64(min(at-c.start, most))
	}
	return -int64(min(c.start-at, most))
}

// task names a process by its process ID, as ps does, no matter which of its threads
// acted.
func task(t event.Task, site event.Site) result.Task {
	named := result.Task{Comm: t.Comm, PID: int(t.PID)}
	if !t.Kthread && t.TGID != 0 {
		named.PID = int(t.TGID)
	}
	if site != (event.Site{}) {
		named.Site = site.String()
	}
	return named
}

// someTask is nil for the zero task.
func someTask(t event.Task, site event.Site) *result.Task {
	if t.PID == 0 && t.Comm == "" {
		return nil
	}
	named := task(t, site)
	return &named
}

// sites prints a stack.
func sites(stack []event.Site) []string {
	var list []string
	for _, s := range stack {
		list = append(list, s.String())
	}
	return list
}

func (c clock) thread(t *timeline.Thread) result.Thread {
	r := result.Thread{
		Name:      t.Task.Comm,
		PID:       int(t.Task.PID),
		Requester: task(t.Requester.Task, t.Requester.Site),
		Stages: result.ThreadStages{
			Requested: c.ns(t.Requested), PickedUp: c.ns(t.PickedUp), FirstRun: c.ns(t.FirstRun),
			Created: c.ns(t.Created), Woken: c.ns(t.Woken), Function: c.ns(t.Function),
			StopSeen: c.ns(t.StopSeen), Exited: c.ns(t.Exited), Freed: c.ns(t.Freed), ModuleFreed: c.ns(t.ModuleFreed),
		},
		WokenBy:    someTask(t.WokenBy, event.Site{}),
		Stops:      len(t.Stops),
		Alive:      t.Alive(),
		Ended:      t.Ended,
		Ending:     string(t.Ending),
		Result:     t.Result,
		Inexact:    t.Inexact,
		Background: t.Background,
		Stack:      sites(t.Requester.Stack),
		Unknown:    t.Unknown,
	}
	if r.Name == "" || r.Name == "kthreadd" && t.Format != "" { // it has no name yet
		r.Name = t.Format
	}
	if t.Func != (event.Site{}) {
		r.Function = t.Func.Function()
	}
	if t.Created != 0 {
		r.CreateRet = &t.CreateRet
		r.Flags = timeline.FlagNames(t.Flags)
	}
	if t.Requested != 0 && t.Node >= 0 {
		r.Node = number(int(t.Node))
	}
	if t.Bound {
		r.CPU = number(int(t.CPU))
	}
	for i := range t.Stops {
		r.StopCalls = append(r.StopCalls, c.stop(&t.Stops[i]))
	}
	if len(t.Stops) > 0 {
		r.StoppedBy = someTask(t.Stops[0].By.Task, t.Stops[0].By.Site)
		first := r.StopCalls[0]
		r.Stages.StopAsked, r.Stages.StopReturned, r.StopRet = &first.AskedNS, first.ReturnedNS, first.Ret
	}
	for i := range t.Parks {
		r.Parks = append(r.Parks, c.park(&t.Parks[i]))
	}
	for i := range t.Works {
		r.Works = append(r.Works, c.work(&t.Works[i]))
	}
	for i := range t.Wakeups {
		w := &t.Wakeups[i]
		r.Wakeups = append(r.Wakeups, result.Wakeup{
			By: task(w.By.Task, w.By.Site), AtNS: c.since(w.At), Omitted: w.Omitted,
		})
	}
	return r
}

func number(n int) *int { return &n }

func (c clock) stop(s *timeline.Stop) result.Stop {
	r := result.Stop{
		By: task(s.By.Task, s.By.Site), Stack: sites(s.By.Stack),
		AskedNS: c.since(s.Asked), ReturnedNS: c.ns(s.Returned),
	}
	if s.Returned != 0 {
		r.Ret = &s.Result
	}
	return r
}

func (c clock) park(p *timeline.Park) result.Park {
	r := result.Park{
		By: someTask(p.By.Task, p.By.Site), AskedNS: c.ns(p.Asked), ParkedNS: c.ns(p.Parked), ReturnedNS: c.ns(p.Returned),
		UnparkedBy: someTask(p.UnparkedBy.Task, p.UnparkedBy.Site), UnparkedNS: c.ns(p.Unparked),
	}
	if p.Returned != 0 {
		r.Ret = &p.Ret
	}
	return r
}

func (c clock) work(w *timeline.Work) result.Work {
	return result.Work{
		Function: w.Func.Function(), By: someTask(w.By.Task, w.By.Site),
		QueuedNS: c.ns(w.Queued), StartedNS: c.ns(w.Started), EndedNS: c.ns(w.Ended),
	}
}

func (c clock) request(q *timeline.Request) result.Request {
	r := result.Request{
		Name: q.Name, By: task(q.By.Task, q.By.Site), Wait: q.Wait, Meaning: q.Meaning(),
		Loaded: append([]string{}, q.Loads...),
		Stages: result.RequestStages{
			Asked: c.ns(q.Asked), Named: c.ns(q.Named), Throttled: c.ns(q.Admitted), Queued: c.ns(q.Queued),
			Forked: c.ns(q.Forked), Exec: c.ns(q.Exec), Loaded: c.ns(q.Loaded), Exited: c.ns(q.Exited),
			Waited: c.ns(q.Waited), Duplicate: c.ns(q.Duplicate), Returned: c.ns(q.Returned),
		},
		Background: q.Background, Duplicate: q.Duplicate != 0, Stack: sites(q.By.Stack), Unknown: q.Unknown,
	}
	if q.Returned != 0 {
		ret := q.Ret
		r.Returned = &ret
	}
	if throttled, ok := q.Throttled(); ok {
		r.ThrottledNS = span(throttled)
	}
	for _, m := range q.Modules {
		loaded := result.LoadedModule{Name: m.Name}
		if m.InitEnd != 0 {
			loaded.InitRet = &m.InitRet
		}
		if m.InitBegin != 0 && m.InitEnd >= m.InitBegin {
			loaded.InitNS = span(m.InitEnd - m.InitBegin)
		}
		r.Modules = append(r.Modules, loaded)
	}
	if q.Helper != nil {
		r.Helper = helper(q.Helper)
	}
	return r
}

// span returns a duration; the guest may claim more than fits into an int64.
func span(ns uint64) *int64 {
	n := int64(min(ns, 1<<63-1))
	return &n
}

func helper(h *timeline.Helper) *result.Helper {
	r := &result.Helper{
		Path: h.Path, Argv: append([]string{}, h.Argv...), PID: int(h.Task.PID), Env: h.Env,
		KilledBy: h.KilledBy(), NotExecuted: h.NotExecuted,
	}
	if h.Ended && !h.NotExecuted {
		exit := h.ExitCode()
		r.Exit = &exit
	}
	return r
}

func (c clock) signal(s *timeline.Signal) result.Signal {
	r := result.Signal{
		Signo: s.Signo, From: task(s.From.Task, s.From.Site), To: task(s.To, event.Site{}),
		Outcome: result.Outcome(s.Outcome), Reason: s.Reason, Group: s.Group,
		SentNS: c.since(s.Sent), ConsumedNS: c.ns(s.Taken), Background: s.Background,
		Sender: string(s.Sender), Syscall: s.Call, Unknown: s.Unknown,
	}
	if !s.Group {
		r.To.PID = int(s.To.PID) // this very thread
	}
	if s.Signo != 0 {
		r.Name = timeline.SignalName(s.Signo)
	}
	if s.Site != (event.Site{}) {
		r.Site = s.Site.String()
	}
	if i := s.Info; i != nil {
		r.Siginfo = &result.Siginfo{Code: i.Code, Name: i.Name, PID: int(i.PID), UID: int(i.UID)}
		r.TargetState = stateName(s.State)
	}
	return r
}

// stateName names the state of a task.
func stateName(state uint64) string {
	switch {
	case state == 0:
		return "running"
	case state&event.StateInterruptible != 0:
		return "interruptible wait"
	case state&event.StateUninterruptible != 0 && state&event.StateWakeKill != 0:
		return "killable wait"
	case state&event.StateUninterruptible != 0:
		return "uninterruptible wait"
	}
	return fmt.Sprintf("state 0x%x", state)
}

func (c clock) module(l *timeline.Load) result.Module {
	r := result.Module{
		Name: l.Name, Depends: nil, Loaded: l.InitEnd != 0 && l.InitRet >= 0, Unloaded: l.Freed != 0,
		By: someTask(l.By, event.Site{}), FreedBy: someTask(l.FreedBy, event.Site{}),
		LoadedNS: c.ns(l.Loaded), FreedNS: c.ns(l.Freed), Background: l.Background, RefsBefore: l.RefsBefore,
		Unknown: l.Unknown,
	}
	for _, ref := range l.Refs {
		r.Refs = append(r.Refs, result.Ref{
			AtNS: c.since(ref.At), Put: ref.Put, Count: int(ref.Count), By: task(ref.By, ref.Site),
		})
	}
	if n := len(r.Refs); n > 0 && l.Freed == 0 {
		r.Refcount = number(r.Refs[n-1].Count)
	}
	if l.InitEnd != 0 {
		r.InitRet = l.InitRet
		if l.InitBegin != 0 && l.InitEnd >= l.InitBegin {
			r.InitMS = float64(l.InitEnd-l.InitBegin) / 1e6
		}
	}
	return r
}
