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
		{"null", strings.ReplaceAll(free+again, "ffff888004ebe000", "(null)"), simple, 0},
	} {
		plan := NewPlan([]Module{{Name: "m", Imports: tt.imports}}, nil)
		got := Read(plan, []byte(tt.text)).FreedTwice([]string{"m"}, noName)
		if len(got) != tt.want || tt.want == 1 && (got[0].Site != "m_exit+0x10 [m]" || got[0].First != "m_init+0x10 [m]") {
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
		if got := certain(Module{Imports: []string{"kfree", "kmalloc_trace"}, Calls: []CallSite{tt.call}}); got != tt.want {
			t.Errorf("%+v: %v", tt.call, got)
		}
		if wanted := CallsWanted(tt.call.Function); wanted == (tt.call.Function == "kfree") {
			t.Errorf("%s is wanted: %v", tt.call.Function, wanted)
		}
	}
}
