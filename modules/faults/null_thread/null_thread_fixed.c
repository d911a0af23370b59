// SPDX-License-Identifier: GPL-2.0
/*
 * null_thread_fixed - checks for NULL in its thread
 *
 * Purpose
 *	Like null_thread.c, but the thread checks the pointer before it uses it.
 *
 *	To see the difference: diff -u null_thread.c null_thread_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/null_thread --load null_thread_fixed
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

struct item {
	int id;
	int value;
};

/* Finds nothing. The caller has to check the result. */
static noinline struct item *find_item(int id)
{
	return NULL;
}

static struct task_struct *thread;

static int null_fn(void *unused)
{
	struct item *item = find_item(1);

	msleep(100);
	if (item)
		pr_info("value %d\n", item->value);
	while (!kthread_should_stop())
		msleep_interruptible(50);
	return 0;
}

static int __init null_thread_init(void)
{
	thread = kthread_run(null_fn, NULL, "null_thread");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit null_thread_exit(void)
{
	kthread_stop(thread);
}

module_init(null_thread_init);
module_exit(null_thread_exit);

MODULE_DESCRIPTION("Checks for NULL in its thread");
MODULE_LICENSE("GPL");
