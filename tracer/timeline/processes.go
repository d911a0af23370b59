// SPDX-License-Identifier: MIT

package timeline

import (
	"slices"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Process is the life of a followed process.
type Process struct {
	Task   event.Task // with its last name
	Parent uint32     // process id
	// Root is the process id of the first of its ancestors that is followed, its own if none of them is.
	Root    uint32
	Started uint64
	Ended   uint64 // its last thread
	// Status is the raw wait status; meaningful if Ended is not 0.
	Status int64
	Execs  []Exec
	// Faults are the signals that its own code caused and that it had no handler for. The first one ended it.
	Faults []Fault
}

// Exec is a program that a process executed.
type Exec struct {
	At   uint64
	Path string
}

// Fault is where a process was when it caused a signal that ended it.
type Fault struct {
	At     uint64
	By     event.Task // the thread
	Signo  int
	Code   int64  // si_code
	Addr   uint64 // si_addr: what a load or a store went to. Meaningful if Code > 0
	IP     uint64 // where it was
	Object string // the file that is mapped there, "" if none is
	Offset uint64 // in that file
}

// KilledBy names the signal that ended it, "" if none did.
func (p *Process) KilledBy() string {
	if sig := int(p.Status & 0x7f); p.Ended != 0 && sig != 0 {
		return SignalName(sig)
	}
	return ""
}

// ExitCode is its exit status, false if it has not ended or a signal ended it.
func (p *Process) ExitCode() (code int, ok bool) {
	return int(p.Status >> 8 & 0xff), p.Ended != 0 && p.Status&0x7f == 0
}

// covers reports whether a task was one of its threads at that moment.
func (p *Process) covers(at uint64) bool { return at >= p.Started && (p.Ended == 0 || at <= p.Ended) }

// processJoin holds the processes that live, by process id.
type processJoin struct {
	all    []*Process
	byTGID map[uint32]*Process
}

func (b *builder) addProcess(e *event.Event) {
	j := &b.processes
	p := j.byTGID[e.By.TGID]
	switch {
	case e.Kind == event.ProcessForked:
		child := &Process{Task: e.Target, Parent: e.By.TGID, Root: e.Target.TGID, Started: e.Time}
		if p != nil {
			child.Root = p.Root
		}
		j.all = append(j.all, child)
		j.byTGID[e.Target.TGID] = child
	case p == nil:
	case e.Kind == event.TaskExeced:
		p.Execs = append(p.Execs, Exec{e.Time, e.Text})
		p.Task = e.By
	case e.Kind == event.ProcessFaulted:
		p.Faults = append(p.Faults, faultOf(e))
	case e.Kind == event.TaskExited && e.Data == 1:
		p.Ended, p.Status = e.Time, e.Ret
		if e.By.PID == e.By.TGID {
			p.Task.Comm = e.By.Comm
		}
		delete(j.byTGID, e.By.TGID)
	}
}

func faultOf(e *event.Event) Fault {
	f := Fault{At: e.Time, By: e.By, Signo: int(e.Arg), Code: e.Ret, Addr: e.Ptr, IP: e.Func}
	if names := e.PathNames(); len(names) > 0 {
		f.Object, f.Offset = pathOf(names), e.Func-e.Data+e.Aux
	}
	return f
}

// follows reports whether a task was followed at that moment.
func (f *focus) follows(t event.Task, at uint64) bool {
	return slices.ContainsFunc(f.processes[t.TGID], func(p *Process) bool { return p.covers(at) })
}

// addProcesses notes the followed processes, by process id.
func (f *focus) addProcesses(all []*Process) {
	for _, p := range all {
		if list := f.processes[p.Task.TGID]; len(list) < maxLives {
			f.processes[p.Task.TGID] = append(list, p)
		}
	}
}
