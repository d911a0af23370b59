// SPDX-License-Identifier: GPL-2.0
/*
 * uaf_task - takes a reference to a task that is already freed
 *
 * Purpose
 *	A pointer to a task is valid only while somebody holds a reference.
 *	This thread ends at once, and its task is freed.
 *
 * Usage
 *	kmodlab run modules/faults/uaf_task
 *
 * What you will see
 *	The verdict is oops: the kernel warns "refcount_t: addition on 0; use-
 *	after-free" in uaf_task_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

static int short_fn(void *unused)
{
	return 0;
}

/*
 * drop_last - wait until nobody else uses a task that has ended, and free it
 *
 * The kernel would free the task some time later. Here we drop the last reference
 * ourselves, so its memory is not in use again when we come back to it.
 */
static void drop_last(struct task_struct *t)
{
	while (refcount_read(&t->usage) > 1)
		msleep(1);
	put_task_struct(t);
	rcu_barrier(); /* since 6.18 RCU frees the memory */
}

static int __init uaf_task_init(void)
{
	struct task_struct *t = kthread_create(short_fn, NULL, "uaf_task");

	if (IS_ERR(t))
		return PTR_ERR(t);
	get_task_struct(t);
	wake_up_process(t);
	drop_last(t);
	get_task_struct(t); /* fault */
	return 0;
}

static void __exit uaf_task_exit(void)
{
}

module_init(uaf_task_init);
module_exit(uaf_task_exit);

MODULE_DESCRIPTION("Takes a reference to a task that is already freed");
MODULE_LICENSE("GPL");
