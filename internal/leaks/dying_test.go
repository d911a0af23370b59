// SPDX-License-Identifier: MIT

package leaks

import "testing"

// TestDying: a reference to a task that has ended may still be RCU's to drop; one to a task that lives is the module's.
func TestDying(t *testing.T) {
	held := entry{place: Place{Name: "f+0x1 [m]", Module: "m"}}
	l := &Ledger{plan: &Plan{}, held: map[thing][]entry{{kind: "task", ptr: 0x10}: {held}}, dead: map[uint64]bool{}}
	if l.Dying([]string{"m"}) {
		t.Error("a task that lives")
	}
	l.dead[0x10] = true
	if !l.Dying([]string{"m"}) || l.Dying([]string{"other"}) {
		t.Error("a task that has ended")
	}
	if l.plan.Missed = map[string]uint64{"task": 1}; l.Dying([]string{"m"}) {
		t.Error("a task whose end may have been missed")
	}
}
