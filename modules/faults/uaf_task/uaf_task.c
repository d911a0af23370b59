// SPDX-License-Identifier: GPL-2.0
/*
 * uaf_task - takes a reference to a task that is gone
 *
 * Purpose
 *	A pointer to a task is good only while one holds a reference. This
 *	thread ends at once, and its task is freed.
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
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

static int short_fn(void *unused)
{
	return 0;
}

/* wait_freed - wait until RCU has freed a task that ends, and its pid is put */
static void wait_freed(struct pid *pid)
{
	bool alive;

	do {
		msleep(1);
		rcu_read_lock();
		alive = pid_task(pid, PIDTYPE_PID);
		rcu_read_unlock();
	} while (alive);
	put_pid(pid);
	rcu_barrier(); /* the last reference is put by RCU, */
	rcu_barrier(); /* and since 6.18 the memory is freed by it again */
}

static int __init uaf_task_init(void)
{
	struct task_struct *t = kthread_create(short_fn, NULL, "uaf_task");
	struct pid *pid;

	if (IS_ERR(t))
		return PTR_ERR(t);
	pid = get_task_pid(t, PIDTYPE_PID);
	wake_up_process(t);
	wait_freed(pid);
	get_task_struct(t); /* fault */
	return 0;
}

static void __exit uaf_task_exit(void)
{
}

module_init(uaf_task_init);
module_exit(uaf_task_exit);

MODULE_DESCRIPTION("Takes a reference to a task that is gone");
MODULE_LICENSE("GPL");
