// SPDX-License-Identifier: GPL-2.0
/*
 * kmodlab_bench - does one thing many times and says how long it took
 *
 * Purpose
 *	The cost of a tracer is the difference between two runs of the same
 *	work, one with it and one without. This module does the work that a
 *	program cannot do with a system call: it creates and stops kernel
 *	threads, and it requests a module that does not exist.
 *
 * Usage
 *	echo 1000 > /sys/module/kmodlab_bench/parameters/threads
 *	cat /sys/module/kmodlab_bench/parameters/threads
 *
 *	The write returns when the work is done; the read returns the time in
 *	nanoseconds. `requests` works in the same way.
 *
 * What you will see
 *	Nothing in the log. The writer gets -EINTR if it is killed, or the error
 *	of the first thread that cannot be created. Then the read returns 0.
 *
 * Kernels 5.10 to 7.3.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kmod.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

/* Completes begun when it starts to run, and waits for kthread_stop(). */
static int one_life(void *begun)
{
	complete(begun);

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* Waits for the first run: a thread that is stopped before it never calls its function. */
static int start_and_stop(void)
{
	DECLARE_COMPLETION_ONSTACK(begun);
	struct task_struct *t;

	t = kthread_run(one_life, &begun, "kmodlab_bench");
	if (IS_ERR(t))
		return PTR_ERR(t);
	wait_for_completion(&begun);
	return kthread_stop(t);
}

/* modprobe should run and find nothing. It is an error if it cannot be started. */
static int ask_in_vain(void)
{
	int ret = request_module("kmodlab_bench_absent");

	return ret < 0 ? ret : 0;
}

static int repeat(const char *count, int (*work)(void), u64 *ns)
{
	unsigned int n;
	u64 begin;
	int ret;

	*ns = 0;
	ret = kstrtouint(count, 0, &n);
	if (ret)
		return ret;
	begin = ktime_get_ns();
	while (n--) {
		ret = work();
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	*ns = ktime_get_ns() - begin;
	return 0;
}

static u64 threads_ns, requests_ns;

static int set_threads(const char *count, const struct kernel_param *kp)
{
	return repeat(count, start_and_stop, &threads_ns);
}

static int set_requests(const char *count, const struct kernel_param *kp)
{
	return repeat(count, ask_in_vain, &requests_ns);
}

static int get_ns(char *text, const struct kernel_param *kp)
{
	return scnprintf(text, PAGE_SIZE, "%llu\n", *(u64 *)kp->arg);
}

static const struct kernel_param_ops threads_ops = { .set = set_threads,
						     .get = get_ns };
static const struct kernel_param_ops requests_ops = { .set = set_requests,
						      .get = get_ns };

module_param_cb(threads, &threads_ops, &threads_ns, 0600);
MODULE_PARM_DESC(threads,
		 "write: threads to start and stop; read: the time in ns");
module_param_cb(requests, &requests_ops, &requests_ns, 0600);
MODULE_PARM_DESC(requests,
		 "write: absent modules to request; read: the time in ns");

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Does one thing many times and says how long it took");
