// SPDX-License-Identifier: MIT

package verdict

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

var (
	tested = event.Task{PID: 50, TGID: 50, Comm: "use"}
	thread = event.Task{PID: 52, TGID: 50, Comm: "worker"}
)

// followedTimeline is of a test with a child, and of a process of nobody's.
func followedTimeline() *timeline.Timeline {
	return &timeline.Timeline{
		Start: 100,
		Processes: []timeline.Process{
			{
				Task: tested, Parent: 1, Root: 50, Started: 110, Ended: 190, Status: 11,
				Execs:  []timeline.Exec{{At: 111, Path: "/t/use"}},
				Faults: []timeline.Fault{{Signo: 11, Code: 1, Addr: 0x1234, Object: "/t/use", Offset: 0x1136}, {Signo: 7}},
			},
			{Task: event.Task{PID: 51, TGID: 51, Comm: "use"}, Parent: 50, Root: 50, Started: 120, Ended: 130, Status: 7 << 8},
			{Task: event.Task{PID: 60, TGID: 60, Comm: "sh"}, Parent: 1, Root: 60, Started: 140},
		},
		Calls: []timeline.Call{
			{
				By: thread, Call: event.SyscallOf(0), File: "/dev/hw", Module: "m", FD: 3, Args: []uint64{3, 0, 16}, Entered: 150,
				Returned: 155, Ret: -5, Serving: event.Site{Symbol: "hw_read", Module: "m"}, Omitted: 2,
			},
			{By: tested, Call: event.SyscallOf(0), File: "/dev/other", Module: "stranger", FD: 4, Entered: 160},
			{
				By: tested, Call: event.SyscallOf(event.CallCompat | 3), Compat: true, File: "/dev/hw", Module: "m", FD: 3,
				Entered: 170,
			},
		},
	}
}

func TestFollowedProcesses(t *testing.T) {
	ns := func(n int64) *int64 { return &n }
	processes, calls := FollowedProcesses(followedTimeline(), []uint32{40, 50}, []string{"m"})
	wantProcesses := []result.Process{
		{
			Task: result.Task{Comm: "use", PID: 50}, Test: 1, Parent: 1, StartNS: ns(10), EndNS: ns(90), KilledBy: "SIGSEGV",
			Execs: []result.Exec{{AtNS: 11, Path: "/t/use"}},
		},
		{Task: result.Task{Comm: "use", PID: 51}, Test: 1, Parent: 50, StartNS: ns(20), EndNS: ns(30), Exit: number(7)},
		{Task: result.Task{Comm: "sh", PID: 60}, Test: -1, Parent: 1, StartNS: ns(40)},
	}
	if diff := cmp.Diff(wantProcesses, processes); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
	wantCalls := []result.Call{
		{
			By: result.Task{Comm: "worker", PID: 50}, Name: "read", File: "/dev/hw", FD: 3, Module: "m", Args: "16 bytes",
			Ret: ns(-5), AtNS: 50, EndNS: ns(55), Serving: "hw_read [m]", Omitted: 2,
		},
		{
			By: result.Task{Comm: "use", PID: 50}, Name: "read (32-bit)", File: "/dev/hw", FD: 3, Module: "m", Args: "0 bytes",
			AtNS: 70,
		},
	}
	if diff := cmp.Diff(wantCalls, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestFaultOf(t *testing.T) {
	tl := followedTimeline()
	want := &result.Place{Object: "/t/use", Offset: 0x1136, Address: 0x1234}
	if diff := cmp.Diff(want, FaultOf(tl, 50)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	tl.Processes[0].Faults[0].Code = -6 // sent by somebody: the union holds the sender
	if got := FaultOf(tl, 50); got == nil || got.Address != 0 {
		t.Errorf("a signal that was sent has the place %+v", got)
	}
	tl.Processes[0].Status = 9 // the fault's signal is not what ended it
	for _, root := range []uint32{50, 51, 99} {
		if got := FaultOf(tl, root); got != nil {
			t.Errorf("process %d has the place %+v", root, got)
		}
	}
}

// TestBlindCalls: a run that followed nobody knows all that it asked for.
func TestBlindCalls(t *testing.T) {
	others := hook(result.Hook{Name: "a", Attached: true, Kinds: []string{event.TaskExited.String()}})
	others.FiredBefore = 1
	others.Prove()
	silent := hook(result.Hook{Name: "call_entered", Target: "sys_enter", Attached: true,
		Kinds: []string{event.CallEntered.String()}})
	if why, ok := blind([]evidence.Hook{others}, nil)[event.CallEntered]; ok {
		t.Errorf("without its hook the kind is unknown: %q", why)
	}
	got := blind([]evidence.Hook{others, silent}, nil)[event.CallEntered]
	if got != "hook call_entered on sys_enter never fired" {
		t.Errorf("with a silent hook: %q", got)
	}
}
