// SPDX-License-Identifier: MIT

package verdict

import (
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/result"
)

// TestSender: what a timer's function sends is not sent by the task that it interrupts.
func TestSender(t *testing.T) {
	const ms = 1_000_000
	ledger := leaks.Read(leaks.NewPlan(nil, nil), []byte("        modprobe-108     [001] ..s1.    12.345678: "+
		"timer_expire_entry: timer=ffffffffc0262000 function=fire [late] now=1 baseclk=1\n"))
	const fired = 12_345_678_000
	for name, tt := range map[string]struct {
		from  result.Task
		after int64 // the timer fired, in nanoseconds
		want  string
	}{
		"the idle task": {
			result.Task{Comm: "swapper/0", Site: "tick+0x5 [m]"}, ms,
			", which tick+0x5 [m] sent in an interrupt",
		},
		"in the timer": {
			result.Task{Comm: "modprobe", PID: 9, Site: "fire+0x16 [late]"}, ms,
			", which fire+0x16 [late] sent in an interrupt",
		},
		"another function": {
			result.Task{Comm: "modprobe", PID: 9, Site: "late_init+0x16 [late]"}, ms,
			", which modprobe[9] sent in late_init+0x16 [late]",
		},
		"another module": {
			result.Task{Comm: "modprobe", PID: 9, Site: "fire+0x16 [m]"}, ms,
			", which modprobe[9] sent in fire+0x16 [m]",
		},
		"long after it": {
			result.Task{Comm: "K1", PID: 9, Site: "fire+0x16 [late]"}, 900 * ms,
			", which K1[9] sent in fire+0x16 [late]",
		},
		"before it": {
			result.Task{Comm: "K1", PID: 9, Site: "fire+0x16 [late]"}, -ms,
			", which K1[9] sent in fire+0x16 [late]",
		},
		"a program": {
			result.Task{Comm: "kill", PID: 9}, ms,
			", which kill[9] sent",
		},
	} {
		m := newMaker(&evidence.Evidence{Studied: []string{"late", "m"}, Left: evidence.Left{Ledger: ledger}})
		m.start = fired - 2*ms
		s := &result.Signal{From: tt.from, SentNS: 2*ms + tt.after}
		if got := m.sender(s); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
