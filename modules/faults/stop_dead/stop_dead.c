// SPDX-License-Identifier: GPL-2.0
/*
 * stop_dead - stops a thread that has ended, without a reference
 *
 * Purpose
 *	When a thread ends by itself, its task is freed. kthread_stop() needs a
 *	task that still exists: hold a reference (get_task_struct()), or let
 *	the thread wait for the stop.
 *
 * Usage
 *	kmodlab run modules/faults/stop_dead --load stop_dead
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

static int short_fn(void *unused)
{
	return 0;
}

/* wait_ended - wait until nobody else uses a task that has ended */
static void wait_ended(struct task_struct *t)
{
	while (refcount_read(&t->usage) > 1)
		msleep(1);
}

/* drop - put the last reference of a task, and wait until its memory is freed */
static void drop(struct task_struct *t)
{
	put_task_struct(t);
	rcu_barrier(); /* since 6.18 RCU frees the memory */
}

static int __init stop_dead_init(void)
{
	return 0;
}

/*
 * All of it happens here, and we free the task ourselves: later its memory may
 * belong to another task, and the kernel would report something else.
 */
static void __exit stop_dead_exit(void)
{
	thread = kthread_create(short_fn, NULL, "stop_dead");
	if (IS_ERR(thread))
		return;
	get_task_struct(thread);
	wake_up_process(thread);
	wait_ended(thread);
	drop(thread);
	pr_info("it returned %d\n", kthread_stop(thread)); /* fault */
}

module_init(stop_dead_init);
module_exit(stop_dead_exit);

MODULE_DESCRIPTION("Stops a thread that has ended, without a reference");
MODULE_LICENSE("GPL");
