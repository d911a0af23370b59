// SPDX-License-Identifier: GPL-2.0
/*
 * idle_left_fixed - stops its sleeping thread
 *
 * Purpose
 *	Like idle_left.c, but the exit function calls kthread_stop(), which
 *	wakes the thread and waits until it has ended.
 *
 *	To see the difference: diff -u idle_left.c idle_left_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/idle_left --load idle_left_fixed
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
#include <linux/sched.h>

static struct task_struct *thread;

static int idle_fn(void *unused)
{
	while (!kthread_should_stop())
		schedule_timeout_interruptible(60 * HZ);
	return 0;
}

static int __init idle_left_init(void)
{
	thread = kthread_run(idle_fn, NULL, "idle_left");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit idle_left_exit(void)
{
	kthread_stop(thread);
}

module_init(idle_left_init);
module_exit(idle_left_exit);

MODULE_DESCRIPTION("Stops its sleeping thread");
MODULE_LICENSE("GPL");
