// SPDX-License-Identifier: GPL-2.0
/*
 * no_stop_fixed - stops its thread before it is unloaded
 *
 * Purpose
 *	Like no_stop.c, but the exit function calls kthread_stop(), which waits
 *	until the thread has ended.
 *
 *	To see the difference: diff -u no_stop.c no_stop_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/no_stop --load no_stop_fixed
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

static struct task_struct *thread;

static int loop_fn(void *unused)
{
	while (!kthread_should_stop())
		msleep_interruptible(50);
	return 0;
}

static int __init no_stop_init(void)
{
	thread = kthread_run(loop_fn, NULL, "no_stop");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit no_stop_exit(void)
{
	kthread_stop(thread);
}

module_init(no_stop_init);
module_exit(no_stop_exit);

MODULE_DESCRIPTION("Stops its thread before it is unloaded");
MODULE_LICENSE("GPL");
