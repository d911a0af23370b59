// SPDX-License-Identifier: MIT

package timeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// TestSamePIDByAddress: pid and name are reused while the first thread is held. Only the task_struct tells which of
// them a record is about.
func TestSamePIDByAddress(t *testing.T) {
	old, young := k1, k1
	old.Addr, young.Addr = 0xffff888010000000, 0xffff888010002000
	var l list
	l.born(100, loader, old, stackA, createA).at(150, event.TaskExited, event.Event{By: old, Ret: 3, Data: 1})
	l.born(200, loader, young, stackA, createA)
	l.at(300, event.ThreadStopAsked, event.Event{By: loader, Target: old}).
		at(301, event.ThreadStopReturned, event.Event{By: loader, Ret: 3}).
		at(302, event.TaskFreed, event.Event{Target: old}).
		at(400, event.TaskExited, event.Event{By: young, Ret: 9, Data: 1})
	tl := build(l)
	if len(tl.Threads) != 2 {
		t.Fatalf("%d threads, want 2", len(tl.Threads))
	}
	a, b := tl.Threads[0], tl.Threads[1]
	if a.Result != 3 || a.Freed != 302 || len(a.Stops) != 1 || a.Ending != EndByItself {
		t.Errorf("old: %+v", a)
	}
	if b.Result != 9 || b.Freed != 0 || len(b.Stops) != 0 {
		t.Errorf("young: %+v", b)
	}
}

func TestEndings(t *testing.T) {
	freed := event.Event{By: loader, Ptr: 0xa0, Text: "m"}
	stop := event.Event{By: loader, Target: k1}
	again := new(list).born(1, loader, k1, stackA, createA).stopped(50, loader, k1, 0)
	tests := []struct {
		name   string
		events *list
		blind  event.Kind
		want   Ending
		alive  bool
	}{
		{"alive", new(list).born(1, loader, k1, stackA, createA), 0, EndAlive, true},
		{"outlives", new(list).born(1, loader, k1, stackA, createA).at(90, event.ModuleFreed, freed), 0, EndOutlives, true},
		{"stopped, then its module went", new(list).born(1, loader, k1, stackA, createA).at(50, event.ThreadStopAsked, stop).
			at(60, event.ThreadStopReturned, stop).at(70, event.ModuleFreed, freed).
			at(80, event.TaskExited, event.Event{By: k1, Data: 1}), 0, EndStopped, false},
		{"by itself", new(list).born(1, loader, k1, stackA, createA).at(50, event.TaskExited, event.Event{By: k1, Data: 1}),
			0, EndByItself, false},
		{"by itself, then stopped", new(list).born(1, loader, k1, stackA, createA).
			at(50, event.TaskExited, event.Event{By: k1, Data: 1}).
			at(60, event.ThreadStopAsked, stop).at(61, event.ThreadStopReturned, stop), 0, EndByItself, false},
		{"stopped", again, 0, EndStopped, false},
		{"twice", (&list{}).born(1, loader, k1, stackA, createA).at(20, event.ThreadStopAsked, stop).
			at(30, event.TaskExited, event.Event{By: k1, Data: 1}).
			at(31, event.ThreadStopReturned, stop).at(40, event.ThreadStopAsked, stop).at(41, event.ThreadStopReturned, stop),
			0, EndTwice, false},
		{"no exits are recorded", new(list).born(1, loader, k1, stackA, createA), event.TaskExited, EndUnknown, false},
		{"no stops are recorded", again, event.ThreadStopReturned, EndStopped, false},
		{"no frees of modules are recorded", new(list).born(1, loader, k1, stackA, createA), event.ModuleFreed, EndUnknown,
			true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts := Options{}
			if tt.blind != 0 {
				opts.Blind = map[event.Kind]string{tt.blind: "so it is"}
			}
			tl := Build(*tt.events, resolve, opts)
			if len(tl.Threads) != 1 {
				t.Fatalf("%d threads, want 1", len(tl.Threads))
			}
			if th := &tl.Threads[0]; th.Ending != tt.want || th.Alive() != tt.alive {
				t.Errorf("%s (%s), alive %v; want %s, %v", th.Ending, th.Ended, th.Alive(), tt.want, tt.alive)
			}
		})
	}
}

// TestWorks: one work item is queued again while it runs, another one is never started.
func TestWorks(t *testing.T) {
	const one, two = 0xffff888004000000, 0xffff888004001000
	queue := func(ptr uint64) event.Event {
		return event.Event{By: loader, Target: k1, Ptr: ptr, Func: 0x2000, Stack: []uint64{0x1000}}
	}
	run := event.Event{By: k1, Ptr: one, Func: 0x2000}
	var l list
	l.at(10, event.WorkQueued, queue(one)).at(20, event.WorkStarted, run).at(25, event.WorkQueued, queue(one)).
		at(30, event.WorkEnded, run).at(35, event.WorkQueued, queue(two)).at(40, event.WorkStarted, run).
		at(50, event.WorkEnded, run)
	tl := build(l)
	if len(tl.Threads) != 1 {
		t.Fatalf("%d threads, want the worker", len(tl.Threads))
	}
	type times struct{ Queued, Started, Ended uint64 }
	var got []times
	for _, w := range tl.Threads[0].Works {
		got = append(got, times{w.Queued, w.Started, w.Ended})
		if w.Func.Function() != "fn [m]" || w.By.PID != loader.PID || w.By.Site.Symbol != "startup" {
			t.Errorf("work %+v", w)
		}
	}
	if diff := cmp.Diff([]times{{10, 20, 30}, {25, 40, 50}, {35, 0, 0}}, got); diff != "" {
		t.Errorf("works (-want +got):\n%s", diff)
	}
}

func TestParks(t *testing.T) {
	by := event.Event{By: loader, Target: k1, Stack: []uint64{0x1000}}
	var l list
	l.at(10, event.ThreadParkAsked, by).at(20, event.ThreadParked, event.Event{By: k1}).
		at(30, event.ThreadParkReturned, by).
		at(40, event.ThreadUnparked, by).at(50, event.ThreadUnparked, by).at(60, event.ThreadParked, event.Event{By: k1}).
		at(70, event.ThreadBound, event.Event{By: loader, Target: k1, Arg: 3})
	th := build(l).Threads[0]
	if len(th.Parks) != 2 || !th.Bound || th.CPU != 3 {
		t.Fatalf("%+v", th)
	}
	p := th.Parks[0]
	if p.Asked != 10 || p.Parked != 20 || p.Returned != 30 || p.Unparked != 40 || p.UnparkedBy.PID != loader.PID {
		t.Errorf("first stay %+v", p)
	}
	if q := th.Parks[1]; q.Parked != 60 || q.Asked != 0 || q.Unparked != 0 {
		t.Errorf("second stay %+v", q)
	}
}

func TestSender(t *testing.T) {
	tests := []struct {
		stack []event.Site
		kind  Sender
		call  string
	}{
		{[]event.Site{{Symbol: "send_sig"}, {Symbol: "fn", Module: "m"}, {Symbol: "__x64_sys_kill"}}, FromModule, ""},
		{[]event.Site{{Symbol: "do_send_sig_info"}, {Symbol: "__x64_sys_tgkill"}, {Symbol: "do_syscall_64"}}, FromSyscall,
			"tgkill"},
		{[]event.Site{{Symbol: "__ia32_compat_sys_rt_sigqueueinfo"}}, FromSyscall, "rt_sigqueueinfo"},
		{[]event.Site{{Symbol: "do_exit"}, {Symbol: "__x64_sys_exit_group"}}, FromKernel, ""},
		{nil, "", ""},
	}
	for _, tt := range tests {
		b := builder{resolve: func(addr, _ uint64) event.Site { return tt.stack[addr-1] }}
		e := &event.Event{}
		for i := range tt.stack {
			e.Stack = append(e.Stack, uint64(i+1))
		}
		if kind, call := senderOf(b.actor(e)); kind != tt.kind || call != tt.call {
			t.Errorf("%v: %q %q, want %q %q", tt.stack, kind, call, tt.kind, tt.call)
		}
	}
}

// TestConcurrentRequests: twenty at once, for the same and for different names, with interleaved records. Each keeps
// its own helper.
func TestConcurrentRequests(t *testing.T) {
	var l list
	const n = 20
	asker := func(i int) event.Task { return kthr("asker", uint32(200+i)) }
	name := func(i int) string { return []string{"same", "other"}[i%2] }
	for step := range 5 {
		for i := range n {
			at, by, info := uint64(100*step+i+1), asker(i), 0xffff888002000000+uint64(i)
			child := proc("modprobe", uint32(300+i))
			switch step {
			case 0:
				l.at(at, event.RequestAsked, event.Event{By: by, Arg: 1, Text: name(i)})
			case 1:
				l.at(at, event.HelperQueued, event.Event{By: by, Ptr: info, Text: "/sbin/modprobe"})
			case 2:
				l.at(at, event.HelperForked, event.Event{By: child, Ptr: info})
			case 3:
				l.at(at, event.HelperWaited, event.Event{By: kworker, Arg: child.PID, Ret: int64(i) << 8})
			case 4:
				l.at(at, event.RequestReturned, event.Event{By: by, Ret: int64(i) << 8})
			}
		}
	}
	tl := build(l)
	if len(tl.Requests) != n {
		t.Fatalf("%d requests, want %d", len(tl.Requests), n)
	}
	for i, r := range tl.Requests {
		if r.Name != name(i) || r.By.PID != asker(i).PID || r.Helper.Task.PID != uint32(300+i) || r.Helper.ExitCode() != i ||
			r.Ret != int64(i)<<8 {
			t.Errorf("request %d: %+v with helper %+v", i, r, r.Helper)
		}
	}
}

// TestRefs: of very many references the last are kept, and the count is correct.
func TestRefs(t *testing.T) {
	var l list
	const n = 5 * maxRefs
	for i := range uint64(n) {
		l.at(i+1, event.ModuleGot, event.Event{By: loader, Ptr: 0xa0, Text: "m", Func: 0x1000, Arg: uint32(i)})
	}
	load := build(l).Loads[0]
	if len(load.Refs) != maxRefs || load.RefsBefore+maxRefs != n {
		t.Errorf("%d references and %d before, of %d", len(load.Refs), load.RefsBefore, n)
	}
	if last := load.Refs[maxRefs-1]; last.Count != n-1 || last.Site.Symbol != "startup" || last.By != loader {
		t.Errorf("last %+v", last)
	}
}

func TestWaits(t *testing.T) {
	tests := []struct {
		state uint64
		signo uint32
		want  string
	}{
		{event.StateInterruptible, 10, "K1 has not taken it"},
		{event.StateUninterruptible, 10,
			"K1 has not taken it: it arrived during an uninterruptible wait, which no signal ends"},
		{event.StateUninterruptible | event.StateWakeKill, 10,
			"K1 has not taken it: it arrived during a killable wait, which only a fatal signal ends"},
		{event.StateUninterruptible | event.StateWakeKill, 9, "K1 has not taken it"},
	}
	for _, tt := range tests {
		var l list
		l.at(10, event.SignalSent, event.Event{By: k2, Target: k1, Arg: tt.signo, Func: event.HandlerKthread, Aux: tt.state}).
			at(11, event.SignalGenerated, event.Event{By: k2, Target: k1, Arg: tt.signo})
		if s := build(l).Signals[0]; s.Outcome != Pending || s.Reason != tt.want {
			t.Errorf("state %#x: %s, %q; want pending, %q", tt.state, s.Outcome, s.Reason, tt.want)
		}
	}
}
