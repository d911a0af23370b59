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
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

static struct task_struct *thread;

static int loop_fn(void *unused)
{
	while (!kthread_should_stop())
		msleep_interruptible(50);
	return 0;
}

#ifndef FIXED
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
#endif

static int __init stop_twice_init(void)
{
	thread = kthread_run(loop_fn, NULL, "stop_twice");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit stop_twice_exit(void)
{
#ifndef FIXED
	struct pid *pid = get_task_pid(thread, PIDTYPE_PID);
#endif

	kthread_stop(thread);
#ifndef FIXED
	wait_freed(pid);
	pr_info("it returned %d\n", kthread_stop(thread)); /* fault */
#endif
}

module_init(stop_twice_init);
module_exit(stop_twice_exit);

MODULE_DESCRIPTION("Stops its thread twice");
MODULE_LICENSE("GPL");
