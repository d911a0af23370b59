// SPDX-License-Identifier: MIT

package timeline

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Ending is how a kernel thread's life ended, as far as the trace saw.
type Ending string

// The endings of a kernel thread.
const (
	EndAlive      Ending = "alive"
	EndOutlives   Ending = "outlives-module"  // alive although its function's module was freed
	EndStopped    Ending = "stopped"          // by kthread_stop
	EndTwice      Ending = "stopped-twice"    // kthread_stop was called again
	EndByItself   Ending = "by-itself"        // its function returned before any stop
	EndCrashed    Ending = "crashed"          // the kernel ended it after a fault; only a report of the kernel tells
	EndNeverRan   Ending = "never-ran"        // stopped before its function was called: -EINTR
	EndKilled     Ending = "requester-killed" // the requester was killed while it waited for the thread
	EndNotCreated Ending = "not-created"
	EndNotSeen    Ending = "not-seen" // requested, and nothing more was seen
	EndUnknown    Ending = "unknown"  // depends on something that the trace could not see
)

const eintr = -int64(unix.EINTR)

// Alive reports whether the thread was created and has not ended. It is false if that is not known.
func (t *Thread) Alive() bool {
	return t.Ending == EndAlive || t.Ending == EndOutlives || t.Ending == EndUnknown && t.surelyAlive
}

// ended reports whether the thread's end is known. kthread_stop returns once the thread has ended, so its return is as
// good as the thread's own exit.
func (t *Thread) ended() bool {
	return t.Exited != 0 || t.Freed != 0 || slices.ContainsFunc(t.Stops, func(s Stop) bool { return s.Returned != 0 })
}

// resultKnown reports whether an exit or the return of a stop brought the result.
func (t *Thread) resultKnown() bool {
	return t.Exited != 0 || slices.ContainsFunc(t.Stops, func(s Stop) bool { return s.Returned != 0 })
}

// seenBegin reports whether the thread's beginning was seen. Only then does a missing event mean that it did not
// happen.
func (t *Thread) seenBegin() bool {
	return firstOf(t.Requested, t.PickedUp, t.Forked, t.FirstRun, t.Created) != 0
}

// stopsBefore counts the stops that were requested while the thread lived.
func (t *Thread) stopsBefore() int {
	n := 0
	for _, s := range t.Stops {
		if t.Exited == 0 || s.Asked <= t.Exited {
			n++
		}
	}
	return n
}

// endThread decides the ending and its words. It goes by certainty: first what the requester was told, then what the
// thread itself reported, last what is merely absent.
func (b *builder) endThread(t *Thread) {
	if t.Exited == 0 {
		for _, s := range t.Stops {
			if s.Returned != 0 {
				t.Result = s.Result
			}
		}
	}
	switch {
	case t.CreateRet == eintr && t.Created != 0:
		t.end(EndKilled, "gave up: its requester was killed while it waited")
	case t.Task.PID == 0 && t.Created != 0 && t.CreateRet < 0:
		t.end(EndNotCreated, "not created: "+errnoWords(t.CreateRet))
	case t.failed:
		t.end(EndNotCreated, "not created: "+errnoWords(t.forkRet))
	case t.Task.PID == 0 && b.blind.any(event.ThreadPickedUp, event.ThreadForked, event.ThreadFirstRun,
		event.ThreadCreated):
		t.end(EndUnknown, "what became of it is "+b.blind.why(event.ThreadPickedUp, event.ThreadForked, event.ThreadFirstRun,
			event.ThreadCreated))
	case t.Task.PID == 0:
		t.end(EndNotSeen, "not seen to be created")
	case t.ended():
		b.endDead(t)
	case b.blind.any(event.TaskExited):
		t.end(EndUnknown, "whether it has ended is "+b.blind.why(event.TaskExited))
	case t.ModuleFreed != 0:
		t.end(EndOutlives, "still alive although its module was freed")
	case t.Func.Module != "" && b.blind.any(event.ModuleFreed):
		t.surelyAlive = true
		t.end(EndUnknown, "still alive; whether its module is still loaded is "+b.blind.why(event.ModuleFreed))
	default:
		t.end(EndAlive, "still alive")
	}
}

func (b *builder) endDead(t *Thread) {
	returned := "returned " + returnWords(t.Result)
	if !t.resultKnown() {
		returned = "ended (its result was not seen)"
	}
	stops := t.stopsBefore()
	switch {
	case t.resultKnown() && t.Function == 0 && t.Result == eintr && t.seenBegin():
		b.endUncalled(t, stops)
	case b.blind.any(event.ThreadStopAsked):
		t.end(EndUnknown, returned+"; whether it was stopped is "+b.blind.why(event.ThreadStopAsked))
	case stops == 0:
		t.end(EndByItself, returned+t.afterModule())
	case len(t.Stops) > 1:
		t.end(EndTwice, returned+t.afterModule())
	case t.Exited == 0 && !t.resultKnown() && b.blind.any(event.TaskExited):
		t.end(EndUnknown, returned)
	default:
		t.end(EndStopped, returned+t.afterModule())
	}
}

// endUncalled handles a thread that ended with -EINTR and was not seen to call its function: kthread() itself returns
// that if the thread was stopped first or its requester was killed.
func (b *builder) endUncalled(t *Thread, stops int) {
	rests := []event.Kind{event.ThreadFunction, event.ThreadStopAsked}
	if t.Requested == 0 || t.Created == 0 {
		rests = append(rests, event.ThreadRequested, event.ThreadPickedUp, event.ThreadCreated)
	}
	switch {
	case b.blind.any(rests...):
		t.end(EndUnknown, "returned "+returnWords(t.Result)+"; whether its function ran is "+b.blind.why(rests...))
	case stops > 0:
		t.end(EndNeverRan, "stopped before it ran (-EINTR)")
	default:
		t.end(EndByItself, "ended before its function was called (-EINTR)")
	}
}

func (t *Thread) end(e Ending, words string) { t.Ending, t.Ended = e, words }

// afterModule says how long the thread outlived its module's code.
func (t *Thread) afterModule() string {
	if t.ModuleFreed == 0 || t.Exited == 0 {
		return ""
	}
	return ", " + between(t.ModuleFreed, t.Exited) + " after its module was freed"
}

// findModuleEnds notes for each thread when its function's module was freed, if that happened during its life. It goes
// by name and time: a module of the same name that is loaded later is another module.
func (b *builder) findModuleEnds() {
	freed := map[string][]uint64{} // in order, like the events
	for _, l := range b.loads.all {
		if l.Freed != 0 {
			freed[l.Name] = append(freed[l.Name], l.Freed)
		}
	}
	for _, times := range freed {
		slices.Sort(times)
	}
	for _, t := range b.threads.all {
		times := freed[t.Func.Module]
		i, _ := slices.BinarySearch(times, t.began())
		if t.Func.Module == "" || i == len(times) || t.Task.PID == 0 {
			continue
		}
		unsure := t.Exited == 0 && b.blind.any(event.TaskExited) // it may have ended earlier
		if at := times[i]; !t.endedBy(at) && !unsure {
			t.ModuleFreed = at
		}
	}
}

// endedBy reports whether the thread's end was seen by a given moment. A stop that returned counts, although the task
// itself is freed a little later.
func (t *Thread) endedBy(at uint64) bool {
	if t.Exited != 0 && t.Exited <= at || t.Freed != 0 && t.Freed <= at {
		return true
	}
	return slices.ContainsFunc(t.Stops, func(s Stop) bool { return s.Returned != 0 && s.Returned <= at })
}
