// SPDX-License-Identifier: GPL-2.0
/*
 * task_leak_fixed - puts its reference to a task
 *
 * Purpose
 *	Like task_leak.c, but the exit function calls put_task_struct() after
 *	kthread_stop().
 *
 *	To see the difference: diff -u task_leak.c task_leak_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/task_leak --load task_leak_fixed
 *
 * What you will see
 *	The verdict is pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/task.h>

static struct task_struct *thread;

static int loop_fn(void *unused)
{
	while (!kthread_should_stop())
		msleep_interruptible(50);
	return 0;
}

static int __init task_leak_init(void)
{
	thread = kthread_run(loop_fn, NULL, "task_leak");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	get_task_struct(thread);
	return 0;
}

static void __exit task_leak_exit(void)
{
	kthread_stop(thread);
	put_task_struct(thread);
}

module_init(task_leak_init);
module_exit(task_leak_exit);

MODULE_DESCRIPTION("Puts its reference to a task");
MODULE_LICENSE("GPL");
