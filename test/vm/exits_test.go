// SPDX-License-Identifier: MIT

package vm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// exitTest is a way in which fail_finds uses a program that ends.
type exitTest struct {
	how    int
	target kmodlab.Target
	ended  string // what the test wants of the write: sent or gone
	class  result.Class
	says   []string // %name stands for file:line of a comment in the source
	want   result.TargetExit
	unseen bool // the kernel does not count preemption, so nobody knows whether RCU is held
}

var exitTests = map[string]exitTest{
	"safely, before the task is found": {
		target: kmodlab.Target{Name: "sleep"}, ended: "gone", class: result.Pass,
		says: []string{"1 test passed", "was ended just before get_pid_task in ", "(%one)"},
		want: result.TargetExit{Uses: 1, Made: true, Ended: true, Reaped: true, Function: "get_pid_task"},
	},
	"safely, after the task is found": {
		target: kmodlab.Target{Name: "sleep", Nth: 2, Module: "fail-finds"}, ended: "gone", class: result.Pass,
		says: []string{"was ended just before send_sig in ", "(%two)"},
		want: result.TargetExit{Uses: 2, Made: true, Ended: true, Reaped: true, Function: "send_sig"},
	},
	"too few uses": {
		target: kmodlab.Target{Name: "sleep", Nth: 3}, ended: "sent", class: result.Pass,
		says: []string{"fail_finds used a task named sleep only 2 times, so it did not end before use 3"},
		want: result.TargetExit{Uses: 2},
	},
	"another one": {
		target: kmodlab.Target{Name: "nobody"}, ended: "sent", class: result.Pass,
		says: []string{"fail_finds used no task named nobody, so none ended"},
	},
	"blindly": {
		how: 1, target: kmodlab.Target{Name: "sleep"}, ended: "gone", class: result.Oops,
		says: []string{"NULL pointer dereference", "was ended just before get_pid_task in "},
		want: result.TargetExit{Uses: 1, Made: true, Ended: true, Reaped: true, Function: "get_pid_task"},
	},
	"within RCU": {
		how: 2, target: kmodlab.Target{Name: "sleep"}, ended: "gone", class: result.Pass,
		says: []string{"was ended just before pid_task in ", "(%three)"},
		want: result.TargetExit{Uses: 1, Made: true, Ended: true, Reaped: true, Function: "pid_task"},
	},
	"without a reference": {
		how: 2, target: kmodlab.Target{Name: "sleep", Nth: 2}, ended: "gone", class: result.Oops, unseen: true,
		says: []string{"use after free: nobody had a reference to sleep[", "send_sig in ", "(%four) uses it"},
		want: result.TargetExit{Uses: 2, Made: true, Ended: true, Reaped: true, Function: "send_sig", Unheld: true},
	},
}

// TestExits: a program ends just before a module uses it, and what follows is judged; a recording tells the same.
func TestExits(t *testing.T) {
	needs.VM(t)
	for _, kernel := range debugKernels() {
		t.Run(strings.TrimPrefix(kernel, "debian:"), func(t *testing.T) {
			for name, test := range exitTests {
				t.Run(name, func(t *testing.T) { test.run(t, kernel) })
			}
		})
	}
}

func (e exitTest) run(t *testing.T, kernel string) {
	if e.unseen && kernel == "debian:bullseye" {
		e.class, e.says, e.want.Unheld = result.Pass, nil, false
	}
	target := e.target
	end := conclude(t, kmodlab.Spec{
		Dir: failDir, Load: []string{"fail_finds"}, Params: []string{fmt.Sprintf("fail_finds.how=%d", e.how)},
		World: kmodlab.World{TargetExits: &target}, For: kmodlab.NoWait,
		Tests:   []kmodlab.Test{{Program: failDir + "/find.sh", Args: []string{e.ended}}},
		Machine: kmodlab.Machine{Kernel: kernel}, Observe: kmodlab.Observe{Record: true},
	})
	r := end.Result
	if r.Verdict.Class != e.class {
		t.Errorf("verdict %+v", r.Verdict)
	}
	for _, part := range e.says {
		for _, mark := range []string{"one", "two", "three", "four"} {
			part = strings.ReplaceAll(part, "%"+mark, markedLine(t, "fail_finds", mark))
		}
		if !strings.Contains(r.Verdict.Message, part) {
			t.Errorf("the message lacks %q: %s", part, r.Verdict.Message)
		}
	}
	if len(r.Exits) != 1 || len(r.Failures) != 0 {
		t.Fatalf("exits %+v, failures %+v", r.Exits, r.Failures)
	}
	x := r.Exits[0]
	got := result.TargetExit{
		Uses: x.Uses, Made: x.Made, Ended: x.Ended, Reaped: x.Reaped, Function: x.Function, Unheld: x.Unheld,
	}
	if got != e.want {
		t.Errorf("exit %+v, want %+v", x, e.want)
	}
	wantSame(t, end)
}
