// SPDX-License-Identifier: MIT

package code

import "slices"

// exits end the task that calls them.
var exits = []string{
	"do_exit", "make_task_dead", "kthread_exit", "kthread_complete_and_exit", "complete_and_exit", "module_put_and_exit",
	"__module_put_and_exit", "__module_put_and_kthread_exit", "module_put_and_kthread_exit", "do_group_exit",
}

// ends do not return to the loop that calls them.
var ends = append([]string{"panic", "__stack_chk_fail", "emergency_restart", "kernel_restart",
	"machine_restart"}, exits...)

// stateless are functions of the kernel that do the same in each round: a loop that calls only these, and counts
// nothing itself, ends only if something else changes what it looks at.
var stateless = []string{
	"__fentry__", "__might_resched", "__might_sleep", "__cond_resched", "dynamic_cond_resched", "SCT__cond_resched",
	"__SCT__cond_resched", "__SCT__might_resched", "preempt_schedule", "preempt_schedule_notrace",
	"preempt_schedule_thunk",
	"__SCT__preempt_schedule",
	"msleep", "msleep_interruptible", "usleep_range", "usleep_range_state", "schedule", "yield", "io_schedule",
	"kthread_should_stop", "kthread_should_park", "kthread_freezable_should_stop",
	"kthread_should_stop_or_park",
	"mutex_lock", "mutex_unlock", "mutex_trylock", "mutex_lock_interruptible",
	"_raw_spin_lock", "_raw_spin_unlock", "_raw_spin_lock_irq", "_raw_spin_unlock_irq",
	"_raw_spin_lock_irqsave", "_raw_spin_unlock_irqrestore",
	"_raw_spin_lock_bh", "_raw_spin_unlock_bh", "_raw_spin_trylock",
	"init_wait_entry", "prepare_to_wait", "prepare_to_wait_event", "prepare_to_wait_exclusive", "finish_wait",
	"_printk", "printk", "_dev_printk", "_dev_info", "_dev_warn", "_dev_err",
	"__sanitizer_cov_trace_pc", "__tsan_func_entry", "__tsan_func_exit", "__kasan_check_read",
}

// Stateless reports whether a function does the same in each round and tells no other task anything.
func Stateless(name string) bool { return slices.Contains(stateless, name) }
