// SPDX-License-Identifier: GPL-2.0
/*
 * stop_twice - stops its thread twice
 *
 * Purpose
 *	kthread_stop() drops the last reference to the thread. A second call
 *	works on freed memory.
 *
 * Usage
 *	kmodlab run modules/faults/stop_twice --load stop_twice
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

static int loop_fn(void *unused)
{
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

static int __init stop_twice_init(void)
{
	thread = kthread_run(loop_fn, NULL, "stop_twice");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit stop_twice_exit(void)
{
	get_task_struct(thread);
	kthread_stop(thread);
	drop_last(thread);
	pr_info("it returned %d\n", kthread_stop(thread)); /* fault */
}

module_init(stop_twice_init);
module_exit(stop_twice_exit);

MODULE_DESCRIPTION("Stops its thread twice");
MODULE_LICENSE("GPL");
