// SPDX-License-Identifier: MIT

package timeline

import (
	"fmt"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// blind holds the kinds of record that may be missing. Nothing is concluded from the absence of such a record; records
// of the kind that did arrive still count.
type blind map[event.Kind]string

// any reports whether one of the kinds may be missing.
func (b blind) any(kinds ...event.Kind) bool {
	for _, k := range kinds {
		if _, ok := b[k]; ok {
			return true
		}
	}
	return false
}

// why names the first of the kinds that may be missing, "" if none may.
func (b blind) why(kinds ...event.Kind) string {
	for _, k := range kinds {
		switch why, ok := b[k]; {
		case ok && why != "":
			return fmt.Sprintf("not known: nothing records %s (%s)", k, why)
		case ok:
			return fmt.Sprintf("not known: nothing records %s", k)
		}
	}
	return ""
}

// missing adds to a member's list of unknown facts.
type missing struct {
	blind blind
	list  []string
}

// at adds a fact if it is absent and its absence rests on one of the kinds.
func (m *missing) at(absent bool, fact string, kinds ...event.Kind) {
	if absent && m.blind.any(kinds...) {
		m.list = append(m.list, fact)
	}
}

func (b *builder) threadUnknown(t *Thread) []string {
	m := missing{blind: b.blind}
	m.at(t.Requested == 0, "requested", event.ThreadRequested)
	m.at(t.PickedUp == 0, "picked_up", event.ThreadPickedUp)
	m.at(t.FirstRun == 0, "first_run", event.ThreadFirstRun)
	m.at(t.Created == 0, "created", event.ThreadCreated)
	m.at(t.Created == 0, "flags", event.ThreadCreated)
	m.at(t.Woken == 0, "woken", event.ThreadWoken)
	m.at(t.Function == 0, "function", event.ThreadFunction)
	m.at(len(t.Stops) == 0, "stop_asked", event.ThreadStopAsked)
	m.at(t.StopSeen == 0, "stop_seen", event.ThreadStopSeen)
	m.at(t.Exited == 0, "exited", event.TaskExited)
	m.at(len(t.Stops) == 0 || t.Stops[0].Returned == 0, "stop_returned", event.ThreadStopReturned, event.ThreadStopAsked)
	m.at(t.Freed == 0, "freed", event.TaskFreed)
	m.at(true, "stops", event.ThreadStopAsked)
	m.at(!t.Bound, "cpu", event.ThreadBound)
	m.at(true, "parks", event.ThreadParkAsked, event.ThreadParked, event.ThreadParkReturned, event.ThreadUnparked)
	m.at(true, "works", event.WorkQueued, event.WorkStarted, event.WorkEnded)
	m.at(true, "wakeups", event.ProcessWoke)
	m.at(t.ModuleFreed == 0, "module_freed", event.ModuleFreed, event.TaskExited)
	m.at(!t.ended() && t.Task.PID != 0, "alive", event.TaskExited)
	m.at(t.Exited == 0 && !t.resultKnown(), "result", event.TaskExited)
	m.at(t.Requested == 0, "requester", event.ThreadRequested, event.ThreadPickedUp, event.ThreadCreated)
	return m.list
}

func (b *builder) requestUnknown(r *Request) []string {
	m := missing{blind: b.blind}
	m.at(r.Asked == 0, "asked", event.RequestAsked)
	m.at(r.Named == 0, "named", event.RequestNamed)
	m.at(r.Admitted == 0, "throttled", event.RequestAdmitted)
	m.at(r.Queued == 0, "queued", event.HelperQueued)
	m.at(r.Forked == 0, "forked", event.HelperQueued, event.HelperForked)
	m.at(r.Exec == 0, "exec", event.HelperQueued, event.HelperForked, event.TaskExeced)
	m.at(r.Loaded == 0, "loaded", event.HelperQueued, event.HelperForked, event.ModuleLoaded)
	m.at(r.Exited == 0, "exited", event.HelperQueued, event.HelperForked, event.TaskExited)
	m.at(r.Waited == 0, "waited", event.HelperQueued, event.HelperForked, event.HelperWaited)
	m.at(r.Returned == 0, "returned", event.RequestReturned)
	m.at(r.Helper == nil, "helper", event.HelperQueued)
	m.at(r.Helper != nil && r.Helper.Task.PID == 0, "pid", event.HelperForked)
	m.at(r.Helper != nil && !r.Helper.Ended, "exit", event.HelperForked, event.TaskExited, event.HelperWaited,
		event.TaskExeced)
	m.at(r.Duplicate == 0 && r.Helper == nil, "duplicate", event.RequestDuplicate)
	m.at(!r.waitKnown, "wait", event.RequestAsked, event.RequestAdmitted, event.HelperQueued)
	m.at(true, "modules", event.HelperQueued, event.HelperForked, event.ModuleLoaded)
	m.at(r.Asked == 0, "by", event.RequestAsked)
	return m.list
}

func (b *builder) loadUnknown(l *Load) []string {
	m := missing{blind: b.blind}
	m.at(l.Loaded == 0, "loaded_ns", event.ModuleLoaded)
	m.at(l.InitBegin == 0 || l.InitEnd == 0, "init_ms", event.ModuleInitBegin, event.ModuleInitEnd)
	m.at(l.InitEnd == 0, "init_ret", event.ModuleInitEnd)
	m.at(l.InitEnd == 0, "loaded", event.ModuleInitEnd)
	m.at(l.Freed == 0, "unloaded", event.ModuleFreed)
	m.at(l.Freed == 0, "freed_ns", event.ModuleFreed)
	m.at(true, "refs", event.ModuleGot, event.ModulePut)
	m.at(true, "refcount", event.ModuleGot, event.ModulePut)
	m.at(l.Freed == 0, "refcount", event.ModuleFreed)
	return m.list
}

func (b *builder) signalUnknown(s *Signal) []string {
	m := missing{blind: b.blind}
	m.at(!s.sent, "sent_ns", event.SignalSent)
	m.at(!s.sent, "from", event.SignalSent)
	if s.Outcome == Unknown {
		m.list = append(m.list, "outcome")
	}
	if s.Taken == 0 && (s.Outcome == Unknown || s.timeUnknown) {
		m.list = append(m.list, "consumed_ns")
	}
	return m.list
}
