// SPDX-License-Identifier: MIT

package verdict

import (
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/result"
)

const (
	stack = "CPU: 0 PID: 7 Comm: kworker/0:1 Tainted: G           OE      6.1.0\nCall Trace:\n <TASK>\n" +
		" __schedule+0x2d0/0x830\n rtnl_lock+0x11/0x20\n process_one_work+0x1c7/0x380\n </TASK>\n"
	softLockup = "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [kworker/0:1:7]\n" + stack
	hungWorker = "INFO: task kworker/0:1:7 blocked for more than 120 seconds.\n" +
		"\"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.\n" +
		"task:kworker/0:1     state:D stack:0     pid:7     ppid:2      flags:0x00004000\nCall Trace:\n <TASK>\n" +
		" rtnl_lock+0x11/0x20\n process_one_work+0x1c7/0x380\n </TASK>\n"
	poolLockup = "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!\n" +
		"Showing busy workqueues and worker pools:\nworkqueue events: flags=0x0\n" +
		"  pwq 0: cpus=0 node=0 flags=0x0 nice=0 active=2/256 refcnt=3\n"
	fault = "BUG: kernel NULL pointer dereference, address: 0000000000000000\n" +
		"#PF: supervisor read access in kernel mode\nOops: 0000 [#1] PREEMPT SMP PTI\n" + stack
)

// TestUnrelated: who is said to have caused what the kernel reports.
func TestUnrelated(t *testing.T) {
	loaded := []result.Module{{Name: "m", Loaded: true, Unloaded: true}}
	waits := []result.Stuck{{Comm: "modprobe", PID: 9, State: "waiting", Step: true}}
	timeout := []evidence.Failure{{Kind: evidence.Timeout, Message: "modprobe m does not end"}}
	atEnd := evidence.Taint{AtEnd: true}
	for name, tt := range map[string]struct {
		e         evidence.Evidence
		want      result.Class
		unrelated int
	}{
		"a starved CPU": {
			evidence.Evidence{Console: softLockup, Taint: evidence.Taint{After: oops.TaintLockup}},
			result.Pass, 1,
		},
		"a starved CPU, run cut": {
			evidence.Evidence{Console: softLockup, Cut: true},
			result.Host, 1,
		},
		"a lock of the kernel held": {
			evidence.Evidence{Console: hungWorker},
			result.Hung, 0,
		},
		"a pool that is busy": {
			evidence.Evidence{Console: poolLockup + "    pending: vmstat_shepherd\n"},
			result.Pass, 1,
		},
		"a work item of the module": {
			evidence.Evidence{Console: poolLockup + "    in-flight: 7:spin_work [m]\n"}, result.Lockup, 0,
		},
		"an oops of the boot": {
			evidence.Evidence{Console: fault, Earlier: evidence.Earlier{Console: len(fault)}}, result.Pass, 1,
		},
		"an oops": {
			evidence.Evidence{Console: fault, Taint: evidence.Taint{After: oops.TaintDie, AtEnd: true}},
			result.Oops, 0,
		},
		"an oops that nobody saw": {
			evidence.Evidence{Console: "m: hello\n", Taint: evidence.Taint{After: oops.TaintDie, AtEnd: true}},
			result.Oops, 0,
		},
		"an oops that nobody saw, beside a starved CPU": {
			evidence.Evidence{
				Console: softLockup, Taint: evidence.Taint{After: oops.TaintDie | oops.TaintLockup, AtEnd: true},
			},
			result.Oops, 1,
		},
		"an oops of last week": {
			evidence.Evidence{Taint: evidence.Taint{Before: oops.TaintDie, After: oops.TaintDie, AtEnd: true}},
			result.Pass, 0,
		},
		"a line, and a wait": {
			evidence.Evidence{Console: "BUG: the cable is loose\n", Failures: timeout, Stuck: waits, Taint: atEnd},
			result.Hung, 0,
		},
		"a line like a panic, and a wait": {
			evidence.Evidence{
				Console: "Kernel panic - not syncing: just a joke\n" + stack, Failures: timeout, Stuck: waits, Taint: atEnd,
			}, result.Hung, 0,
		},
		"a panic": {evidence.Evidence{
			Console:  "Kernel panic - not syncing: out of ideas\n" + stack,
			Failures: []evidence.Failure{{Kind: evidence.Lost}},
		}, result.Panic, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := tt.e
			e.Studied, e.Modules, e.Unloaded = []string{"m"}, loaded, true
			e.Finished = len(e.Failures) == 0
			res := Of(&e)
			if res.Verdict.Class != tt.want || len(res.Unrelated) != tt.unrelated {
				t.Errorf("%s (%s), want %s; %d unrelated", res.Verdict.Class, res.Verdict.Message, tt.want, len(res.Unrelated))
			}
		})
	}
}

// TestStopped: a machine that stops after a report does not answer, and that is no verdict of its own.
func TestStopped(t *testing.T) {
	for name, tt := range map[string]struct {
		console string
		also    int
	}{
		"a task that died":               {fault, 0},
		"a sleep in an interrupt":        {"BUG: scheduling while atomic: modprobe/118/0x00000101\n" + stack, 0},
		"a warning, which stops nothing": {"WARNING: CPU: 0 PID: 9 at lib/refcount.c:25 refcount_warn_saturate+0x1/0x2\n" + stack, 1},
	} {
		res := Of(&evidence.Evidence{
			Console: tt.console, Studied: []string{"m"}, Modules: []result.Module{{Name: "m", Loaded: true}},
			Failures: []evidence.Failure{{Kind: evidence.Timeout, Message: "the guest did not answer in time"}},
		})
		if res.Verdict.Class != result.Oops || len(res.Verdict.Also) != tt.also {
			t.Errorf("%s: %+v", name, res.Verdict)
		}
	}
}
