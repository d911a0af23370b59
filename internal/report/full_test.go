// SPDX-License-Identifier: MIT

package report

import (
	"github.com/kmodlab/kmodlab/tracer/event"
)

// Code of the full demo that the demo does not have.
const (
	workFunc   = incFunc + 0x120
	workerMain = 0xffffffff810a2000
)

// fullEvents is the demo plus everything that it lacks: a kthread_worker, a parked thread, references, a thread that
// ends by itself and one that outlives its module, requests that fail, and a signal of every outcome.
func fullEvents() []event.Event {
	t := &trace{events: addressed(demoEvents())}
	const sh = 0xffffffffc0605000
	t.at(2_000_000, event.ModuleLoaded,
		event.Event{By: loader, Ptr: sh, Func: incFunc, Data: startup, Text: "signal_handling"})
	t.at(2_000_005, event.Tainted, event.Event{By: loader, Arg: 12}) // a module from outside of the kernel's tree
	t.at(2_000_010, event.ModuleInitBegin, event.Event{By: loader, Ptr: sh, Text: "signal_handling"})
	t.at(2_000_020, event.ModuleGot,
		event.Event{By: loader, Ptr: sh, Text: "signal_handling", Func: shCleanup + 0x30, Arg: 1})
	t.at(2_000_030, event.ModuleInitEnd, event.Event{By: loader, Ptr: sh})
	t.workers(2_010_000)
	t.endings(2_100_000)
	t.outcomes(2_200_000)
	t.failures(2_300_000)
	t.calls(1_400_000)
	t.at(2_400_000, event.ModulePut, event.Event{By: remover, Ptr: sh, Text: "signal_handling", Func: shCleanup + 0x30})
	t.at(2_400_010, event.ModuleFreed, event.Event{By: remover, Ptr: sh, Text: "signal_handling"})
	return t.events
}

// calls is a process that is followed: it uses a file of a module, and makes a fault.
func (t *trace) calls(at uint64) {
	app := at1(event.Task{PID: 400, TGID: 400, Comm: "use"})
	t.at(at, event.ProcessForked, event.Event{By: loader, Target: app})
	t.at(at+1, event.FileMet, event.Event{By: app, Ptr: 0x100, Aux: 0x200, Arg: event.FileOperations, Text: "devtmpfs",
		Args: []string{"hw", "dev"}})
	t.at(at+2, event.CallEntered, event.Event{By: app, Ptr: 0x100, Aux: 0x200, Numbers: make([]uint64, 8)})
	t.at(at+3, event.CallReturned, event.Event{By: app, Ret: 1})
	t.at(at+4, event.CallCounted, event.Event{By: app, Arg: uint32(event.OpRead), Ptr: 0x100, Aux: 0x200, Ret: 2})
	t.at(at+4, event.ProcessWoke, event.Event{By: app, Target: at1(k1), Ret: 1, Stack: []uint64{shCleanup + 0x30}})
	t.at(at+4, event.WakesCounted, event.Event{By: app, Target: at1(k1), Ret: 3})
	t.at(at+5, event.ProcessFaulted, event.Event{By: app, Arg: 11, Ret: 1, Ptr: 0x1234, Func: 0x401136, Data: 0x401000})
}

// addressed gives every task of events its task_struct.
func addressed(events []event.Event) []event.Event {
	for i := range events {
		e := &events[i]
		e.By = at1(e.By)
		if e.Target.PID != 0 {
			e.Target = at1(e.Target)
		}
	}
	return events
}

func at1(t event.Task) event.Task {
	t.Addr = 0xffff888010000000 + uint64(t.PID)<<12
	return t
}

// workers: a worker that runs one work item three times, is parked, and is stopped twice.
func (t *trace) workers(us uint64) {
	w := at1(kthr("worker", 120))
	asker := at1(loader)
	t.thread(us, asker, w, 0xffffc90000d00000, 0xffff888003000000, workerMain, startup+0x40)
	t.at(us+600, event.ThreadBound, event.Event{By: asker, Target: w, Arg: 1})
	queue := event.Event{By: asker, Ptr: 0xffff888004000000, Func: workFunc, Target: w, Stack: []uint64{startup + 0x44}}
	run := event.Event{By: w, Ptr: 0xffff888004000000, Func: workFunc}
	t.at(us+700, event.WorkQueued, queue)
	t.at(us+750, event.WorkStarted, run)
	t.at(us+760, event.WorkQueued, queue) // again, while it runs
	t.at(us+800, event.WorkEnded, run)
	t.at(us+810, event.WorkStarted, run)
	t.at(us+900, event.WorkEnded, run)
	t.at(us+950, event.WorkQueued, queue)
	park := event.Event{By: asker, Target: w, Stack: []uint64{startup + 0x48}}
	t.at(us+1000, event.ThreadParkAsked, park)
	t.at(us+1100, event.ThreadParked, event.Event{By: w})
	t.at(us+1200, event.ThreadParkReturned, event.Event{By: asker, Target: w})
	t.at(us+1300, event.ThreadUnparked, park)
	t.at(us+1400, event.WorkStarted, run)
	t.at(us+1500, event.WorkEnded, run)
	t.stop(us+10_000, asker, w, startup+0x4c)
	t.at(us+11_000, event.ThreadStopAsked, event.Event{By: asker, Target: w, Stack: []uint64{startup + 0x50}})
	t.at(us+11_100, event.ThreadStopReturned, event.Event{By: asker})
}

// endings: by itself, never ran, not created, requester killed, and outlives its module; each reuses the pid of the one
// before.
func (t *trace) endings(us uint64) {
	asker, killed := at1(loader), at1(proc("modprobe", 131))
	self := event.Task{PID: 121, TGID: 121, Comm: "self", Kthread: true, Addr: 0xffff888020000000}
	t.thread(us, asker, self, 0xffffc90000d00000, 0xffff888003000000, incFunc, startup+0x40)
	t.at(us+2_000, event.TaskExited, event.Event{By: self, Ret: 5, Data: 1})
	never := event.Task{PID: 121, TGID: 121, Comm: "never", Kthread: true, Addr: 0xffff888020002000}
	unborn := &trace{}
	unborn.thread(us+3_000, asker, never, 0xffffc90000d00000, 0xffff888003000000, incFunc, startup+0x40)
	t.events = append(t.events, unborn.events[:5]...)
	t.at(us+3_600, event.ThreadStopAsked, event.Event{By: asker, Target: never, Stack: []uint64{startup + 0x50}})
	t.at(us+3_700, event.TaskExited, event.Event{By: never, Ret: -4, Data: 1})
	t.at(us+3_800, event.ThreadStopReturned, event.Event{By: asker, Ret: -4})
	t.at(us+5_000, event.ThreadRequested, event.Event{By: asker, Ptr: 0xffffc90000d00000, Func: incFunc, Text: "none"})
	t.at(us+5_100, event.ThreadPickedUp,
		event.Event{By: kthreadd, Ptr: 0xffff888003000000, Func: incFunc, Aux: 0xffffc90000d03d20})
	t.at(us+5_200, event.ThreadForked, event.Event{By: kthreadd, Ptr: 0xffff888003000000, Ret: -12})
	t.at(us+5_300, event.ThreadCreated, event.Event{By: asker, Ret: -12})
	t.at(us+6_000, event.ThreadRequested,
		event.Event{By: killed, Ptr: 0xffffc90000e00000, Func: incFunc, Data: 7, Text: "late"})
	t.at(us+6_100, event.ThreadCreated, event.Event{By: killed, Ret: -4})
	t.at(us+6_200, event.ThreadPickedUp, event.Event{By: kthreadd, Ptr: 0xffff888003000000, Func: incFunc, Data: 7})
	late := event.Task{PID: 122, TGID: 122, Comm: "kthreadd", Kthread: true, Addr: 0xffff888020004000}
	t.at(us+6_300, event.ThreadForked, event.Event{By: kthreadd, Ptr: 0xffff888003000000, Ret: 122})
	t.at(us+6_400, event.ThreadFirstRun, event.Event{By: late, Ptr: 0xffff888003000000, Func: incFunc})
	t.at(us+6_500, event.TaskExited, event.Event{By: late, Ret: -4, Data: 1})
	t.at(us+9_000, event.TaskFreed, event.Event{By: kthreadd, Target: self})
	left := event.Task{PID: 123, TGID: 123, Comm: "left", Kthread: true, Addr: 0xffff888020006000}
	t.thread(us+10_000, asker, left, 0xffffc90000d00000, 0xffff888003000000, incFunc, startup+0x40)
}

// outcomes: signals of every outcome, to a thread and to a process.
func (t *trace) outcomes(us uint64) {
	left := event.Task{PID: 123, TGID: 123, Comm: "left", Kthread: true, Addr: 0xffff888020006000}
	app, by := at1(proc("app", 140)), at1(proc("sh", 141))
	kill := []uint64{trampoline, 0xffffffff81090005, 0xffffffff81400044}
	send := func(at uint64, target event.Task, sig uint32, handler, bits uint64, result int64) {
		t.at(at, event.SignalSent, event.Event{By: by, Target: target, Arg: sig, Func: handler, Data: bits, Ptr: 141,
			Stack: kill})
		t.at(at+1, event.SignalGenerated, event.Event{By: by, Target: target, Arg: sig, Ret: result})
	}
	send(us, left, 10, event.HandlerIgnore, 0, event.GenerateIgnored)
	t.at(us+100, event.SignalAllowed, event.Event{By: left, Arg: 10, Func: event.HandlerKthread})
	t.at(us+101, event.SignalAllowed, event.Event{By: left, Arg: 12, Func: event.HandlerKthread})
	send(us+200, left, 10, event.HandlerKthread, 0, event.GenerateDelivered)
	send(us+300, left, 10, event.HandlerKthread, event.SentPending, event.GenerateAlreadyPending)
	t.at(us+400, event.SignalDequeued, event.Event{By: left, Arg: 10, Stack: []uint64{incFunc + 0x8e}})
	send(us+500, left, 12, event.HandlerKthread, 0, event.GenerateDelivered)
	t.at(us+600, event.SignalFlushed, event.Event{By: left, Target: left, Data: 1 << 11, Stack: []uint64{incFunc + 0x90}})
	send(us+700, left, 12, event.HandlerKthread, 0, event.GenerateDelivered) // stays pending
	send(us+1000, app, 10, 0x400000, event.SentGroup, event.GenerateDelivered)
	t.at(us+1100, event.SignalDequeued, event.Event{By: app, Arg: 10})
	t.at(us+1101, event.SignalDelivered, event.Event{By: app, Arg: 10, Func: 0x400000})
	send(us+1200, app, 34, 0x400000, event.SentGroup, event.GenerateOverflowFail)
	send(us+1300, app, 12, 0, event.SentGroup|event.SentBlocked, event.GenerateDelivered)
	send(us+1350, app, 1, event.HandlerIgnore, event.SentGroup, event.GenerateIgnored)
	send(us+1400, app, 15, 0, event.SentGroup, event.GenerateDelivered)
	t.at(us+1500, event.SignalDelivered, event.Event{By: app, Arg: 9})
	t.at(us+1600, event.TaskExited, event.Event{By: app, Ret: 15, Data: 1})
	t.at(us+2000, event.ThreadStopAsked, event.Event{By: by, Target: left, Stack: []uint64{shCleanup + 0x1f}})
	t.at(us+2100, event.SignalFlushed, event.Event{By: left, Target: left, Data: 0, Stack: []uint64{incFunc + 0x90}})
}

// failures: requests that fail, that are refused, that run no modprobe of their own, and that do not wait.
func (t *trace) failures(us uint64) {
	ask := func(at uint64, by event.Task, name string, wait uint32) {
		t.at(at, event.RequestAsked, event.Event{By: by, Arg: wait, Text: "%s",
			Stack: []uint64{0xffffffff810a0c05, incFunc + 0x52}})
		t.at(at+10, event.RequestNamed, event.Event{By: by, Text: name})
		t.at(at+20, event.RequestAdmitted, event.Event{By: by, Arg: wait, Text: name})
	}
	run := func(at uint64, by event.Task, name string, pid uint32, exec bool, status, ret int64, wait uint32) {
		info := 0xffff888002000000 + uint64(pid)
		t.at(at+30, event.HelperQueued,
			event.Event{By: by, Ptr: info, Arg: 1 + wait, Text: "/sbin/modprobe",
				Args: []string{"/sbin/modprobe", "-q", "--", name}, Env: []string{"HOME=/"}})
		child := at1(proc("modprobe", pid))
		t.at(at+40, event.HelperForked, event.Event{By: at1(proc("kworker/u4:1", pid)), Ptr: info})
		if exec {
			t.at(at+50, event.TaskExeced, event.Event{By: child, Text: "/sbin/modprobe"})
		}
		t.at(at+60, event.TaskExited, event.Event{By: child, Ret: status, Data: 1})
		if wait != 0 {
			t.at(at+70, event.HelperWaited, event.Event{By: kworker, Arg: pid, Ret: status})
		}
		t.at(at+80, event.RequestReturned, event.Event{By: by, Ret: ret})
	}
	a, b := at1(kthr("a", 150)), at1(kthr("b", 151))
	ask(us, a, "missing", 1)
	ask(us+5, b, "missing", 1)
	run(us, a, "missing", 160, true, 256, 256, 1)
	t.at(us+90, event.RequestDuplicate, event.Event{By: b, Text: "missing", Ret: 256})
	t.at(us+100, event.RequestReturned, event.Event{By: b, Ret: 256})
	ask(us+200, a, "killed", 1)
	run(us+200, a, "killed", 161, true, 9, 9, 1)
	ask(us+400, a, "noexec", 1)
	run(us+400, a, "noexec", 162, false, 0, -13, 1)
	ask(us+600, b, "later", 0)
	run(us+600, b, "later", 163, true, 0, 0, 0)
	ask(us+800, a, "nopath", 1)
	t.at(us+850, event.RequestReturned, event.Event{By: a, Ret: -2})
}
