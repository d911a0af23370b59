// SPDX-License-Identifier: GPL-2.0
/*
 * stop_twice_fixed - stops its thread once
 *
 * Purpose
 *	Like stop_twice.c, but the exit function calls kthread_stop() only once.
 *
 *	To see the difference: diff -u stop_twice.c stop_twice_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/stop_twice --load stop_twice_fixed
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

static int loop_fn(void *unused)
{
	while (!kthread_should_stop())
		msleep_interruptible(50);
	return 0;
}

static int __init stop_twice_init(void)
{
	thread = kthread_run(loop_fn, NULL, "stop_twice");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit stop_twice_exit(void)
{
	kthread_stop(thread);
}

module_init(stop_twice_init);
module_exit(stop_twice_exit);

MODULE_DESCRIPTION("Stops its thread once");
MODULE_LICENSE("GPL");
