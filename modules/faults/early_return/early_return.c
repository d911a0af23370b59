// SPDX-License-Identifier: GPL-2.0
/*
 * early_return - has a thread that gives up early
 *
 * Purpose
 *	The thread meets an error and returns. Its exit function does not know
 *	and stops it all the same.
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
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

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

static int __init early_return_init(void)
{
	return 0;
}

/*
 * All of it happens here: later on, what was the thread's memory may be that of
 * another task, and the kernel would say something else.
 */
static void __exit early_return_exit(void)
{
	struct pid *pid;

	thread = kthread_create(early_fn, NULL, "early_return");
	if (IS_ERR(thread))
		return;
	pid = get_task_pid(thread, PIDTYPE_PID);
	wake_up_process(thread);
	wait_freed(pid);
	pr_info("it returned %d\n", kthread_stop(thread)); /* fault */
}

module_init(early_return_init);
module_exit(early_return_exit);

MODULE_DESCRIPTION("Has a thread that gives up early");
MODULE_LICENSE("GPL");
