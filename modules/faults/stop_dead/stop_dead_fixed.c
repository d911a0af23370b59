// SPDX-License-Identifier: GPL-2.0
/*
 * stop_dead_fixed - stops a thread that has ended, with a reference
 *
 * Purpose
 *	Like stop_dead.c, but the exit function holds its reference until
 *	kthread_stop() has returned, and puts it then.
 *
 *	To see the difference: diff -u stop_dead.c stop_dead_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/stop_dead --load stop_dead_fixed
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

static int __init stop_dead_init(void)
{
	return 0;
}

/* As in stop_dead.c, all of it happens in the exit function. */
static void __exit stop_dead_exit(void)
{
	thread = kthread_create(short_fn, NULL, "stop_dead");
	if (IS_ERR(thread))
		return;
	get_task_struct(thread);
	wake_up_process(thread);
	wait_ended(thread);
	pr_info("it returned %d\n", kthread_stop(thread));
	put_task_struct(thread);
}

module_init(stop_dead_init);
module_exit(stop_dead_exit);

MODULE_DESCRIPTION("Stops a thread that has ended, with a reference");
MODULE_LICENSE("GPL");
