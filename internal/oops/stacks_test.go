// SPDX-License-Identifier: MIT

package oops

import (
	"strings"
	"testing"
)

// Reports that Debian's kernels do not make, assembled by hand in the form that kernels built for them print: they
// contain stacks of other moments.
const (
	kasanReport = `[    9.000000] ==================================================================
[    9.000001] BUG: KASAN: slab-use-after-free in work+0x5e/0xa0 [crasher]
[    9.000002] Read of size 8 at addr ffff888007a3c040 by task K1/89
[    9.000003] 
[    9.000004] CPU: 1 PID: 89 Comm: K1 Tainted: G    B      OE      6.1.0-debug #1
[    9.000005] Call Trace:
[    9.000006]  <TASK>
[    9.000007]  dump_stack_lvl+0x34/0x48
[    9.000008]  kasan_report+0xa5/0x120
[    9.000009]  work+0x5e/0xa0 [crasher]
[    9.000010]  kthread+0x15e/0x190
[    9.000011]  ret_from_fork+0x22/0x30
[    9.000012]  </TASK>
[    9.000013] 
[    9.000014] Allocated by task 85:
[    9.000015]  kasan_save_stack+0x1e/0x40
[    9.000016]  crasher_init+0x33/0x1000 [crasher]
[    9.000017] 
[    9.000018] Freed by task 89:
[    9.000019]  kfree+0x8c/0x120
[    9.000020]  forget+0x12/0x20 [crasher]
[    9.000021] 
[    9.000022] The buggy address belongs to the object at ffff888007a3c000
[    9.000023] ==================================================================
[    9.000024] crasher: going on
`
	kfenceReport = `[    9.000000] ==================================================================
[    9.000001] BUG: KFENCE: use-after-free read in work+0x5e/0xa0 [crasher]

[    9.000002] Use-after-free read at 0x00000000f1a2b3c4 (in kfence-#23):
[    9.000003]  work+0x5e/0xa0 [crasher]
[    9.000004]  kthread+0x15e/0x190
[    9.000005]  ret_from_fork+0x22/0x30

[    9.000006] kfence-#23: 0x00000000f1a2b3c4-0x0000000012345678, size=32, cache=kmalloc-32

[    9.000007] allocated by task 85 on cpu 0 at 8.100000s:
[    9.000008]  crasher_init+0x33/0x1000 [crasher]

[    9.000009] freed by task 89 on cpu 1 at 8.900000s:
[    9.000010]  forget+0x12/0x20 [crasher]

[    9.000011] CPU: 1 PID: 89 Comm: K1 Tainted: G           OE      6.1.0-debug #1
[    9.000012] ==================================================================
[    9.000013] crasher: going on
`
	lockdepReport = `[    9.000000] ============================================
[    9.000001] WARNING: possible recursive locking detected
[    9.000002] 6.1.0-debug #1 Tainted: G           OE
[    9.000003] --------------------------------------------
[    9.000004] K1/89 is trying to acquire lock:
[    9.000005] ffffffffc0602040 (lock){+.+.}-{2:2}, at: work+0x40/0xa0 [crasher]
[    9.000006] 
[    9.000007] stack backtrace:
[    9.000008] CPU: 1 PID: 89 Comm: K1 Tainted: G           OE      6.1.0-debug #1
[    9.000009] Call Trace:
[    9.000010]  <TASK>
[    9.000011]  __lock_acquire.cold+0xb1/0x2c8
[    9.000012]  work+0x5e/0xa0 [crasher]
[    9.000013]  ret_from_fork+0x22/0x30
[    9.000014]  </TASK>
[    9.000015] crasher: going on
`
)

// TestOtherStacks: the stacks of allocation and free are not where it went wrong.
func TestOtherStacks(t *testing.T) {
	for kind, log := range map[string]string{"kasan": kasanReport, "kfence": kfenceReport, "lockdep": lockdepReport} {
		crashes := Parse([]byte(log))
		if len(crashes) != 1 {
			t.Fatalf("%s: %s", kind, describe(crashes))
		}
		c := crashes[0]
		guilty := c.GuiltyFrame()
		if c.Type != kind || guilty == nil || guilty.Place() != "work+0x5e [crasher]" || c.Truncated || c.Task == nil ||
			c.Task.Comm != "K1" || c.Task.PID != 89 || c.CPU == nil || *c.CPU != 1 {
			t.Errorf("%s", describe(crashes))
		}
		for _, f := range c.Frames {
			if f.Function == "forget" || f.Function == "crasher_init" {
				t.Errorf("%s: %s is of another moment", kind, f.Place())
			}
		}
		if all := strings.Join(c.Log, "\n"); strings.Contains(all, "going on") {
			t.Errorf("%s: the log goes on after the report:\n%s", kind, all)
		}
	}
}
