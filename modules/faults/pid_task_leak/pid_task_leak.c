// SPDX-License-Identifier: GPL-2.0
/*
 * pid_task_leak - looks up a task and keeps the reference
 *
 * Purpose
 *	get_pid_task() returns a task with a reference that has to be put.
 *	The process of this task lives on, so nothing else shows the fault.
 *
 * Usage
 *	kmodlab run modules/faults/pid_task_leak --load pid_task_leak
 *
 * What you will see
 *	The verdict is leak: a reference to a task, taken in
 *	pid_task_leak_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

static struct task_struct *first;

static int __init pid_task_leak_init(void)
{
	struct pid *pid = find_get_pid(1);

	first = get_pid_task(pid, PIDTYPE_PID); /* fault */
	put_pid(pid);
	return first ? 0 : -ESRCH;
}

static void __exit pid_task_leak_exit(void)
{
}

module_init(pid_task_leak_init);
module_exit(pid_task_leak_exit);

MODULE_DESCRIPTION("Looks up a task and keeps the reference");
MODULE_LICENSE("GPL");
