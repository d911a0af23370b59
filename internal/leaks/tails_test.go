// SPDX-License-Identifier: MIT

package leaks

import "testing"

// TestJumpedTwice: init may leave with a jump to a function that leaves with a jump itself.
func TestJumpedTwice(t *testing.T) {
	const at = "        modprobe-108     [001] .....    12.345678: "
	const text = at + "registerkprobe_begin_2: (register_kprobe+0x0/0x60) ptr=0xffffffffc0262010 site=do_one_initcall+0x57/0x310\n" +
		at + "registerkprobe_end_1: (do_one_initcall+0x57/0x310 <- register_kprobe) ret=0\n"
	for _, tt := range []struct {
		tails []Tail
		want  string
	}{
		{[]Tail{{"m", "hook+0x15 [m]", Meanwhile, true}}, "hook+0x15 [m]"},
		{[]Tail{{"m", "hook+0x15 [m]", Meanwhile, true}, {"m", "m_exit+0x5 [m]", AtExit, true}}, "hook+0x15 [m]"},
		{[]Tail{{"m", "hook+0x15 [m]", Meanwhile, true}, {"m", "m_init+0x5 [m]", AtInit, true}}, "m_init+0x5 [m]"},
		{[]Tail{{"m", "hook+0x15 [m]", Meanwhile, true}, {"m", "other+0x5 [m]", Meanwhile, true}}, ""},
	} {
		plan := NewPlan(nil, nil)
		plan.Tails["register_kprobe"] = tt.tails
		got := ""
		for _, left := range Read(plan, []byte(text)).Left([]string{"m"}, noName) {
			got += left.Site
		}
		if got != tt.want {
			t.Errorf("%v: %q, want %q", tt.tails, got, tt.want)
		}
	}
}

// TestUncheckedTasks: the run says it if a module takes references to tasks and may drop them unseen.
func TestUncheckedTasks(t *testing.T) {
	for _, tt := range []struct {
		module Module
		want   string
	}{
		{Module{Imports: []string{"get_pid_task"}, Opaque: true}, "get_pid_task"},
		{Module{Imports: []string{"get_pid_task"}}, ""},
		{Module{Tasks: []TaskRef{{Symbol: "f"}}, Opaque: true}, "get_task_struct"},
		{Module{Tasks: []TaskRef{{Symbol: "f", Put: true}}, Opaque: true}, ""},
		{Module{Opaque: true}, ""},
	} {
		got := ""
		for _, u := range NewPlan([]Module{tt.module}, kernelOf()).Unchecked {
			got += u.Function
		}
		if got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.module, got, tt.want)
		}
	}
}
