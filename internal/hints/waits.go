// SPDX-License-Identifier: MIT

package hints

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// endlessWait is a wait that nobody ends: the function of the kernel in which a task waits, and what mends that.
type endlessWait struct {
	in     *lazyregexp.Regexp
	worker bool // only in a work
	hint   string
}

// waitIn is a pattern for the function of a wait, with or without an offset and the suffix of a clone.
func waitIn(names string) *lazyregexp.Regexp {
	return re(`^(?:` + names + `)(?:\.\w+)*(?:\+0x[0-9a-f]+)?$`)
}

// endlessWaits is ordered: a work that waits for itself comes before a work that waits, and what a task waits for
// without an object comes last.
var endlessWaits = []endlessWait{
	{in: waitIn(`(?:__)?flush_(?:delayed_)?work|(?:__)?cancel_(?:delayed_)?work\w*|disable_(?:delayed_)?work_sync|` +
		`(?:__)?flush_workqueue|drain_workqueue|destroy_workqueue`), worker: true,
		hint: "a work that waits for itself or for the queue that it runs on never ends: do not flush, cancel or destroy these in " +
			"a work's own function; cancel_delayed_work without _sync does not wait"},
	{in: waitIn(`call_usermodehelper_exec|__request_module`),
		hint: "a module cannot be loaded while init waits for a load of the same module, or of one that needs it: request it " +
			"later, from a work that init does not wait for, or not at all"},
	{in: waitIn(`tasklet_kill|tasklet_unlock_wait`),
		hint: "the tasklet stays scheduled: it schedules itself again, or was disabled (tasklet_enable comes before tasklet_kill)"},
	{in: waitIn(`synchronize_srcu\w*|__synchronize_srcu|srcu_barrier`),
		hint: "a reader does not leave: pair each srcu_read_lock with an srcu_read_unlock, and do not wait for the writer in between"},
	{in: waitIn(`synchronize_rcu\w*|__wait_rcu_gp|rcu_barrier|synchronize_net`),
		hint: "a reader does not leave: pair each rcu_read_lock with an rcu_read_unlock on every path, and do not loop in between"},
	{in: waitIn(`rtnl_lock\w*|cpus_(?:read|write)_lock|console_lock|lock_sock_nested|__lock_sock|misc_(?:de)?register|` +
		`(?:un)?register_netdevice_notifier|\w+_notifier_chain_(?:un)?register|(?:un)?register_k\w*probes?`),
		hint: "the kernel may hold this lock already when it calls this function of the module: do not take it again in a " +
			"callback, and leave what needs it to a work"},
	{in: waitIn(`kthread_park`), hint: "the thread must call kthread_parkme() when kthread_should_park() is true"},
	{in: waitIn(`(?:__)?down|down_(?:interruptible|killable)|__down\w*`),
		hint: "the semaphore was taken more often than its count allows: each down needs an up, on every path"},
	{in: waitIn(`(?:__)?mutex_lock\w*|ww_mutex_lock\w*|(?:__)?rt_mutex_\w+|down_(?:read|write)\w*|rwsem_down_\w+|percpu_down_write`),
		hint: "whoever holds the lock does not release it: unlock on every path, the error paths and the thread's end too, and wait " +
			"for no one who needs it while you hold it"},
	{in: waitIn(`wait_for_completion\w*`),
		hint: "nobody calls complete() any more: call it on every path, the error paths too, or use wait_for_completion_timeout"},
	{in: waitIn(`out_of_line_wait_on_bit\w*`),
		hint: "nobody clears the bit and calls wake_up_bit() any more: use clear_and_wake_up_bit on every path"},
	{in: waitIn(`proc_entry_rundown|(?:__)?remove_proc_entry|proc_remove|kernfs_drain|debugfs_remove|__debugfs_file_removed`),
		hint: "an entry is removed once nobody is in its functions any more: do not remove it in one of these, and let these end"},
	{in: waitIn(`del_timer_sync|timer_delete_sync|timer_shutdown_sync|hrtimer_cancel`),
		hint: "the timer's function does not end: it must not wait for a lock that is held here, nor delete itself with _sync"},
	{in: waitIn(`__hrtimer_run_queues`),
		hint: "a timer has to be moved forward before it restarts: call hrtimer_forward_now() before returning HRTIMER_RESTART"},
	{in: waitIn(`(?:__)?flush_(?:delayed_)?work|(?:__)?cancel_(?:delayed_)?work\w*|disable_(?:delayed_)?work_sync|` +
		`(?:__)?flush_workqueue|drain_workqueue|destroy_workqueue|kthread_flush_\w+|kthread_cancel_\w+|kthread_destroy_worker`),
		hint: "a work does not end, or queues itself again and again: end it, and call cancel_work_sync or " +
			"cancel_delayed_work_sync before the queue is destroyed"},
	{in: waitIn(`kthread_stop\w*`),
		hint: "the thread must return when kthread_should_stop() is true, and nothing may keep it from looking; stop each thread only once"},
	{in: waitIn(`schedule\w*|io_schedule\w*`),
		hint: "nobody makes the condition true and calls wake_up(): do both on every path, or use wait_event_timeout"},
}

// OfWaits says what mends a step that waits for ever, from the tasks that do, "" if no row fits. A task that the step
// waits for is closer to the cause than the step, which mostly waits for a thread or a work.
func OfWaits(stuck []result.Stuck) string {
	if slices.ContainsFunc(stuck, func(s result.Stuck) bool { return s.Holder == result.Itself }) {
		return "a task takes a lock that it holds already: unlock it first, or split the function into one with and one " +
			"without the lock"
	}
	for _, step := range []bool{false, true} {
		for _, row := range endlessWaits {
			if slices.ContainsFunc(stuck, func(s result.Stuck) bool { return s.Step == step && row.fits(&s) }) {
				return row.hint
			}
		}
	}
	return ""
}

// OfSpin says what mends a CPU that stays in a function of the kernel, "" if no row fits.
func OfSpin(wait string) string {
	for _, row := range endlessWaits {
		if !row.worker && row.in.MatchString(wait) {
			return row.hint
		}
	}
	return ""
}

func (w *endlessWait) fits(s *result.Stuck) bool {
	switch {
	case s.Ends || s.State == result.Running, w.worker && !strings.HasPrefix(s.Comm, "kworker/"):
		return false
	case w.in.MatchString(s.Wait):
		return true
	}
	return false
}
