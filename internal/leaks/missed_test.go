// SPDX-License-Identifier: MIT

package leaks

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestMissed: what a probe missed may be the end of a thing, so nothing is claimed of its kind, and this is said.
func TestMissed(t *testing.T) {
	const trace = "" +
		"            insmod-1       [000] .....     1.000001: task_get_0: (f+0x1/0x20 [m]) ptr=0xffff888000000010\n" +
		"            insmod-1       [000] .....     1.000002: pid_take_1: " +
		"(f+0x5/0x20 [m] <- find_get_pid) ptr=0xffff888000000020\n"
	none := func(uint64, uint64) (string, string) { return "", "" }
	of := []string{"m"}
	read := func(profile string) (*Ledger, []result.Leftover) {
		m := Module{Name: "m", Imports: []string{"find_get_pid", "put_pid"}}
		plan := NewPlan([]Module{m}, func(string) bool { return true })
		l := Read(plan, []byte(trace))
		if !l.Accuses(of) {
			t.Fatalf("the ledger holds nothing: %+v", l.held)
		}
		l.Missed([]byte(profile), of)
		return l, l.Left(of, none)
	}
	const quiet = "  task_gone_3                                    12               0\n"
	if l, left := read(quiet + "nonsense\n"); len(left) != 2 || len(l.plan.Missed) != 0 {
		t.Errorf("nothing was missed: %+v, %v", left, l.plan.Missed)
	}
	l, left := read(quiet + "  task_gone_4                                    12               2\n")
	if len(left) != 1 || left[0].What != "a reference to a pid" {
		t.Errorf("the end of a task was missed: %+v", left)
	}
	u := l.plan.Unchecked
	if len(u) != 1 || u[0].What != "references to tasks" || !strings.Contains(u[0].Why, "missed 2 hits") {
		t.Errorf("it is not said: %+v", u)
	}
	if l, left = read("  pid_give_9   3   1\n"); len(left) != 1 || l.plan.Unchecked[0].Function != "find_get_pid" {
		t.Errorf("the return of a pid was missed: %+v, %+v", left, l.plan.Unchecked)
	}
}
