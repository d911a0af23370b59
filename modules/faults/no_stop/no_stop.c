// SPDX-License-Identifier: GPL-2.0
/*
 * no_stop - unloads while its thread is running
 *
 * Purpose
 *	The module is unloaded and its code is freed, but the thread still
 *	runs that code.
 *
 * Usage
 *	kmodlab run modules/faults/no_stop --load no_stop
 *
 * What you will see
 *	After unload the verdict is oops: page fault at an address without a
 *	name, in the thread no_stop.
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
}

module_init(no_stop_init);
module_exit(no_stop_exit);

MODULE_DESCRIPTION("Unloads while its thread is running");
MODULE_LICENSE("GPL");
