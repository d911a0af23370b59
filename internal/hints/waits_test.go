// SPDX-License-Identifier: MIT

package hints

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestOfWaits: the hint is about what the step waits for, not about the step's own wait.
func TestOfWaits(t *testing.T) {
	step := func(wait string) result.Stuck {
		return result.Stuck{Comm: "modprobe", State: "uninterruptible", Wait: wait, Step: true}
	}
	of := func(comm, wait string) result.Stuck {
		return result.Stuck{Comm: comm, State: "uninterruptible", Wait: wait}
	}
	held := of("one", "mutex_lock")
	held.Holder = result.Itself
	sleeps := of("lab", "msleep+0x29")
	sleeps.Ends = true
	for name, tt := range map[string]struct {
		stuck []result.Stuck
		want  string
	}{
		"a thread in a wait": {
			[]result.Stuck{step("kthread_stop+0x66"), of("lab", "wait_for_completion")}, "complete()",
		},
		"a thread that sleeps": {
			[]result.Stuck{step("kthread_stop+0x66"), sleeps}, "kthread_should_stop()",
		},
		"a work in its own flush": {
			[]result.Stuck{step("flush_work+0x5c"), of("kworker/1:1+events", "__flush_work+0x61")}, "itself",
		},
		"a work that goes on": {
			[]result.Stuck{step("drain_workqueue+0x1"), of("kworker/1:1", "msleep+0x1")}, "again and again",
		},
		"a work and a lock": {
			[]result.Stuck{step("__cancel_work_timer+0x1"), of("kworker/0:2", "mutex_lock")}, "release",
		},
		"a lock taken twice":       {[]result.Stuck{held}, "holds already"},
		"a semaphore":              {[]result.Stuck{step("down")}, "each down needs an up"},
		"a clone of a function":    {[]result.Stuck{step("__mutex_lock.constprop.0+0x9")}, "release"},
		"a condition":              {[]result.Stuck{step("schedule")}, "wake_up()"},
		"a reader":                 {[]result.Stuck{step("__synchronize_srcu+0x7")}, "srcu_read_unlock"},
		"a module that needs init": {[]result.Stuck{step("call_usermodehelper_exec+0x14a")}, "request it"},
		"something else":           {[]result.Stuck{step("odd_wait+0x1")}, ""},
	} {
		if got := OfWaits(tt.stuck); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q in it", name, got, tt.want)
		}
	}
}
