// SPDX-License-Identifier: MIT

package oops

import (
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// headerLines are lines that begin a report, in the wording of some kernel, with the resulting type and title. Reports
// that no stock Debian kernel makes (KASAN, KMSAN, KCSAN, lockdep, object debugging) are only here.
var headerLines = []struct {
	log   string
	class result.Class
	kind  string
	title string
}{
	{"Kernel panic - not syncing: Fatal exception", result.Panic, "panic", "Kernel panic: Fatal exception"},
	{"watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [K1:89]", result.Lockup, "soft-lockup", "BUG: soft lockup"},
	{"watchdog: BUG: soft lockup - CPU#1 stuck for a while", result.Lockup, "soft-lockup", "BUG: soft lockup"},
	{"NMI watchdog: Watchdog detected hard LOCKUP on cpu 3", result.Lockup, "hard-lockup", "hard lockup"},
	{"watchdog: CPU2: Watchdog detected hard LOCKUP on cpu 2", result.Lockup, "hard-lockup", "hard lockup"},
	{"BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 34s!", result.Lockup, "workqueue-lockup",
		"BUG: workqueue lockup"},
	{"rcu: INFO: rcu_preempt self-detected stall on CPU", result.Lockup, "rcu-stall", "INFO: rcu_preempt stall"},
	{"rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", result.Lockup, "rcu-stall", "INFO: rcu_sched stall"},
	{"rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... } 5 jiffies", result.Lockup, "rcu-stall",
		"INFO: rcu_preempt stall"},
	{"INFO: task kworker/1:2:33 blocked for more than 120 seconds.", result.Hung, "hung-task",
		"INFO: task kworker/1:2 hung"},
	{"INFO: task K1:33 <writer> blocked on an rw-semaphore likely owned by task K2:34", result.Hung, "hung-task",
		"INFO: task K1 hung"},
	{"modprobe invoked oom-killer: gfp_mask=0xdc0(GFP_KERNEL|__GFP_ZERO), order=0, oom_score_adj=0", result.Oops,
		"oom-kill", "Out of memory: modprobe asked for more"},
	{"WARNING: CPU: 0 PID: 101 at lib/refcount.c:25 refcount_warn_saturate+0x74/0x110", result.Oops, "warning",
		"WARNING at lib/refcount.c:25"},
	{"WARNING: kernel/kthread.c:659 at kthread_park+0x7f/0x90, CPU#0: K1/89", result.Oops, "kthread-misuse",
		"WARNING at kernel/kthread.c:659"},
	{"WARNING: lib/refcount.c:28 at refcount_warn_saturate+0xba/0x110", result.Oops, "warning",
		"WARNING at lib/refcount.c:28"},
	{"WARNING: CPU: 1 PID: 8 at lib/list_debug.c:30 __list_add_valid+0x5/0x9", result.Oops, "list-corruption",
		"WARNING at lib/list_debug.c:30"},
	{"WARNING: CPU: 1 PID: 8 at kernel/module/main.c:1124 module_put.part.0+0x5/0x9", result.Oops, "module-misuse",
		"WARNING at kernel/module/main.c:1124"},
	{"WARNING: possible circular locking dependency detected", result.Oops, "lockdep",
		"WARNING: possible circular locking dependency detected"},
	{"WARNING: possible recursive locking detected", result.Oops, "lockdep",
		"WARNING: possible recursive locking detected"},
	{"WARNING: suspicious RCU usage", result.Oops, "lockdep", "WARNING: suspicious RCU usage"},
	{"BUG: kernel NULL pointer dereference, address: 0000000000000040", result.Oops, "null-dereference",
		"BUG: kernel NULL pointer dereference"},
	{"BUG: unable to handle page fault for address: ffffc90000dead00", result.Oops, "page-fault",
		"BUG: unable to handle page fault"},
	{"BUG: scheduling while atomic: K1/89/0x00000002", result.Oops, "scheduling-while-atomic",
		"BUG: scheduling while atomic"},
	{"BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580", result.Oops,
		"sleeping-in-atomic", "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580"},
	{"BUG: KASAN: slab-use-after-free in work+0x60/0x90 [crasher]", result.Oops, "kasan",
		"BUG: KASAN: slab-use-after-free"},
	{"BUG: KMSAN: uninit-value in work+0x60/0x90 [crasher]", result.Oops, "ksan", "BUG: KMSAN: uninit-value"},
	{"BUG: KCSAN: data-race in work / stop", result.Oops, "ksan", "BUG: KCSAN: data-race"},
	{"BUG: KFENCE: use-after-free read in work+0x60/0x90 [crasher]", result.Oops, "kfence",
		"BUG: KFENCE: use-after-free read"},
	{"BUG: TASK stack guard page was hit at 00000000bc7e1d97 (stack is 000000002c09217d..00000000290ca2a9)", result.Oops,
		"stack-overflow", "BUG: stack guard page was hit"},
	{"BUG: stack guard page was hit at 00000000bc7e1d97 (stack is 000000002c09217d..00000000290ca2a9)", result.Oops,
		"stack-overflow", "BUG: stack guard page was hit"},
	{"BUG: Bad page state in process modprobe  pfn:12345", result.Oops, "bad-page", "BUG: Bad page state"},
	{"BUG kmalloc-64 (Tainted: G           OE     ): Object already free", result.Oops, "slab-corruption",
		"BUG: kmalloc-64: Object already free"},
	{"BUG: spinlock recursion on CPU#1, K1/89", result.Oops, "bug", "BUG: spinlock recursion on CPU#1, K1/89"},
	{"kernel BUG at mm/slub.c:443!", result.Oops, "slab-corruption", "kernel BUG at mm/slub.c:443"},
	{"kernel BUG at crasher.c:101!", result.Oops, "bug", "kernel BUG at crasher.c:101"},
	{"general protection fault, probably for non-canonical address 0x6b6b6b6b6b6b6b6b: 0000 [#1] PREEMPT SMP",
		result.Oops, "general-protection", "general protection fault"},
	{"Oops: general protection fault, probably for non-canonical address 0x6b6b6b6b6b6b6b6b: 0000 [#1] SMP", result.Oops,
		"general-protection", "general protection fault"},
	{"stack guard page: 0000 [#1] PREEMPT SMP", result.Oops, "stack-overflow", "stack guard page"},
	{"invalid opcode: 0000 [#1] PREEMPT SMP NOPTI", result.Oops, "invalid-opcode", "invalid opcode"},
	{"Oops: divide error: 0000 [#1] SMP NOPTI", result.Oops, "divide-error", "divide error"},
	{"double fault: 0000 [#1] PREEMPT SMP NOPTI", result.Oops, "double-fault", "double fault"},
	{"traps: PANIC: double fault, error_code: 0x0", result.Oops, "double-fault", "double fault"},
	{"Oops: int3: 0000 [#1] SMP NOPTI", result.Oops, "int3", "int3"},
	{"stack segment: 0000 [#1] SMP", result.Oops, "trap", "stack segment"},
	{"Oops: 0002 [#1] SMP", result.Oops, "oops", "Oops"},
	{"UBSAN: array-index-out-of-bounds in crasher.c:183:25", result.Oops, "ubsan",
		"UBSAN: array-index-out-of-bounds in crasher.c:183:25"},
	{"------------[ cut here ]------------\nlist_add corruption. prev->next should be next (1), but was 2.\nWARNING: CPU: 1 PID: 8 at crasher.c:3 f+0x5/0x9", result.Oops, "list-corruption",
		"WARNING: list_add corruption. prev->next should be next (1), but was 2 at crasher.c:3"},
	{"list_del corruption, 1->next is NULL\n------------[ cut here ]------------\nkernel BUG at lib/list_debug.c:49!",
		result.Oops, "list-corruption", "BUG: list_del corruption, 1->next is NULL at lib/list_debug.c:49"},
	{"------------[ cut here ]------------\ndo not call blocking ops when !TASK_RUNNING; state=1 set at [<0>] prepare_to_wait\nWARNING: CPU: 1 PID: 8 at kernel/sched/core.c:9 f+0x5/0x9", result.Oops, "sleeping-in-atomic",
		"WARNING: do not call blocking ops when !TASK_RUNNING; state=1 set at [<0>] prepare_to_wait at kernel/sched/core.c:9"},
	{"------------[ cut here ]------------\nODEBUG: free active (active state 0) object type: timer_list hint: tick+0x0/0x10 [crasher]\nWARNING: CPU: 1 PID: 8 at lib/debugobjects.c:9 f+0x5/0x9", result.Oops, "object-misuse",
		"WARNING: ODEBUG: free active (active state 0) object type: timer_list hint: tick+0x0/0x10 [crasher] at lib/debugobjects.c:9"},
	{"[    4.000150] crasher: odd value 7\n[    4.000200] WARNING: crasher.c:106 at fault+0x21c/0x580 [crasher], CPU#0: K1/127",
		result.Oops, "warning", "WARNING: crasher: odd value 7 at crasher.c:106"},
	{"[    4.000150] crasher: long before\n[    4.900200] WARNING: crasher.c:106 at fault+0x21c/0x580 [crasher], CPU#0: K1/127", result.Oops, "warning", "WARNING at crasher.c:106"},
}

func TestHeaders(t *testing.T) {
	used := make(map[*header]bool)
	for _, tt := range headerLines {
		crashes := Parse([]byte(tt.log))
		if len(crashes) != 1 {
			t.Errorf("%s: %d crashes", tt.log, len(crashes))
			continue
		}
		if c := crashes[0]; c.Class != tt.class || c.Type != tt.kind || c.Title != tt.title {
			t.Errorf("%s:\n got %s %s %q\nwant %s %s %q", tt.log, c.Class, c.Type, c.Title, tt.class, tt.kind, tt.title)
		}
		for _, l := range splitLines([]byte(tt.log)) {
			used[headerOf(l.text)] = true
		}
	}
	for i := range headers {
		if !used[&headers[i]] {
			t.Errorf("no example of %s (%s)", headers[i].line, headers[i].kind)
		}
	}
}

// TestNoHeaders: what modules and the kernel say in passing is not a report.
func TestNoHeaders(t *testing.T) {
	for _, text := range []string{
		"crasher: BUG: is what a module may say", "note: K1[126] exited with irqs disabled", "crasher: kernel panic avoided",
		"crasher: general protection fault handler installed", "no oom-killer here",
		// The caller was told, and may well go on in order.
		"modprobe: page allocation failure: order:10, mode:0xcc0(GFP_KERNEL), nodemask=(null)",
		"#PF: supervisor read access in kernel mode",
		"sched: RT throttling activated", "clocksource: timekeeping watchdog on CPU1: Marking clocksource 'tsc' as unstable",
		"kmodlab_probe: loading out-of-tree module taints kernel.", "hrtimer: interrupt took 10548340 ns",
	} {
		if crashes := Parse([]byte(text)); len(crashes) != 0 {
			t.Errorf("%s: taken for %q", text, crashes[0].Title)
		}
	}
}
