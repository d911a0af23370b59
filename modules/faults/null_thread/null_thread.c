// SPDX-License-Identifier: GPL-2.0
/*
 * null_thread - dereferences a NULL pointer in its thread
 *
 * Purpose
 *	The same fault as in null_init, but in a kernel thread: loading
 *	succeeds, and the thread dies a moment later.
 *
 *	The task of a dead thread is freed, so kthread_stop() would work on
 *	freed memory. Whatever the thread held is never released: locks,
 *	references, memory.
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
	pr_info("value %d\n", item->value); /* fault */
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

MODULE_DESCRIPTION("Dereferences a NULL pointer in its thread");
MODULE_LICENSE("GPL");
