// SPDX-License-Identifier: MIT

package hints

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/result"
)

// report is a kernel report as a console has it: its first lines, the instruction, and the call trace.
func report(first, rip string, trace ...string) string {
	var b strings.Builder
	b.WriteString(first + "\n")
	b.WriteString("CPU: 0 PID: 77 Comm: modprobe Tainted: G           OE      6.1.0-57-cloud-amd64 #1\n")
	if rip != "" {
		fmt.Fprintf(&b, "RIP: 0010:%s\n", rip)
	}
	b.WriteString("Call Trace:\n <TASK>\n")
	for _, f := range trace {
		fmt.Fprintf(&b, " %s\n", f)
	}
	b.WriteString(" </TASK>\n---[ end trace 0000000000000000 ]---\n")
	return b.String()
}

const (
	nullPF = "#PF: supervisor read access in kernel mode\n#PF: error_code(0x0000) - not-present page\n"
	fetch  = "#PF: supervisor instruction fetch in kernel mode\n#PF: error_code(0x0010) - not-present page\n"
	oops0  = "Oops: 0000 [#1] PREEMPT SMP NOPTI\n"
	cutHer = "------------[ cut here ]------------\n"
	ofMod  = "m_init+0x1c/0x1000 [m]"
)

func nullAt(address string) string {
	return "BUG: kernel NULL pointer dereference, address: " + address + "\n" + nullPF + oops0
}

func faultAt(address, kind string) string {
	return "BUG: unable to handle page fault for address: " + address + "\n" + kind + oops0
}

func warning(message, place string) string {
	return cutHer + message + "\nWARNING: CPU: 0 PID: 77 at " + place
}

// TestOfCrash names, for a report of each kind, the row and a part of the hint.
func TestOfCrash(t *testing.T) {
	for _, c := range []struct{ cause, hint, console string }{
		{"double free", "double free", report(cutHer+"kernel BUG at mm/slub.c:419!\ninvalid opcode: 0000 [#1] PREEMPT SMP",
			"__slab_free+0x1b7/0x320", ofMod)},
		{"double free", "double free", report("BUG: KASAN: double-free in kfree+0x10/0x20", "", ofMod)},
		{"kfree of another pointer", "kmalloc did not return", report("BUG: KASAN: invalid-free in f+0x10/0x20", "", ofMod)},
		{"double free", "double free", report("BUG: KFENCE: invalid free in f+0x10/0x20", "", ofMod)},
		{"use after free", "both call traces", report("BUG: KASAN: use-after-free in f+0x10/0x20", "", ofMod)},
		{"out of bounds", "object's size", report("BUG: KASAN: slab-out-of-bounds in f+0x10/0x20", "", ofMod)},
		{"out of bounds on the stack", "ARRAY_SIZE", report("BUG: KASAN: stack-out-of-bounds in f+0x1/0x2", "", ofMod)},
		{"string overflow", "strscpy", report("detected buffer overflow in strcpy\n"+cutHer+
			"kernel BUG at lib/string_helpers.c:1031!\ninvalid opcode: 0000 [#1]", "fortify_panic+0xf/0x11", ofMod)},
		{"string overflow", "strscpy", report("memcpy: detected buffer overflow: 32 byte write of buffer size 16\n"+cutHer+
			"kernel BUG at lib/string_helpers.c:1044!\ninvalid opcode: 0000 [#1]", "__fortify_panic+0xf/0x11", ofMod)},
		{"string overread", "reads beyond", report("strnlen: detected buffer overflow: 10 byte read of buffer size 5\n"+cutHer+
			"kernel BUG at lib/string_helpers.c:1044!\ninvalid opcode: 0000 [#1]", "__fortify_panic+0xf/0x11", ofMod)},
		{"string overread", "reads beyond", report("detected buffer overflow in strlen\n"+cutHer+
			"kernel BUG at lib/string_helpers.c:1031!\ninvalid opcode: 0000 [#1]", "fortify_panic+0xf/0x11", ofMod)},
		{"user copy", "min(len", report("usercopy: Kernel memory exposure attempt detected from SLUB object 'kmalloc-64' "+
			"(offset 0, size 128)!\n"+cutHer+"kernel BUG at mm/usercopy.c:102!\ninvalid opcode: 0000 [#1]",
			"usercopy_abort+0x6c/0x80", ofMod)},
		{"uninitialised list", "INIT_LIST_HEAD", report("list_add corruption. next->prev should be prev (ffff8881), but was "+
			"0000000000000000. (next=ffff8882).\n"+cutHer+"kernel BUG at lib/list_debug.c:25!\ninvalid opcode: 0000 [#1]",
			"__list_add_valid.cold+0x26/0x3f", ofMod)},
		{"uninitialised list", "INIT_LIST_HEAD", report(nullAt("0000000000000008"), "__list_add_valid+0x17/0x90", ofMod)},
		{"uninitialised list", "INIT_LIST_HEAD", report("list_del corruption, ffff8881->next is NULL\n"+cutHer+
			"kernel BUG at lib/list_debug.c:49!\ninvalid opcode: 0000 [#1]", "__list_del_entry_valid.cold+0x1/0x2", ofMod)},
		{"list_del twice", "list_del_init", report("list_del corruption, ffff8881->next is LIST_POISON1 (dead000000000100)\n"+
			cutHer+"kernel BUG at lib/list_debug.c:53!\ninvalid opcode: 0000 [#1]", "__list_del_entry_valid.cold+0x1/0x2", ofMod)},
		{"freed list entry", "without a lock", report("list_del corruption. next->prev should be ffff8881, but was "+
			"dead000000000122. (next=ffff8882)\n"+cutHer+"kernel BUG at lib/list_debug.c:62!\ninvalid opcode: 0000 [#1]",
			"__list_del_entry_valid.cold+0x1/0x2", ofMod)},
		{"list_add twice", "list_move", report("list_add double add: new=ffff8881, prev=ffff8881, next=ffff8882.\n"+cutHer+
			"kernel BUG at lib/list_debug.c:33!\ninvalid opcode: 0000 [#1]", "__list_add_valid.cold+0x1/0x2", ofMod)},
		{"freed list entry", "list_del before kfree", report("list_del corruption. prev->next should be ffff8881, but was "+
			"6b6b6b6b6b6b6b6b. (prev=ffff8882)\n"+cutHer+"kernel BUG at lib/list_debug.c:59!\ninvalid opcode: 0000 [#1]",
			"__list_del_entry_valid.cold+0x1/0x2", ofMod)},
		{"a put too many", "its own get", report(warning("refcount_t: underflow; use-after-free.",
			"lib/refcount.c:28 refcount_warn_saturate+0xba/0x110"), "refcount_warn_saturate+0xba/0x110", ofMod)},
		{"gone code", "timer_delete_sync", report(faultAt("ffffffffc0a3c000", fetch), "0xffffffffc0a3c000",
			"call_timer_fn+0x27/0x100", "__run_timers+0x221/0x2a0")},
		{"gone code", "cancel_work_sync", report("int3: 0000 [#1] PREEMPT SMP NOPTI", "0xffffffffc0a3c001",
			"process_one_work+0x1e5/0x3f0", "worker_thread+0x50/0x3a0", "kthread+0xd8/0x100")},
		{"gone code", "kthread_stop", report(faultAt("ffffffffc0a3c05e", fetch), "0xffffffffc0a3c05e", "kthread+0xd8/0x100",
			"ret_from_fork+0x1f/0x30")},
		{"gone code", "notifier", report(faultAt("ffffffffc0a3c05e", fetch), "0xffffffffc0a3c05e",
			"notifier_call_chain+0x5a/0x90")},
		{"gone code", "stop and unregister all", report(faultAt("ffffffffc0a3c05e", fetch), "0xffffffffc0a3c05e",
			"cleanup_net+0x1e5/0x3f0", "process_one_work+0x1e5/0x3f0", "worker_thread+0x50/0x3a0", "kthread+0xd8/0x100")},
		{"gone data", "stop and unregister all", report(faultAt("ffffffffc0a3e010", nullPF), "find_filesystem+0x2a/0x90",
			"do_sys_work+0x1/0x2", "kthread+0xd8/0x100")},
		{"gone data", "timer_delete_sync", report(faultAt("ffffffffc0a3e010", nullPF), "__run_timers+0x2a/0x90",
			"run_timer_softirq+0x1/0x2", "run_ksoftirqd+0x1/0x2", "smpboot_thread_fn+0x1/0x2", "kthread+0xd8/0x100")},
		{"gone data", "cancel_delayed_work_sync", report(faultAt("ffffffffc0a3e010", nullPF), "__queue_work+0x2a/0x90",
			"delayed_work_timer_fn+0x1/0x2", "call_timer_fn+0x27/0x100", "__run_timers+0x221/0x2a0")},
		{"gone data", "timer_delete_sync", report(faultAt("ffffffffc0a3e010", nullPF), "enqueue_timer+0x2a/0x90",
			"__mod_timer+0x1/0x2", "schedule_timeout+0x1/0x2", "kthread+0xd8/0x100")},
		{"gone data", "notifier", report(faultAt("ffffffffc0a3e010", nullPF), "notifier_call_chain+0x2a/0x90")},
		{"sleep in atomic", "GFP_ATOMIC", report("BUG: scheduling while atomic: modprobe/77/0x00000002", "",
			"dump_stack_lvl+0x44/0x5c", "schedule+0x5d/0xe0", ofMod)},
		{"sleep in atomic", "GFP_ATOMIC", report("BUG: sleeping function called from invalid context at mm/slab.h:494\n"+
			"in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 77, name: modprobe", "", ofMod)},
		{"sleep while waiting", "wait_event", report(warning("do not call blocking ops when !TASK_RUNNING; state=1 set at [<0>]",
			"kernel/sched/core.c:9908 __might_sleep+0x61/0x70"), "__might_sleep+0x61/0x70", ofMod)},
		{"uninitialised lock", "spin_lock_init", report("BUG: spinlock bad magic on CPU#0, modprobe/77\n lock: 0xffff8881", "", ofMod)},
		{"uninitialised lock", "mutex_init", report(nullAt("0000000000000000"),
			"__mutex_lock.constprop.0+0x1a/0x6e0", ofMod)},
		{"uninitialised wait queue", "init_waitqueue_head", report(nullAt("0000000000000000"),
			"__wake_up_common+0x4c/0x180", ofMod)},
		{"NULL struct", "offset 0x20", report(nullAt("0000000000000020"), "mutex_lock+0x1a/0x40", ofMod)},
		{"NULL struct", "offset 0x28", report(nullAt("0000000000000028"), "_raw_spin_lock_irqsave+0x1a/0x40",
			"__wake_up_common_lock+0x52/0x90", ofMod)},
		{"NULL struct", "offset 0x60", report(nullAt("0000000000000060"), "kmem_cache_free+0x1a/0x40", ofMod)},
		{"stack overflow", "16 KiB", report("BUG: TASK stack guard page was hit at 00000000deadbeef (stack is 1..2)\n"+
			"stack guard page: 0000 [#1]", "deeper+0x29/0x40 [m]", ofMod)},
		{"NULL function", "function pointer is NULL", report("BUG: kernel NULL pointer dereference, address: 0000000000000000\n"+
			fetch+"Oops: 0010 [#1]", "0x0", ofMod)},
		{"NULL struct", "offset 0x18", report(nullAt("0000000000000018"), ofMod, "do_one_initcall+0x56/0x220")},
		{"NULL", "pointer is NULL", report(nullAt("0000000000000000"), ofMod, "do_one_initcall+0x56/0x220")},
		{"pointer holds an errno", "-ENOMEM", report(faultAt("fffffffffffffff4", nullPF), ofMod)},
		{"pointer holds an errno", "-ENOENT", report(nullAt("000000000000003e")+
			"RAX: fffffffffffffffe RBX: 0000000000000000\n", ofMod)},
		{"user pointer", "copy_from_user", report(faultAt("00007ffd1a2b3c40",
			"#PF: supervisor read access in kernel mode\n#PF: error_code(0x0001) - permissions violation\n"), "m_write+0x1/0x2 [m]")},
		{"read-only", "read-only", report(faultAt("ffffffff82001000",
			"#PF: supervisor write access in kernel mode\n#PF: error_code(0x0003) - permissions violation\n"), ofMod)},
		{"use after free", "kfree that comes too early", report("general protection fault, probably for non-canonical address "+
			"0x6b6b6b6b6b6b6b83: 0000 [#1] PREEMPT SMP", ofMod)},
		{"deleted list entry", "list_for_each_entry_safe", report("general protection fault, probably for non-canonical address "+
			"0xdead000000000110: 0000 [#1] PREEMPT SMP", ofMod)},
		{"wild pointer", "holds no address", report("general protection fault, probably for non-canonical address "+
			"0x8f3c1b2a00000000: 0000 [#1] PREEMPT SMP", ofMod)},
		{"division", "divisor", report("divide error: 0000 [#1] PREEMPT SMP NOPTI", ofMod)},
		{"own BUG", "BUG_ON", report(cutHer+"kernel BUG at /build/src/m.c:12!\ninvalid opcode: 0000 [#1]", ofMod)},
		{"cache with objects", "kmem_cache_free", report(warning("kmem_cache_destroy lab: Slab cache still has objects when called "+
			"from m_exit+0x10/0x20 [m]", "mm/slab_common.c:520 kmem_cache_destroy+0xfb/0x110"), "kmem_cache_destroy+0xfb/0x110",
			"m_exit+0x10/0x20 [m]")},
		{"cache with objects", "kmem_cache_free", report("BUG lab (Tainted: G           OE     ): Objects remaining on "+
			"__kmem_cache_shutdown()", "", "slab_err+0xae/0xb0", "kmem_cache_destroy+0xfb/0x110")},
		{"proc entry", "name that does not exist", report(warning("name 'nothere'",
			"fs/proc/generic.c:716 remove_proc_entry+0x187/0x1a0"),
			"remove_proc_entry+0x187/0x1a0", ofMod)},
		{"proc name twice", "name is taken", report(warning("proc_dir_entry '/proc/lab' already registered",
			"fs/proc/generic.c:382 proc_register+0x1/0x2"), "proc_register+0x1/0x2", ofMod)},
		{"kfree of another pointer", "kmalloc did not return", report(warning("object pointer: 0x00000000deadbeef",
			"mm/slab_common.c:935 free_large_kmalloc+0x47/0x80"), "free_large_kmalloc+0x47/0x80", ofMod)},
		{"vfree of another pointer", "kvfree", report(warning("Trying to vfree() nonexistent vm area (00000000deadbeef)",
			"mm/vmalloc.c:2705 __vunmap+0x1/0x2"), "__vunmap+0x1/0x2", ofMod)},
		{"freed while active", "before kfree", report(warning("ODEBUG: free active (active state 0) object type: timer_list",
			"lib/debugobjects.c:502 debug_print_object+0x1/0x2"), "debug_print_object+0x1/0x2", ofMod)},
		{"work", "INIT_WORK", report(warning("", "kernel/workqueue.c:1446 __queue_work+0x36d/0x3f0"),
			"__queue_work+0x36d/0x3f0",
			"queue_work_on+0x24/0x30", ofMod)},
		{"queue that ends", "being drained", report(warning("workqueue: cannot queue m_work [m] on wq lab",
			"kernel/workqueue.c:2246 __queue_work+0x36d/0x3f0"), "__queue_work+0x36d/0x3f0", ofMod)},
		{"flush", "WQ_MEM_RECLAIM", report(warning("workqueue: WQ_MEM_RECLAIM lab:m_work [m] is flushing !WQ_MEM_RECLAIM "+
			"events:other [m]", "kernel/workqueue.c:2623 check_flush_dependency+0x11e/0x130"),
			"check_flush_dependency+0x11e/0x130", "__flush_work+0x1/0x2", ofMod)},
		{"timer function", "lock held", report(warning("timer: m_timer+0x0/0x10 [m] preempt leak: 00000101 -> 00000102",
			"kernel/time/timer.c:1480 call_timer_fn+0x1/0x2"), "call_timer_fn+0x1/0x2")},
		{"module_put", "one put for each get", report("kernel BUG at kernel/module/main.c:656!\ninvalid opcode: 0000 [#1]",
			"__do_sys_delete_module+0x305/0x310", "do_syscall_64+0x55/0xb0")},
		{"module_put", "one put for each get", report(warning("", "kernel/module/main.c:838 module_put+0x6a/0x70"),
			"module_put+0x6a/0x70", ofMod)},
		{"deadlock", "one order", report("WARNING: possible circular locking dependency detected", "", ofMod)},
		{"number freed twice", "misc_deregister", report(warning("ida_free called for id=255 which is not allocated.",
			"lib/idr.c:525 ida_free+0xef/0x130"), "ida_free+0xef/0x130", "misc_deregister+0x50/0x80", ofMod)},
		{"workqueue flags", "WQ_PERCPU", report(warning("workqueue: lab is using neither WQ_PERCPU or WQ_UNBOUND. Setting WQ_PERCPU.",
			"kernel/workqueue.c:5938 __alloc_workqueue+0x6c1/0x700"), "__alloc_workqueue+0x6c1/0x700", ofMod)},
		{"free_irq", "dev_id", report(warning("Trying to free already-free IRQ 7",
			"kernel/irq/manage.c:1905 __free_irq+0x1/0x2"),
			"__free_irq+0x1/0x2", ofMod)},
		{"", "", report(warning("something else", "drivers/base/x.c:5 f+0x1/0x2"), "f+0x1/0x2", ofMod)},
		{"", "", report("watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [modprobe:77]", ofMod)},
	} {
		crashes := oops.Parse([]byte(c.console))
		if len(crashes) == 0 {
			t.Errorf("%s: no report in\n%s", c.cause, c.console)
			continue
		}
		got := ""
		if k := causeOf(&crashes[0]); k != nil {
			got = k.name
		}
		if hint := OfCrash(&crashes[0]); got != c.cause || !strings.Contains(hint, c.hint) {
			t.Errorf("%s (%s): row %q, hint %q; want row %q with %q", crashes[0].Title, crashes[0].Type, got, hint,
				c.cause, c.hint)
		}
	}
}

// TestTable: every pattern compiles, every row has words, and no hint is left with a blank.
func TestTable(t *testing.T) {
	for i := range causes {
		k := &causes[i]
		for _, r := range []*lazyregexp.Regexp{k.said, k.at} {
			if r != nil && r.MatchString("") {
				t.Errorf("%s: a pattern fits the empty text", k.name)
			}
		}
		if k.name == "" || k.hint == "" || len(k.types) == 0 && k.said == nil && k.at == nil && k.when == nil {
			t.Errorf("row %d, %q: no name, no hint or no condition", i, k.name)
		}
		if hint := k.text(&result.Crash{}); strings.ContainsAny(hint, "{}") || strings.HasSuffix(hint, ".") {
			t.Errorf("%s: %q", k.name, hint)
		}
	}
	for _, w := range ways {
		if w.by.MatchString("no_such_function") {
			t.Errorf("%s fits every function", w.remedy)
		}
	}
}

func FuzzOfCrash(f *testing.F) {
	f.Add([]byte(report(nullAt("0000000000000018"), ofMod)))
	f.Add([]byte(report(faultAt("fffffffffffffff4", fetch), "0xffffffffc0a3c000")))
	f.Fuzz(func(t *testing.T, console []byte) {
		for _, c := range oops.Parse(console) {
			if hint := OfCrash(&c); strings.ContainsAny(hint, "{}") {
				t.Errorf("%q", hint)
			}
		}
	})
}
