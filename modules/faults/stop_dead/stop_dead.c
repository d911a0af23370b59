// SPDX-License-Identifier: GPL-2.0
/*
 * stop_dead - stops a thread that has ended, without a reference
 *
 * Purpose
 *	A thread that ends by itself frees its task. kthread_stop() needs one
 *	that is still there: hold a reference (get_task_struct), or let the
 *	thread wait for the stop.
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
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

static struct task_struct *thread;

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

static int __init stop_dead_init(void)
{
	return 0;
}

/*
 * All of it happens here: later on, what was the thread's memory may be that of
 * another task, and the kernel would say something else.
 */
static void __exit stop_dead_exit(void)
{
	struct pid *pid;

	thread = kthread_create(short_fn, NULL, "stop_dead");
	if (IS_ERR(thread))
		return;
#ifdef FIXED
	get_task_struct(thread);
#endif
	pid = get_task_pid(thread, PIDTYPE_PID);
	wake_up_process(thread);
	wait_freed(pid);
	pr_info("it returned %d\n", kthread_stop(thread)); /* fault */
#ifdef FIXED
	put_task_struct(thread);
#endif
}

module_init(stop_dead_init);
module_exit(stop_dead_exit);

MODULE_DESCRIPTION("Stops a thread that has ended, without a reference");
MODULE_LICENSE("GPL");
