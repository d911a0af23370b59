// SPDX-License-Identifier: GPL-2.0
/*
 * request_crowd - twenty threads that request modules at the same moment
 *
 * Purpose
 *	Shows that each request_module() runs its own modprobe, up to 50 at once, even
 *	if all of them request the same module. In that case all of them succeed,
 *	although only one of them has loaded it.
 *
 * Usage
 *	sudo modprobe request_crowd; sudo modprobe -r request_crowd
 *
 * What you will see (dmesg)
 *	same: 20 of 20 requests for request_popular succeeded
 *	different: 20 of 20 requests for modules that are not there failed
 *
 * Kernels 5.10 to 7.3. Since 6.4 a kernel with
 * CONFIG_MODULE_DEBUG_AUTOLOAD_DUPS runs one modprobe for the same module.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kmod.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#define ASKERS 20

static struct task_struct *askers[ASKERS];
static DECLARE_COMPLETION(start);
static DECLARE_COMPLETION(answered);
static atomic_t expected = ATOMIC_INIT(0);

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

static int ask_for_the_same(void *unused)
{
	wait_for_completion(&start);
	if (request_module("request_popular") == 0)
		atomic_inc(&expected);
	complete(&answered);
	sleep_until_stopped();
	return 0;
}

static int ask_for_another(void *number)
{
	wait_for_completion(&start);
	if (request_module("request_absent_%ld", (long)number) != 0)
		atomic_inc(&expected);
	complete(&answered);
	sleep_until_stopped();
	return 0;
}

/* Waits for all answers; expected then counts those that are as they should be. */
static int __init ask_together(int (*ask)(void *), const char *name)
{
	long n, i;
	int ret = 0;

	reinit_completion(&start);
	atomic_set(&expected, 0);
	for (n = 0; n < ASKERS; n++) {
		askers[n] = kthread_run(ask, (void *)n, "%s/%ld", name, n);
		if (IS_ERR(askers[n])) {
			ret = PTR_ERR(askers[n]);
			pr_err("cannot start %s/%ld: %pe\n", name, n,
			       askers[n]);
			break;
		}
	}
	complete_all(&start);
	/* A thread that is stopped too early would never call its function. */
	for (i = 0; i < n; i++)
		wait_for_completion(&answered);
	for (i = 0; i < n; i++)
		kthread_stop(askers[i]);
	return ret;
}

static int __init startup(void)
{
	int ret;

	ret = ask_together(ask_for_the_same, "same");
	if (ret)
		return ret;
	pr_info("same: %d of %d requests for request_popular succeeded\n",
		atomic_read(&expected), ASKERS);

	ret = ask_together(ask_for_another, "different");
	if (ret)
		return ret;
	pr_info("different: %d of %d requests for modules that are not there failed\n",
		atomic_read(&expected), ASKERS);
	return 0;
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Twenty threads that request modules at the same moment");
