// SPDX-License-Identifier: MIT

package leaks

import "testing"

// TestRefused: if the kernel refuses a probe for giving back, its kind is unknown; a
// refused probe for taking, or all of them, cost what they would have found.
func TestRefused(t *testing.T) {
	p := NewPlan([]Module{{Name: "life", Imports: []string{"find_get_pid", "put_pid"}}}, nil)
	line := []byte(by108 +
		"12.345678: pid_take_1: (life_init+0x5/0x40 [life] <- find_get_pid) ptr=0xffff888004ec0000\n")
	for i, definition := range []string{
		"r:kmodlab/pid_take_1 find_get_pid ptr=$retval\n", "p:kmodlab/pid_give_2 put_pid ptr=%di\n",
	} {
		p.Refused(definition)
		left := Read(p, line).Left([]string{"life"}, noName)
		if len(left) != 1-i {
			t.Errorf("without %q: %+v", definition, left)
		}
	}
	if !p.Void(Setting{Path: enableProbes}) || p.Void(Setting{Path: HashPtr}) {
		t.Error("of two probes the kernel took none: there is nothing to turn on")
	}
	if got := Undefine("p:kmodlab/pid_give_2 put_pid ptr=%di\n"); got != "-:kmodlab/pid_give_2\n" {
		t.Errorf("%q", got)
	}
}

// TestHashed: in a kernel that prints hashes for pointers, nothing is known of what is armed, and that is said once.
func TestHashed(t *testing.T) {
	has := kernelOf("add_timer", "del_timer_sync", "queue_work_on")
	p := NewPlan([]Module{{Name: "tick", Imports: []string{"add_timer", "mod_timer", "del_timer_sync"}}}, has)
	if !p.TellsArmed() || !p.Arms() || p.Void(Setting{Path: enableProbes}) || len(p.Unchecked) > 0 {
		t.Errorf("%+v", p)
	}
	p.Hash()
	p.Hash()
	if p.TellsArmed() || p.Arms() || !p.Void(Setting{Path: enableProbes}) {
		t.Errorf("hashed: %+v", p)
	}
	if len(p.Unchecked) != 1 || p.Unchecked[0].What != "timers" || p.Unchecked[0].Function != "add_timer" {
		t.Errorf("hashed: %+v", p.Unchecked)
	}
	p = NewPlan([]Module{{Name: "late", Imports: []string{"queue_work_on"}}}, has)
	p.Refused("p:kmodlab/work_arm_1 queue_work_on ptr=%dx\n")
	if p.TellsArmed() {
		t.Error("the probe at what arms was refused, and what is armed is known")
	}
}

// TestRefusedIsSaid: what is not looked for because the kernel refused a probe is said, once of each module.
func TestRefusedIsSaid(t *testing.T) {
	modules := []Module{
		{Name: "late", Imports: []string{"add_timer", "mod_timer"}}, {Name: "hog", Imports: []string{"vmalloc", "kfree"}},
		{Name: "pages", Imports: []string{"alloc_pages_noprof"}, Calls: []CallSite{
			{Function: "alloc_pages_noprof", Symbol: "take", Offset: 21},
		}},
	}
	for definition, want := range map[string]string{
		"p:kmodlab/timer_arm_1 add_timer ptr=%di\n":                       "late: timers (add_timer)",
		"p:kmodlab/mem_give_2 vfree ptr=%di\n":                            "hog: memory that the kernel allocates for the module (vmalloc)",
		"p:kmodlab/getfreepages_end_3 pages:take+21 ret=%ax:x64\n":        "pages: blocks of pages (take+21)",
		"p:kmodlab/getfreepages_give_4 free_pages ptr=%di site=$stack0\n": "pages: blocks of pages (alloc_pages_noprof)",
		"p:kmodlab/name_call_5 proc_create name=+0(%di):string\n":         "",
	} {
		p := NewPlan(modules, nil)
		before := len(p.Unchecked)
		p.Refused(definition)
		p.Refused(definition)
		got := ""
		for _, u := range p.Unchecked[before:] {
			got += u.Module + ": " + u.What + " (" + u.Function + ")"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", definition, got, want)
		}
	}
}
