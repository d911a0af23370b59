// SPDX-License-Identifier: GPL-2.0
/*
 * no_should_stop_fixed - has a thread that checks kthread_should_stop()
 *
 * Purpose
 *	Like no_should_stop.c, but the loop of the thread checks
 *	kthread_should_stop().
 *
 *	To see the difference: diff -u no_should_stop.c no_should_stop_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/no_should_stop --load no_should_stop_fixed
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
static bool done;

static int deaf_fn(void *unused)
{
	while (!kthread_should_stop())
		msleep(50);
	WRITE_ONCE(done, true);
	return 0;
}

static int __init no_should_stop_init(void)
{
	thread = kthread_run(deaf_fn, NULL, "no_should_stop");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit no_should_stop_exit(void)
{
	kthread_stop(thread);
}

module_init(no_should_stop_init);
module_exit(no_should_stop_exit);

MODULE_DESCRIPTION("Has a thread that checks kthread_should_stop()");
MODULE_LICENSE("GPL");
