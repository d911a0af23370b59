// SPDX-License-Identifier: GPL-2.0
/*
 * early_return - has a thread that returns early
 *
 * Purpose
 *	The thread meets an error and returns. The exit function does not know
 *	this and still stops the thread.
 *
 * Usage
 *	kmodlab run modules/faults/early_return
 *
 * What you will see
 *	At unload the verdict is oops: "refcount_t: addition on 0; use-after-
 *	free" in kthread_stop.
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

static struct task_struct *thread;

static int open_device(void)
{
	return -ENODEV;
}

static int early_fn(void *unused)
{
	int err = open_device();

	if (err)
		return err;
	while (!kthread_should_stop())
		msleep_interruptible(50);
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

static int __init early_return_init(void)
{
	return 0;
}

/*
 * All of it happens here: later the thread's memory may belong to another task, and
 * the kernel would report something else.
 */
static void __exit early_return_exit(void)
{
	thread = kthread_create(early_fn, NULL, "early_return");
	if (IS_ERR(thread))
		return;
	get_task_struct(thread);
	wake_up_process(thread);
	drop_last(thread);
	pr_info("it returned %d\n", kthread_stop(thread)); /* fault */
}

module_init(early_return_init);
module_exit(early_return_exit);

MODULE_DESCRIPTION("Has a thread that returns early");
MODULE_LICENSE("GPL");
