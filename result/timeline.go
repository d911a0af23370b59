// SPDX-License-Identifier: MIT

package result

import (
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// FromTimeline turns what the trace saw into the result's lists, in the order
// of time. Modules are in load order; MergeModules adds what else is known of
// them.
func FromTimeline(tl *timeline.Timeline) ([]Thread, []Request, []Signal, []Module) {
	c := clock{tl.Start}
	threads := make([]Thread, 0, len(tl.Threads))
	for i := range tl.Threads {
		threads = append(threads, c.thread(&tl.Threads[i]))
	}
	requests := make([]Request, 0, len(tl.Requests))
	for i := range tl.Requests {
		requests = append(requests, c.request(&tl.Requests[i]))
	}
	signals := make([]Signal, 0, len(tl.Signals))
	for i := range tl.Signals {
		signals = append(signals, c.signal(&tl.Signals[i]))
	}
	modules := make([]Module, 0, len(tl.Loads))
	for i := range tl.Loads {
		modules = append(modules, c.module(&tl.Loads[i]))
	}
	return threads, requests, signals, modules
}

// MergeModules joins what the agent knows of its modules (names, dependencies,
// whether it loaded and unloaded them) with what the trace saw, by name and
// order: the second load of a module is its second entry in both. Where the
// trace saw a module the trace is right about times and init; modules that only
// the trace knows follow.
func MergeModules(known, traced []Module) []Module {
	byName := map[string][]int{}
	for i, m := range traced {
		byName[m.Name] = append(byName[m.Name], i)
	}
	used := make([]bool, len(traced))
	merged := make([]Module, 0, len(known)+len(traced))
	depends := map[string][]string{}
	for _, k := range known {
		depends[k.Name] = k.Depends
		if list := byName[k.Name]; len(list) > 0 {
			t := traced[list[0]]
			byName[k.Name], used[list[0]] = list[1:], true
			t.Depends = k.Depends
			t.Loaded, t.Unloaded = t.Loaded || k.Loaded, t.Unloaded || k.Unloaded
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

// clock turns the guest's moments into nanoseconds since start.
type clock struct{ start uint64 }

// ns is nil for a moment that was not seen.
func (c clock) ns(at uint64) *int64 {
	if at == 0 {
		return nil
	}
	ns := c.since(at)
	return &ns
}

// since cannot overflow into the other sign, whatever the guest claims.
func (c clock) since(at uint64) int64 {
	const most = 1<<63 - 1
	if at >= c.start {
		return int64(min(at-c.start, most))
	}
	return -int64(min(c.start-at, most))
}

// task names a process by its process id, as ps does, whichever of its threads
// acted.
func task(t event.Task, site event.Site) Task {
	named := Task{Comm: t.Comm, PID: int(t.PID)}
	if !t.Kthread && t.TGID != 0 {
		named.PID = int(t.TGID)
	}
	if site != (event.Site{}) {
		named.Site = site.String()
	}
	return named
}

// someTask is nil for the zero task, which is nobody.
func someTask(t event.Task, site event.Site) *Task {
	if t.PID == 0 && t.Comm == "" {
		return nil
	}
	named := task(t, site)
	return &named
}

func (c clock) thread(t *timeline.Thread) Thread {
	r := Thread{
		Name:      t.Task.Comm,
		PID:       int(t.Task.PID),
		Requester: task(t.Requester.Task, t.Requester.Site),
		Stages: ThreadStages{
			Requested: c.ns(t.Requested), PickedUp: c.ns(t.PickedUp), FirstRun: c.ns(t.FirstRun),
			Created: c.ns(t.Created), Woken: c.ns(t.Woken), Function: c.ns(t.Function),
			StopSeen: c.ns(t.StopSeen), Exited: c.ns(t.Exited), Freed: c.ns(t.Freed),
		},
		WokenBy:    someTask(t.WokenBy, event.Site{}),
		Stops:      len(t.Stops),
		Alive:      t.Alive(),
		Ended:      t.Ended,
		Inexact:    t.Inexact,
		Background: t.Background,
	}
	if r.Name == "" {
		r.Name = t.Format
	}
	if t.Func != (event.Site{}) {
		r.Function = t.Func.Function()
	}
	if t.Exited != 0 {
		r.Result = t.Result
	}
	if len(t.Stops) > 0 {
		stop := t.Stops[0]
		r.StoppedBy = someTask(stop.By.Task, stop.By.Site)
		r.Stages.StopAsked, r.Stages.StopReturned = c.ns(stop.Asked), c.ns(stop.Returned)
		if stop.Returned != 0 {
			r.StopRet = &stop.Result
		}
	}
	return r
}

func (c clock) request(q *timeline.Request) Request {
	r := Request{
		Name: q.Name, By: task(q.By.Task, q.By.Site), Wait: q.Wait, Meaning: q.Meaning(),
		Loaded: append([]string{}, q.Loads...),
		Stages: RequestStages{
			Asked: c.ns(q.Asked), Throttled: c.ns(q.Admitted), Queued: c.ns(q.Queued), Forked: c.ns(q.Forked),
			Exec: c.ns(q.Exec), Loaded: c.ns(q.Loaded), Exited: c.ns(q.Exited), Returned: c.ns(q.Returned),
		},
		Background: q.Background,
	}
	if q.Returned != 0 {
		ret := q.Ret
		r.Returned = &ret
	}
	if h := q.Helper; h != nil {
		r.Helper = &Helper{Path: h.Path, Argv: append([]string{}, h.Argv...), PID: int(h.Task.PID)}
		if h.Ended {
			exit := h.ExitCode()
			r.Helper.Exit = &exit
		}
	}
	return r
}

func (c clock) signal(s *timeline.Signal) Signal {
	r := Signal{
		Signo: s.Signo, From: task(s.From.Task, s.From.Site), To: task(s.To, event.Site{}),
		Outcome: Outcome(s.Outcome), Reason: s.Reason,
		SentNS: c.since(s.Sent), ConsumedNS: c.ns(s.Taken), Background: s.Background,
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
	return r
}

func (c clock) module(l *timeline.Load) Module {
	r := Module{
		Name: l.Name, Depends: nil, Loaded: l.InitEnd != 0 && l.InitRet >= 0, Unloaded: l.Freed != 0,
		By: someTask(l.By, event.Site{}), FreedBy: someTask(l.FreedBy, event.Site{}),
		LoadedNS: c.ns(l.Loaded), FreedNS: c.ns(l.Freed), Background: l.Background,
	}
	if l.InitEnd != 0 {
		r.InitRet = l.InitRet
		if begin := max(l.InitBegin, l.Loaded); begin != 0 && l.InitEnd >= begin {
			r.InitMS = float64(l.InitEnd-begin) / 1e6
		}
	}
	return r
}
