// SPDX-License-Identifier: GPL-2.0
/*
 * null_thread - follows a NULL pointer in its thread
 *
 * Purpose
 *	The same as null_init, in a kernel thread: loading succeeds, and the
 *	thread dies a moment later. Nobody can stop it then.
 *
 * Usage
 *	kmodlab run modules/faults/null_thread --load null_thread
 *
 * What you will see
 *	The module loads; the verdict is oops: NULL pointer dereference in
 *	null_fn.
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

/* Knows no item. The caller has to look at what it gets. */
static noinline struct item *find_item(int id)
{
	return NULL;
}

static struct task_struct *thread;

static int null_fn(void *unused)
{
	struct item *item = find_item(1);

	msleep(100);
#ifdef FIXED
	if (item)
		pr_info("value %d\n", item->value);
#else
	pr_info("value %d\n", item->value); /* fault */
#endif
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

MODULE_DESCRIPTION("Follows a NULL pointer in its thread");
MODULE_LICENSE("GPL");
