// SPDX-License-Identifier: GPL-2.0
/*
 * task_leak - keeps a reference to a task
 *
 * Purpose
 *	get_task_struct() keeps the task_struct of a thread that has ended,
 *	until put_task_struct(). Without it, each load loses several KiB of
 *	memory.
 *
 * Usage
 *	kmodlab run modules/faults/task_leak --load task_leak
 *
 * What you will see
 *	The verdict is leak: a reference to a task, taken in task_leak_init.
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
	get_task_struct(thread); /* fault */
	return 0;
}

static void __exit task_leak_exit(void)
{
	kthread_stop(thread);
}

module_init(task_leak_init);
module_exit(task_leak_exit);

MODULE_DESCRIPTION("Keeps a reference to a task");
MODULE_LICENSE("GPL");
