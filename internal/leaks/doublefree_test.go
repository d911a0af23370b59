// SPDX-License-Identifier: MIT

package leaks

import (
	"strings"
	"testing"
)

// TestFreedTwice: only what cannot be right is claimed.
func TestFreedTwice(t *testing.T) {
	const at = "        modprobe-108     [001] .....    12.345678: "
	const take = at + "kmalloc: call_site=m_init+0x1/0x40 [m] ptr=ffff888004ebe000 bytes_req=8 bytes_alloc=8\n"
	const free = at + "kfree: call_site=m_init+0x10/0x40 [m] ptr=ffff888004ebe000\n"
	const again = at + "kfree: call_site=m_exit+0x10/0x40 [m] ptr=ffff888004ebe000\n"
	const kernel = at + "kfree: call_site=seq_release+0x10/0x40 ptr=ffff888004ebe000\n"
	simple := strings.Fields("kfree kmalloc_trace kmalloc_caches _printk __fentry__ __x86_return_thunk proc_create")
	for _, tt := range []struct {
		name, text string
		imports    []string
		want       int
	}{
		{"twice", take + free + again, simple, 1},
		{"the kernel had it between", take + free + kernel + again, simple, 0},
		{"taken again", take + free + take + again, simple, 0},
		{"once", take + free, simple, 0},
		{"the kernel had it afterwards", take + free + again + kernel, simple, 1},
		{"it may come from elsewhere", take + free + again, append(simple, "kasprintf"), 0},
		{"the kernel gave it to a file", take + free + again, append(simple, "seq_open_private"), 0},
		{"a file's own functions", take + free + again, append(simple, "seq_printf", "seq_lseek", "__seq_puts"), 1},
		{"an object of a cache", strings.ReplaceAll(strings.ReplaceAll(take+free+again, "kfree:", "kmem_cache_free:"),
			"kmalloc:", "kmem_cache_alloc:"), append(simple, "kmem_cache_alloc", "kmem_cache_free", "kmem_cache_create"), 1},
		{"null", strings.ReplaceAll(free+again, "ffff888004ebe000", "(null)"), simple, 0},
	} {
		plan := NewPlan([]Module{{Name: "m", Imports: tt.imports}}, nil)
		got := Read(plan, []byte(tt.text)).FreedTwice([]string{"m"}, noName)
		if len(got) != tt.want || tt.want == 1 && (got[0].Site != "m_exit+0x10 [m]" || got[0].First != "m_init+0x10 [m]") {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// TestPageFreedTwice: a page may be freed by its address or by its description, and one call may be two records.
func TestPageFreedTwice(t *testing.T) {
	const at = "        modprobe-108     [001] .....    12.345678: "
	const taken = at + "getfreepages_begin_2: (__get_free_pages+0x0/0x40) order=0 site=m_init+0x1/0x40 [m]\n" +
		at + "getfreepages_end_1: (m_init+0x1/0x40 [m] <- __get_free_pages) ret=0xffff888004ebe000\n"
	one := func(place string) string {
		return at + "getfreepages_give_3: (free_pages+0x0/0x40) ptr=0xffff888004ebe000 site=" + place + "\n" +
			at + "getfreepages_give_4: (__free_pages+0x0/0x90) ptr=0xffffea000013af80 site=" + place + "\n"
	}
	inner := func(place string) string {
		return at + "getfreepages_give_3: (free_pages+0x0/0x40) ptr=0xffff888004ebe000 site=" + place + "\n" +
			at + "getfreepages_give_4: (__free_pages+0x0/0x90) ptr=0xffffea000013af80 site=free_pages+0x20/0x40\n"
	}
	const exit, other = "m_exit+0x10/0x40 [m]", "m_exit+0x20/0x40 [m]"
	imports := strings.Fields("free_pages __get_free_pages _printk __fentry__")
	for _, tt := range []struct {
		name, text string
		imports    []string
		shares     bool
		want       int
	}{
		{"once", taken + one(exit), imports, false, 0},
		{"once, as a call", taken + inner(exit), imports, false, 0},
		{"twice", taken + one(exit) + one(other), imports, false, 1},
		{"twice, as calls", taken + inner(exit) + inner(other), imports, false, 1},
		{"twice in a loop", taken + one(exit) + one(exit), imports, false, 1},
		{"taken again", taken + one(exit) + taken + one(other), imports, false, 0},
		{"it counts the users", taken + one(exit) + one(other), imports, true, 0},
		{"it hands pages over", taken + one(exit) + one(other), append(imports, "vm_insert_page"), false, 0},
	} {
		plan := NewPlan([]Module{{Name: "m", Imports: tt.imports, Shares: tt.shares}}, nil)
		if got := Read(plan, []byte(tt.text)).FreedTwice([]string{"m"}, noName); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// TestCertain: memory whose allocation seems to be the kernel's may be freed at one address again and again.
func TestCertain(t *testing.T) {
	for _, tt := range []struct {
		call CallSite
		want bool
	}{
		{CallSite{Function: "kmalloc_trace", Jump: false}, true},
		{CallSite{Function: "kmalloc_trace", Jump: true}, false},
		{CallSite{Function: "__kmalloc_cache_noprof", Jump: true}, false},
		{CallSite{Function: "kfree", Jump: true}, true},
	} {
		m := Module{Name: "m", Imports: []string{"kfree", "kmalloc_trace"}, Calls: []CallSite{tt.call}}
		if got := certain([]Module{m})["m"]; got != tt.want {
			t.Errorf("%+v: %v", tt.call, got)
		}
		if !CallsWanted(tt.call.Function) {
			t.Errorf("%s is not wanted", tt.call.Function)
		}
	}
}

// TestCertainThread: what a module with a thread imports on 7.2 hands it no memory.
func TestCertainThread(t *testing.T) {
	m := Module{Name: "m", Imports: []string{
		"__fentry__", "__kmalloc_cache_noprof", "__trace_set_current_state", "__tracepoint_sched_set_state_tp", "kfree",
		"const_current_task", "kthread_create_on_node", "schedule_timeout", "wake_up_process", "__put_task_struct_rcu_cb",
	}}
	if !certain([]Module{m})["m"] {
		t.Error("it is not certain")
	}
	m.Imports = append(m.Imports, "hands_out_memory")
	if certain([]Module{m})["m"] {
		t.Error("a function that nobody knows may hand out memory")
	}
}

// TestCertainTogether: what a module gets from another one under study is as certain as that one.
func TestCertainTogether(t *testing.T) {
	lib := Module{Name: "lib", Exports: []string{"consume"}, Imports: []string{"kfree"}}
	user := Module{Name: "user", Imports: []string{"consume", "kmalloc_trace"}}
	last := Module{Name: "last", Exports: []string{"unused"}, Imports: []string{"used"}}
	if got := certain([]Module{user, lib, last}); !got["user"] || !got["lib"] || got["last"] {
		t.Errorf("certain: %v", got)
	}
	lib.Imports = append(lib.Imports, "seq_open_private")
	if got := certain([]Module{user, lib}); got["user"] || got["lib"] {
		t.Errorf("certain of what hands memory: %v", got)
	}
}

// TestFreedTwiceAtEnd: the last call of exit is a jump, and seems to be the kernel's.
func TestFreedTwiceAtEnd(t *testing.T) {
	const at = "        modprobe-108     [001] .....    12.345678: "
	const free = at + "kfree: call_site=m_exit+0x10/0x40 [m] ptr=ffff888004ebe000\n"
	const last = at + "kfree: call_site=__do_sys_delete_module+0x1b9/0x330 ptr=ffff888004ebe000\n"
	jump := func(symbol string, when When) CallSite {
		return CallSite{Function: "kfree", Symbol: symbol, Offset: 32, Jump: true, When: when}
	}
	for name, tt := range map[string]struct {
		calls []CallSite
		text  string
		want  int
	}{
		"exit's last call":     {[]CallSite{jump("m_exit", AtExit)}, free + last, 1},
		"exit has none":        {nil, free + last, 0},
		"init has":             {[]CallSite{jump("m_init", AtInit)}, free + last, 0},
		"another function has": {[]CallSite{jump("m_put", Meanwhile)}, free + last, 0},
		"it is the first free": {[]CallSite{jump("m_exit", AtExit)}, last, 0},
	} {
		m := Module{Name: "m", Imports: []string{"kfree", "kmalloc_trace"}, Calls: tt.calls, Planned: true}
		plan := NewPlan([]Module{m}, func(string) bool { return true })
		got := Read(plan, []byte(tt.text)).FreedTwice([]string{"m"}, noName)
		if len(got) != tt.want || tt.want == 1 && got[0].Site != "m_exit+0x20 [m]" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
