// SPDX-License-Identifier: MIT

package hints

import (
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// armed is what a module can leave behind that calls its code later: the function of the kernel that makes the call,
// and what takes it away.
type armed struct {
	by     *lazyregexp.Regexp
	remedy string
	// direct says that it makes the call itself. Otherwise functions between belong to the same way. Every thread has
	// kthread at the end of its call trace, and every work process_one_work, the kernel's own ones too.
	direct bool
}

// ways is ordered from the particular to the general: a work runs in a kernel thread, a timer in a softirq.
var ways = []armed{
	// Another timer's neighbour in the list is found by enqueue_timer and its like.
	{at(`call_timer_fn|delayed_work_timer_fn|__run_timers|expire_timers|run_timer_base|run_timer_softirq|enqueue_timer|` +
		`detach_if_pending|__mod_timer|add_timer_on`),
		"a timer, or a delayed work's, was left armed; call timer_delete_sync (del_timer_sync before 6.2) or " +
			"cancel_delayed_work_sync in exit", true},
	{at(`__hrtimer_run_queues|hrtimer_interrupt|hrtimer_run_softirq|enqueue_hrtimer|__remove_hrtimer|timerqueue_\w+`),
		"an hrtimer was left armed; call hrtimer_cancel in exit", true},
	{at(`tasklet_action\w*`), "a tasklet was left scheduled; call tasklet_kill in exit", true},
	{at(`rcu_do_batch|rcu_core\w*|rcu_nocb\w*`), "a call_rcu callback was left pending; call rcu_barrier() in exit", true},
	{at(`process_one_work|process_scheduled_works`),
		"a work was left queued; call cancel_work_sync or cancel_delayed_work_sync in exit", true},
	{at(`__handle_irq_event\w*|handle_irq_event|irq_thread\w*|note_interrupt`),
		"an interrupt handler was left registered; call free_irq in exit", false},
	{at(`notifier_call_chain|\w*notifier_call_chain\w*`),
		"a notifier was left registered; call its unregister function in exit", false},
	{at(`nf_hook_slow\w*|nf_iterate|ip_(?:local_\w+|rcv|output)`),
		"a netfilter hook was left registered; call nf_unregister_net_hook in exit", false},
	{at(`netlink_\w+`), "a netlink socket was left open; call netlink_kernel_release in exit", false},
	{at(`kprobe_ftrace_handler|kprobe_int3_handler|aggr_pre_handler|opt_pre_handler|optimized_callback|` +
		`__kretprobe_trampoline_handler`), "a probe was left registered; call unregister_kprobe in exit", false},
	{at(`ftrace_ops_\w+|arch_ftrace_ops_list_func`),
		"a function tracer was left registered; call unregister_ftrace_function in exit", false},
	{at(`__traceiter_\w+|perf_trace_\w+`),
		"a tracepoint probe was left registered; call its unregister function and tracepoint_synchronize_unregister in " +
			"exit", false},
	{at(`shrink_slab|do_shrink_slab`),
		"a shrinker was left registered; call shrinker_free (unregister_shrinker before 6.7) in exit", false},
	{at(`proc_reg_\w+|seq_read\w*|kernfs_\w+|sysfs_\w+|full_proxy_\w+|chrdev_open|misc_open|__fput|do_dentry_open|vfs_\w+`),
		"a file was left behind; remove its entry in exit, and set .owner = THIS_MODULE in its operations, so that an open file " +
			"keeps the module loaded", false},
	{at(`kthread`), "a kernel thread was left running; call kthread_stop in exit, and wait for it", true},
}

// queues are steps of a delayed work's timer, and those in the tree of timers.
var queues = at(`__queue_work|insert_work|(?:__)?rb_\w+`)

// called is the innermost function that is the kernel's: the one that called the code that is gone, or used the data.
func called(c *result.Crash) string {
	for _, f := range c.Frames {
		if (f.Reliable || f.Exact) && f.Module == "" && f.Function != "" && !queues.MatchString(f.Function) {
			return f.Function
		}
	}
	return ""
}

// armedBy says what called code that is gone, and what takes it away.
func armedBy(c *result.Crash) string {
	from := called(c)
	for _, w := range ways {
		if w.direct && w.by.MatchString(from) || !w.direct && caller(c, w.by) {
			return w.remedy
		}
	}
	return "in exit, stop and unregister all that init started (timers, works, threads, notifiers, files), and wait for it"
}
