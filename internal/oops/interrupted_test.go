// SPDX-License-Identifier: MIT

package oops

import (
	"strings"
	"testing"
)

// slept is what 7.3 prints of a timer function that sleeps, on an idle CPU.
const slept = `[    5.000001][    C0] BUG: scheduling while atomic: swapper/0/0/0x00000102
[    5.000002][    C0] Modules linked in: lab(OE+)
[    5.000003][    C0] CPU: 0 UID: 0 PID: 0 Comm: swapper/0 Tainted: G           OE       7.3.4-cloud-amd64 #1
[    5.000004][    C0] Call Trace:
[    5.000005][    C0]  <IRQ>
[    5.000006][    C0]  dump_stack_lvl+0x5d/0x80
[    5.000007][    C0]  __schedule_bug.cold+0x3c/0x48
[    5.000008][    C0]  __schedule+0xadd/0x1080
[    5.000009][    C0]  ? __pfx_tick+0x10/0x10 [lab]
[    5.000010][    C0]  schedule+0x28/0xa0
[    5.000011][    C0]  schedule_timeout+0x83/0x100
[    5.000012][    C0]  msleep+0x1b/0x30
[    5.000013][    C0]  call_timer_fn+0x28/0x120
[    5.000014][    C0]  </IRQ>
[    5.000015][    C0]  <TASK>
[    5.000016][    C0]  asm_sysvec_apic_timer_interrupt+0x1a/0x20
[    5.000017][    C0] RIP: 0010:pv_native_safe_halt+0xf/0x20
[    5.000018][    C0]  default_idle+0x9/0x20
[    5.000019][    C0]  </TASK>
[    5.000020][    C0] WARNING: kernel/sched/core.c:6753 at __schedule+0xd2d/0x1080, CPU#0: swapper/0/0
[    5.000021][    C0] RIP: 0010:__schedule+0xd2d/0x1080
`

// TestInterrupted: what an interrupt interrupted is not where it went wrong, and the end of a call trace is no message.
func TestInterrupted(t *testing.T) {
	crashes := Parse([]byte(slept))
	if len(crashes) != 2 {
		t.Fatalf("%d reports, want 2", len(crashes))
	}
	if got := crashes[0].Title; got != "BUG: scheduling while atomic in msleep+0x1b" {
		t.Errorf("%q", got)
	}
	if got := crashes[1].Title; !strings.HasPrefix(got, "WARNING at kernel/sched/core.c:6753 in __schedule") {
		t.Errorf("%q", got)
	}
}
