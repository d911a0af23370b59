// SPDX-License-Identifier: GPL-2.0
/*
 * thread_crowd - 64 kernel threads of the same name, created by four threads at once
 *
 * Purpose
 *	Shows that only its task_struct identifies a thread: these threads have the
 *	same name, the same function and the same argument. Only the creator knows
 *	which ones it created, and a tracer that follows the task_struct.
 *
 * Usage
 *	sudo modprobe thread_crowd; sudo modprobe -r thread_crowd
 *
 * What you will see (dmesg)
 *	Each of boss/0 to boss/3 says that it started 16 threads, and later that it
 *	stopped them, with the sum of their results. The sums add up to 2080, because
 *	each thread returns a different number from 1 to 64.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#define BOSSES 4
#define CROWD 16

static struct task_struct *bosses[BOSSES];
static DECLARE_COMPLETION(start);
static atomic_t ended = ATOMIC_INIT(0);

static void sleep_until_stopped(void)
{
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

/* The function of each thread of the crowd. */
static int be_one_of_many(void *unused)
{
	sleep_until_stopped();
	return atomic_inc_return(&ended);
}

/* The function of a boss. It stops the threads that it created, and no others. */
static int make_a_crowd(void *unused)
{
	struct task_struct *crowd[CROWD];
	int made, sum = 0;
	int ret;

	wait_for_completion(&start);
	for (made = 0; made < CROWD; made++) {
		crowd[made] = kthread_run(be_one_of_many, NULL, "crowd");
		if (IS_ERR(crowd[made])) {
			pr_err("%s: cannot start a thread: %pe\n",
			       current->comm, crowd[made]);
			break;
		}
	}
	pr_info("%s: started %d threads\n", current->comm, made);

	sleep_until_stopped();
	pr_info("%s: stopping %d threads\n", current->comm, made);
	while (made--) {
		ret = kthread_stop(crowd[made]);
		if (ret > 0) /* -EINTR means that it never ran */
			sum += ret;
	}
	pr_info("%s: sum of the results %d\n", current->comm, sum);
	return 0;
}

static void stop_bosses(int n)
{
	while (n--)
		kthread_stop(bosses[n]);
}

static int __init startup(void)
{
	int n;

	for (n = 0; n < BOSSES; n++) {
		bosses[n] = kthread_run(make_a_crowd, NULL, "boss/%d", n);
		if (IS_ERR(bosses[n])) {
			pr_err("cannot start boss/%d: %pe\n", n, bosses[n]);
			/* A boss that still waits for start does not notice a stop. */
			complete_all(&start);
			stop_bosses(n);
			return PTR_ERR(bosses[n]);
		}
	}
	complete_all(&start);
	return 0;
}

static void __exit cleanup(void)
{
	stop_bosses(BOSSES);
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION(
	"Sixty-four kernel threads that only their makers can tell apart");
