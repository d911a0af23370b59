// SPDX-License-Identifier: MIT

package hang

import "strings"

// sleeps are functions that return after a time, whatever happens: a task in one of them is not stuck. Those of the
// scheduler itself are not in /proc/PID/stack, so they are known by the call at which a module's function stands.
var sleeps = []string{
	"msleep", "msleep_interruptible", "ssleep", "fsleep", "usleep_range", "usleep_range_state", "hrtimer_nanosleep",
	"do_nanosleep", "common_nsleep", "schedule_hrtimeout", "schedule_hrtimeout_range", "schedule_hrtimeout_range_clock",
	"schedule_timeout", "schedule_timeout_interruptible", "schedule_timeout_killable", "schedule_timeout_idle",
	"schedule_timeout_uninterruptible", "io_schedule_timeout", "wait_woken", "rcuwait_wait_event_timeout",
	"do_epoll_wait", "do_poll", "do_select", "do_sys_poll", "futex_wait", "__rt_mutex_timed_lock", "down_timeout",
}

// waits are functions that return only when somebody else does something.
var waits = []string{
	"wait_for_completion", "wait_for_completion_io", "wait_for_completion_interruptible", "wait_for_completion_killable",
	"wait_for_completion_state", "schedule", "schedule_preempt_disabled", "io_schedule", "yield_to",
	"mutex_lock", "mutex_lock_interruptible", "mutex_lock_killable", "mutex_lock_io", "mutex_lock_nested",
	"rt_mutex_lock", "ww_mutex_lock", "ww_mutex_lock_interruptible",
	"down", "down_interruptible", "down_killable",
	"down_read", "down_read_interruptible", "down_read_killable", "down_write", "down_write_killable",
	"percpu_down_write", "__percpu_down_read",
	"kthread_stop", "kthread_stop_put", "kthread_park", "kthread_flush_work", "kthread_flush_worker",
	"kthread_cancel_work_sync", "__kthread_cancel_work_sync", "kthread_destroy_worker",
	"flush_work", "__flush_work", "flush_delayed_work", "flush_rcu_work", "cancel_work_sync", "cancel_delayed_work_sync",
	"__cancel_work_timer", "__cancel_work_sync", "disable_work_sync", "disable_delayed_work_sync",
	"flush_workqueue", "__flush_workqueue", "drain_workqueue", "destroy_workqueue",
	"tasklet_kill", "tasklet_unlock_wait", "synchronize_irq", "free_irq", "disable_irq",
	"del_timer_sync", "timer_delete_sync", "timer_shutdown_sync", "hrtimer_cancel",
	"synchronize_rcu", "synchronize_rcu_expedited", "synchronize_srcu", "synchronize_net", "__synchronize_srcu",
	"__wait_rcu_gp", "rcu_barrier", "srcu_barrier",
	"call_usermodehelper_exec", "__request_module", "wait_for_device_probe", "async_synchronize_full",
	"async_synchronize_cookie_domain",
	"kernfs_drain", "__kernfs_remove", "proc_entry_rundown", "remove_proc_entry", "proc_remove", "debugfs_remove",
	"__debugfs_file_removed", "blk_mq_freeze_queue_wait", "out_of_line_wait_on_bit", "out_of_line_wait_on_bit_lock",
	// These take a lock of the kernel's in a call that is not in the stack.
	"rtnl_lock", "rtnl_lock_killable", "rtnl_lock_interruptible", "cpus_read_lock", "cpus_write_lock", "console_lock",
	"lock_sock_nested", "__lock_sock", "register_netdevice_notifier", "unregister_netdevice_notifier",
	"blocking_notifier_chain_register", "blocking_notifier_chain_unregister", "srcu_notifier_chain_unregister",
	"misc_register", "misc_deregister", "register_kprobe", "unregister_kprobes", "unregister_kretprobe",
	"unregister_kprobe", "percpu_ref_kill_and_confirm", "device_del", "usermodehelper_read_trylock",
}

// prefixes of waits whose names the compiler and the kernel's versions vary.
var waitPrefixes = []string{"__mutex_lock", "rwsem_down_", "__down_", "__rt_mutex_slowlock", "rt_mutex_slowlock"}

// signals are functions that end the wait of another task.
var signals = []string{
	"complete", "complete_all", "swake_up_one", "swake_up_all", "up", "up_read", "up_write",
	"mutex_unlock", "wake_up_process",
	"wake_up_state", "wake_up_bit", "wake_up_var", "wake_up_var_protected", "default_wake_function",
}

// signalPrefixes are beginnings of such names: what queues work or arms a timer may end a wait later.
var signalPrefixes = []string{
	"__wake_up", "queue_", "mod_", "add_timer", "schedule_delayed",
	"kthread_queue", "tasklet_", "__tasklet_", "hrtimer_start",
	"send_sig", "kill_", "rt_mutex_unlock", "irq_work", "call_rcu", "eventfd_signal",
}

// armers are beginnings of the names of functions that let others call a function later.
var armers = []string{
	"mod_timer", "add_timer", "timer_reduce", "hrtimer_start", "alarm_start", "queue_", "mod_delayed_work",
	"kthread_queue", "kthread_mod", "async_schedule", "__tasklet_", "irq_work_queue", "request_threaded_irq",
}

// Arms reports whether a function of the kernel lets others call a function later.
func Arms(name string) bool { return has(nil, armers, name) }

// TakesSpinlock reports whether a function of the kernel spins until a lock is free.
func TakesSpinlock(name string) bool {
	return has(nil, []string{
		"_raw_spin_lock", "_raw_read_lock", "_raw_write_lock", "queued_spin_lock_slowpath", "queued_read_lock_slowpath",
		"queued_write_lock_slowpath", "native_queued_spin_lock_slowpath",
	}, name)
}

// Spinner reports whether a function of the kernel keeps its CPU until somebody else, on another one, has ended.
func Spinner(name string) bool { return has(spinners, nil, name) }

// TimerLoop is the kernel's loop that calls the functions of high-resolution timers. One that its function restarts
// without moving it forward is due at once, so the loop never ends, and its CPU takes no other interrupt any more.
const TimerLoop = "__hrtimer_run_queues"

// RestartsTimer is the note on the function of such a timer.
const RestartsTimer = "which restarts its timer without moving it forward"

var spinners = []string{
	"del_timer_sync", "timer_delete_sync", "timer_shutdown_sync", "hrtimer_cancel", "tasklet_unlock_wait",
	"tasklet_unlock_spin_wait",
}

// loaders are the kernel's own functions below which an init or an exit function runs. If one of them is innermost, the
// call that waits was the last one of that function, and became a jump.
var loaders = []string{
	"__do_sys_delete_module", "__se_sys_delete_module", "__x64_sys_delete_module", "do_syscall_64",
	"do_one_initcall", "do_init_module", "load_module", "init_module_from_file", "idempotent_init_module",
	"__do_sys_finit_module", "__se_sys_finit_module", "__x64_sys_finit_module",
}

// initAwaiters are loaders that wait until another task's init function has returned.
var initAwaiters = []string{"load_module", "idempotent_init_module", "idempotent_wait_for_completion"}

// looking are the functions by which a thread learns that it should stop.
var looking = []string{
	"kthread_should_stop", "kthread_should_park", "kthread_freezable_should_stop", "kthread_should_stop_or_park",
}

func ending(name string) bool {
	return has(sleeps, nil, name) || strings.HasSuffix(name, "_timeout") || strings.Contains(name, "_timeout_")
}

func endless(name string) bool { return has(waits, waitPrefixes, name) }

func signal(name string) bool { return has(signals, signalPrefixes, name) }

func has(names, prefixes []string, name string) bool {
	name, _, _ = strings.Cut(name, ".") // .constprop.0
	for _, n := range names {
		if n == name {
			return true
		}
	}
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
