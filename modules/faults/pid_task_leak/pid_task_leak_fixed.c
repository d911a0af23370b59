// SPDX-License-Identifier: GPL-2.0
/*
 * pid_task_leak_fixed - puts the reference to the task that it looked up
 *
 * Purpose
 *	Like pid_task_leak.c, but the exit function calls put_task_struct().
 *
 *	To see the difference: diff -u pid_task_leak.c pid_task_leak_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/pid_task_leak --load pid_task_leak_fixed
 *
 * What you will see
 *	The verdict is pass.
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

	first = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	return first ? 0 : -ESRCH;
}

static void __exit pid_task_leak_exit(void)
{
	put_task_struct(first);
}

module_init(pid_task_leak_init);
module_exit(pid_task_leak_exit);

MODULE_DESCRIPTION("Puts the reference to the task that it looked up");
MODULE_LICENSE("GPL");
