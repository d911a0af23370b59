// SPDX-License-Identifier: GPL-2.0
/*
 * no_should_stop - has a thread that never checks kthread_should_stop()
 *
 * Purpose
 *	kthread_stop() only asks. It waits until the thread ends, and a thread
 *	that does not check never ends.
 *
 * Usage
 *	kmodlab run modules/faults/no_should_stop --load no_should_stop
 *
 * What you will see
 *	The unload never ends; the verdict is hung and names modprobe in
 *	kthread_stop and the thread in deaf_fn.
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
	while (!READ_ONCE(done))
		msleep(50); /* fault */
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

MODULE_DESCRIPTION("Has a thread that never checks kthread_should_stop()");
MODULE_LICENSE("GPL");
