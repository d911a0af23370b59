// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"slices"

	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// Follow keeps what a terminal shows of a run in progress: a lane for each task, in order of first appearance, with its
// stage and what happened to it last. It correlates only what a person must see at once, and bounds what it keeps;
// timeline.Build tells the rest. The zero Follow is ready to use.
type Follow struct {
	lanes  []*followLane
	tasks  map[uint64]*followLane // by task_struct, or by pid if a record has none
	asked  map[uint64]*followLane // future threads, by the kernel stack of their requester
	making map[uint64]*followLane // future threads, by kthread_create_info
	events int
	gone   int // lanes dropped to make room for others
	begun  uint64
	newest uint64
}

// followLane is one task, or a thread that has been requested.
type followLane struct {
	name  string
	stage string
	since uint64 // when the stage began
	ended bool
	// program is set for a process that is followed: a test, or one that it started.
	program bool
	addr    uint64 // its task_struct, if known
	last    uint64 // time of its newest event
	notes   []followNote
	keys    []followKey // the keys under which it is found
}

type followKey struct {
	in map[uint64]*followLane
	id uint64
}

// followNote is an event of a lane. A signal that was sent to the lane's task waits for its outcome.
type followNote struct {
	at    uint64
	text  string
	signo uint32 // 0 if no outcome is expected
}

const (
	maxFollowed = 256 // lanes
	maxNotes    = 8   // per lane: more do not fit on a line
	maxNote     = 512 // bytes
	followStack = ^uint64(16<<10 - 1)
	sigKill     = 9
)

// Stages of tasks that are not threads in creation.
const (
	stageRuns  = "running"
	stageEnded = "ended"
)

// Add adds an event and its words (timeline.Live). Events come in order of time.
func (f *Follow) Add(e *event.Event, line timeline.Line) {
	if f.begun == 0 {
		f.begun = e.Time
		f.tasks, f.asked, f.making = map[uint64]*followLane{}, map[uint64]*followLane{}, map[uint64]*followLane{}
	}
	f.events++
	f.newest = max(f.newest, e.Time)
	told := false
	switch {
	case e.Kind == event.TaskFreed: // By is whoever happened to run
		f.freed(e)
		return
	case e.Kind <= event.ThreadWoken:
		f.birth(e)
	case e.Kind >= event.SignalSent && e.Kind <= event.SignalDelivered:
		told = f.signal(e)
	default:
		f.stage(e)
	}
	switch {
	case told || e.Kind == event.ModuleGot || e.Kind == event.ModulePut:
	case e.Kind == event.TaskExited || e.Kind == event.SignalDelivered:
		// A program ends with all its threads, most of which did nothing that is traced.
		if l := f.known(e.By); l != nil {
			if line.What != "" {
				l.note(e.Time, line.What, 0)
			}
			if e.Kind == event.SignalDelivered && e.Arg == sigKill { // which a program's other threads get when it ends
				l.enter(stageEnded, e.Time)
			}
		}
	case line.What == "":
	default:
		f.lane(e.By, e.Time).note(e.Time, line.What, 0)
	}
}

// lane returns the lane of a task; a new task gets a new one.
func (f *Follow) lane(t event.Task, at uint64) *followLane {
	l := f.known(t)
	if l == nil {
		l = f.add(stageRuns, at)
	}
	f.is(l, t)
	l.last = max(l.last, at)
	return l
}

// known returns the lane of a task, nil if it has none. A record may lack the address, and pids are reused.
func (f *Follow) known(t event.Task) *followLane {
	if l := f.tasks[t.Addr]; l != nil && t.Addr != 0 {
		return l
	}
	l := f.tasks[uint64(t.PID)]
	if l == nil || t.Addr != 0 && l.addr != 0 && l.addr != t.Addr {
		return nil
	}
	return l
}

// is assigns a lane to a task. Until it is created, a thread bears kthreadd's name.
func (f *Follow) is(l *followLane, t event.Task) {
	if t.Addr != 0 {
		l.addr = t.Addr
		f.find(l, f.tasks, t.Addr)
	}
	f.find(l, f.tasks, uint64(t.PID))
	if t.Comm != "" && (t.Comm != "kthreadd" || t.PID == 2 || l.name == "") {
		l.name = t.String()
	}
}

func (f *Follow) add(stage string, at uint64) *followLane {
	if len(f.lanes) >= maxFollowed {
		f.dropOne()
	}
	l := &followLane{stage: stage, since: at, last: at}
	f.lanes = append(f.lanes, l)
	return l
}

// find makes a lane reachable by an id.
func (f *Follow) find(l *followLane, in map[uint64]*followLane, id uint64) {
	if in[id] == l {
		return
	}
	in[id] = l
	l.keys = append(l.keys, followKey{in, id})
}

// dropOne makes room: it drops the lane quiet for longest, an ended one if possible.
func (f *Follow) dropOne() {
	at := 0
	for i, l := range f.lanes {
		if quieter(l, f.lanes[at]) {
			at = i
		}
	}
	for _, k := range f.lanes[at].keys {
		if k.in[k.id] == f.lanes[at] {
			delete(k.in, k.id)
		}
	}
	f.lanes = slices.Delete(f.lanes, at, at+1)
	f.gone++
}

// quieter reports which of two lanes a reader would miss less.
func quieter(a, b *followLane) bool {
	if a.ended != b.ended {
		return a.ended
	}
	return a.last < b.last
}

func (l *followLane) enter(stage string, at uint64) {
	if !l.ended && l.stage != stage {
		l.stage, l.since = stage, at
	}
	l.last = max(l.last, at)
	l.ended = l.ended || stage == stageEnded
}

func (l *followLane) note(at uint64, text string, signo uint32) {
	l.notes = append(l.notes, followNote{at, text[:min(len(text), maxNote)], signo})
	if n := len(l.notes); n > maxNotes {
		l.notes = slices.Delete(l.notes, 0, n-maxNotes)
	}
	l.last = max(l.last, at)
}

// birth follows a kernel thread from its request to its first wake-up.
func (f *Follow) birth(e *event.Event) {
	switch e.Kind {
	case event.ThreadRequested:
		f.lane(e.By, e.Time).enter("waits for kthread", e.Time)
		l := f.add("asked", e.Time)
		l.name = e.Text + "[?]"
		f.find(l, f.asked, e.Ptr&followStack)
	case event.ThreadPickedUp:
		l := f.asked[e.Aux&followStack]
		if l == nil || e.Aux == 0 {
			l = f.add("asked", e.Time)
			l.name = "kthread[?]"
		}
		delete(f.asked, e.Aux&followStack)
		f.find(l, f.making, e.Ptr)
		l.enter("kthreadd", e.Time)
	case event.ThreadForked:
		if l := f.making[e.Ptr]; l != nil && e.Ret <= 0 {
			l.enter(stageEnded, e.Time)
			l.note(e.Time, "kthreadd could not fork it", 0)
		}
	case event.ThreadFirstRun:
		l := f.making[e.Ptr]
		delete(f.making, e.Ptr)
		if l == nil {
			l = f.lane(e.By, e.Time)
		}
		f.is(l, e.By)
		l.enter("first run", e.Time)
	case event.ThreadCreated:
		f.lane(e.By, e.Time).enter(stageRuns, e.Time)
		if e.Ret == 0 {
			f.lane(e.Target, e.Time).enter("made", e.Time)
		}
	case event.ThreadWoken:
		f.lane(e.Target, e.Time).enter("woken", e.Time)
	}
}

// stages are those that a task enters by its own actions.
var stages = map[event.Kind]string{
	event.ThreadFunction:     stageRuns,
	event.ThreadStopAsked:    "in kthread_stop",
	event.ThreadStopSeen:     "stopping",
	event.ThreadStopReturned: stageRuns,
	event.ThreadParkAsked:    "in kthread_park",
	event.ThreadParked:       "parked",
	event.ThreadParkReturned: stageRuns,
	event.WorkStarted:        "runs a work item",
	event.WorkEnded:          stageRuns,
	event.RequestAsked:       "in request_module",
	event.RequestReturned:    stageRuns,
	event.HelperForked:       "helper, forked",
	event.TaskExeced:         stageRuns,
	event.ModuleInitEnd:      stageRuns,
}

// others are those that a task enters through another task's action.
var others = map[event.Kind]string{
	event.ThreadStopAsked: "stopping",
	event.ThreadParkAsked: "parking",
	event.ThreadUnparked:  stageRuns,
}

func (f *Follow) stage(e *event.Event) {
	if stage, ok := stages[e.Kind]; ok {
		f.lane(e.By, e.Time).enter(stage, e.Time)
	}
	if stage, ok := others[e.Kind]; ok && e.Target.PID != 0 {
		f.lane(e.Target, e.Time).enter(stage, e.Time)
	}
	switch {
	case e.Kind == event.ModuleLoaded:
		f.lane(e.By, e.Time).enter("loads "+e.Text, e.Time)
	case e.Kind == event.ModuleInitBegin:
		f.lane(e.By, e.Time).enter("in init of "+e.Text, e.Time)
	case e.Kind >= event.ProcessForked && e.Kind <= event.WakesCounted:
		f.program(e)
	case e.Kind == event.TaskExited:
		if l := f.known(e.By); l != nil {
			l.enter(stageEnded, e.Time)
			if signo := int(e.Ret & 0x7f); l.program && e.Data == 1 && signo != 0 {
				l.stage = "killed by " + timeline.SignalName(signo)
			}
		}
	}
}

// program follows a test and the processes that it starts, from fork to exit and through their calls.
func (f *Follow) program(e *event.Event) {
	switch e.Kind {
	case event.ProcessForked:
		f.lane(e.By, e.Time)
		l := f.lane(e.Target, e.Time)
		l.program = true
		l.enter("forked", e.Time)
	case event.CallEntered:
		f.lane(e.By, e.Time).enter("in "+event.SyscallOf(e.Arg).Name, e.Time)
	case event.CallReturned:
		f.lane(e.By, e.Time).enter(stageRuns, e.Time)
	}
}

// freed forgets who had the address and the pid.
func (f *Follow) freed(e *event.Event) {
	l := f.known(e.Target)
	if l == nil {
		return
	}
	l.enter(stageEnded, e.Time)
	for _, id := range []uint64{l.addr, uint64(e.Target.PID)} {
		if f.tasks[id] == l {
			delete(f.tasks, id)
		}
	}
}

// signal notes at its target what was sent and what became of it. It reports whether that covers the event.
func (f *Follow) signal(e *event.Event) bool {
	switch e.Kind {
	case event.SignalSent:
		text := fmt.Sprintf("%s from %s", timeline.SignalName(int(e.Arg)), e.By)
		f.lane(e.Target, e.Time).note(e.Time, text, e.Arg)
	case event.SignalGenerated:
		f.outcome(e.Target, e.Time, e.Arg, generated[e.Ret])
	case event.SignalDequeued:
		return f.outcome(e.By, e.Time, e.Arg, "taken")
	case event.SignalFlushed:
		told := false
		for signo := range uint32(64) {
			if e.Data&(1<<signo) != 0 && f.outcome(e.Target, e.Time, signo+1, "flushed") {
				told = true
			}
		}
		return told
	}
	return false
}

var generated = map[int64]string{
	event.GenerateIgnored: "ignored", event.GenerateAlreadyPending: "already pending", event.GenerateOverflowFail: "lost",
}

// outcome resolves the lane's oldest waiting signal of that number.
func (f *Follow) outcome(of event.Task, at uint64, signo uint32, text string) bool {
	l := f.known(of)
	if l == nil || text == "" || signo == 0 {
		return false
	}
	for i := range l.notes {
		n := &l.notes[i]
		if n.signo != signo {
			continue
		}
		n.text += ": " + text
		if took := passed(n.at, at); took >= 50_000 { // else it was immediate
			n.text += " after " + moment(took)
		}
		n.signo = 0
		return true
	}
	return false
}
