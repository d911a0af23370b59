// SPDX-License-Identifier: MIT

package lanes

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// life is one thread while its story is told.
type life struct {
	*builder
	t       *result.Thread
	name    string // K1
	lane    int    // its own, or -1
	subject int
}

func (b *builder) thread(i int, t *result.Thread) {
	l := life{builder: b, t: t, name: Short(t.Name), lane: b.threads[i]}
	l.subject = b.subject("thread", fmt.Sprintf("%s[%d]", l.name, t.PID), t)
	if l.lane >= 0 {
		b.story.Lanes[l.lane].Subject = l.subject
	}
	l.birth()
	l.stops()
	l.end()
	l.parks()
	l.works()
	l.wakeups()
	l.stages()
}

// moment adds an event of this thread, and returns -1 if it was not seen.
func (l *life) moment(at *int64, lane int, moment, what, how string, tone Tone) int {
	if at == nil {
		return -1
	}
	return l.event(Event{At: *at, Lane: lane, Subject: l.subject, Moment: moment, What: what, How: how, Tone: tone,
		Background: l.t.Background})
}

// link draws an arrow between two moments that were both seen.
func (l *life) link(kind Link, name string, event, fromLane int, from *int64, toLane int, to *int64) {
	if from == nil || to == nil || event < 0 {
		return
	}
	l.arrow(Arrow{Link: kind, Name: name, From: End{Lane: fromLane, At: *from}, To: End{Lane: toLane, At: *to},
		Event: event})
}

// birth goes from the request to the thread's function.
func (l *life) birth() {
	t, s := l.t, &l.t.Stages
	asker, asked := -1, -1
	if s.Requested != nil {
		asker = l.who(&t.Requester, *s.Requested, t.Background)
		tone, how := Tone(""), inSite(t.Requester.Site)
		if t.PID == 0 {
			tone, how = Bad, join(", ", Short(t.Ended), how)
		}
		asked = l.moment(s.Requested, asker, "requested", "asks for kthread "+l.name, how, tone)
		l.segment(asker, Create, "create "+l.name, *s.Requested, l.createEnd(), asked)
	}
	maker, picked := -1, -1
	if s.PickedUp != nil {
		maker = l.kthreadd(*s.PickedUp, t.Background)
		picked = l.moment(s.PickedUp, maker, "picked_up", "takes the request for "+l.name, after(s.Requested, s.PickedUp), "")
		end := earliest(s.FirstRun, s.Created)
		if end == nil {
			end = s.PickedUp
		}
		l.segment(maker, Creating, l.name, *s.PickedUp, end, picked)
		l.link(LinkAsk, "", asked, asker, s.Requested, maker, s.PickedUp)
		l.link(LinkFork, "", picked, maker, s.PickedUp, l.lane, s.FirstRun)
	} else {
		l.link(LinkAsk, "", asked, asker, s.Requested, l.lane, s.FirstRun)
	}
	first := l.moment(s.FirstRun, l.lane, "first_run", "runs for the first time",
		join(", ", "in kthread()", after(s.PickedUp, s.FirstRun)), "")
	how, tone := after(s.Requested, s.Created), Tone("")
	if t.CreateRet != nil && *t.CreateRet != 0 {
		how, tone = fmt.Sprintf("returned %d", *t.CreateRet), Bad
	}
	l.moment(s.Created, asker, "created", "gets its kthread "+l.name, how, tone)
	l.link(LinkAnswer, "", first, l.lane, s.FirstRun, asker, s.Created)
	waker := -1
	if s.Woken != nil {
		waker = l.who(t.WokenBy, *s.Woken, t.Background)
	}
	woken := l.moment(s.Woken, waker, "woken", "wakes "+l.name, "", "")
	if waker >= 0 && woken >= 0 {
		l.story.Events[woken].Point = true
	}
	l.moment(s.Function, l.lane, "function", "calls "+Short(t.Function), after(s.Woken, s.Function), "")
	l.link(LinkWake, "", woken, waker, s.Woken, l.lane, earliest(s.Function))
}

// createEnd is when kthread_create returned, nil if it still waits.
func (l *life) createEnd() *int64 {
	if l.t.Stages.Created == nil && l.t.PID == 0 {
		return l.t.Stages.Requested // it failed, but nobody saw when
	}
	if l.t.Stages.Created == nil { // not recorded, or the creation of a worker
		return earliest(l.t.Stages.Woken, l.t.Stages.Requested)
	}
	return l.t.Stages.Created
}

func (l *life) stops() {
	t, s := l.t, &l.t.Stages
	for i := range t.StopCalls {
		stop := &t.StopCalls[i]
		by := l.who(&stop.By, stop.AskedNS, t.Background)
		name := "kthread_stop(" + l.name + ")"
		asked := l.moment(&stop.AskedNS, by, fmt.Sprintf("stop_calls[%d].asked_ns", i), name, inSite(stop.By.Site), "")
		how, tone := after(&stop.AskedNS, stop.ReturnedNS), Tone("")
		if stop.Ret != nil {
			how = join(", ", fmt.Sprintf("returned %d", *stop.Ret), how)
		}
		if stop.ReturnedNS == nil {
			l.story.Events[asked].How = join(", ", "did not return", inSite(stop.By.Site))
			l.story.Events[asked].Tone = Bad
			if slices.Contains(t.Unknown, "stop_returned") {
				l.story.Events[asked].How, l.story.Events[asked].Tone = "when kthread_stop returned is not known", Warn
			}
		} else if i > 0 {
			tone = Warn
		}
		l.segment(by, Stop, "stop "+l.name, stop.AskedNS, stop.ReturnedNS, asked)
		l.moment(stop.ReturnedNS, by, fmt.Sprintf("stop_calls[%d].returned_ns", i), name+" returns", how, tone)
		seen := s.StopSeen
		if seen == nil || *seen < stop.AskedNS {
			seen = s.Exited
		}
		if seen != nil && *seen >= stop.AskedNS {
			l.link(LinkStop, "", asked, by, &stop.AskedNS, l.lane, seen)
		}
		if s.Exited != nil && *s.Exited >= stop.AskedNS {
			l.link(LinkAnswer, "", asked, l.lane, s.Exited, by, stop.ReturnedNS)
		}
	}
}

// end goes from the stop request to the last reference.
func (l *life) end() {
	t, s := l.t, &l.t.Stages
	l.moment(s.StopSeen, l.lane, "stop_seen", "sees the stop request", after(s.StopAsked, s.StopSeen), "")
	tone := Tone("")
	if t.Result != 0 {
		tone = Warn
	}
	exited := l.moment(s.Exited, l.lane, "exited", Short(t.Ended), l.howEnded(), tone)
	l.moment(s.Freed, l.lane, "freed", "is freed", after(s.Exited, s.Freed), "")
	l.moment(s.ModuleFreed, l.lane, "module_freed", "is still alive when its function's module is freed", "", Bad)
	if exited >= 0 {
		l.story.Events[exited].Point = true
	}
}

func (l *life) howEnded() string {
	s := &l.t.Stages
	switch {
	case s.Exited == nil:
		return ""
	case s.StopAsked != nil && *s.StopAsked <= *s.Exited:
		return after(s.StopAsked, s.Exited)
	case l.t.Ending == string(timeline.EndByItself), l.t.Ending == string(timeline.EndTwice):
		return "by itself"
	}
	return ""
}

// stages are the segments in the thread's own lane. If a moment was not seen, the stage before it continues.
func (l *life) stages() {
	if l.lane < 0 {
		return
	}
	s := &l.t.Stages
	type mark struct {
		at    *int64
		stage Stage
		name  string
	}
	marks := []mark{
		{s.Requested, Requested, "requested"}, {s.PickedUp, Creating, "kthreadd creates it"},
		{s.FirstRun, Created, "asleep until woken"},
		{s.Woken, Woken, "woken"}, {s.Function, Function, Short(l.t.Function)}, {s.Exited, Ended, "ended, not freed"},
		{s.Freed, "", ""},
	}
	if s.StopAsked != nil && (s.Exited == nil || *s.StopAsked < *s.Exited) {
		marks = append(marks, mark{s.StopAsked, Stopping, "stopping"})
	}
	marks = slices.DeleteFunc(marks, func(m mark) bool { return m.at == nil })
	slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(*a.at, *b.at) })
	for i, m := range marks {
		event := l.eventOf(*m.at)
		if m.stage == "" || event < 0 {
			continue
		}
		switch {
		case i+1 < len(marks):
			l.segment(l.lane, m.stage, m.name, *m.at, marks[i+1].at, event)
		case m.stage != Ended:
			l.segment(l.lane, m.stage, m.name, *m.at, nil, event)
		}
	}
}

// eventOf is this thread's last event at a moment.
func (l *life) eventOf(at int64) int {
	events := l.story.Events
	for i := len(events) - 1; i >= 0 && events[i].Subject == l.subject; i-- {
		if events[i].At == at {
			return i
		}
	}
	return -1
}

func (l *life) parks() {
	t := l.t
	for i := range t.Parks {
		p := &t.Parks[i]
		path := fmt.Sprintf("parks[%d].", i)
		name := "kthread_park(" + l.name + ")"
		if p.AskedNS != nil {
			by := l.who(p.By, *p.AskedNS, t.Background)
			asked := l.moment(p.AskedNS, by, path+"asked_ns", name, taskSite(p.By), "")
			l.segment(by, Park, "park "+l.name, *p.AskedNS, p.ReturnedNS, asked)
			how := after(p.AskedNS, p.ReturnedNS)
			if p.Ret != nil {
				how = join(", ", fmt.Sprintf("returned %d", *p.Ret), how)
			}
			l.moment(p.ReturnedNS, by, path+"returned_ns", name+" returns", how, "")
			l.link(LinkPark, "", asked, by, p.AskedNS, l.lane, p.ParkedNS)
		}
		parked := l.moment(p.ParkedNS, l.lane, path+"parked_ns", "is parked", after(p.AskedNS, p.ParkedNS), "")
		if parked >= 0 {
			l.segment(l.lane, Parked, "parked", *p.ParkedNS, p.UnparkedNS, parked)
		}
		if p.UnparkedNS != nil {
			by := l.who(p.UnparkedBy, *p.UnparkedNS, t.Background)
			unparked := l.moment(p.UnparkedNS, by, path+"unparked_ns", "kthread_unpark("+l.name+")",
				join(", ", after(p.ParkedNS, p.UnparkedNS), taskSite(p.UnparkedBy)), "")
			l.story.Events[unparked].Point = true
			l.link(LinkWake, "", unparked, by, p.UnparkedNS, l.lane, p.UnparkedNS)
		}
	}
}

func (l *life) works() {
	for i := range l.t.Works {
		w := &l.t.Works[i]
		path, name := fmt.Sprintf("works[%d].", i), Short(w.Function)
		queued, by := -1, -1
		if w.QueuedNS != nil {
			by = l.who(w.By, *w.QueuedNS, l.t.Background)
			queued = l.moment(w.QueuedNS, by, path+"queued_ns", "queues work "+name+" to "+l.name, taskSite(w.By), "")
			l.story.Events[queued].Point = true
		}
		started := l.moment(w.StartedNS, l.lane, path+"started_ns", "starts work "+name, after(w.QueuedNS, w.StartedNS), "")
		if started >= 0 {
			l.segment(l.lane, Work, name, *w.StartedNS, w.EndedNS, started)
		}
		l.moment(w.EndedNS, l.lane, path+"ended_ns", "finishes work "+name, after(w.StartedNS, w.EndedNS), "")
		l.link(LinkWork, "", queued, by, w.QueuedNS, l.lane, w.StartedNS)
	}
}

// wakeups are those by programs; the thread goes on where it waited.
func (l *life) wakeups() {
	for i := range l.t.Wakeups {
		w := &l.t.Wakeups[i]
		by := l.who(&w.By, w.AtNS, l.t.Background)
		how := inSite(w.By.Site)
		if w.Omitted > 0 {
			how = join(", ", how, fmt.Sprintf("and %d more times", w.Omitted))
		}
		woken := l.moment(&w.AtNS, by, fmt.Sprintf("wakeups[%d].at_ns", i), "wakes "+l.name, how, "")
		l.story.Events[woken].Point = true
		l.link(LinkWake, "", woken, by, &w.AtNS, l.lane, &w.AtNS)
	}
}

func inSite(site string) string {
	if site == "" {
		return ""
	}
	return "in " + Short(site)
}

func taskSite(t *result.Task) string {
	if t == nil {
		return ""
	}
	return inSite(t.Site)
}

func after(from, to *int64) string {
	if took := gap(from, to); took != "" {
		return "after " + took
	}
	return ""
}
